"""What a coordinator has ordered, and what is answered: values of the desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk.telling import Desk
from domain.broadcast import BroadcastRefused
from domain.segment import SegmentRefused
from flows.effects import Say
from store.changes import Due
from store.circle import Address

Message = Sequence[Say | str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One order of a coordinator under way."""

    due: Due
    now: datetime
    me: Address
    desk: Desk


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, a message each, and the card that follows, about that number. With `act`, what is said is known
    only when it is done, in the transaction that says it. `others` are told, and asked with a card, as well; `hands`
    are errands of the same person.
    """

    said: tuple[Message, ...] = ()
    card: str = ""
    about: int = 0
    act: Callable[[AsyncConnection], Awaitable[Reply]] | None = None
    others: tuple[tuple[Address, Message, str], ...] = ()
    hands: tuple[tuple[str, int | None, str], ...] = ()


def refused(asked: Asked, why: BroadcastRefused | SegmentRefused, card: str = "", about: int = 0) -> Reply:
    """What cannot be done, with what to do: in English, as the faults are."""
    said = Say(asked.desk.phrases.staff_event_refused, {"why": "\n".join(why.faults)})
    return Reply(([said],), card, about)
