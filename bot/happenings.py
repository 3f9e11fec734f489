"""What one fact of a batch becomes: rows, gathered in memory. Nothing is read or written here.

The conversation decides; this file turns what it decided into rows, for the person and for those around them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

import structlog

from bot.carers import told
from bot.conversation import Conversation, guess_language, language_to_offer
from bot.events.fires import KINDS as OF_EVENTS
from bot.events.fires import EventFires
from bot.events.settling import Room, Settling
from bot.team import asks_for_events
from bot.turn import MaybeCode, Moment, Relay, Setting, Turn
from bot.voices import VOICE_MS, Voice, greets, speaks_on, whose
from domain.code import code_in
from domain.contact import URN, Contact
from domain.hours import PreferredHours, in_hours
from domain.message import Blocking, BlockingChanged, MessageClass, Received
from domain.quiet import QuietHours
from domain.silence import LONG_SILENCE
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.effects import (
    Ask,
    Do,
    Effect,
    EndSession,
    Mark,
    RaiseAlert,
    RecordConsent,
    RepeatFlow,
    SaveAnswer,
    Say,
    StartWait,
    WithdrawAnswer,
)
from flows.fold import digits_to_ascii, fold
from flows.inputs import Command
from flows.labels import label
from flows.library import SOURCE_LANGUAGE, Library
from flows.model import SelectMultiple
from flows.render import Renderer, marked
from flows.replies import command
from flows.session import Session
from scheduler.plan import later
from store.changes import AlertRow, AnswerRow, Changes, Due, Loaded, Person, Phone, ProfileRow, Queued, Talk
from store.circle import Circle
from store.fires import CARD
from store.programme import NO_PROGRAMME, Programme
from store.times import to_ms
from store.vault import Vault

log = structlog.get_logger()

#: How long a message is worth sending, by its class: a late reminder is worse than none.
WORTH_SENDING = {
    MessageClass.CRISIS: timedelta(hours=24),
    MessageClass.REPLY: timedelta(hours=24),
    MessageClass.REMINDER: timedelta(hours=24),
    MessageClass.INVITATION: timedelta(days=3),
    MessageClass.NEWSLETTER: timedelta(days=7),
}
_WORTH_SENDING_MS = {kind: int(time.total_seconds() * 1000) for kind, time in WORTH_SENDING.items()}
_DAY_MS = 24 * 3_600_000
LONG_SILENCE_MS = int(LONG_SILENCE.total_seconds() * 1000)
STILL_YOU_FLOW, _STILL_YOU_DAYS = "still_you", 28
#: What begins unasked is not begun for an address that takes nothing from us.
_UNASKED = frozenset({"flow", CARD})
#: Words that ask for events; none of them is longer, in any language.
_ASKING = frozenset({Command.EVENTS, Command.BOOKINGS, Command.OUT})
_WORDS = 40


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """What the dispatcher must know of a channel to word a message for it."""

    buttons: bool
    sms: bool
    files: bool = False


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A turn that wishes for places: what it says is known when the rows of the events are locked."""

    fact: Received | BlockingChanged | Due
    person: Person
    turn: Turn
    channel: str
    urn_key: int
    key: str
    circle: Circle


@dataclass(slots=True)
class Batch:
    """What one transaction gathers before it writes. `fact` is the one in hand; `unsettled` turns wish for places.
    `commands` are those that were looked for in words already, with the language of who reads them, by the fact's `id`.
    """

    moment: Moment
    changes: Changes = field(default_factory=Changes)
    programme: Programme = NO_PROGRAMME
    commands: dict[int, tuple[str, Command | None]] = field(default_factory=dict)
    fact: Received | BlockingChanged | Due | None = None
    unsettled: list[Unsettled] = field(default_factory=list)


class Happenings:
    """Handles one fact after the other on what was loaded for the batch.

    `accepts` says whether somebody new may join by that address; asked once, when they first write. `contact_phone`
    is where a person answers, for the files that go with messages.
    """

    def __init__(
        self,
        vault: Vault,
        conversation: Conversation,
        renderer: Renderer,
        channels: Mapping[str, ChannelKind],
        quiet: QuietHours,
        ids: Callable[[], int],
        accepts: Callable[[URN], bool],
        contact_phone: str,
    ) -> None:
        self._vault = vault
        self._conversation = conversation
        self._library = conversation.library
        self._renderer = renderer
        self._channels = channels
        self._quiet = quiet
        self._ids = ids
        self._accepts = accepts
        self._settling = Settling(quiet, ids, contact_phone)
        self._event_fires = EventFires(conversation, self._settling)

    def asks_of_events(self, batch: Batch, fact: Received, person: Person | None) -> bool:
        """Whether what is open, and what they have, must be known to answer this: a word for it, or a talk of it."""
        if person is not None:
            talks = (person.talk, person.suspended)
            if any(talk is not None and _about_events(self._library, talk) for talk in talks):
                return True
        if fact.button is not None or len(fact.text) > _WORDS or fact.text.isdecimal():
            return False
        if person is not None and person.contact.roles and asks_for_events(person, fact.text):
            return True
        language = self._library.language(person.contact.language if person is not None else None)
        said = command(fact.text, self._library.words[language])
        batch.commands[id(fact)] = language, said
        return said in _ASKING

    def arrived(
        self,
        batch: Batch,
        loaded: Loaded,
        circle: Circle,
        fact: Received | BlockingChanged,
        urn_key: int,
        code: MaybeCode | None,
    ) -> None:
        if urn_key not in loaded.urns and not self._accepts(fact.urn):
            log.warning("address refused: not a mobile number", channel=fact.channel)
            return
        new = urn_key not in loaded.urns
        owner = self._person(batch, loaded, fact, urn_key)
        if isinstance(fact, BlockingChanged):
            blocked = fact.change is Blocking.BLOCKED
            batch.changes.blocked[urn_key] = batch.moment.ms if blocked else None
            if blocked:
                batch.changes.cancelled_for_urn[owner.contact.id, urn_key] = None
            return
        if urn_key in loaded.blocked:  # who writes to us has unblocked us
            batch.changes.blocked[urn_key] = None
        if phone := loaded.phones.get(urn_key) or self._lent(owner, circle, urn_key):
            self._arrived_on_shared(batch, loaded, circle, fact, urn_key, code, owner, phone)
            return
        setting = self._setting(owner, code, circle)
        if new:
            setting = replace(setting, offer=language_to_offer(self._library, fact))
        self._hear(batch, circle, owner, fact, urn_key, setting)

    def code_of(self, fact: Received, person: Person | None) -> MaybeCode | None:
        """What might be a code or a poster's word. A word counts only where no question waits for an answer, and where
        it means nothing else to us.
        """
        if fact.button is not None or len(fact.text) > 80 or (len(fact.text) < 4 and fact.text.isdecimal()):
            return None  # most messages: a button or a number
        if (code := code_in(digits_to_ascii(fact.text))) is not None:
            return MaybeCode(self._vault.code(code), True)
        if person is not None and person.talk is not None:
            return None
        said = fold(fact.text)
        words = self._library.words[SOURCE_LANGUAGE]
        if not 0 < len(said) <= 40 or said.isdecimal():
            return None
        if said in words.commands or said in words.languages or said in self._library.starts:
            return None
        return MaybeCode(self._vault.code(said.removeprefix("join ")), False)

    def _setting(self, person: Person, code: MaybeCode | None, circle: Circle) -> Setting:
        """What surrounds the words of somebody who writes for themself, from a phone of their own."""
        if code is None or not (code.form or person.talk is None):
            return Setting(circle)
        return Setting(circle, code.form, circle.codes.get(code.key))

    def _lent(self, owner: Person, circle: Circle, urn_key: int) -> Phone | None:
        """A carer's phone, which may speak for whom they care for."""
        return Phone(urn_key, owner.contact.id, False) if owner.contact.id in circle.charges else None

    def _arrived_on_shared(
        self,
        batch: Batch,
        loaded: Loaded,
        circle: Circle,
        fact: Received,
        urn_key: int,
        code: MaybeCode | None,
        owner: Person,
        phone: Phone,
    ) -> None:
        """Words from a phone that may speak for several: first it must be clear whose they are."""
        now, language = batch.moment.ms, self._library.language(owner.contact.language)
        phrases = self._library.phrases[language]
        sharers = circle.sharers.get(urn_key, {})
        alarmed = fact.button is None and self._library.distress.hears(fact.text)
        voice = Voice(owner.contact.id)
        if not alarmed:
            text = None if fact.button is not None else fact.text
            charges = circle.charges.get(owner.contact.id, [])
            voice = whose(text, owner.contact.id, phone, sharers, charges, self._library.words[language], now)
        batch.changes.phones[urn_key] = phone
        if voice.contact_id is None:
            phone.held = fact.text if phone.held is None else phone.held
            batch.changes.inbox.append((self._ids(), owner.contact.id, fact.channel, fact.text, now, urn_key))
            asked = Say(phrases.who_writes, {"names": ", ".join(sharers.values())})
            self._say(batch, owner, fact, urn_key, language, asked, Circle())
            return
        person = loaded.people[voice.contact_id]
        talk = person.talk
        held = phone.held if voice.named and voice.charge is None else None  # what they wrote before it was clear
        greeting = greets(voice, phrases, asks=talk is not None)
        speaks_on(phone, voice, now, asks=talk is not None)
        if greeting is not None and (voice.ended or (talk is None and not held)):
            self._say(batch, person if voice.charge is None else owner, fact, urn_key, language, greeting, circle)
            return
        if voice.charge is None:
            setting = replace(self._setting(person, code, circle), greeting=greeting)
        else:
            setting = Setting(circle, helper="carer", reader=language, greeting=greeting)
        if not voice.named:
            setting = replace(setting, alarmed=alarmed)
        elif held:
            fact = replace(fact, text=held)
        else:
            setting = replace(setting, only_named=True)
        stopped_before = person.contact.stopped_at is not None
        self._hear(batch, circle, person, fact, urn_key, setting)
        if voice.charge is None:
            if not stopped_before and person.contact.stopped_at is not None:
                self._stop_all(batch, [loaded.people[id] for id in sharers])
        elif talk is not None and talk.outcome is not None:
            self._answered_for(batch, circle, person)
            phone.voice_id = None

    def _say(
        self, batch: Batch, person: Person, fact: Received, urn_key: int, language: str, say: Say, circle: Circle
    ) -> None:
        """One sentence, to words that are nobody's answer."""
        turn = Turn(language, said=[say])
        self._apply(batch, person, turn, fact.channel, urn_key, _reply_key(fact), circle)

    def _stop_all(self, batch: Batch, people: Iterable[Person]) -> None:
        """STOP is for everybody on the phone."""
        for person in people:
            if person.contact.stopped_at is None:
                person.contact = replace(person.contact, stopped_at=batch.moment.at)
                batch.changes.people[person.contact.id] = person
                batch.changes.cancelled_for_contact[person.contact.id] = None

    def _answered_for(self, batch: Batch, circle: Circle, person: Person) -> None:
        """Somebody always learns that their carer answered in their place."""
        to = circle.addresses.get(person.contact.id)
        if to is not None:
            language = self._library.language(to.language)
            said = (Say(self._library.phrases[language].answered_for_you),)
            self._relay(batch, Relay(to, said, language), f"answered/{self._ids()}", self._quiet)

    def _hear(
        self, batch: Batch, circle: Circle, person: Person, fact: Received, urn_key: int, setting: Setting
    ) -> None:
        before, chatter = person.contact, person.chatter
        if person.unreadable:  # they are not left hanging in it: they begin anew, and somebody is told
            person.unreadable = False
            person.contact = replace(before, session_id=None)
            batch.changes.alerts.append(AlertRow(self._ids(), "parked", before.id, "unreadable session"))
        message_id = self._ids()  # before those of our replies: a conversation is read in the order of its ids
        if batch.programme is not NO_PROGRAMME:
            setting = replace(setting, programme=batch.programme)
        looked = batch.commands.get(id(fact))
        turn = self._conversation.hear(person, fact, urn_key, batch.moment, setting, looked)
        if turn.errands:
            turn.errands[:] = [replace(one, about=message_id) if one.of_message else one for one in turn.errands]
        heard = turn.pressed or fact.text
        batch.changes.inbox.append((message_id, person.contact.id, fact.channel, heard, batch.moment.ms, urn_key))
        self._apply(batch, person, turn, fact.channel, urn_key, _reply_key(fact), circle)
        if person.contact.stopped_at is not None and before.stopped_at is None:
            batch.changes.cancelled_for_contact[person.contact.id] = None
        if person.contact is not before or person.chatter != chatter:
            batch.changes.people[person.contact.id] = person

    def _person(self, batch: Batch, loaded: Loaded, fact: Received | BlockingChanged, urn_key: int) -> Person:
        if (contact_id := loaded.urns.get(urn_key)) is not None:
            return loaded.people[contact_id]
        language = guess_language(self._library, fact) if isinstance(fact, Received) else None
        person = Person(Contact(self._ids(), language))
        loaded.people[person.contact.id] = person
        loaded.urns[urn_key] = person.contact.id
        batch.changes.new_people[person.contact.id] = person
        batch.changes.new_urns.append((urn_key, person.contact.id, fact.urn))
        return person

    def rang(self, batch: Batch, loaded: Loaded, circle: Circle, fire: Due) -> None:
        person = loaded.people.get(fire.contact_id)
        before = person.contact if person else None
        if person is None or (fire.kind in _UNASKED and fire.urn_key in loaded.blocked):  # erased, or blocked us
            batch.changes.done_fires.append((fire.id,))
            return
        if fire.kind == CARD:
            self._ask(batch, circle, person, fire)
        elif fire.kind in OF_EVENTS:
            self._rang_for_event(batch, circle, person, fire, blocked=fire.urn_key in loaded.blocked)
        elif fire.kind == "flow":
            if person.talk is not None and batch.moment.ms - person.talk.heard_at < _DAY_MS:
                again = batch.moment.ms + _DAY_MS  # they are busy with another: not now
                batch.changes.fires[fire.key] = (
                    fire.key,
                    "flow",
                    fire.contact_id,
                    fire.urn_key,
                    fire.channel,
                    None,
                    fire.flow,
                    again,
                )
                return
            if self._asks_who(batch, loaded, circle, person, fire):
                return
            batch.changes.done_fires.append((fire.id,))
            turn = self._conversation.begin(person, fire.flow or "", fire.channel, fire.urn_key, batch.moment)
            self._apply(batch, person, turn, fire.channel, fire.urn_key, f"fire/{fire.id}", circle)
        else:
            talk = person.talk
            if person.suspended is not None and person.suspended.id == fire.session_id:  # they come back to it
                person.suspended.wakes_at = batch.moment.ms + _DAY_MS
                batch.changes.talks[person.suspended.id] = person.suspended
                batch.changes.fires[_wait_key(person.suspended)] = _wait_fire(person.suspended)
                return
            if talk is None or talk.id != fire.session_id:
                batch.changes.done_fires.append((fire.id,))
                return
            turn = self._conversation.wake(person, talk, batch.moment, batch.programme)
            if talk.urn_key in loaded.blocked:  # nothing is said, but their place in it ends in its time
                turn.said.clear()
            self._apply(
                batch, person, turn, talk.channel, talk.urn_key, f"fire/{fire.id}/{talk.session.sprint}", circle
            )
            if talk.outcome is not None:
                batch.changes.done_fires.append((fire.id,))
            else:  # the same fire, for the present deadline
                talk.wakes_at = talk.deadline_at
                batch.changes.talks[talk.id] = talk
                batch.changes.fires[_wait_key(talk)] = _wait_fire(talk)
        if person.contact is not before:
            batch.changes.people[person.contact.id] = person

    def _ask(self, batch: Batch, circle: Circle, person: Person, fire: Due) -> None:
        """A question begins at once: whether it is still them, or what a coordinator wants done about something."""
        batch.changes.done_fires.append((fire.id,))
        turn = self._conversation.put(
            person, fire.flow or "", fire.session_id, fire.channel, fire.urn_key, batch.moment
        )
        self._apply(batch, person, turn, fire.channel, fire.urn_key, f"fire/{fire.id}", circle)

    def _rang_for_event(self, batch: Batch, circle: Circle, person: Person, fire: Due, *, blocked: bool) -> None:
        batch.changes.done_fires.append((fire.id,))
        carers = circle.carers.get(person.contact.id, [])
        turn = self._event_fires.rang(batch.changes, batch.programme, carers, person, fire, batch.moment)
        if turn is None:
            return
        if blocked:
            turn.said.clear()
        self._apply(batch, person, turn, fire.channel, fire.urn_key, f"fire/{fire.id}", circle)

    def settle(self, batch: Batch, rooms: Mapping[int, Room], unsettled: Unsettled) -> None:
        """Settle what a turn wishes for, now that the events' rows are locked, and say what came of it."""
        one = unsettled
        phrases = self._library.phrases[one.turn.language]
        self._settling.settle(
            batch.changes, rooms, one.person, one.turn, one.urn_key, one.channel, phrases, batch.moment
        )
        self._tell(batch, one.person, one.turn, one.channel, one.urn_key, one.key, one.circle)

    def settle_room(self, batch: Batch, room: Room) -> None:
        """There may be more places than before: they are offered."""
        self._settling.offer(batch.changes, room, batch.moment)

    def _asks_who(self, batch: Batch, loaded: Loaded, circle: Circle, person: Person, fire: Due) -> bool:
        """Whether somebody was silent so long that their number may be another's: then nothing personal is sent, but
        once a question that tells a stranger nothing. What was due waits for the answer, a day at a time.
        """
        heard_at = loaded.heard.get(person.contact.id, 0)
        if batch.moment.ms - heard_at < LONG_SILENCE_MS:
            return False
        waited = fire.session_id or 0  # days; a flow's fire has no session
        if waited >= _STILL_YOU_DAYS:
            batch.changes.done_fires.append((fire.id,))
            return True
        if not waited:
            turn = self._conversation.begin(person, STILL_YOU_FLOW, fire.channel, fire.urn_key, batch.moment)
            self._apply(batch, person, turn, fire.channel, fire.urn_key, f"still/{fire.id}", circle)
            batch.changes.people[person.contact.id] = person
        due = batch.moment.ms + _DAY_MS
        row = (fire.key, "flow", fire.contact_id, fire.urn_key, fire.channel, waited + 1, fire.flow, due)
        batch.changes.fires[fire.key] = row
        return True

    def _apply(
        self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str, circle: Circle
    ) -> None:
        changes = batch.changes
        for talk in turn.begun:
            changes.new_talks[talk.id] = talk
            if talk.outcome is None:
                talk.wakes_at = talk.deadline_at
                changes.fires[_wait_key(talk)] = _wait_fire(talk)
        for talk in turn.changed:
            changes.talks[talk.id] = talk
            if talk.outcome is None and talk.deadline_at < talk.wakes_at:
                talk.wakes_at = talk.deadline_at
                changes.fires[_wait_key(talk)] = _wait_fire(talk)
        for talk, effect in turn.done:
            self._do(batch, person, turn, talk, effect)
        if turn.wishes and batch.fact is not None:
            batch.unsettled.append(Unsettled(batch.fact, person, turn, channel, urn_key, key, circle))
        else:
            self._tell(batch, person, turn, channel, urn_key, key, circle)

    def _tell(
        self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str, circle: Circle
    ) -> None:
        changes = batch.changes
        if turn.said:
            name = circle.sharers.get(urn_key, {}).get(person.contact.id, "")
            changes.outbox.append(self._message(batch, person, turn, channel, urn_key, key, name))
        if carers := circle.carers.get(person.contact.id):
            nickname = carers[0].nickname
            talk = person.talk.session if person.talk is not None else Session("", 0)
            as_asked = partial(
                self._conversation.about, turn, contact_id=person.contact.id, about=talk.about, facts=talk.answers
            )
            turn.relayed += told(self._library, person, turn, carers, nickname, as_asked)
        self._apply_around(batch, person, turn, channel, urn_key, key)

    def _apply_around(self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str) -> None:
        """What a turn brings beyond the person's own talk; most bring nothing of it."""
        changes, now, id = batch.changes, batch.moment.ms, person.contact.id
        for alert in turn.alerts:
            changes.alerts.append(AlertRow(alert.id, str(alert.kind), id, alert.detail, urn_key, channel))
        for errand in turn.errands:
            name = f"{errand.kind}/{errand.about or id}/{self._ids()}"
            due = (name, errand.kind, id, urn_key, channel, errand.about, errand.detail, now + errand.after_ms)
            changes.fires[name] = due
        for n, relay in enumerate(turn.relayed):
            self._relay(batch, relay, f"{key[:70]}/r{n}", self._quiet_for(turn), turn.worth_until)
        for purpose, given in turn.consents:
            row = (id, purpose.value, given, "command", 1, "", turn.language, channel, now)
            changes.consents.append(row)
        changes.new_codes += turn.codes
        if (code := turn.used) is not None:
            changes.used_codes[code.key] = None if code.uses is None else code.uses - 1, code.used + 1
        if turn.ended_carers:
            changes.ended_carers[id] = now
        elif turn.carers:
            changes.carers[id] = turn.carers
        if turn.shares is not None:
            self._share(batch, person, urn_key, turn.shares)
        for alert_id in turn.heard:
            changes.heard_handovers[alert_id] = now
        for event_id, why in turn.reasons:
            changes.reasons[event_id, id] = why
        for kind in turn.demands:
            district = turn.programme.facts.get(id, {}).get("district", "")
            changes.demands[id, kind] = self._ids(), str(district)

    def _share(self, batch: Batch, person: Person, urn_key: int, names: tuple[str, str]) -> None:
        """The phone is two people's from now on; the other is somebody new, who has agreed to nothing."""
        other = Person(Contact(self._ids(), person.contact.language))
        batch.changes.new_people[other.contact.id] = other
        batch.changes.sharers += [(urn_key, person.contact.id, names[0]), (urn_key, other.contact.id, names[1])]
        now = batch.moment.ms
        batch.changes.phones[urn_key] = Phone(urn_key, person.contact.id, True, person.contact.id, now + VOICE_MS)

    def _relay(self, batch: Batch, relay: Relay, key: str, quiet: QuietHours, worth_until: int | None = None) -> None:
        """Words for somebody else, as a row of its own. Buttons would answer for that somebody: there are none."""
        rendered = self._renderer.message(
            relay.said,
            self._library.phrases[self._library.language(relay.language)],
            relay.language,
            buttons=False,
            sms=self._channels[relay.to.channel].sms,
        )
        send_after = batch.moment.ms
        if relay.message_class.waits_for_morning:
            send_after = to_ms(self._when(batch.moment.at, relay.to.hours, quiet))
        expires_at = send_after + _WORTH_SENDING_MS[relay.message_class]
        batch.changes.outbox.append(
            Queued(
                self._ids(),
                key,
                relay.to.contact_id,
                relay.to.urn_key,
                relay.to.channel,
                relay.message_class,
                rendered.text,
                "",
                (),
                send_after,
                expires_at if worth_until is None else min(expires_at, worth_until),
            )
        )

    def _do(self, batch: Batch, person: Person, turn: Turn, talk: Talk, effect: Effect) -> None:
        changes = batch.changes
        session = talk.session
        match effect:
            case SaveAnswer(question, value):
                self._save_answer(batch, person, turn, talk, question, value)
            case WithdrawAnswer(question) if self._library.flows[session.flow].private:
                pass
            case WithdrawAnswer(question):
                row = self._answer(batch, turn, talk, question, "", "")
                changes.answers[talk.id, question] = replace(row, withdrawn=True)
            case RecordConsent(purpose, given, question):
                agreed = person.contact.consents
                agreed = agreed | {purpose} if given else agreed - {purpose}
                person.contact = replace(person.contact, consents=agreed)
                changes.consents.append(
                    (
                        person.contact.id,
                        purpose.value,
                        given,
                        session.flow,
                        session.version,
                        question,
                        turn.language,
                        talk.channel,
                        batch.moment.ms,
                    )
                )
            case RepeatFlow(flow, every):
                at = self._quiet.after(later(batch.moment.at, every, self._quiet.zone))
                key = f"repeat/{person.contact.id}/{flow}"
                changes.fires[key] = (key, "flow", person.contact.id, talk.urn_key, talk.channel, None, flow, to_ms(at))
            case Mark(question, picked):
                self._mark(batch, turn, talk, question, picked)
            case EndSession():
                pass  # the session's own row tells
            case Say() | Ask() | StartWait() | Do() | RaiseAlert():
                raise AssertionError(f"{effect!r} is the conversation's to handle")
            case _:
                assert_never(effect)

    def _save_answer(self, batch: Batch, person: Person, turn: Turn, talk: Talk, name: str, value: Answer) -> None:
        """An answer is kept for the evaluation, with the person, or both, as its question says."""
        flow = self._library.flows[talk.session.flow]
        question = flow.question(name)
        words = label(flow, name, value)
        if not (flow.private or (question is not None and question.private)):
            batch.changes.answers[talk.id, name] = self._answer(batch, turn, talk, name, value, words)
        if question is None or question.kept is None:
            return
        field, id = question.kept, person.contact.id
        source = turn.helper or "self"
        batch.changes.profile[id, field] = ProfileRow(id, field, value, words, source, batch.moment.ms)
        if field == "hours":
            person.contact = replace(person.contact, hours="" if value == PREFER_NOT_TO_SAY else str(value))
        elif field == "discreet":
            person.contact = replace(person.contact, discreet=value == "yes")

    def _answer(self, batch: Batch, turn: Turn, talk: Talk, question: str, value: Answer, words: str) -> AnswerRow:
        session = talk.session
        return AnswerRow(
            talk.id,
            talk.contact_id,
            session.flow,
            session.version,
            question,
            session.sprint,
            False,
            value,
            words,
            turn.language,
            talk.channel,
            batch.moment.ms,
            turn.helper,
            session.about[0] if session.about else None,
        )

    def _mark(self, batch: Batch, turn: Turn, talk: Talk, question: SelectMultiple, picked: Sequence[str]) -> None:
        """New buttons for the message that asked, where the channel has any."""
        if talk.asked is None or not self._channels[talk.channel].buttons:
            return
        rendered = marked(question, picked, self._library.phrases[turn.language])
        batch.changes.outbox.append(
            Queued(
                self._ids(),
                f"mark/{talk.id}/{talk.session.sprint}",
                talk.contact_id,
                talk.urn_key,
                talk.channel,
                MessageClass.REPLY,
                "",
                self._conversation.button(talk.id, question.name),
                rendered.buttons,
                batch.moment.ms,
                batch.moment.ms + _WORTH_SENDING_MS[MessageClass.REPLY],
                edits=talk.asked,
            )
        )

    def _message(
        self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str, name: str = ""
    ) -> Queued:
        """`name`: who of those who share the phone it is for."""
        kind = self._channels[channel]
        rendered = self._renderer.message(
            turn.said, self._library.phrases[turn.language], turn.language, buttons=kind.buttons, sms=kind.sms
        )
        token = ""
        if rendered.buttons and person.talk is not None:
            asked = next(one.question for one in reversed(turn.said) if isinstance(one, Ask))
            token = self._conversation.button(person.talk.id, asked.name)
        send_after = batch.moment.ms
        if turn.message_class.waits_for_morning:
            send_after = to_ms(self._when(batch.moment.at, person.contact.hours, self._quiet_for(turn)))
        expires_at = send_after + _WORTH_SENDING_MS[turn.message_class]
        if turn.worth_until is not None:
            expires_at = min(expires_at, turn.worth_until)
        text = f"{name}: {rendered.text}" if name else rendered.text
        id = self._ids()
        if person.talk is not None and any(isinstance(one, Ask) for one in turn.said):
            person.talk.asked = id
        return Queued(
            id,
            key,
            person.contact.id,
            urn_key,
            channel,
            turn.message_class,
            text,
            token,
            rendered.buttons if token else (),
            send_after,
            expires_at,
            attachment=turn.attachment if kind.files else None,
        )

    def _quiet_for(self, turn: Turn) -> QuietHours:
        """What is soon worth nothing more, such as a reminder of an event, goes out on holidays too."""
        return self._quiet if turn.worth_until is None else self._quiet.on_any_day

    def _when(self, at: datetime, hours: str, quiet: QuietHours) -> datetime:
        """The first moment that is quiet neither for the project nor for somebody with these hours."""
        if not hours:
            return quiet.after(at)
        return in_hours(at, quiet, PreferredHours.parse(hours))


def _about_events(library: Library, talk: Talk) -> bool:
    flow = library.flows.get(talk.session.flow)
    return flow is not None and flow.about_events


def _reply_key(fact: Received) -> str:
    return f"in/{fact.channel}/{fact.external_id}"[:80]


def _wait_key(talk: Talk) -> str:
    return f"wait/{talk.id}"


def _wait_fire(talk: Talk) -> tuple[str, str, int, int, str, int | None, str | None, int]:
    return (
        f"wait/{talk.id}",
        "wait",
        talk.contact_id,
        talk.urn_key,
        talk.channel,
        talk.id,
        None,
        talk.wakes_at,
    )
