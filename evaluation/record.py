"""One answer under a pseudonym: all that the evaluation data know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """`participant` and `response` are pseudonyms of a person and of one run through a questionnaire.

    `revision` grows when an answer is changed; a `withdrawn` one is kept as a mark, without its value,
    so that an older revision that comes late cannot bring it back. `helper` says who answered on
    somebody's behalf, and is empty where nobody did.
    """

    participant: str
    response: str
    questionnaire: str
    version: int
    question: str
    revision: int
    withdrawn: bool
    value: str
    label: str
    language: str
    channel: str
    helper: str
    answered_at: datetime
