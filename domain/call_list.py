"""Whom the team should call, why, and who first: by rules that stand here. Pure.

Somebody's place on the list is that of the first of their reasons, in the order of `Why`: first who may be in danger,
then who asked for a person, then who may stand before a locked door within two days, then those who are not well or
unsure, and last those who have only been silent. More reasons do not move anybody up. Within one reason the nearest
event comes first, and then who has waited longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

#: An event that begins sooner than this must be spoken of now.
SOON = timedelta(days=2)
#: So long people have to answer before anybody calls; after so long nobody calls for it any more.
SILENT_AFTER, TOO_LATE = timedelta(days=3), timedelta(days=60)
#: Who came once is missed after this long; after a year they are left in peace.
MISSED_AFTER, FORGOTTEN_AFTER = timedelta(weeks=6), timedelta(days=365)


class Why(StrEnum):
    """Why somebody is to be called, the most urgent first."""

    DISTRESS = "distress"
    PERSON = "person"
    SOON_CALLED_OFF = "soon_called_off"
    SOON_CHANGED = "soon_changed"
    CALL = "call"
    LOW_SCORE = "low_score"
    WORRIED = "worried"
    STOPPED_BOOKING = "stopped_booking"
    STUCK = "stuck"
    CALLED_OFF = "called_off"
    CHANGED = "changed"
    WRONG_PERSON = "wrong_person"
    FAILED = "failed"
    INVITATION = "invitation"
    QUESTION = "question"
    CAME_ONCE = "came_once"


#: Reasons that are open alerts, by the kinds of these.
OF_ALERTS = frozenset(
    {
        Why.DISTRESS,
        Why.PERSON,
        Why.CALL,
        Why.LOW_SCORE,
        Why.WORRIED,
        Why.STOPPED_BOOKING,
        Why.STUCK,
        Why.WRONG_PERSON,
    }
)
#: Reasons for which even somebody is called who asked us not to call: they have asked since, or may be in danger.
_ALWAYS = frozenset({Why.DISTRESS, Why.PERSON, Why.CALL})
#: Reasons that do not wait for the day on which to try again, but only for some hours.
_URGENT = frozenset({Why.PERSON, Why.SOON_CALLED_OFF, Why.SOON_CHANGED})
_SOME_HOURS = timedelta(hours=4)
#: Reasons that a talk has not settled: who was told of an event is noted with their place there.
_OF_EVENTS = frozenset({Why.SOON_CALLED_OFF, Why.SOON_CHANGED, Why.CALLED_OFF, Why.CHANGED})
#: Reasons that partner organisations can help with: nobody has answered, and nobody is unwell.
ENCOURAGED = frozenset({Why.INVITATION, Why.QUESTION, Why.CAME_ONCE})
_ORDER = {why: place for place, why in enumerate(Why)}
_NEARER = {Why.CALLED_OFF: Why.SOON_CALLED_OFF, Why.CHANGED: Why.SOON_CHANGED}


class Outcome(StrEnum):
    """What came of a call. `no_more_calls`: they asked us to stop calling."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    BOOKED = "booked"
    NO_MORE_CALLS = "no_more_calls"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that somebody of the team made. `again_at`: when to try again, where nobody was reached."""

    outcome: Outcome
    at: datetime
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why to call, and since when. `about` is the event or questionnaire, or the provider's word for a failure;
    `event_at` is when that event begins.
    """

    why: Why
    since: datetime
    about: str = ""
    event_at: datetime | None = None


def about_event(called_off: bool, since: datetime, title: str, event_at: datetime, now: datetime) -> Reason:
    """They have a place at an event that changed or was called off, and have not said that they know."""
    why = Why.CALLED_OFF if called_off else Why.CHANGED
    return Reason(_NEARER[why] if event_at - now <= SOON else why, since, title, event_at)


def standing(reasons: Iterable[Reason], calls: Iterable[Call], now: datetime) -> tuple[Reason, ...]:
    """The reasons for which somebody is still to be called now, the most urgent first.

    Who was reached is called again only for what has come since. Who was not reached is left until the day that was
    noted, or some hours where it is urgent; who may be in danger stays on the list. Who asked us to stop calling is
    called only if they ask for it themselves later, or may be in danger.
    """
    made = sorted(calls, key=lambda call: call.at)
    last = made[-1] if made else None
    refused = any(call.outcome is Outcome.NO_MORE_CALLS for call in made)
    spoken = max((call.at for call in made if call.outcome is not Outcome.NOT_REACHED), default=None)
    stand = [
        one
        for one in reasons
        if (one.why in _ALWAYS or not refused)
        and (spoken is None or one.why in _OF_EVENTS or one.since > spoken)
        and not (last is not None and last.outcome is Outcome.NOT_REACHED and _waits(one, last, now))
    ]
    return tuple(sorted(stand, key=_urgency))


def _waits(reason: Reason, call: Call, now: datetime) -> bool:
    """Whether nobody need call again yet: there was no answer at that call."""
    if reason.why is Why.DISTRESS or call.again_at is None:
        return False
    if reason.why in _URGENT:
        return reason.since <= call.at and now < min(call.again_at, call.at + _SOME_HOURS)
    return now < call.again_at


def next_try(now: datetime, zone: ZoneInfo) -> datetime:
    """When to call again where nobody answered and no day is given: the next day, at ten."""
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(10), zone)


def place(reasons: Sequence[Reason]) -> tuple[int, datetime, datetime]:
    """What somebody with these reasons, the most urgent first, is sorted by on the list."""
    return _urgency(reasons[0])


def _urgency(reason: Reason) -> tuple[int, datetime, datetime]:
    return _ORDER[reason.why], reason.event_at or reason.since, reason.since


def in_words(reason: Reason, zone: ZoneInfo) -> str:
    """The reason in plain English, for the team."""
    since = f"{reason.since.astimezone(zone):%d %b}"
    begins = "" if reason.event_at is None else f" on {reason.event_at.astimezone(zone):%a %d %b at %H:%M}"
    about = reason.about
    match reason.why:
        case Why.DISTRESS:
            return f"URGENT: may be in danger, since {since}. Call now, and the emergency services if need be"
        case Why.PERSON:
            return f"asked to talk to a person on {since}, and nobody has taken it"
        case Why.SOON_CALLED_OFF | Why.CALLED_OFF:
            return f"has a place at {about}{begins}, which is called off, and has not said that they know"
        case Why.SOON_CHANGED | Why.CHANGED:
            return f"has a place at {about}{begins}, which has changed, and has not said that they know"
        case Why.CALL:
            return f"would like calls and no texts, since {since}"
        case Why.LOW_SCORE:
            return f"gave worrying answers on {since}: ask how they are"
        case Why.WORRIED:
            return f"is unsure about a meeting, since {since}"
        case Why.STOPPED_BOOKING:
            return f"stopped our texts on {since} and has a place: ask if they still come"
        case Why.STUCK:
            return f"could not get on by text on {since}: ask the questions by phone"
        case Why.WRONG_PERSON:
            return f"somebody else answered on {since}: find out the right number"
        case Why.FAILED:
            return f"our messages do not arrive since {since}{f' ({about})' if about else ''}: is the number right?"
        case Why.INVITATION:
            return f"has not answered the invitation of {since}"
        case Why.QUESTION:
            return f"has not answered our questions{f' ({about})' if about else ''} since {since}"
        case Why.CAME_ONCE:
            return f"came once, to {about} on {since}, and not again"


def encouragement(partner: str, waiting: int, phone: str) -> str:
    """A text to copy to a partner organisation, which asks its people. It names nobody, and says nothing of anybody."""
    call = f", or call us on {phone}" if phone else ""
    return (
        f"Hello {partner}. {waiting} of the people whom we invited have not answered yet. We do not say who they are. "
        f"Please tell everybody you see that they are welcome: they can text EVENTS to our number{call}. "
        "They can bring somebody with them. Thank you."
    )
