"""What the team orders about events by message, and who is told on the day: errands, one transaction each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from bot.events.opportunities import OpportunityErrands
from bot.events.orders import Order, Ordered, in_language, moved_to, on_day, ordered, sure, which_day, who_came
from bot.telling import Telling, UnderWay
from domain.event import Criterion, Event, EventKind, EventRole, EventState, Texts, Venue, text_in
from domain.hours import PreferredHours
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.effects import AlertKind, Say
from flows.library import SOURCE_LANGUAGE
from flows.phrases import Phrases
from flows.programme import blanks_of, named
from flows.session import Session
from store import attendance, duties, events, people, team
from store.attendance import Guest
from store.event_rules import EventRefused, Fault, Known, Refused
from store.events import Listed

#: Only these are for everybody of the team; what changes an event is a coordinator's.
_FOR_ALL = frozenset({Order.PROGRAMME, Order.SHOW, Order.LIST, Order.CAME})
_STATES = {
    EventState.DRAFT: "staff_event_draft",
    EventState.PUBLISHED: "staff_event_published",
    EventState.CALLED_OFF: "staff_event_called_off",
}


@dataclass(frozen=True, slots=True)
class EventErrands:
    """`known` are the languages and districts that an event may name. `page` makes the address of the page on which
    a member of the team says who came to an event; nothing where we have no address. `opportunities` obeys the orders
    about those.
    """

    telling: Telling
    known: Known
    page: Callable[[UnderWay, Event], Awaitable[str]]
    opportunities: OpportunityErrands

    async def order(self, errand: UnderWay) -> None:
        """A message of somebody of the team that orders something; `session_id` is the message's id."""
        phrases = self.telling.phrases(errand.asker)
        text = await people.words_of(errand.connection, self.telling.vault, errand.due.session_id or 0)
        order = ordered(text or "")
        if order is None:
            return
        try:
            said = await self._obey(errand, order, phrases)
        except Refused as refused:
            said = [Say(phrases.staff_event_refused, {"why": str(refused)})]
        await self.telling.tell(errand, errand.asker, *said)

    async def _obey(self, errand: UnderWay, order: Ordered, phrases: Phrases) -> list[Say]:
        connection, now = errand.connection, errand.now
        if order.order is Order.PROGRAMME:
            return await self._programme(errand, phrases)
        if order.order not in _FOR_ALL and not await team.is_coordinator(connection, errand.asker.contact_id):
            return [Say(phrases.staff_coordinators_only)]
        if order.order in (Order.OPPORTUNITIES, Order.OPPORTUNITY):
            return await self.opportunities.obey(errand, order, phrases)
        if (found := await events.numbered(connection, order.number)) is None:
            return [Say(phrases.staff_event_none, {"number": order.number})]
        event, ids, known = found.event, self.telling.ids, self.known
        match order.order:
            case Order.SHOW:
                return self._shown(errand, found, phrases)
            case Order.PUBLISH:
                published = await events.publish(connection, event.id, now, known)
                return self._shown(errand, replace(found, event=published), phrases)
            case Order.CALL_OFF if sure(order.rest) is None:
                told = await events.people_to_tell(connection, event.id)
                return [Say(phrases.staff_call_off_sure, {"number": event.number, "count": told})]
            case Order.CALL_OFF:
                why = sure(order.rest)
                reason = {SOURCE_LANGUAGE: why} if why else {}
                changed = await events.call_off(connection, ids, event.id, now, known, reason)
                return [Say(phrases.staff_event_done, {"number": changed.told})]
            case Order.LIST:
                return await self._list(errand, event, phrases)
            case Order.CAME:
                return await self._came(errand, event, order.rest, phrases)
            case _:
                wanted = self._changed(errand, event, order)
                if wanted is None:
                    return _orders(event, phrases)
                changed = await events.change(connection, ids, event.id, wanted, now, known)
                return [Say(phrases.staff_event_done, {"number": changed.told})]

    def _changed(self, errand: UnderWay, event: Event, order: Ordered) -> Event | None:
        """The event as the order wants it; None where it cannot be read, or does not say which of several days."""
        zone = self.telling.zone
        language, text = in_language(order.rest, self.known.languages)
        match order.order:
            case Order.TITLE if text:
                return replace(event, title={**event.title, language: text})
            case Order.ABOUT if text:
                return replace(event, about={**event.about, language: text})
            case Order.WELCOME if text:
                return replace(event, welcome={**event.welcome, language: text})
            case Order.FEE if text:
                return replace(event, fee={**event.fee, language: text})
            case Order.WAY if text:
                return replace(event, venue=replace(event.venue, way={**event.venue.way, language: text}))
            case Order.PLACES if order.rest.isdecimal():
                return replace(event, capacity=int(order.rest))
            case Order.ROOM if order.rest:
                return replace(event, venue=replace(event.venue, room=order.rest))
            case Order.MOVE:
                which, rest = which_day(order.rest)
                n = 1 if which is None and len(event.days) == 1 else which
                if n is None or not 1 <= n <= len(event.days):
                    return None
                words = self.telling.library.words[SOURCE_LANGUAGE]
                today = errand.now.astimezone(zone).date()
                day = moved_to(rest, event.days[n - 1], words, today, zone)
                if day is None:
                    return None
                days = (*event.days[: n - 1], day, *event.days[n:])
                return replace(event, days=tuple(sorted(days, key=lambda one: one.starts_at)))
            case _:
                return None

    async def _programme(self, errand: UnderWay, phrases: Phrases) -> list[Say]:
        language = self.telling.language(errand.asker)
        found = await events.listing(errand.connection, errand.now)
        lines = [
            Say("{number} {title}", {"number": one.event.number, "title": self._line(one, language, phrases)})
            for one in found
        ]
        return lines or [Say(phrases.staff_none)]

    def _line(self, one: Listed, language: str, phrases: Phrases) -> str:
        places = f"{one.taken}" if one.event.capacity is None else f"{one.taken}/{one.event.capacity}"
        state = getattr(phrases, _STATES[one.event.state])
        return f"{named(one.event, language, self.telling.zone)}, {state}, {places}"

    def _shown(self, errand: UnderWay, found: Listed, phrases: Phrases) -> list[Say]:
        event, language = found.event, self.telling.language(errand.asker)
        blanks = {
            **blanks_of(event, language, self.telling.zone),
            "number": event.number,
            "state": getattr(phrases, _STATES[event.state]),
        }
        places = {
            "taken": found.taken,
            "capacity": "-" if event.capacity is None else event.capacity,
            "waiting": found.waiting,
        }
        said = [Say(phrases.staff_event, blanks), Say(phrases.staff_event_places, places)]
        if lacks := _not_in(event.title, self.known):
            said.append(Say(phrases.staff_event_lacks, {"number": event.number, "languages": ", ".join(lacks)}))
        return [*said, *_orders(event, phrases)]

    async def _list(self, errand: UnderWay, event: Event, phrases: Phrases) -> list[Say]:
        guests = await attendance.sheet(errand.connection, self.telling.vault, event.id)
        if not guests:
            return [Say(phrases.staff_list_empty)]
        lines = [Say("{n} {name}", {"n": n, "name": _called(one)}) for n, one in enumerate(guests, start=1)]
        said = [*lines, Say(phrases.staff_list_tail, {"number": event.number})]
        if link := await self.page(errand, event):
            said.append(Say(phrases.staff_list_page, {"link": link}))
        return said

    async def _came(self, errand: UnderWay, event: Event, rest: str, phrases: Phrases) -> list[Say]:
        guests = await attendance.sheet(errand.connection, self.telling.vault, event.id)
        told = who_came(rest)
        if told is None or any(not 0 < n <= len(guests) for n in told[0]):
            return [Say(phrases.staff_list_tail, {"number": event.number})]
        there, more = told
        came = {one.contact_id: n in there for n, one in enumerate(guests, start=1)}
        brought = {one.contact_id: one.companions for n, one in enumerate(guests, start=1) if n in there}
        await attendance.record(errand.connection, self.telling.ids, event.id, came, brought, more, errand.now)
        numbers = {"came": len(there), "missed": len(guests) - len(there), "more": more}
        return [Say(phrases.staff_came, numbers)]

    async def make(self, errand: UnderWay) -> None:
        """A member of the team has answered the questions of a new event; `session_id` is that session."""
        phrases, me = self.telling.phrases(errand.asker), errand.asker
        if not await team.is_coordinator(errand.connection, me.contact_id):
            return
        session = await people.session_of(errand.connection, self.telling.vault, errand.due.session_id or 0)
        if session is None:
            return
        try:
            draft = await self._draft(errand, session)
            event = await events.add(errand.connection, self.telling.ids(), draft, errand.now, self.known)
        except EventRefused as refused:
            await self.telling.tell(errand, me, Say(phrases.staff_event_refused, {"why": str(refused)}))
            return
        await self.telling.tell(errand, me, Say(phrases.staff_event_made, {"number": event.number}))

    async def _draft(self, errand: UnderWay, session: Session) -> Event:
        """Raises EventRefused for a venue that nobody knows, and an end before the start."""
        said = {name: answer for name, answer in session.answers.items() if answer != PREFER_NOT_TO_SAY}
        hours = PreferredHours.parse(str(said["hours"]))
        day = on_day(date.fromisoformat(str(said["day"])), hours.start, hours.end, self.telling.zone)
        if day is None:
            raise EventRefused(Fault(("to",), "it ends before it starts: say from when to when, such as 2pm to 4pm"))
        address = str(said.get("address", ""))
        event = Event(
            id=0,
            number=0,
            kind=EventKind(str(said["kind"])),
            title={SOURCE_LANGUAGE: str(said["name"])},
            venue=Venue(name=str(said["venue"]), address=address),
            days=(day,),
            capacity=_number(said.get("capacity")),
            criteria=_criteria(said.get("criteria")),
        )
        return event if address else await events.at_known_venue(errand.connection, event)

    async def outside(self, errand: UnderWay) -> None:
        """Somebody stands before the door of an event of theirs, or cannot find it."""
        connection, me, phrases = errand.connection, errand.asker, self.telling.phrases(errand.asker)
        event = await self._today(errand)
        if event is None:
            await self.telling.tell(errand, me, phrases.outside_where)
            return
        name = await people.nickname(connection, self.telling.vault, me.contact_id) or "?"
        there = await duties.at(connection, self.telling.vault, event.id)
        told = []
        for one in there:
            address = await people.address_of(connection, one.contact_id)
            if one.role is EventRole.FACILITATOR and address is not None:
                title = text_in(event.title, self.telling.language(address))
                words = Say(self.telling.phrases(address).staff_outside, {"name": name, "title": title})
                await self.telling.tell(errand, address, words)
                told.append(one.name)
        if told:
            await self.telling.tell(errand, me, Say(phrases.outside_told, {"name": told[0]}))
        else:
            await self.telling.tell(errand, me, phrases.outside_team)
            await team.call_for(connection, self.telling.ids, AlertKind.AT_THE_DOOR.value, me, errand.now)

    async def _today(self, errand: UnderWay) -> Event | None:
        """The event of today at which they have a place: the one that is nearest now."""
        today = errand.now.astimezone(self.telling.zone).date()
        mine = await events.booked_by(errand.connection, errand.asker.contact_id)
        there = [
            (abs(day.starts_at - errand.now), one.number, one)
            for one in mine
            for day in one.days
            if day.starts_at.astimezone(self.telling.zone).date() == today
        ]
        return min(there)[2] if there else None


def _orders(event: Event, phrases: Phrases) -> list[Say]:
    """What can be ordered for that event."""
    said = [Say(phrases.staff_event_orders, {"number": event.number})]
    if (days := len(event.days)) > 1:
        said.append(Say(phrases.staff_event_days, {"number": event.number, "count": days}))
    return said


def _not_in(texts: Texts, known: Known) -> list[str]:
    """The languages of ours in which a text is not there, so that people are told the English."""
    return sorted({tag.partition("-")[0] for tag in known.languages} - texts.keys())


def _called(guest: Guest) -> str:
    """By their nickname, and how many come with them."""
    beside = f" +{guest.companions}" if guest.companions else ""
    return f"{guest.nickname or '?'}{beside}"


def _number(said: Answer | None) -> int | None:
    return said if isinstance(said, int) else None


def _criteria(said: Answer | None) -> tuple[Criterion, ...]:
    return () if said is None else (Criterion(name="who", label={SOURCE_LANGUAGE: str(said)}),)
