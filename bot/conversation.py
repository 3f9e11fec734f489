"""What follows when somebody writes, presses or is silent: which flow and which command. Pure.

The engine answers for what happens inside a flow; this file for all around it. It changes the
`Person` it is given and returns what is to be said and done; it reads no clock and stores nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot import codes, team
from bot.carers import scope_words
from bot.desk.orders import ASKED, DESK_ANSWER, DESK_FLOWS, attempted
from bot.events import wishes
from bot.turn import Alert, Errand, Moment, Next, Setting, Turn
from domain.carer import Scope
from domain.code import CodeKind, shown
from domain.contact import Purpose, Role
from domain.event import Event
from domain.message import MessageClass, Received
from domain.opportunity import Opportunity
from flows.conditions import Answer
from flows.effects import AlertKind, Ask, Do, EndSession, RaiseAlert, Say, StartWait
from flows.engine import Sprint, asked, step
from flows.fold import fold
from flows.inputs import DONE, STEERING, Chose, Command, Input, Replied, Started, Steered, WaitTimedOut
from flows.library import Library
from flows.localized import LocalFlow
from flows.model import Action, Text, YesNo
from flows.phrases import Phrases
from flows.programme import with_events, with_facts
from flows.render import button_label
from flows.replies import command, is_on_offer, language_named, topic_left, understand
from flows.session import Outcome, Session
from store.broadcasts.words import STILL_YOU
from store.changes import Person, Talk
from store.circle import Circle
from store.programme import NO_PROGRAMME, Programme
from store.times import from_ms

#: Words outside any conversation are answered this many times in a row: the other end may be a machine.
CHATTER = 5
_ALWAYS = frozenset({Command.STOP, Command.HELP, Command.PERSON})
CHECKIN_FLOW, JOINING_FLOW, FORGET_FLOW = "wellbeing", "joining", "forget_me"
#: What is anybody's right is not passed on to the person of the team with whom they write: it is done.
_RIGHTS = frozenset({Command.MY_DATA, Command.DELETE_LAST, Command.FORGET_ME})
#: Cards that nobody has just asked for.
_CLASS_OF_CARDS = {STILL_YOU: MessageClass.INVITATION, ASKED: MessageClass.REMINDER}
#: Words that start a flow.
_FLOWS = {
    Command.CHECKIN: CHECKIN_FLOW,
    Command.JOIN: JOINING_FLOW,
    Command.TAKE_PART: "taking_part",
    Command.ABOUT_ME: "about_you",
    Command.NEEDS: "needs",
    Command.SHARE: "share_phone",
    Command.FORGET_ME: FORGET_FLOW,
}
_TOPICS = {
    Purpose.NEWSLETTER: "topic_newsletter",
    Purpose.INVITATIONS: "topic_invitations",
    Purpose.QUESTIONNAIRES: "topic_questionnaires",
    Purpose.CARER: "topic_carer",
    Purpose.QUOTES: "topic_quotes",
}
#: Flows that are begun by a word: another word of its kind puts the new one in the place of the last.
_BEGUN_BY_WORD = (wishes.BEGUN_BY_WORD, DESK_FLOWS)
#: What a person of the team is called to at once, and writes with them about.
_HANDED_OVER = frozenset({AlertKind.DISTRESS, AlertKind.PERSON, AlertKind.STUCK})
#: Nobody took over for so long: the bot comes back and says so.
HANDOVER_MS = 3 * 3_600_000
_OPTION = re.compile(r"-?[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Conversation:
    """`ids` gives a new id; `button` gives the token of a question's buttons in a session; `code_key` the key
    of a code; `below(n)` a number from 0 to n-1 that nobody can foresee. `zone` is the one whose clocks people read.

    `provider_answers_stop`: by channel, the words for STOP to which the provider itself answers, and
    after which it would refuse our own answer.
    """

    library: Library
    ids: Callable[[], int]
    button: Callable[[int, str], str]
    code_key: Callable[[str], int]
    below: Callable[[int], int]
    zone: ZoneInfo
    provider_answers_stop: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def hear(
        self,
        person: Person,
        received: Received,
        urn_key: int,
        now: Moment,
        setting: Setting | None = None,
        looked: tuple[str, Command | None] | None = None,
    ) -> Turn:
        """Somebody wrote or pressed a button. `looked`: the command that these words were found to be for readers of
        that language, where somebody has looked already.
        """
        setting = setting or Setting()
        turn = Turn(self.library.language(setting.reader or person.contact.language), setting.helper)
        turn.programme = setting.programme
        if setting.greeting is not None:
            turn.said.append(setting.greeting)
        if received.button is not None:
            if person.contact.stopped_at is None:
                self._press(turn, person, received, urn_key, now)
            return turn
        if setting.only_named:
            self._ask_on(turn, person, received, urn_key, now, setting.circle)
            return turn
        words = self.library.words[turn.language]
        said = looked[1] if looked and looked[0] == turn.language else command(received.text, words)
        if person.talk is None or received.text.startswith("/"):
            self._look_for_strangers(turn, person, received.text, setting)
        alarmed = setting.alarmed
        if team.serves(person, setting.circle):  # a person of the team may write of such things to somebody
            alarmed = False
        elif alarmed is None:
            alarmed = self.library.distress.hears(received.text)
        for_team = not self._right_in_talk(turn, person, received.text, said, setting.circle, now) and team.hear(
            turn, person, received.text, setting.circle, self._phrases(turn), orders=not setting.helper
        )
        if alarmed:
            self._alarm(turn, person, now)
        if person.contact.stopped_at is not None:
            self._hear_stopped(turn, person, said, received, urn_key, now)
        elif said is Command.STOP:
            self._stop(turn, person, received, now, quietly=alarmed)
        elif for_team and turn.follows is not None:
            follows, turn.follows = turn.follows, None
            self._follow(turn, person, follows, received.channel, urn_key, now)
        elif for_team or alarmed:
            pass
        elif said is None and self._for_the_team(turn, person, received, now):
            pass  # kept for whoever takes over; meanwhile the bot does not talk in between
        else:
            self._hear_words(turn, person, received, said, urn_key, now, setting)
        return turn

    def _right_in_talk(
        self, turn: Turn, person: Person, text: str, said: Command | None, circle: Circle, now: Moment
    ) -> bool:
        """Whether somebody who writes with the team asks for a right of theirs, or answers what we asked about that."""
        if not circle.handovers or person.contact.handover_id is None or team.serves(person, circle):
            return False
        if said in _RIGHTS:
            return True
        talk = person.talk
        if talk is None or talk.session.flow != FORGET_FLOW or (flow := self._flow(turn, talk)) is None:
            return False
        question = asked(flow, talk.session)
        return question is not None and understand(question, text, flow.words, now.today) is not None

    def _look_for_strangers(self, turn: Turn, person: Person, text: str, setting: Setting) -> None:
        """Somebody who is not on the team sends one of its words: it means nothing, and is counted."""
        talk = person.talk
        waits = talk is not None and not talk.session.paused
        if not (person.contact.roles & team.TEAM or setting.helper) and attempted(text, open_question=waits):
            turn.errands.append(Errand("stranger"))

    def _ask_on(
        self, turn: Turn, person: Person, received: Received, urn_key: int, now: Moment, circle: Circle
    ) -> None:
        """Who writes has only said so: the question that waits is asked again, but not into a talk with the team."""
        handover = circle.handover(person)
        if person.contact.stopped_at is not None or (handover is not None and handover.staff is not None):
            return
        if person.talk is not None:
            self._step(turn, person, person.talk, Steered(Command.AGAIN), now, received, urn_key)

    def _for_the_team(self, turn: Turn, person: Person, received: Received, now: Moment) -> bool:
        """Whether words of somebody who waits for a person of the team are for that person: all that do not
        answer the question that waits. Words for a question that rests are not taken for its answer.
        """
        if person.contact.handover_id is None:
            return False
        words = self.library.words[turn.language]
        if language_named(received.text, words) or topic_left(received.text, words) is not None:
            return False
        if fold(received.text) in self.library.starts:
            return False
        talk = person.talk
        flow = self._flow(turn, talk) if talk else None
        if talk is None or flow is None or talk.session.paused:
            return True
        question = asked(flow, talk.session)
        return question is None or understand(question, received.text, flow.words, now.today) is None

    def _hear_words(
        self,
        turn: Turn,
        person: Person,
        received: Received,
        said: Command | None,
        urn_key: int,
        now: Moment,
        setting: Setting,
    ) -> None:
        words = self.library.words[turn.language]
        talk = person.talk
        if not received.text.strip():
            self._chat(turn, person, Say(self._phrases(turn).only_text))
            return
        if setting.code is not None or (setting.typed and not self._answers(turn, talk, received.text)):
            self._take_code(turn, person, received, urn_key, now, setting)
            return
        if said is not None and said not in _ALWAYS and self._answers(turn, talk, received.text):
            said = None
        if said is not None:
            self._obey(turn, person, said, received, urn_key, now, setting.circle)
        elif talk is not None and received.text.isdecimal():  # most replies: no name of anything
            self._reply(turn, person, talk, received, urn_key, now)
        elif (language := language_named(received.text, words)) and not self._asked_for(turn, talk, received.text):
            self._speak(turn, person, language, received, urn_key, now)
        elif (topic := topic_left(received.text, words)) is not None:
            self._leave_topic(turn, person, topic, setting.circle)
        elif flow := self.library.starts.get(fold(received.text)):
            self._start(turn, person, flow, received.channel, urn_key, now)
        elif talk is not None:
            self._reply(turn, person, talk, received, urn_key, now)
        else:
            self._chat(turn, person, Say(self._phrases(turn).hello))
            if setting.offer is not None:
                turn.said.append(Say(self.library.phrases[setting.offer].offer_language))

    def _chat(self, turn: Turn, person: Person, say: Say) -> None:
        if person.chatter < CHATTER:
            person.chatter += 1
            turn.said.append(say)

    def _hear_stopped(
        self, turn: Turn, person: Person, said: Command | None, received: Received, urn_key: int, now: Moment
    ) -> None:
        """Who told us to stop is heard again when they ask for it in so many words. What is their right is answered
        all the same, once, and so is the wish for a person: who then calls them.
        """
        match said:
            case Command.START:
                person.contact = replace(person.contact, stopped_at=None)
                turn.said.append(Say(self._phrases(turn).welcome_again))
            case Command.JOIN:
                person.contact = replace(person.contact, stopped_at=None)
                self._start(turn, person, JOINING_FLOW, received.channel, urn_key, now)
            case Command.FORGET_ME:  # not asked once more: they have left, and our question might not reach them
                turn.errands.append(Errand("erase"))
            case Command.MY_DATA | Command.DELETE_LAST:
                turn.errands.append(Errand(said.value))
            case Command.PERSON:
                turn.said.append(Say(self._phrases(turn).call_noted))
                self._tell_team(turn, AlertKind.PERSON)
            case _:
                pass

    def _alarm(self, turn: Turn, person: Person, now: Moment) -> None:
        """Somebody may be in danger: the numbers at once, no more questions, and a person of the team."""
        turn.message_class = MessageClass.CRISIS
        turn.said.append(Say(self._phrases(turn).crisis))
        self._hand_over(turn, person, AlertKind.DISTRESS, now)

    def _hand_over(self, turn: Turn, person: Person, kind: AlertKind, now: Moment) -> None:
        """Call a person of the team; meanwhile the questions rest."""
        if kind is not AlertKind.STUCK:  # who is stuck may find the way by themself
            self._rest(turn, person, now)
        alert = Alert(self.ids(), kind)
        turn.alerts.append(alert)
        turn.errands.append(Errand("page", alert.id))
        if person.contact.handover_id is None:
            person.contact = replace(person.contact, handover_id=alert.id)
            turn.errands.append(Errand("handover", alert.id, after_ms=HANDOVER_MS))

    def _rest(self, turn: Turn, person: Person, now: Moment) -> None:
        """The question that waits goes on waiting, and nothing reminds of it."""
        talk = person.talk
        if talk is None or talk.session.paused:
            return
        flow = self._flow(turn, talk)
        talk.session = replace(talk.session, sprint=talk.session.sprint + 1, paused=True, resting=False)
        if flow is not None:
            talk.deadline_at = now.ms + flow.expires_after.ms
        turn.changed.append(talk)

    def _tell_team(self, turn: Turn, kind: AlertKind) -> None:
        alert = Alert(self.ids(), kind)
        turn.alerts.append(alert)
        turn.errands.append(Errand("page", alert.id))

    def stop_as_well(self, person: Person, now: Moment) -> Turn:
        """Somebody on the same phone said STOP: it is for this person too."""
        turn = Turn(self.library.language(person.contact.language))
        self._leave(turn, person, Outcome.STOPPED)
        person.contact = replace(person.contact, stopped_at=now.at)
        return turn

    def _stop(self, turn: Turn, person: Person, received: Received, now: Moment, *, quietly: bool) -> None:
        self._leave(turn, person, Outcome.STOPPED)
        person.contact = replace(person.contact, stopped_at=now.at)
        turn.errands.append(Errand("stopped"))  # they may have a place somewhere: then somebody calls them
        if not quietly and fold(received.text) not in self.provider_answers_stop.get(received.channel, ()):
            turn.said.append(Say(self._phrases(turn).stopped))

    def _leave_topic(self, turn: Turn, person: Person, topic: Purpose, circle: Circle) -> None:
        phrases = self._phrases(turn)
        if topic is Purpose.CARER:
            self._unlink(turn, person, circle)
            return
        person.contact = replace(person.contact, consents=person.contact.consents - {topic})
        turn.consents.append((topic, False))
        if topic is Purpose.QUESTIONNAIRES and person.talk is not None:
            self._leave(turn, person, Outcome.STOPPED)
        turn.said.append(Say(phrases.topic_left, {"topic": getattr(phrases, _TOPICS[topic])}))

    def _unlink(self, turn: Turn, person: Person, circle: Circle) -> None:
        phrases = self._phrases(turn)
        if Purpose.CARER not in person.contact.consents:
            turn.said.append(Say(phrases.no_carer))
            return
        self._end_carers(turn, person)
        turn.said.append(Say(phrases.unlinked))
        turn.errands.append(Errand("carers_ended"))

    def _end_carers(self, turn: Turn, person: Person) -> None:
        person.contact = replace(person.contact, consents=person.contact.consents - {Purpose.CARER})
        turn.consents.append((Purpose.CARER, False))
        turn.ended_carers = True

    def _take_code(
        self, turn: Turn, person: Person, received: Received, urn_key: int, now: Moment, setting: Setting
    ) -> None:
        """A code was sent: one that works does its work, a wrong one is refused kindly, and not often."""
        taken = codes.take(turn, person, setting.code, self._phrases(turn), now)
        if taken is not None and taken.kind is CodeKind.POSTER:
            known: dict[str, Answer] = {"heard_from": taken.detail["source"]} if "source" in taken.detail else {}
            if Purpose.NEWSLETTER in person.contact.consents:
                turn.said.append(Say(self._phrases(turn).hello))
            else:
                self._start(turn, person, JOINING_FLOW, received.channel, urn_key, now, known)

    def _reply(self, turn: Turn, person: Person, talk: Talk, received: Received, urn_key: int, now: Moment) -> None:
        given = Replied(received.text, now.today, self._idle(talk, now))
        self._step(turn, person, talk, given, now, received, urn_key)

    def _new_code(self, turn: Turn, kind: CodeKind, person: Person, detail: Mapping[str, str], now: Moment) -> str:
        code, row = codes.make(kind, person.contact.id, detail, now, self.code_key, self.below)
        turn.codes.append(row)
        return shown(code)

    def wake(self, person: Person, talk: Talk, now: Moment, programme: Programme = NO_PROGRAMME) -> Turn:
        """The fire of a waiting talk rang. Where the talk has moved on meanwhile, nothing follows:
        the caller sets the fire again for the present deadline.
        """
        turn = Turn(self.library.language(person.contact.language), message_class=MessageClass.REMINDER)
        turn.programme = programme
        if person.contact.stopped_at is not None:  # their phones were joined, and one of them had stopped
            self._leave(turn, person, Outcome.STOPPED)
        elif talk.deadline_at <= now.ms:
            self._step(turn, person, talk, WaitTimedOut(talk.session.sprint), now)
        self._knock(turn, person)
        return turn

    def begin(
        self,
        person: Person,
        flow: str,
        channel: str,
        urn_key: int,
        now: Moment,
        *,
        programme: Programme = NO_PROGRAMME,
        about: tuple[int, ...] = (),
        answers: Mapping[str, Answer] | None = None,
        message_class: MessageClass = MessageClass.INVITATION,
    ) -> Turn:
        """A flow is due for somebody who did not just write: a repeated check-in, an invitation."""
        turn = Turn(self.library.language(person.contact.language), message_class=message_class)
        turn.programme = programme
        if person.contact.stopped_at is None:
            self._start(turn, person, flow, channel, urn_key, now, answers, about)
        self._knock(turn, person)
        return turn

    def may_repeat(self, person: Person, flow: str) -> bool:
        """Whether a flow may come again unasked: not where they took back the consent that it begins with. We do not
        ask for it anew either; their own word brings it back.
        """
        known = self.library.flows.get(flow)
        first = next(known.asked(), None) if known is not None else None
        return not isinstance(first, YesNo) or first.consent is None or first.consent in person.contact.consents

    def put(self, person: Person, card: str, about: int | None, channel: str, urn_key: int, now: Moment) -> Turn:
        """A question is put to somebody at once: the flow that `card` names, and behind strokes the stage that what it
        is about has reached, and its fingerprint. `about` is its number. To who is asked it already, it is not put
        again.
        """
        flow, stage, seen = (*card.split("/"), "", "")[:3]
        if person.talk is not None and person.talk.session.flow == flow == STILL_YOU:
            return Turn(self.library.language(person.contact.language))
        known: dict[str, Answer] = {} if about is None else {"number": about, "stage": stage, "seen": seen}
        kind = _CLASS_OF_CARDS.get(f"{flow}/{stage}" if stage else flow, MessageClass.REPLY)
        return self.begin(person, flow, channel, urn_key, now, answers=known, message_class=kind)

    def _knock(self, turn: Turn, person: Person) -> None:
        """To a phone that others may see comes, unasked, only that something waits. It is asked when they write."""
        talk = person.talk
        if person.contact.discreet and turn.said and talk is not None:
            turn.said[:] = [Say(self._phrases(turn).knock)]
            talk.session = replace(talk.session, resting=True, nudged=True)

    def _phrases(self, turn: Turn) -> Phrases:
        return self.library.phrases[turn.language]

    def _flow(self, turn: Turn, talk: Talk) -> LocalFlow | None:
        flow = self.library.flow(talk.session.flow, turn.language)
        session = talk.session
        return flow if flow is None else self.about(turn, flow, talk.contact_id, session.about, session.answers)

    def about(
        self, turn: Turn, flow: LocalFlow, contact_id: int, about: Sequence[int], facts: Mapping[str, Answer]
    ) -> LocalFlow:
        """The flow as it is asked about these events; any other as it is."""
        if not flow.about_events:
            return with_facts(flow, facts) if flow.facts else flow
        programme = turn.programme
        known: Mapping[int, Event | Opportunity] = {**programme.offers, **programme.events}
        there = [known[id] for id in about if id in known]
        mine = programme.bookings.get(contact_id, {}).get(about[0]) if about else None
        until = from_ms(mine.offered_until) if mine is not None and mine.offered_until is not None else None
        return with_events(flow, there, facts, self.zone, until=until)

    def _idle(self, talk: Talk, now: Moment) -> timedelta:
        return timedelta(milliseconds=max(0, now.ms - talk.heard_at))

    def _answers(self, turn: Turn, talk: Talk | None, text: str) -> bool:
        """Whether a steering word is also one of the answers on offer just now: then it is the answer."""
        flow = self._flow(turn, talk) if talk else None
        question = asked(flow, talk.session) if flow and talk else None
        return flow is not None and question is not None and is_on_offer(question, text, flow.words)

    def _asked_for(self, turn: Turn, talk: Talk | None, text: str) -> bool:
        """Whether a language's name is the answer to the question that waits."""
        flow = self._flow(turn, talk) if talk else None
        question = asked(flow, talk.session) if flow and talk else None
        return (isinstance(question, Text) and question.language) or self._answers(turn, talk, text)

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
        question = asked(flow, talk.session) if name == waiting_at else flow.question(name)
        if question is not None:
            turn.pressed = button_label(question, number, flow.phrases)
        self._step(turn, person, talk, Chose(name, number, self._idle(talk, now)), now, received, urn_key)

    def _obey(
        self,
        turn: Turn,
        person: Person,
        said: Command,
        received: Received,
        urn_key: int,
        now: Moment,
        circle: Circle,
    ) -> None:
        phrases = self._phrases(turn)
        talk = person.talk
        if said in STEERING:
            if talk is None:
                turn.said.append(Say(phrases.nothing_open))
            else:
                self._step(turn, person, talk, Steered(said, self._idle(talk, now)), now, received, urn_key)
            return
        if said in _FLOWS:
            self._start(turn, person, _FLOWS[said], received.channel, urn_key, now)
            return
        match said:
            case Command.HELP:
                turn.said.append(Say(phrases.help))
                if Role.COORDINATOR in person.contact.roles:
                    turn.said.append(Say(phrases.desk_help))
            case Command.LANGUAGE:
                names = ", ".join(self.library.languages[tag].name for tag in self.library.spoken)
                turn.said.append(Say(phrases.languages, {"names": names}))
            case Command.PERSON:
                turn.said.append(Say(phrases.person))
                self._hand_over(turn, person, AlertKind.PERSON, now)
            case Command.START if Purpose.NEWSLETTER not in person.contact.consents and talk is None:
                self._start(turn, person, JOINING_FLOW, received.channel, urn_key, now)
            case Command.START | Command.ME:
                turn.said.append(Say(phrases.hello))
            case Command.CARER:
                self._tell_of_carers(turn, person, circle)
                if not circle.charges.get(person.contact.id):
                    self._start(turn, person, "carer", received.channel, urn_key, now)
            case Command.UNLINK:
                self._unlink(turn, person, circle)
            case Command.LINK:
                code = self._new_code(turn, CodeKind.JOIN, person, {}, now)
                turn.said.append(Say(phrases.link_code, {"code": code}))
            case Command.MY_DATA | Command.DELETE_LAST | Command.NEWS:
                turn.errands.append(Errand(said.value))
            case Command.EVENTS:
                self._follow(turn, person, wishes.what_is_open(turn, person), received.channel, urn_key, now)
            case Command.BOOKINGS:
                wishes.say_bookings(turn, person, phrases, self.zone)
            case Command.HERE:
                turn.errands.append(Errand("outside"))
            case Command.OUT:
                if (giving_up := wishes.giving_up(turn, person)) is not None:
                    self._follow(turn, person, giving_up, received.channel, urn_key, now)
                else:
                    turn.said.append(Say(phrases.bookings_none))
            case _:
                raise AssertionError(f"nothing follows from {said!r}")

    def _tell_of_carers(self, turn: Turn, person: Person, circle: Circle) -> None:
        """Who may do what for them, or for whom they may answer."""
        phrases = self._phrases(turn)
        for charge in circle.charges.get(person.contact.id, ()):
            if charge.agreed and charge.scope is Scope.ANSWER:
                turn.said.append(Say(phrases.carer_how_to_answer, {"nickname": charge.nickname}))
        for carer in circle.carers.get(person.contact.id, ()):
            turn.said.append(Say(phrases.carer_now, {"scope": scope_words(phrases, carer.scope)}))

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

    def _start(
        self,
        turn: Turn,
        person: Person,
        id: str,
        channel: str,
        urn_key: int,
        now: Moment,
        answers: Mapping[str, Answer] | None = None,
        about: tuple[int, ...] = (),
    ) -> None:
        """Start a flow; somebody who is in it already is asked on instead. `answers` are known without asking,
        `about` are the events it is about.
        """
        flow = self.library.flow(id, turn.language)
        if flow is None:
            return
        flow = self.about(turn, flow, person.contact.id, about, answers or {})
        talk = person.talk
        again = id not in DESK_FLOWS and not (about or answers) and turn.message_class is MessageClass.REPLY
        if talk is not None and talk.session.flow == id and again:
            self._step(turn, person, talk, Steered(Command.AGAIN), now)
            return
        kinds = _BEGUN_BY_WORD if turn.message_class is MessageClass.REPLY else _BEGUN_BY_WORD[:1]
        replaced = talk is not None and any(id in flows and talk.session.flow in flows for flows in kinds)
        if talk is not None and flow.resumes and person.suspended is None and not replaced:
            person.suspended, person.talk = talk, None
            person.contact = replace(person.contact, suspended_id=talk.id)
        elif talk is not None:
            self._end_quietly(turn, talk, Outcome.REPLACED)
            person.talk = None
        at = now.ms
        session = Session(id, flow.version, about=about)
        begun = Talk(self.ids(), person.contact.id, session, channel, urn_key, at, at, at, 0)
        known: dict[str, Answer] = {
            q.name: "yes"
            for q in flow.asked()
            if isinstance(q, YesNo) and q.consent is not None and q.consent in person.contact.consents
        }
        known.update(answers or {})
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
            if not turn.helper:  # the person goes on being asked on their own phone
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
                case Do(action):
                    self._do(turn, person, talk, action, now)
                case RaiseAlert(kind):
                    if kind in _HANDED_OVER:
                        self._hand_over(turn, person, kind, now)
                    else:
                        self._tell_team(turn, kind)
                case _:
                    turn.done.append((talk, effect))
        if talk.outcome is not None and person.talk is None:
            if (follows := turn.follows) is not None:
                turn.follows = None
                self._follow(turn, person, follows, talk.channel, talk.urn_key, now)
            elif person.suspended is not None:
                self._resume(turn, person, now)

    def _follow(self, turn: Turn, person: Person, next: Next, channel: str, urn_key: int, now: Moment) -> None:
        self._start(turn, person, next.flow, channel, urn_key, now, next.known, next.about)

    def _do(self, turn: Turn, person: Person, talk: Talk, action: Action, now: Moment) -> None:
        phrases = self._phrases(turn)
        answers = talk.session.answers
        match action:
            case Action.FORGET:
                if person.suspended is not None:  # there is nothing to go back to
                    self._end_quietly(turn, person.suspended, Outcome.STOPPED)
                    person.suspended = None
                    person.contact = replace(person.contact, suspended_id=None)
                turn.errands.append(Errand("erase"))
            case Action.CARER_CODE:
                scope = Scope(str(answers["scope"]))
                turn.carers = scope.value
                detail = {"scope": scope.value, "nickname": str(answers["nickname"])}
                code = self._new_code(turn, CodeKind.CARER, person, detail, now)
                turn.said.append(Say(phrases.carer_code, {"code": code}))
            case Action.END_CARERS:
                if Purpose.CARER in person.contact.consents:
                    self._end_carers(turn, person)
                    turn.errands.append(Errand("carers_ended"))
            case Action.SHARE_PHONE:
                turn.shares = str(answers["own"]), str(answers["other"])
                turn.said.append(Say(phrases.phone_shared, {"other": turn.shares[1]}))
            case Action.WRONG_PERSON:
                if person.suspended is not None:
                    self._end_quietly(turn, person.suspended, Outcome.STOPPED)
                person.contact = replace(person.contact, stopped_at=now.at, suspended_id=None)
                person.suspended = None
                turn.alerts.append(Alert(self.ids(), "wrong_person"))
                turn.errands.append(Errand("not_theirs"))
            case Action.CALL_ME:
                turn.said.append(Say(phrases.call_noted))
                self._tell_team(turn, AlertKind.CALL)
            case Action.STILL_ME:
                turn.errands.append(Errand("still_me"))
            case Action.DESK:
                turn.errands.append(Errand(DESK_ANSWER, talk.id))
            case Action.MAKE_EVENT:
                turn.errands.append(Errand("make_event", talk.id))
            case Action.MAKE_OPPORTUNITY:
                turn.errands.append(Errand("make_opportunity", talk.id))
            case Action.WORRIED:
                self._tell_team(turn, AlertKind.WORRIED)
            case _:
                wishes.act(turn, person, talk, action, phrases, self.zone, now)

    def _resume(self, turn: Turn, person: Person, now: Moment) -> None:
        """Back to where they were before the flow that has just ended."""
        talk, person.suspended = person.suspended, None
        person.contact = replace(person.contact, suspended_id=None)
        if talk is None:
            return
        if person.contact.stopped_at is not None:
            self._end_quietly(turn, talk, Outcome.STOPPED)
            return
        person.talk = talk
        person.contact = replace(person.contact, session_id=talk.id)
        if person.contact.handover_id is None or not talk.session.paused:  # it rests while they write with the team
            self._step(turn, person, talk, Steered(Command.AGAIN), now)

    def leave(self, turn: Turn, person: Person, talk: Talk, outcome: Outcome, now: Moment) -> None:
        """End the talk that somebody is in, and no other: they go back to what they were asked before it."""
        self._end_quietly(turn, talk, outcome)
        person.talk = None
        person.contact = replace(person.contact, session_id=None)
        if person.suspended is not None:
            self._resume(turn, person, now)
            self._knock(turn, person)

    def _leave(self, turn: Turn, person: Person, outcome: Outcome) -> None:
        """End the talks that somebody is in, from outside the engine."""
        for talk in (person.talk, person.suspended):
            if talk is not None:
                self._end_quietly(turn, talk, outcome)
        person.talk = person.suspended = None
        person.contact = replace(person.contact, session_id=None, suspended_id=None)

    def _end_quietly(self, turn: Turn, talk: Talk, outcome: Outcome) -> None:
        talk.session = replace(talk.session, sprint=talk.session.sprint + 1, waiting_at=None)
        talk.outcome = outcome
        turn.changed.append(talk)

    def _end(self, person: Person, talk: Talk, outcome: Outcome) -> None:
        talk.outcome = outcome
        if person.talk is talk:
            person.talk = None
            person.contact = replace(person.contact, session_id=None)


#: Scripts that only one of our languages is written in.
_SCRIPTS: dict[str, tuple[str, str]] = {"bn": ("\u0980", "\u09ff"), "ur": ("\u0600", "\u06ff")}
#: The languages of countries whose phones people bring with them (ITU-T E.164 country codes).
_COUNTRIES = {"+48": "pl", "+40": "ro", "+373": "ro", "+92": "ur", "+880": "bn"}


def guess_language(library: Library, received: Received) -> str | None:
    """The language that somebody new writes in, as far as their phone or their script tells."""
    hint = (received.language or "").lower()
    for tag in (hint, hint.partition("-")[0]):  # en-gb is en to us, en-simple a language of its own
        if tag in library.spoken:
            return tag
    for tag, (first, last) in _SCRIPTS.items():
        if tag in library.spoken and any(first <= c <= last for c in received.text):
            return tag
    return None


def language_to_offer(library: Library, received: Received) -> str | None:
    """A language that somebody new may like to be told of: a phone from abroad is a hint, and no more."""
    if received.urn.scheme != "tel":
        return None
    found = next((tag for code, tag in _COUNTRIES.items() if received.urn.path.startswith(code)), None)
    return found if found in library.spoken else None
