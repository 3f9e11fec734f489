"""The whole numbers in what people write: digits of every script, and number words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flows.fold import digits_to_ascii, fold
from flows.words import Lexicon

#: A decimal, a fraction or a sign changes what the digits mean, and folding would lose it.
_NOT_WHOLE = re.compile(r"\d\s*[.,٫·]\s*\d|(?<![\d\w])[-−–‐‑﹣－⁻]\s*\d|[½¼¾⅓⅔%]|\d\s*:\s*\d")
_OUT_OF = re.compile(r"(\d+)\s*/\s*(\d+)")
_LONGEST_RUN = re.compile(r"\d{4}|\d\s*[-\u2013\u2014/]\s*\d")
_WITH_ENDING = re.compile(r"(\d{1,3})([^\W\d]+)")
_LONGEST = 12  # digits; more is no number that we ask for


def is_whole(text: str) -> bool:
    """Whether every number in the text is a whole and positive one ("7.5", "-1" and "7%" are not)."""
    return not _NOT_WHOLE.search(digits_to_ascii(text))


def read_number(text: str, words: Lexicon, *, out_of: int | None = None, units: str = "") -> int | None:
    """The one number that the text says; None where it says none, several, or something beside.

    Small talk around it is no matter ("about 7, thanks"). With `out_of`, "7/10" and "7 out of 10"
    say 7. One of the words in `units` (the question's own) may follow: "20 minutes" or "20 min" where
    minutes are asked for, but not "2 hours".
    """
    if len(text) > 200 or not is_whole(text):
        return None
    ascii_text = digits_to_ascii(text)
    if out_of is not None and (found := _OUT_OF.search(ascii_text)) and int(found[2]) == out_of:
        ascii_text = ascii_text.replace(found[0], f" {found[1]} ", 1)
    numbers: list[int] = []
    others: list[str] = []
    tokens = fold(ascii_text).split()
    for token in tokens:
        if (value := number_of(token, words)) is not None:
            if numbers and 0 < value < 10 and numbers[-1] in range(20, 100, 10) and not token.isdigit():
                numbers[-1] += value  # twenty five
            else:
                numbers.append(value)
        elif token not in words.small_talk and token not in words.option:
            others.append(token)
    if out_of is not None and len(numbers) == 2 and out_of in numbers and _says_out_of(others, words):
        return min(numbers)  # Urdu and Bengali say the ten first
    if len(numbers) != 1:
        return None
    return numbers[0] if all(_is_unit(other, units) for other in others) else None


def read_among_words(text: str, words: Lexicon, out_of: int) -> int | None:
    """The number that a sentence gives as an answer on a scale: "6 had 2 bad days but ok now", "5, no wait 6".

    None where somebody asks, where a word says that the number is none ("7 or 8", "my son is 7"), or where several
    stand there and nothing tells which is meant.
    """
    if len(text) > 200 or "?" in text or not is_whole(text):
        return None
    ascii_text = _OUT_OF.sub(lambda m: f" {m[1]} " if int(m[2]) == out_of else m[0], digits_to_ascii(text))
    tokens = [_without_ending(token, words) for token in fold(ascii_text).split()]
    if _LONGEST_RUN.search(ascii_text) or not (words.no_number | words.asks).isdisjoint(tokens):
        return None
    found: list[int] = []
    corrected = 0
    for at, token in enumerate(tokens):
        value = number_of(token, words)
        phrase = next((p for n in (3, 2, 1) if (p := " ".join(tokens[at : at + n])) in words.corrections), None)
        if phrase is not None:
            found.clear()
            corrected = at + len(phrase.split())
        if value is None or not words.units.isdisjoint(tokens[at + 1 : at + 3]):
            continue
        if any(" ".join(tokens[at - n : at]) in words.out_of for n in (1, 2)) and value == out_of and found:
            continue
        denied = at + 1 == len(tokens) - 1 and tokens[at + 1] in words.not_  # "5 not"
        if denied or any(t in words.not_ for t in tokens[max(corrected, at - 2) : at]):
            return None
        found.append(value)
    return found[0] if len(set(found)) == 1 else None


def _without_ending(token: str, words: Lexicon) -> str:
    """ "5ish" is 5, but "2nite" is not 2: only small talk may hang on a digit."""
    found = _WITH_ENDING.fullmatch(token)
    return found[1] if found and found[2] in words.small_talk else token


def number_of(token: str, words: Lexicon) -> int | None:
    """What one folded token says as a number."""
    if token.isdigit():
        return int(token) if len(token) <= _LONGEST else None
    return words.numbers.get(token)


def _is_unit(token: str, units: str) -> bool:
    return len(token) >= 3 and any(unit.startswith(token) for unit in fold(units).split())


def _says_out_of(others: Iterable[str], words: Lexicon) -> bool:
    said = " ".join(others)
    return said in words.out_of
