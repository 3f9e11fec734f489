"""What falls due about an event: an offer and its end, a reminder, news of a change, a question afterwards. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from bot.conversation import Conversation
from bot.events import wishes
from bot.events.settling import Settling, tell_of_second_parts
from bot.turn import Errand, Moment, Relay, Turn, Wished
from domain.carer import Kind, carer_gets
from domain.contact import Purpose
from domain.event import Event, EventKind, EventState
from domain.message import MessageClass
from domain.places import Booking, BookingStatus, Wish
from flows.effects import Say
from flows.programme import blanks_of
from flows.session import Outcome
from store.broadcasts.previews import INVITE
from store.changes import Changes, Due, Person
from store.circle import Carer
from store.programme import Programme
from store.times import to_ms

#: The kinds of fire that are answered here. `session_id` of such a fire is the event's id.
KINDS = frozenset({"offer", "lapse", "remind", "event", INVITE})
#: An event has more places than before; it is nobody's.
PLACES = "places"
_WARM_UP = timedelta(days=5)
#: News of an event that begins sooner than this does not wait for morning.
_AT_ONCE = timedelta(hours=18)
#: What carers are told of as well, and in which words.
_FOR_CARERS = {"changed": "carer_event_changed", "called_off": "carer_event_off"}
#: An invitation waits for who is busy with another conversation: a day, and not for ever.
_BUSY_MS, _WAITS = 24 * 3_600_000, 3
_FLOWS = {"changed": "changed", "called_off": "called_off", "feedback": "event_feedback", "missed": "missed"}


@dataclass(frozen=True, slots=True)
class EventFires:
    conversation: Conversation
    settling: Settling

    def rang(
        self, changes: Changes, programme: Programme, carers: list[Carer], person: Person, fire: Due, now: Moment
    ) -> Turn | None:
        """What follows; None where nothing does: the place was given up, the event called off, the hour past."""
        event = programme.events.get(fire.session_id or 0)
        booking = programme.bookings.get(person.contact.id, {}).get(fire.session_id or 0)
        stopped = person.contact.stopped_at is not None
        if fire.kind == INVITE and event is not None and not stopped:
            return self._invite(changes, programme, person, fire, event, now)
        if event is None or booking is None or (stopped and fire.kind != "lapse"):
            return None  # to who has stopped nothing is said, but an offer to them ends as any other
        match fire.kind:
            case "offer" if booking.status is BookingStatus.OFFERED and event.open(now.at):
                return self._begin(programme, person, fire, "offer", event, now)
            case "lapse" if booking.status is BookingStatus.OFFERED:
                return self._lapse(programme, person, event, now)
            case "remind" if booking.status is BookingStatus.BOOKED and event.state is EventState.PUBLISHED:
                return self._remind(programme, carers, person, fire, event, now)
            case "event":
                return self._news(changes, programme, carers, person, fire, event, booking, now)
            case _:
                return None

    def _invite(
        self, changes: Changes, programme: Programme, person: Person, fire: Due, event: Event, now: Moment
    ) -> Turn | None:
        """A broadcast invites them: the booking begins unasked. Not where it could not end in a place, or they have
        changed their mind since it was prepared.
        """
        contact, conversation = person.contact, self.conversation
        booking = programme.bookings.get(contact.id, {}).get(event.id)
        has_place = booking is not None and booking.live
        if has_place or not event.open(now.at) or Purpose.INVITATIONS not in contact.consents:
            return None
        if person.talk is not None and now.ms - person.talk.heard_at < _BUSY_MS:
            if not fire.key.endswith("+" * _WAITS):
                later = f"{fire.key}+"
                changes.fires[later] = (
                    later,
                    INVITE,
                    contact.id,
                    fire.urn_key,
                    fire.channel,
                    event.id,
                    fire.flow,
                    now.ms + _BUSY_MS,
                )
            return None
        looked = Turn(conversation.library.language(contact.language))
        looked.programme = programme
        phrases = conversation.library.phrases[looked.language]
        begun = wishes.booking(looked, person, event.id, phrases, self.settling.zone, now)
        if begun is None or begun.flow != wishes.BOOKING_FLOW:
            return None
        turn = conversation.begin(
            person,
            begun.flow,
            fire.channel,
            fire.urn_key,
            now,
            programme=programme,
            about=begun.about,
            answers=begun.known,
        )
        turn.worth_until = to_ms(event.starts_at)
        return turn

    def _begin(self, programme: Programme, person: Person, fire: Due, flow: str, event: Event, now: Moment) -> Turn:
        soon = now.at < event.ends_at and event.starts_at - now.at < _AT_ONCE
        kind = MessageClass.REPLY if soon and flow in ("changed", "called_off") else MessageClass.REMINDER
        return self.conversation.begin(
            person,
            flow,
            fire.channel,
            fire.urn_key,
            now,
            programme=programme,
            about=(event.id,),
            message_class=kind,
        )

    def _lapse(self, programme: Programme, person: Person, event: Event, now: Moment) -> Turn:
        """The offer has had its time: the question goes, and the place to the next."""
        turn = Turn(self.conversation.library.language(person.contact.language), message_class=MessageClass.REMINDER)
        turn.programme = programme
        talk = person.talk
        quietly = person.contact.stopped_at is not None
        turn.wishes.append(Wished(Wish.LAPSE, event.id, len(turn.said), quietly=quietly))
        if talk is not None and talk.session.flow == "offer" and talk.session.about == (event.id,):
            self.conversation.leave(turn, person, talk, Outcome.EXPIRED, now)
        return turn

    def _remind(
        self, programme: Programme, carers: list[Carer], person: Person, fire: Due, event: Event, now: Moment
    ) -> Turn | None:
        revision, day, minutes = map(int, (fire.flow or "0/0/0").split("/"))
        if revision != event.revision or day >= len(event.days) or now.at >= event.days[day].starts_at:
            return None  # it was set for what is no longer so
        library = self.conversation.library
        language = library.language(person.contact.language)
        blanks = blanks_of(event, language, self.settling.zone)
        if person.contact.discreet:
            turn = Turn(language, message_class=MessageClass.REMINDER)
            turn.said.append(Say(library.phrases[language].event_reminder_discreet, blanks))
        elif day == 0 and timedelta(minutes=minutes) >= _WARM_UP:
            turn = self._begin(programme, person, fire, "warm_up", event, now)
        else:
            turn = Turn(language, message_class=MessageClass.REMINDER)
            turn.said.append(Say(library.phrases[language].event_reminder, blanks))
        turn.worth_until = to_ms(event.days[day].starts_at)
        turn.relayed += self._to_carers(person, carers, event, "carer_event_reminder")
        return turn

    def _to_carers(self, person: Person, carers: list[Carer], event: Event, phrase: str) -> Iterator[Relay]:
        """When and where, to the carers who may get reminders; not what it is."""
        library = self.conversation.library
        agreed = Purpose.CARER in person.contact.consents
        for carer in carers:
            if carer_gets(carer.scope, Kind.REMINDER, agreed=agreed):
                language = library.language(carer.address.language)
                blanks = {**blanks_of(event, language, self.settling.zone), "nickname": carer.nickname}
                said = (Say(getattr(library.phrases[language], phrase), blanks),)
                yield Relay(carer.address, said, language, MessageClass.REMINDER)

    def _news(
        self,
        changes: Changes,
        programme: Programme,
        carers: list[Carer],
        person: Person,
        fire: Due,
        event: Event,
        booking: Booking,
        now: Moment,
    ) -> Turn | None:
        what = fire.flow or ""
        if what == "changed":
            if event.state is not EventState.PUBLISHED or not booking.live or now.at >= event.ends_at:
                return None
            if booking.status is BookingStatus.BOOKED:
                self.settling.remind(changes, event, booking, person.contact.hours, now)
        elif what == "called_off" and not booking.live:
            return None
        turn = self._begin(programme, person, fire, _FLOWS[what], event, now)
        if what == "feedback" and event.kind is EventKind.TRAINING:
            turn.errands.append(Errand("certificate", event.id))
        if what == "missed":
            tell_of_second_parts(turn, person.contact.id, event, self.settling.ids)
        if what in _FOR_CARERS:
            turn.relayed += self._to_carers(person, carers, event, _FOR_CARERS[what])
        return turn
