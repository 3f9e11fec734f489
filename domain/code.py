"""One-time codes and tokens: eight digits to read out and type on any phone, or a long one inside a link."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

#: Digits, because every phone and every script has them. One in a hundred million; with three wrong tries
#: an hour (`TRIES`) and a few hundred codes alive, a guess a minute for a year would find one by luck once in
#: some forty years.
DIGITS = 8
TRIES = 3
_TYPED = re.compile(r"(?:code\s*)?(\d{4})[\s.-]?(\d{4})", re.IGNORECASE)
#: What Telegram passes on from a link `t.me/bot?start=TOKEN` (Bot API, deep linking): up to 64 of these.
_TOKEN = re.compile(r"/start ([A-Za-z0-9_-]{16,64})")


class CodeKind(StrEnum):
    """What a code brings whoever sends it."""

    POSTER = "poster"
    JOIN = "join"
    CARER = "carer"
    STAFF = "staff"
    FILE = "file"
    CALENDAR = "calendar"
    ATTENDANCE = "attendance"
    CERTIFICATE = "certificate"


def new_code(below: Callable[[int], int]) -> str:
    """Eight digits. `below(n)` gives a number from 0 to n-1 that nobody can foresee."""
    return f"{below(10**DIGITS):0{DIGITS}d}"


def shown(code: str) -> str:
    """As people read it out: 4821 3377."""
    return f"{code[:4]} {code[4:]}"


def code_in(text: str) -> str | None:
    """The code that a whole text is (digits of any script already as 0-9), or the token of a Telegram link."""
    if found := _TYPED.fullmatch(text.strip()):
        return found[1] + found[2]
    if found := _TOKEN.fullmatch(text.strip()):
        return found[1]
    return None
