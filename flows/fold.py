"""One form for everything people write, so that it can be compared; what is lost here never matters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

#: Letters that Unicode does not take apart, and the variants of Arabic letters that Urdu phones mix.
_ALIKE = str.maketrans(
    {
        "ł": "l", "đ": "d", "ø": "o", "ı": "i", "æ": "ae", "œ": "oe",
        "ي": "ی", "ى": "ی", "ئ": "ی", "ك": "ک", "ه": "ہ", "ھ": "ہ", "ة": "ہ", "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ؤ": "و",
        "ـ": "", "'": "", "’": "", "ʼ": "", "`": "", "´": "",
    }
)  # fmt: skip
#: Of English text in one go: letters and digits stay, apostrophes go, the rest parts words.
_ASCII = {n: "" if chr(n) in "'`" else " " for n in range(128) if not chr(n).isalnum()}
#: Thumbs, ticks and crosses, a hand and a stop sign: pictures that people answer with.
_THUMBS = "\U0001f44d\U0001f44e\u2705\u2714\u274c\u2716\U0001f6d1\U0001f44c"


@lru_cache(maxsize=65536)
def _kept(character: str) -> str:
    """What one character becomes: itself, a digit 0-9, a thumb apart from its neighbours, or a space."""
    if character in _THUMBS:
        return f" {character} "  # a word of its own, also right behind another
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    return character if unicodedata.category(character)[0] == "L" else " "


def digits_to_ascii(text: str) -> str:
    """Digits of any script as 0-9 (also circled, full-width and keycap ones); the rest as it was."""
    if text.isascii():
        return text
    return "".join(
        c if (digit := unicodedata.digit(c, None)) is None else str(digit)
        for c in text
        if unicodedata.category(c) not in ("Me", "Cf") and not "\ufe00" <= c <= "\ufe0f"
    )


def fold(text: str) -> str:
    """Small letters, digits 0-9 and single spaces.

    Accents go from Latin, Greek and Cyrillic letters and vowel points from Arabic ones, as people
    leave them out; the vowel signs of Bengali and its sisters stay, for they are letters of the word.
    """
    return _fold_short(text) if len(text) <= 40 else _fold(text)


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text.translate(_ASCII).lower().split())
    kept = []
    indic = False
    for c in unicodedata.normalize("NFKD", digits_to_ascii(text)).casefold().translate(_ALIKE):
        category = unicodedata.category(c)
        if category[0] == "M":
            if indic:
                kept.append(c)
            continue
        if category == "Cf":  # joiners and direction marks
            continue
        indic = "\u0900" <= c <= "\u0dff"
        kept.append(_kept(c))
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


_fold_short = lru_cache(maxsize=8192)(_fold)
