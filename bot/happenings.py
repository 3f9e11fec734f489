"""What one fact of a batch becomes. Who it is that writes is found out here; what they say, the conversation decides.

Nothing is read or written here: rows are gathered in the batch (`bot/rows.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from bot.batch import Batch, Unsettled
from bot.conversation import Conversation, guess_language, language_to_offer
from bot.events.fires import EventFires
from bot.events.settling import Room, Settling
from bot.outgoing import ChannelKind, Outgoing
from bot.rings import Rings
from bot.rows import Rows
from bot.turn import MaybeCode, Relay, Setting, Turn
from bot.voices import Voice, greets, speaks_on, whose
from domain.code import code_in
from domain.contact import URN, Contact
from domain.message import Blocking, BlockingChanged, Received
from domain.quiet import QuietHours
from flows.effects import Say
from flows.fold import digits_to_ascii, fold
from flows.inputs import Command
from flows.library import SOURCE_LANGUAGE, Library
from flows.render import Renderer
from flows.replies import command
from store.changes import AlertRow, Due, Loaded, Person, Phone, Talk
from store.circle import Circle
from store.programme import NO_PROGRAMME
from store.vault import Vault

log = structlog.get_logger()

#: Words that ask for events; none of them is longer, in any language.
_ASKING = frozenset({Command.EVENTS, Command.BOOKINGS, Command.OUT})
_WORDS = 40


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
        self._ids = ids
        self._accepts = accepts
        self._settling = Settling(quiet, ids, contact_phone)
        self._outgoing = Outgoing(conversation, renderer, channels, quiet, ids)
        self._rows = Rows(conversation, self._outgoing, quiet, ids)
        self._rings = Rings(conversation, EventFires(conversation, self._settling), self._rows)

    def asks_of_events(self, batch: Batch, fact: Received, person: Person | None) -> bool:
        """Whether what is open, and what they have, must be known to answer this: a word for it, or a talk of it."""
        if person is not None:
            talks = (person.talk, person.suspended)
            if any(talk is not None and _about_events(self._library, talk) for talk in talks):
                return True
        if fact.button is not None or len(fact.text) > _WORDS or fact.text.isdecimal():
            return False
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
        """Handle what came from an address."""
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
                self._stop_all(batch, [loaded.people[id] for id in sharers], fact, urn_key, circle)
        elif talk is not None and talk.outcome is not None:
            self._answered_for(batch, circle, person)
            phone.voice_id = None

    def _say(
        self, batch: Batch, person: Person, fact: Received, urn_key: int, language: str, say: Say, circle: Circle
    ) -> None:
        """One sentence, to words that are nobody's answer."""
        turn = Turn(language, said=[say])
        self._rows.apply(batch, person, turn, fact.channel, urn_key, _reply_key(fact), circle)

    def _stop_all(self, batch: Batch, people: Iterable[Person], fact: Received, urn_key: int, circle: Circle) -> None:
        """STOP is for everybody on the phone."""
        for person in people:
            if person.contact.stopped_at is None:
                turn = self._conversation.stop_as_well(person, batch.moment)
                self._rows.apply(batch, person, turn, fact.channel, urn_key, _reply_key(fact), circle)
                batch.changes.people[person.contact.id] = person
                batch.changes.cancelled_for_contact[person.contact.id] = None

    def _answered_for(self, batch: Batch, circle: Circle, person: Person) -> None:
        """Somebody always learns that their carer answered in their place."""
        to = circle.addresses.get(person.contact.id)
        if to is not None:
            language = self._library.language(to.language)
            said = (Say(self._library.phrases[language].answered_for_you),)
            self._outgoing.relay(batch, Relay(to, said, language), f"answered/{self._ids()}")

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
        self._rows.apply(batch, person, turn, fact.channel, urn_key, _reply_key(fact), circle)
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
        """Handle a fire whose time has come."""
        self._rings.rang(batch, loaded, circle, fire)

    def settle(self, batch: Batch, rooms: Mapping[int, Room], unsettled: Unsettled) -> None:
        """Settle what a turn wishes for, now that the events' rows are locked, and say what came of it."""
        one = unsettled
        phrases = self._library.phrases[one.turn.language]
        self._settling.settle(
            batch.changes, rooms, one.person, one.turn, one.urn_key, one.channel, phrases, batch.moment
        )
        self._rows.tell(batch, one.person, one.turn, one.channel, one.urn_key, one.key, one.circle)

    def settle_room(self, batch: Batch, room: Room) -> None:
        """There may be more places than before: they are offered."""
        self._settling.offer(batch.changes, room, batch.moment)


def _about_events(library: Library, talk: Talk) -> bool:
    flow = library.flows.get(talk.session.flow)
    return flow is not None and flow.about_events


def _reply_key(fact: Received) -> str:
    return f"in/{fact.channel}/{fact.external_id}"[:80]
