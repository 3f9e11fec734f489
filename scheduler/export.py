"""The one bridge between the stores: answers go over it under pseudonyms, and nothing comes back."""

from __future__ import annotations

from datetime import datetime

from evaluation.record import EvaluationRecord
from evaluation.store import EvaluationStore
from flows.conditions import Answer
from store.answers import StoredAnswer, mark_exported, to_export
from store.database import Database
from store.erasure import forgotten, to_forget
from store.times import from_ms, to_ms
from store.vault import Vault

_BATCH = 500


async def push(database: Database, evaluation: EvaluationStore, vault: Vault, now: datetime) -> int:
    """Bring over every answer that is not there yet; returns how many.

    First put, then marked: cut off in between, the same answers are put again, which changes nothing.
    Who was erased is deleted there too, each time until no push can still have been under way.
    So it may be killed at any moment, run twice at once, or find either store away.
    """
    pushed = 0
    while answers := await to_export(database, vault, _BATCH):
        await evaluation.put([_record(answer, vault) for answer in answers])
        await mark_exported(database, answers, to_ms(now))
        pushed += len(answers)
        if len(answers) < _BATCH:
            break
    await evaluation.forget(await to_forget(database))
    await forgotten(database, now)
    return pushed


def _record(answer: StoredAnswer, vault: Vault) -> EvaluationRecord:
    return EvaluationRecord(
        participant=vault.participant(answer.contact_id),
        response=vault.response(answer.session_id),
        questionnaire=answer.flow,
        version=answer.version,
        question=answer.question,
        revision=answer.revision,
        withdrawn=answer.withdrawn,
        value="" if answer.withdrawn else coded(answer.value),
        label="" if answer.withdrawn else answer.label,
        language=answer.language,
        channel=answer.channel,
        helper=answer.helper,
        answered_at=from_ms(answer.answered_at),
    )


def coded(value: Answer) -> str:
    """An answer as it stands in a column: several choices with spaces between, as XLSForm has it."""
    return " ".join(value) if isinstance(value, tuple) else str(value)
