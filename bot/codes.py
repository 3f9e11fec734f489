"""What a code brings whoever sends it, and how a new one is made. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.turn import Errand, Moment, Turn
from domain.code import TRIES, CodeKind, new_code
from flows.effects import Say
from flows.phrases import Phrases
from store.changes import CodeRow, Person
from store.circle import Code

WORKS_MS = 2 * 24 * 3_600_000
_HOUR_MS = 3_600_000
#: What each kind has done, right after the batch.
_ERRANDS = {CodeKind.JOIN: "join_phones", CodeKind.CARER: "link_carer", CodeKind.STAFF: "join_team"}


def make(
    kind: CodeKind,
    contact_id: int,
    detail: Mapping[str, str],
    now: Moment,
    code_key: Callable[[str], int],
    below: Callable[[int], int],
) -> tuple[str, CodeRow]:
    """A new code for one use within two days, and its row."""
    code = new_code(below)
    return code, CodeRow(code_key(code), kind.value, contact_id, detail, 1, now.ms + WORKS_MS)


def take(turn: Turn, person: Person, code: Code | None, phrases: Phrases, now: Moment) -> Code | None:
    """The code, where it works for this person: it is used up, and what it brings is under way.

    A wrong, used, old or own one is refused kindly; after some wrong ones within an hour none is looked at.
    """
    contact = person.contact
    wrong = contact.wrong_codes if now.ms - contact.wrong_codes_at < _HOUR_MS else 0
    if wrong >= TRIES:
        turn.said.append(Say(phrases.code_too_many))
        return None
    if code is None or not code.works(now.ms) or (code.contact_id == contact.id and code.kind is not CodeKind.POSTER):
        first_at = contact.wrong_codes_at if wrong else now.ms
        person.contact = replace(contact, wrong_codes=wrong + 1, wrong_codes_at=first_at)
        turn.said.append(Say(phrases.code_wrong))
        return None
    turn.used = code
    if code.kind in _ERRANDS:
        turn.errands.append(Errand(_ERRANDS[code.kind], code.key))
    return code
