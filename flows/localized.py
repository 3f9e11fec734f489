"""A flow in one language, with that language's own sentences and words: what the engine is handed."""

from __future__ import annotations

from dataclasses import dataclass

from flows.model import Flow
from flows.phrases import Phrases
from flows.words import Lexicon


@dataclass(frozen=True, kw_only=True)
class LocalFlow(Flow):
    """Replies are matched against the words the contact saw; the engine never hears of languages."""

    phrases: Phrases
    words: Lexicon
