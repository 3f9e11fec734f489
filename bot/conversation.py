"""What follows when somebody writes, presses or is silent: which flow and which command. Pure.

The engine answers for what happens inside a flow; this file for all around it. It changes the
`Person` it is given and returns what is to be said and done; it reads no clock and stores nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.message import MessageClass, Received
from flows.effects import Ask, Effect, EndSession, Say, StartWait
from flows.engine import Sprint, step
from flows.fold import fold
from flows.inputs import DONE, STEERING, Chose, Command, Input, Replied, Started, Steered, WaitTimedOut
from flows.library import Library
from flows.localized import LocalFlow
from flows.model import SelectMultiple, SelectOne, YesNo
from flows.phrases import Phrases
from flows.render import button_label
from flows.replies import command, language_named, understand
from flows.session import Outcome, Session
from store.changes import Person, Talk
from store.times import to_ms

#: Words outside any conversation are answered this many times in a row: the other end may be a machine.
CHATTER = 5
#: Done for people by a person until the bot learns to; each tells the team.
_BY_A_PERSON = frozenset(
    {Command.JOIN, Command.EVENTS, Command.BOOKINGS, Command.OUT, Command.MY_DATA, Command.FORGET_ME}
)
_ALWAYS = frozenset({Command.STOP, Command.HELP, Command.PERSON})
CHECKIN_FLOW = "wellbeing"
_OPTION = re.compile(r"-?[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a batch, in the forms that every turn in it needs: `ms` since 1970, `today` where we are."""

    at: datetime
    ms: int
    today: date

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> Moment:
        return cls(at, to_ms(at), at.astimezone(zone).date())


@dataclass(slots=True)
class Turn:
    """What one happening brings: what to say, what to do, and the talks it changed or began.

    `said` is in `language`. `alert` is the kind of thing that a person of the team must see. `pressed`
    is the label of the button that was pressed, if one was.
    """

    language: str
    said: list[Say | Ask] = field(default_factory=list)
    done: list[tuple[Talk, Effect]] = field(default_factory=list)
    changed: list[Talk] = field(default_factory=list)
    begun: list[Talk] = field(default_factory=list)
    alert: str | None = None
    message_class: MessageClass = MessageClass.REPLY
    pressed: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """`ids` gives a new id; `button` gives the token of a question's buttons in a session.

    `provider_answers_stop`: by channel, the words for STOP to which the provider itself answers, and
    after which it would refuse our own answer.
    """

    library: Library
    ids: Callable[[], int]
    button: Callable[[int, str], str]
    provider_answers_stop: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def hear(self, person: Person, received: Received, urn_key: int, now: Moment) -> Turn:
        """Somebody wrote or pressed a button."""
        turn = Turn(self.library.language(person.contact.language))
        words = self.library.words[turn.language]
        if received.button is None and not received.text.strip():
            if person.contact.stopped_at is None and person.chatter < CHATTER:
                person.chatter += 1
                turn.said.append(Say(self._phrases(turn).only_text))
            return turn
        if received.button is not None:
            if person.contact.stopped_at is None:
                self._press(turn, person, received, urn_key, now)
            return turn
        said = command(received.text, words)
        if person.contact.stopped_at is not None:
            if said is Command.START:
                person.contact = replace(person.contact, stopped_at=None)
                turn.said.append(Say(self._phrases(turn).welcome_again))
            return turn
        talk = person.talk
        if said is not None and said not in _ALWAYS and talk and self._answers(turn, talk, received.text, now):
            said = None
        if said is not None:
            self._obey(turn, person, said, received, urn_key, now)
        elif talk is not None and received.text.isdecimal():  # most replies: no name of anything
            self._reply(turn, person, talk, received, urn_key, now)
        elif language := language_named(received.text, words):
            self._speak(turn, person, language, received, urn_key, now)
        elif flow := self.library.starts.get(fold(received.text)):
            self._start(turn, person, flow, received.channel, urn_key, now)
        elif talk is not None:
            self._reply(turn, person, talk, received, urn_key, now)
        elif person.chatter < CHATTER:
            person.chatter += 1
            turn.said.append(Say(self._phrases(turn).hello))
        return turn

    def _reply(self, turn: Turn, person: Person, talk: Talk, received: Received, urn_key: int, now: Moment) -> None:
        given = Replied(received.text, now.today, self._idle(talk, now))
        self._step(turn, person, talk, given, now, received, urn_key)

    def wake(self, person: Person, talk: Talk, now: Moment) -> Turn:
        """The fire of a waiting talk rang. Where the talk has moved on meanwhile, nothing follows:
        the caller sets the fire again for the present deadline.
        """
        turn = Turn(self.library.language(person.contact.language), message_class=MessageClass.REMINDER)
        if talk.deadline_at <= now.ms:
            self._step(turn, person, talk, WaitTimedOut(talk.session.sprint), now)
        return turn

    def begin(self, person: Person, flow: str, channel: str, urn_key: int, now: Moment) -> Turn:
        """A flow is due for somebody who did not just write: a repeated check-in, an invitation."""
        turn = Turn(self.library.language(person.contact.language), message_class=MessageClass.INVITATION)
        if person.contact.stopped_at is None:
            self._start(turn, person, flow, channel, urn_key, now)
        return turn

    def _phrases(self, turn: Turn) -> Phrases:
        return self.library.phrases[turn.language]

    def _flow(self, turn: Turn, talk: Talk) -> LocalFlow | None:
        return self.library.flow(talk.session.flow, turn.language)

    def _idle(self, talk: Talk, now: Moment) -> timedelta:
        return timedelta(milliseconds=max(0, now.ms - talk.heard_at))

    def _answers(self, turn: Turn, talk: Talk, text: str, now: Moment) -> bool:
        """Whether a steering word is also one of the answers on offer just now: then it is the answer."""
        flow = self._flow(turn, talk)
        question = flow.question(talk.session.waiting_at) if flow and talk.session.waiting_at else None
        if flow is None or not isinstance(question, SelectOne | SelectMultiple | YesNo):
            return False
        return understand(question, text, flow.words, now.today) is not None

    def _press(self, turn: Turn, person: Person, received: Received, urn_key: int, now: Moment) -> None:
        token, _, option = (received.button or "").rpartition(".")
        talk = person.talk
        flow = self._flow(turn, talk) if talk else None
        if talk is None or flow is None:
            turn.said.append(Say(self._phrases(turn).nothing_open))
            return
        waiting_at = talk.session.waiting_at or ""
        name = next(
            (n for n in (waiting_at, *flow.place) if self.button(talk.id, n) == token),
            "",  # of an earlier session: no question of this one
        )
        number = int(option) if _OPTION.fullmatch(option) else DONE - 1  # no button has it
        if (question := flow.question(name)) is not None:
            turn.pressed = button_label(question, number, flow.phrases)
        self._step(turn, person, talk, Chose(name, number, self._idle(talk, now)), now, received, urn_key)

    def _obey(self, turn: Turn, person: Person, said: Command, received: Received, urn_key: int, now: Moment) -> None:
        phrases = self._phrases(turn)
        talk = person.talk
        if said in STEERING:
            if talk is None:
                turn.said.append(Say(phrases.nothing_open))
            else:
                self._step(turn, person, talk, Steered(said, self._idle(talk, now)), now, received, urn_key)
            return
        match said:
            case Command.STOP:
                self._leave(turn, person, Outcome.STOPPED)
                person.contact = replace(person.contact, stopped_at=now.at)
                if fold(received.text) not in self.provider_answers_stop.get(received.channel, ()):
                    turn.said.append(Say(phrases.stopped))
            case Command.CHECKIN:
                self._start(turn, person, CHECKIN_FLOW, received.channel, urn_key, now)
            case Command.HELP:
                turn.said.append(Say(phrases.help))
            case Command.LANGUAGE:
                names = ", ".join(self.library.languages[tag].name for tag in self.library.spoken)
                turn.said.append(Say(phrases.languages, {"names": names}))
            case Command.PERSON:
                turn.said.append(Say(phrases.person))
                turn.alert = "person"
            case Command.START:
                turn.said.append(Say(phrases.hello))
            case _:
                assert said in _BY_A_PERSON, said
                turn.said.append(Say(phrases.call_us))
                turn.alert = said.value

    def _speak(self, turn: Turn, person: Person, language: str, received: Received, urn_key: int, now: Moment) -> None:
        """Change the language, and ask the waiting question again in the new one."""
        if language not in self.library.spoken:
            turn.said.append(Say(self._phrases(turn).language_unavailable))
            return
        person.contact = replace(person.contact, language=language)
        turn.language = language
        turn.said.append(Say(self._phrases(turn).language_changed))
        if person.talk is not None:
            self._step(turn, person, person.talk, Steered(Command.AGAIN), now, received, urn_key)

    def _start(self, turn: Turn, person: Person, id: str, channel: str, urn_key: int, now: Moment) -> None:
        """Start a flow; somebody who is in it already is asked on instead."""
        flow = self.library.flow(id, turn.language)
        if flow is None:
            return
        talk = person.talk
        if talk is not None and talk.session.flow == id and turn.message_class is MessageClass.REPLY:
            self._step(turn, person, talk, Steered(Command.AGAIN), now)
            return
        self._leave(turn, person, Outcome.REPLACED)
        at = now.ms
        begun = Talk(self.ids(), person.contact.id, Session(id, flow.version), channel, urn_key, at, at, at, 0)
        known = {
            q.name: "yes"
            for q in flow.asked()
            if isinstance(q, YesNo) and q.consent is not None and q.consent in person.contact.consents
        }
        person.talk = begun
        person.contact = replace(person.contact, session_id=begun.id)
        turn.begun.append(begun)
        self._apply(turn, person, begun, step(flow, begun.session, Started(known)), now)

    def _step(
        self,
        turn: Turn,
        person: Person,
        talk: Talk,
        given: Input,
        now: Moment,
        received: Received | None = None,
        urn_key: int = 0,
    ) -> None:
        flow = self._flow(turn, talk)
        if flow is None:  # the questionnaire was taken away while somebody was in it
            turn.said.append(Say(self._phrases(turn).flow_changed))
            self._leave(turn, person, Outcome.FLOW_CHANGED)
            return
        if received is not None:
            talk.heard_at = now.ms
            talk.channel, talk.urn_key = received.channel, urn_key
            turn.changed.append(talk)
        sprint = step(flow, talk.session, given)
        if sprint.session is not talk.session:
            self._apply(turn, person, talk, sprint, now)

    def _apply(self, turn: Turn, person: Person, talk: Talk, sprint: Sprint, now: Moment) -> None:
        talk.session = sprint.session
        person.chatter = 0
        turn.changed.append(talk)
        for effect in sprint.effects:
            match effect:
                case Say() | Ask():
                    turn.said.append(effect)
                case StartWait(_, timeout):
                    talk.deadline_at = now.ms + timeout.ms
                case EndSession(outcome):
                    self._end(person, talk, outcome)
                    turn.done.append((talk, effect))
                case _:
                    turn.done.append((talk, effect))

    def _leave(self, turn: Turn, person: Person, outcome: Outcome) -> None:
        """End the talk that somebody is in, from outside the engine."""
        if (talk := person.talk) is not None:
            talk.session = replace(talk.session, sprint=talk.session.sprint + 1, waiting_at=None)
            turn.changed.append(talk)
            self._end(person, talk, outcome)

    def _end(self, person: Person, talk: Talk, outcome: Outcome) -> None:
        talk.outcome = outcome
        if person.talk is talk:
            person.talk = None
            person.contact = replace(person.contact, session_id=None)


def guess_language(library: Library, received: Received) -> str | None:
    """The language that somebody new writes in, as far as their phone or their script tells."""
    hint = (received.language or "").split("-")[0].lower()
    if hint in library.spoken:
        return hint
    for tag, (first, last) in _SCRIPTS.items():
        if tag in library.spoken and any(first <= c <= last for c in received.text):
            return tag
    return None


#: Scripts that only one of our languages is written in.
_SCRIPTS: dict[str, Sequence[str]] = {"bn": ("\u0980", "\u09ff"), "ur": ("\u0600", "\u06ff")}
