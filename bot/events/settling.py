"""Wishes for places, settled on the rows of the events: who has one, who waits, who is offered one next. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.events.calendar import event_file
from bot.turn import Errand, Moment, Turn, Wished
from domain.event import Event
from domain.hours import PreferredHours
from domain.message import Attachment
from domain.places import Booking, BookingStatus, Places, Settled, Wish
from domain.quiet import QuietHours
from flows.effects import Say
from flows.phrases import Phrases
from flows.programme import blanks_of
from scheduler.reminders import reminders
from store.changes import Changes, Person
from store.times import to_ms

#: How long somebody may think about a place that came free, by how far off the event is. The rest of the list waits.
_THINK = (
    (timedelta(days=7), timedelta(hours=24)),
    (timedelta(days=2), timedelta(hours=12)),
    (timedelta(hours=12), timedelta(hours=3)),
)
_THINK_LAST = timedelta(hours=1)

Room = tuple[Event, Places]


@dataclass(frozen=True, slots=True)
class Settling:
    """`ids` gives a new id. `contact_phone` stands in the calendar file of a place."""

    quiet: QuietHours
    ids: Callable[[], int]
    contact_phone: str

    @property
    def zone(self) -> ZoneInfo:
        return self.quiet.zone

    def settle(
        self,
        changes: Changes,
        rooms: Mapping[int, Room],
        person: Person,
        turn: Turn,
        urn_key: int,
        channel: str,
        phrases: Phrases,
        now: Moment,
    ) -> None:
        """Settle all that the turn wishes for, and put into what it says what became of it."""
        said: list[tuple[int, Say]] = []
        for wished in turn.wishes:
            room = rooms.get(wished.event_id)
            if room is None:
                said.append((wished.at, Say(phrases.event_gone)))
                continue
            told = self._one(changes, room, person, turn, wished, urn_key, channel, phrases, now)
            said += [(wished.at, say) for say in told if not wished.quietly]
            self.offer(changes, room, now)
        for at, say in reversed(said):
            turn.said.insert(at, say)

    def _one(
        self,
        changes: Changes,
        room: Room,
        person: Person,
        turn: Turn,
        wished: Wished,
        urn_key: int,
        channel: str,
        phrases: Phrases,
        now: Moment,
    ) -> list[Say]:
        event, places = room
        id = person.contact.id
        match wished.wish:
            case Wish.GIVE_UP | Wish.DECLINE:
                before = places.bookings.get(id)
                if wished.wish is Wish.GIVE_UP:
                    places.give_up(id)
                else:
                    places.decline(self.ids(), id, urn_key=urn_key, channel=channel)
                if before is not None and before.status is BookingStatus.BOOKED:
                    turn.errands.append(Errand("unarrange", event.id))
                return []
            case Wish.ACKNOWLEDGE:
                places.acknowledge(id, event.revision)
                return []
            case Wish.LAPSE:
                return self._lapsed(places, id, phrases, now)
            case Wish.ASK | Wish.ACCEPT if not event.open(now.at):
                return [Say(phrases.event_gone)]
            case Wish.ASK:
                settled = places.ask(
                    self.ids(),
                    id,
                    wished.companions,
                    urn_key=urn_key,
                    channel=channel,
                    revision=event.revision,
                )
            case Wish.ACCEPT:
                settled = places.accept(id)
        booking = places.bookings.get(id)
        if settled is Settled.BOOKED and booking is not None:
            self.remind(changes, event, booking, person.contact.hours, now)
            file = event_file(event, turn.language, self.zone, self.contact_phone, now.at)
            turn.attachment = Attachment(f"event-{event.number}.ics", "text/calendar", file)
            turn.errands.append(Errand("arrange", event.id))
        return [self._told(event, places, booking, settled, turn.language, phrases)]

    def _told(
        self, event: Event, places: Places, booking: Booking | None, settled: Settled, language: str, phrases: Phrases
    ) -> Say:
        has = booking is not None and booking.status is BookingStatus.BOOKED
        if has:
            blanks = blanks_of(event, language, self.zone)
            return Say(phrases.booked if settled is Settled.BOOKED else phrases.booked_already, blanks)
        if booking is not None and booking.status is BookingStatus.WAITING:
            return Say(phrases.waiting_place, {"number": places.number(booking.contact_id)})
        return Say(phrases.event_gone)

    def _lapsed(self, places: Places, id: int, phrases: Phrases, now: Moment) -> list[Say]:
        match places.lapse(id, now.ms):
            case Settled.WAITING:
                return [Say(phrases.offer_passed)]
            case Settled.LAPSED:
                return [Say(phrases.offer_ended)]
            case _:
                return []

    def offer(self, changes: Changes, room: Room, now: Moment) -> None:
        """Offer what is free to whoever is next, and note what has changed."""
        event, places = room
        if event.open(now.at):
            until = self._until(event, now.at)
            for booking in places.offer(to_ms(until)):
                about = (booking.contact_id, booking.urn_key, booking.channel, event.id)
                for kind, due in (("offer", now.ms), ("lapse", to_ms(until))):
                    key = f"{kind}/{booking.id}/{booking.offers}"
                    changes.fires[key] = (key, kind, *about, None, due)
        changes.rooms[event.id] = places
        for booking in places.changed.values():
            changes.bookings[event.id, booking.contact_id] = booking

    def _until(self, event: Event, now: datetime) -> datetime:
        """How long an offer holds that goes out now or, in the quiet hours, in the morning."""
        sent = self.quiet.after(now)
        left = event.starts_at - sent
        think = next((time for far, time in _THINK if left >= far), _THINK_LAST)
        return min(self.quiet.after(sent + think), event.starts_at)

    def remind(self, changes: Changes, event: Event, booking: Booking, hours: str, now: Moment) -> None:
        """Put into the diary what shall remind them. What was set for an earlier revision rings in vain."""
        preferred = PreferredHours.parse(hours) if hours else None
        for one in reminders(event, now.at, self.quiet, preferred):
            minutes = int(one.before.total_seconds() // 60)
            key = f"remind/{booking.id}/{event.revision}/{one.day}/{minutes}"
            what = f"{event.revision}/{one.day}/{minutes}"
            due = to_ms(one.due_at)
            changes.fires[key] = (
                key,
                "remind",
                booking.contact_id,
                booking.urn_key,
                booking.channel,
                event.id,
                what,
                due,
            )
