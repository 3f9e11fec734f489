"""What people say about events, and what follows: which are shown, asked for, given up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bot.turn import Errand, Moment, Next, Turn, Wished
from domain.event import Criterion, Event, text_in
from domain.places import BookingStatus, Wish
from flows.conditions import Answer
from flows.effects import Say
from flows.model import Action
from flows.phrases import Phrases
from flows.programme import blanks_of, chosen, named, nearest_first
from store.changes import Person, Talk

EVENTS_FLOW, BOOKING_FLOW, GIVE_UP_FLOW = "events", "booking", "give_up"
#: Flows that somebody began by a word of their own: another word puts the new one in their place.
BEGUN_BY_WORD = frozenset({EVENTS_FLOW, BOOKING_FLOW, GIVE_UP_FLOW, "opportunities", "opportunity"})
#: So many fit in a text that can be read at once; MORE shows the next.
SHOWN = 5


def what_is_open(turn: Turn, person: Person, *, after: int | None = None, without: int | None = None) -> Next:
    """The next few of what is open, the nearest first: behind the event `after`, and `without` that one."""
    programme, id = turn.programme, person.contact.id
    mine = {one.event_id for one in programme.live(id)}
    there = [programme.events[n] for n in programme.open if n not in mine and n != without]
    near = nearest_first(there, _district(turn, person))
    ids = [one.id for one in near]
    first = ids.index(after) + 1 if after in ids else 0
    shown = ids[first : first + SHOWN] or ids[:SHOWN]
    more = len(ids) > len(shown)
    facts = {"open": bool(shown), "more": more, "others": bool(_offers(turn))}
    return Next(EVENTS_FLOW, tuple(shown), {name: "yes" if so else "no" for name, so in facts.items()})


def _offers(turn: Turn) -> list[int]:
    """The opportunities that are open, the one that closes first at the top."""
    return [one.id for one in turn.programme.offers.values() if one.open][:SHOWN]


def _opportunity(turn: Turn, id: int, phrases: Phrases) -> Next | None:
    """The flow in which somebody hears more of it; None where it is not open any more."""
    found = turn.programme.offers.get(id)
    if found is None or not found.open:
        turn.said.append(Say(phrases.event_gone))
        return None
    return Next("opportunity", (id,), {"criteria": "yes" if found.criteria else "no"})


def say_bookings(turn: Turn, person: Person, phrases: Phrases, zone: ZoneInfo) -> None:
    """What they have and what they wait for, a line each."""
    live = turn.programme.live(person.contact.id)
    for one in live:
        event = turn.programme.events[one.event_id]
        line = phrases.booking_line if one.status is BookingStatus.BOOKED else phrases.waiting_line
        turn.said.append(Say(line, blanks_of(event, turn.language, zone)))
    turn.said.append(Say(phrases.bookings_tail if live else phrases.bookings_none))


def giving_up(turn: Turn, person: Person) -> Next | None:
    """The flow in which they give a place up; None where they have none."""
    ids = tuple(one.event_id for one in turn.programme.live(person.contact.id))
    return Next(GIVE_UP_FLOW, ids, {"several": "yes" if len(ids) > 1 else "no"}) if ids else None


def booking(turn: Turn, person: Person, event_id: int, phrases: Phrases, zone: ZoneInfo, now: Moment) -> Next | None:
    """The flow for a place at that event. None where there is none to be had, and why is said."""
    event, id = turn.programme.events.get(event_id), person.contact.id
    if event is None or not event.open(now.at):
        turn.said.append(Say(phrases.event_gone))
        return what_is_open(turn, person, without=event_id)
    if event.after is not None and not _has_been_to(turn, person, event.after):
        first = next((e for e in turn.programme.events.values() if e.number == event.after), None)
        name = named(first, turn.language, zone) if first is not None else ""
        turn.said.append(Say(phrases.first_part_needed, {"title": text_in(event.title, turn.language), "first": name}))
        return what_is_open(turn, person, without=event_id)
    if (unfit := _unfit(event, _district(turn, person))) is not None:
        _explain(turn, unfit, phrases)
        return what_is_open(turn, person, without=event_id)
    asks = any(not one.districts or _district(turn, person) is None for one in event.criteria)
    known = "meeting" in turn.programme.facts.get(id, {})
    return Next(BOOKING_FLOW, (event_id,), {"criteria": "yes" if asks else "no", "needs": "known" if known else "new"})


def act(turn: Turn, person: Person, talk: Talk, action: Action, phrases: Phrases, zone: ZoneInfo, now: Moment) -> None:
    """Do what a flow about events asks for."""
    answers, about = talk.session.answers, talk.session.about
    named_event = chosen(answers.get("which"))
    event_id = named_event if named_event is not None else next(iter(about), 0)
    match action:
        case Action.CHOOSE_EVENT:
            if named_event is not None:
                turn.follows = booking(turn, person, named_event, phrases, zone, now)
        case Action.MORE_EVENTS:
            turn.follows = what_is_open(turn, person, after=about[-1] if about else None)
        case Action.SHOW_OPPORTUNITIES:
            turn.follows = Next("opportunities", tuple(_offers(turn)))
        case Action.CHOOSE_OPPORTUNITY:
            if named_event is not None:
                turn.follows = _opportunity(turn, named_event, phrases)
        case Action.SHOW_INTEREST:
            turn.errands.append(Errand("interest", event_id))
        case Action.NOT_FOR_ME:
            event = turn.programme.events.get(event_id)
            criteria = event.criteria if event is not None else ()
            _explain(turn, next((one for one in criteria if one.name == answers.get("misfit")), None), phrases)
            turn.follows = what_is_open(turn, person, without=event_id)
        case Action.BOOK:
            turn.wishes.append(Wished(Wish.ASK, event_id, len(turn.said), _companions(turn, person, answers)))
        case Action.ACCEPT:
            turn.wishes.append(Wished(Wish.ACCEPT, event_id, len(turn.said)))
        case Action.DECLINE:
            turn.wishes.append(Wished(Wish.DECLINE, event_id, len(turn.said)))
            turn.said.append(Say(phrases.declined))
        case Action.GIVE_UP:
            if named_event is not None or "which" not in answers:
                turn.wishes.append(Wished(Wish.GIVE_UP, event_id, len(turn.said)))
        case Action.SAY_WHY:
            turn.reasons.append((event_id, str(answers["why"])))
        case Action.ACKNOWLEDGE:
            turn.wishes.append(Wished(Wish.ACKNOWLEDGE, event_id, len(turn.said)))
        case Action.DEMAND:
            turn.demands.append(str(answers["wanted"]))
        case _:
            raise AssertionError(f"{action!r} is not about events")


def _district(turn: Turn, person: Person) -> str | None:
    district = turn.programme.facts.get(person.contact.id, {}).get("district")
    return str(district) if district is not None else None


def _unfit(event: Event, district: str | None) -> Criterion | None:
    """The first criterion that somebody of that district is known not to meet."""
    known = [one for one in event.criteria if one.districts] if district is not None else []
    return next((one for one in known if district not in one.districts), None)


def _explain(turn: Turn, unfit: Criterion | None, phrases: Phrases) -> None:
    why = text_in(unfit.why, turn.language) if unfit is not None else ""
    turn.said.append(Say(phrases.not_for_you))
    if why:
        turn.said.append(Say("{why}", {"why": why}))


def _companions(turn: Turn, person: Person, answers: Mapping[str, Answer]) -> int:
    """One comes with those who need it: so they said now, or earlier in their needs."""
    needs = answers.get("meeting") or turn.programme.facts.get(person.contact.id, {}).get("meeting", ())
    return 1 if isinstance(needs, tuple) and "companion" in needs else 0


def _has_been_to(turn: Turn, person: Person, number: int) -> bool:
    """Whether they have a place at that event still to come, or had one and were not missed."""
    mine = turn.programme.bookings.get(person.contact.id, {}).values()
    events = turn.programme.events
    return any(
        one.status is BookingStatus.BOOKED
        and one.came is not False
        and one.event_id in events
        and events[one.event_id].number == number
        for one in mine
    )
