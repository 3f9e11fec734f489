"""Words as rows of the outbox: as the channel shows them, at what hour, and until when they are worth sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.batch import Batch
from bot.conversation import Conversation
from bot.turn import Relay, Turn
from domain.hours import PreferredHours, in_hours
from domain.message import MessageClass
from domain.quiet import QuietHours
from flows.effects import Ask
from flows.model import Question, SelectMultiple
from flows.render import Renderer, marked
from store.changes import Person, Queued, Talk
from store.times import to_ms

#: How long a message is worth sending, by its class: a late reminder is worse than none.
WORTH_SENDING = {
    MessageClass.CRISIS: timedelta(hours=24),
    MessageClass.REPLY: timedelta(hours=24),
    MessageClass.REMINDER: timedelta(hours=24),
    MessageClass.INVITATION: timedelta(days=3),
    MessageClass.NEWSLETTER: timedelta(days=7),
}
_WORTH_SENDING_MS = {kind: int(time.total_seconds() * 1000) for kind, time in WORTH_SENDING.items()}


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """What the dispatcher must know of a channel to word a message for it."""

    buttons: bool
    sms: bool
    files: bool = False


class Outgoing:
    """`ids` gives a new id."""

    def __init__(
        self,
        conversation: Conversation,
        renderer: Renderer,
        channels: Mapping[str, ChannelKind],
        quiet: QuietHours,
        ids: Callable[[], int],
    ) -> None:
        self._conversation = conversation
        self._library = conversation.library
        self._renderer = renderer
        self._channels = channels
        self._quiet = quiet
        self._ids = ids

    def message(
        self, batch: Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str, name: str = ""
    ) -> None:
        """What a turn says to the person. `name`: who of those who share the phone it is for."""
        kind = self._channels[channel]
        rendered = self._renderer.message(
            turn.said, self._library.phrases[turn.language], turn.language, buttons=kind.buttons, sms=kind.sms
        )
        asked: Question | None = None
        for one in turn.said:
            if isinstance(one, Ask):
                asked = one.question
        token = ""
        if rendered.buttons and person.talk is not None and asked is not None:
            token = self._conversation.button(person.talk.id, asked.name)
        send_after = batch.moment.ms
        if turn.message_class.waits_for_morning:
            send_after = to_ms(self._when(batch.moment.at, person.contact.hours, turn))
        expires_at = send_after + _WORTH_SENDING_MS[turn.message_class]
        if turn.worth_until is not None:
            expires_at = min(expires_at, turn.worth_until)
        text = f"{name}: {rendered.text}" if name else rendered.text
        id = self._ids()
        if person.talk is not None and asked is not None:
            person.talk.asked = id
        batch.changes.outbox.append(
            Queued(
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
        )

    def relay(self, batch: Batch, relay: Relay, key: str, turn: Turn | None = None) -> None:
        """Words for somebody else, as a row of its own. Buttons would answer for that somebody: there are none.
        It is worth sending for as long as the turn that it follows from. Who said STOP in this very batch gets none.
        """
        changed = batch.changes.people.get(relay.to.contact_id)
        if changed is not None and changed.contact.stopped_at is not None:
            return
        worth_until = turn.worth_until if turn is not None else None
        rendered = self._renderer.message(
            relay.said,
            self._library.phrases[self._library.language(relay.language)],
            relay.language,
            buttons=False,
            sms=self._channels[relay.to.channel].sms,
        )
        send_after = batch.moment.ms
        if relay.message_class.waits_for_morning:
            send_after = to_ms(self._when(batch.moment.at, relay.to.hours, turn))
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

    def mark(self, batch: Batch, turn: Turn, talk: Talk, question: SelectMultiple, picked: Sequence[str]) -> None:
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

    def _when(self, at: datetime, hours: str, turn: Turn | None) -> datetime:
        """The first moment that is quiet neither for the project nor for somebody with these hours. What is soon worth
        nothing more, such as a reminder of an event, goes out on holidays too.
        """
        passing = turn is not None and turn.worth_until is not None
        quiet = self._quiet.on_any_day if passing else self._quiet
        return in_hours(at, quiet, PreferredHours.parse(hours)) if hours else quiet.after(at)
