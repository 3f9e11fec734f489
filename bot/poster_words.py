"""Which words may stand on a poster: none that already means something to us, in any language that we ship. Pure."""

from __future__ import annotations

from datetime import date

from domain.code import code_in
from flows.fold import digits_to_ascii, fold
from flows.library import Library
from flows.model import YesNo
from flows.numbers import read_number
from flows.replies import command, is_greeting, language_named, topic_left, understand
from flows.words import Lexicon

#: Letters. A word must be easy to type, and fit on the sheet.
LONGEST = 20
_YES_OR_NO = YesNo(name="poster", label="")
#: `understand` wants a day for questions that ask for one; a yes or a no needs none.
_ANY_DAY = date(2000, 1, 1)


def refusal(word: str, library: Library) -> str | None:
    """Why the word may not stand on a poster, to follow the word in a sentence; None where it may."""
    said = fold(word)
    if not said:
        return "has no letter in it"
    if len(word) > LONGEST:
        return f"is longer than {LONGEST} letters"
    if code_in(digits_to_ascii(word)) is not None or said.isdecimal():
        return "is a number: people would send it as an answer or a code"
    if said.startswith("join "):
        return "begins with JOIN: leave that out, for people may send it before any poster's word"
    if said in library.starts:
        return f"starts the questionnaire {library.starts[said]!r} already"
    if library.distress.hears(word):
        return "may be said by somebody in danger"
    meanings = (_meaning(word, words) for words in library.words.values())
    return next((f"{meaning}, in one of our languages at least" for meaning in meanings if meaning), None)


def _meaning(word: str, words: Lexicon) -> str | None:
    if (said := command(word, words)) is not None:
        return f"is taken for the word {said.value.upper().replace('_', ' ')}"
    if understand(_YES_OR_NO, word, words, _ANY_DAY) is not None:
        return "is taken for a yes or a no"
    if read_number(word, words) is not None:
        return "is taken for a number"
    if language_named(word, words) is not None:
        return "is a language's name"
    if topic_left(word, words) is not None:
        return "is taken for a wish to stop"
    if is_greeting(word, words):
        return "is a greeting"
    return None
