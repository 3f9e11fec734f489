"""Who has a place at an event, who waits for one, and whose turn it is when one comes free. Pure.

The order is the order of asking. A free place goes to the first on the list whom it is enough for: who brings a
companion waits until there are two. An offer holds its places until it is answered or its time is over; who lets it
pass goes to the end of the list, and after the second time is no longer on it. Who asks now goes before nobody who
waits and for whom the free places are enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

#: After so many offers that somebody let pass, we ask them no more.
OFFERS = 2


class BookingStatus(StrEnum):
    """`offered`: a place came free and is held while they think. `out`: they gave their place up, or do not wait any
    more. `declined`: they were asked and will not come. `lapsed`: they let the last offer pass.
    """

    BOOKED = "booked"
    WAITING = "waiting"
    OFFERED = "offered"
    OUT = "out"
    DECLINED = "declined"
    LAPSED = "lapsed"


#: Those who have a place or may get one.
LIVE = frozenset({BookingStatus.BOOKED, BookingStatus.WAITING, BookingStatus.OFFERED})
#: Those for whom places are held.
HOLDS = frozenset({BookingStatus.BOOKED, BookingStatus.OFFERED})


@dataclass(frozen=True, slots=True)
class Booking:
    """Somebody's place at an event, or their wish for one. `position` is their number in the order of asking;
    `companions` come with them. `offered_until` (ms) is when the offer of a place ends; `offers` counts them.
    `revision` is the one of the event that they were last told of, and `acknowledged` the one they said yes to.
    `urn_key` and `channel` are where they are written to about it. `came` is None until somebody has looked.
    """

    id: int
    event_id: int
    contact_id: int
    status: BookingStatus
    position: int
    companions: int = 0
    offered_until: int | None = None
    offers: int = 0
    revision: int = 0
    acknowledged: int = 0
    urn_key: int = 0
    channel: str = ""
    came: bool | None = None

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def holds(self) -> bool:
        """Whether places are held for them."""
        return self.status in HOLDS


class Wish(StrEnum):
    """What somebody wants of a place."""

    ASK = "ask"
    ACCEPT = "accept"
    GIVE_UP = "give_up"
    DECLINE = "decline"
    LAPSE = "lapse"
    ACKNOWLEDGE = "acknowledge"


class Settled(StrEnum):
    """What became of a wish."""

    BOOKED = "booked"
    WAITING = "waiting"
    OUT = "out"
    DECLINED = "declined"
    LAPSED = "lapsed"
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class Places:
    """The places of one event while wishes are settled, one after the other. `taken` are held for people, `beside`
    of them for their companions; `asked` is the highest position given so far. `bookings` are those of the
    people concerned, by contact; `waiting` is the list, by contact in its order. Bookings that change are in `changed`.
    """

    event_id: int
    capacity: int | None
    kept: int
    taken: int
    beside: int
    asked: int
    bookings: dict[int, Booking] = field(default_factory=dict)
    waiting: dict[int, Booking] = field(default_factory=dict)
    changed: dict[int, Booking] = field(default_factory=dict)

    def enough_for(self, companions: int) -> bool:
        """Whether there are places for one more person with these companions, the kept ones being theirs only."""
        if self.capacity is None:
            return True
        still_kept = max(0, self.kept - self.beside - companions)
        return self.taken + 1 + companions + still_kept <= self.capacity

    def ask(
        self, id: int, contact_id: int, companions: int, *, urn_key: int = 0, channel: str = "", revision: int = 0
    ) -> Settled:
        """Somebody wants a place: they have it, or they wait. `id` is for their booking, if they have none yet."""
        known = self.bookings.get(contact_id)
        if known is not None and known.live:
            return self.accept(contact_id) if known.status is BookingStatus.OFFERED else Settled.UNCHANGED
        self.asked += 1
        booking = Booking(
            id if known is None else known.id,
            self.event_id,
            contact_id,
            BookingStatus.WAITING,
            self.asked,
            companions,
            revision=revision,
            acknowledged=revision,
            urn_key=urn_key,
            channel=channel,
        )
        if not self.enough_for(companions) or self._first_to_fit() is not None:
            self.waiting[contact_id] = booking
            self._put(booking)
            return Settled.WAITING
        self._hold(booking, BookingStatus.BOOKED)
        return Settled.BOOKED

    def accept(self, contact_id: int) -> Settled:
        """They take the place that was offered. Where the offer has passed and a place is free, they have it still."""
        booking = self.bookings.get(contact_id)
        match booking:
            case Booking(status=BookingStatus.OFFERED):
                self._put(replace(booking, status=BookingStatus.BOOKED, offered_until=None))
                return Settled.BOOKED
            case Booking(status=BookingStatus.WAITING) if self._first_to_fit() is booking:
                self._hold(self._off_the_list(booking), BookingStatus.BOOKED)
                return Settled.BOOKED
            case Booking(status=BookingStatus.WAITING):
                return Settled.WAITING
            case _:
                return Settled.UNCHANGED

    def give_up(self, contact_id: int, *, declined: bool = False) -> Settled:
        """They do not come, or do not wait any more. `declined`: they were asked, and had said nothing before."""
        booking = self.bookings.get(contact_id)
        if booking is None or not booking.live:
            return Settled.UNCHANGED
        status = BookingStatus.DECLINED if declined else BookingStatus.OUT
        self._leave(booking, replace(booking, status=status, offered_until=None))
        return Settled.DECLINED if declined else Settled.OUT

    def decline(self, id: int, contact_id: int, *, urn_key: int = 0, channel: str = "") -> Settled:
        """They were asked and will not come; that is noted, also where they had no place."""
        if (booking := self.bookings.get(contact_id)) is not None and booking.live:
            return self.give_up(contact_id, declined=True)
        id = id if booking is None else booking.id
        no = Booking(id, self.event_id, contact_id, BookingStatus.DECLINED, 0, urn_key=urn_key, channel=channel)
        self._put(no)
        return Settled.DECLINED

    def acknowledge(self, contact_id: int, revision: int) -> Settled:
        """They have read of the change that made this revision."""
        if (booking := self.bookings.get(contact_id)) is not None:
            self._replace(booking, replace(booking, revision=revision, acknowledged=revision))
        return Settled.UNCHANGED

    def lapse(self, contact_id: int, now_ms: int) -> Settled:
        """The time of an offer is over: they go to the end of the list, or after the second time off it."""
        booking = self.bookings.get(contact_id)
        if booking is None or booking.status is not BookingStatus.OFFERED or (booking.offered_until or 0) > now_ms:
            return Settled.UNCHANGED
        if booking.offers >= OFFERS:
            self._leave(booking, replace(booking, status=BookingStatus.LAPSED, offered_until=None))
            return Settled.LAPSED
        self.asked += 1
        back = replace(booking, status=BookingStatus.WAITING, offered_until=None, position=self.asked)
        self._leave(booking, back)
        self.waiting[contact_id] = back
        return Settled.WAITING

    def number(self, contact_id: int) -> int:
        """How many wait until it is their turn, themself included. Raises ValueError for who does not wait."""
        if next(reversed(self.waiting), None) == contact_id:  # whoever has just asked is the last
            return len(self.waiting)
        return list(self.waiting).index(contact_id) + 1

    def offer(self, until_ms: int) -> Iterable[Booking]:
        """Whoever is offered a place now, in order, as long as there are any that are enough."""
        while (first := self._first_to_fit()) is not None:
            self._off_the_list(first)
            offered = replace(first, offered_until=until_ms, offers=first.offers + 1)
            yield self._hold(offered, BookingStatus.OFFERED)

    def _first_to_fit(self) -> Booking | None:
        if not self.enough_for(0):  # then for nobody: no need to go through a long list
            return None
        return next((one for one in self.waiting.values() if self.enough_for(one.companions)), None)

    def _off_the_list(self, booking: Booking) -> Booking:
        return self.waiting.pop(booking.contact_id)

    def _hold(self, booking: Booking, status: BookingStatus) -> Booking:
        self.taken += 1 + booking.companions
        self.beside += booking.companions
        return self._put(replace(booking, status=status))

    def _leave(self, was: Booking, now: Booking) -> None:
        if was.holds:
            self.taken -= 1 + was.companions
            self.beside -= was.companions
        else:
            del self.waiting[was.contact_id]
        self._put(now)

    def _replace(self, was: Booking, now: Booking) -> None:
        if was.contact_id in self.waiting:
            self.waiting[was.contact_id] = now
        self._put(now)

    def _put(self, booking: Booking) -> Booking:
        self.bookings[booking.contact_id] = booking
        self.changed[booking.contact_id] = booking
        return booking
