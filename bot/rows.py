"""What a turn becomes: rows, for the person and for those around them. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import assert_never

from bot.batch import Batch, Unsettled
from bot.carers import told
from bot.conversation import Conversation
from bot.outgoing import Outgoing
from bot.turn import Turn
from bot.voices import VOICE_MS
from domain.contact import Contact
from domain.quiet import QuietHours
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
from flows.labels import label
from flows.session import Session
from scheduler.plan import later
from store.changes import AlertRow, AnswerRow, Person, Phone, ProfileRow, Talk
from store.circle import Circle
from store.times import to_ms


class Rows:
    """`ids` gives a new id."""

    def __init__(
        self, conversation: Conversation, outgoing: Outgoing, quiet: QuietHours, ids: Callable[[], int]
    ) -> None:
        self._conversation = conversation
        self._library = conversation.library
        self._outgoing = outgoing
        self._quiet = quiet
        self._ids = ids

    def apply(
        self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str, circle: Circle
    ) -> None:
        """What the turn does; and says, where no wish for a place must be settled first."""
        changes = batch.changes
        for talk in turn.begun:
            changes.new_talks[talk.id] = talk
            if talk.outcome is None:
                talk.wakes_at = talk.deadline_at
                changes.fires[wait_key(talk)] = wait_fire(talk)
        for talk in turn.changed:
            changes.talks[talk.id] = talk
            if talk.outcome is None and talk.deadline_at < talk.wakes_at:
                talk.wakes_at = talk.deadline_at
                changes.fires[wait_key(talk)] = wait_fire(talk)
        for talk, effect in turn.done:
            self._do(batch, person, turn, talk, effect)
        if turn.wishes and batch.fact is not None:
            batch.unsettled.append(Unsettled(batch.fact, person, turn, channel, urn_key, key, circle))
        else:
            self.tell(batch, person, turn, channel, urn_key, key, circle)

    def tell(
        self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str, circle: Circle
    ) -> None:
        """What the turn says, to the person and to others, and what goes with it."""
        if turn.said:
            name = circle.sharers.get(urn_key, {}).get(person.contact.id, "")
            self._outgoing.message(batch, person, turn, channel, urn_key, key, name)
        if carers := circle.carers.get(person.contact.id):
            nickname = carers[0].nickname
            talk = person.talk.session if person.talk is not None else Session("", 0)
            as_asked = partial(
                self._conversation.about, turn, contact_id=person.contact.id, about=talk.about, facts=talk.answers
            )
            turn.relayed += told(self._library, person, turn, carers, nickname, as_asked)
        self._around(batch, person, turn, channel, urn_key, key)

    def _around(self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str) -> None:
        """What a turn brings beyond the person's own talk; most bring nothing of it."""
        changes, now, id = batch.changes, batch.moment.ms, person.contact.id
        for alert in turn.alerts:
            changes.alerts.append(AlertRow(alert.id, str(alert.kind), id, alert.detail, urn_key, channel))
        for errand in turn.errands:
            name = f"{errand.kind}/{errand.about or id}/{self._ids()}"
            due = (name, errand.kind, id, urn_key, channel, errand.about, errand.detail, now + errand.after_ms)
            changes.fires[name] = due
        for n, relay in enumerate(turn.relayed):
            self._outgoing.relay(batch, relay, f"{key[:70]}/r{n}", turn)
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
                self._outgoing.mark(batch, turn, talk, question, picked)
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


def wait_key(talk: Talk) -> str:
    return f"wait/{talk.id}"


def wait_fire(talk: Talk) -> tuple[str, str, int, int, str, int | None, str | None, int]:
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
