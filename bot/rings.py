"""What a fire of a batch becomes when it rings: a talk goes on, begins or ends. Nothing is read or written here."""

from __future__ import annotations

from bot.batch import Batch
from bot.conversation import Conversation
from bot.events.fires import KINDS as OF_EVENTS
from bot.events.fires import EventFires
from bot.rows import Rows, wait_fire, wait_key
from bot.turn import Moment
from store.changes import Due, Loaded, Person
from store.circle import Circle

_DAY_MS = 24 * 3_600_000
#: After so long without a word a number may have become somebody else's: UK networks give unused ones out again
#: after some months.
LONG_SILENCE_MS = 180 * _DAY_MS
STILL_YOU_FLOW, _STILL_YOU_DAYS = "still_you", 28


class Rings:
    def __init__(self, conversation: Conversation, event_fires: EventFires, rows: Rows) -> None:
        self._conversation = conversation
        self._event_fires = event_fires
        self._rows = rows

    def rang(self, batch: Batch, loaded: Loaded, circle: Circle, fire: Due) -> None:
        """What follows from the fire; it is struck out, or put off."""
        person = loaded.people.get(fire.contact_id)
        before = person.contact if person else None
        if person is None or (fire.kind == "flow" and fire.urn_key in loaded.blocked):  # erased, or blocked us
            batch.changes.done_fires.append((fire.id,))
            return
        if fire.kind in OF_EVENTS:
            self._for_event(batch, circle, person, fire, blocked=fire.urn_key in loaded.blocked)
        elif fire.kind == "flow":
            if not self._conversation.may_repeat(person, fire.flow or ""):
                batch.changes.done_fires.append((fire.id,))
                return
            if _busy(person, batch.moment):
                again = batch.moment.ms + _DAY_MS  # they are busy with another: not now
                batch.changes.fires[fire.key] = (
                    fire.key,
                    "flow",
                    fire.contact_id,
                    fire.urn_key,
                    fire.channel,
                    fire.session_id,
                    fire.flow,
                    again,
                )
                return
            if self._asks_who(batch, loaded, circle, person, fire):
                return
            batch.changes.done_fires.append((fire.id,))
            turn = self._conversation.begin(person, fire.flow or "", fire.channel, fire.urn_key, batch.moment)
            self._rows.apply(batch, person, turn, fire.channel, fire.urn_key, f"fire/{fire.id}", circle)
        else:
            talk = person.talk
            if person.suspended is not None and person.suspended.id == fire.session_id:  # they come back to it
                person.suspended.wakes_at = batch.moment.ms + _DAY_MS
                batch.changes.talks[person.suspended.id] = person.suspended
                batch.changes.fires[wait_key(person.suspended)] = wait_fire(person.suspended)
                return
            if talk is None or talk.id != fire.session_id:
                batch.changes.done_fires.append((fire.id,))
                return
            turn = self._conversation.wake(person, talk, batch.moment, batch.programme)
            if talk.urn_key in loaded.blocked:  # nothing is said, but their place in it ends in its time
                turn.said.clear()
            self._rows.apply(
                batch, person, turn, talk.channel, talk.urn_key, f"fire/{fire.id}/{talk.session.sprint}", circle
            )
            if talk.outcome is not None:
                batch.changes.done_fires.append((fire.id,))
            else:  # the same fire, for the present deadline
                talk.wakes_at = talk.deadline_at
                batch.changes.talks[talk.id] = talk
                batch.changes.fires[wait_key(talk)] = wait_fire(talk)
        if person.contact is not before:
            batch.changes.people[person.contact.id] = person

    def _for_event(self, batch: Batch, circle: Circle, person: Person, fire: Due, *, blocked: bool) -> None:
        batch.changes.done_fires.append((fire.id,))
        carers = circle.carers.get(person.contact.id, [])
        turn = self._event_fires.rang(batch.changes, batch.programme, carers, person, fire, batch.moment)
        if turn is None:
            return
        if blocked:
            turn.said.clear()
        self._rows.apply(batch, person, turn, fire.channel, fire.urn_key, f"fire/{fire.id}", circle)

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
        if not waited and not _asked_who(person):  # the same fire may be brought twice, by two replicas too
            turn = self._conversation.begin(person, STILL_YOU_FLOW, fire.channel, fire.urn_key, batch.moment)
            self._rows.apply(batch, person, turn, fire.channel, fire.urn_key, f"still/{fire.id}", circle)
            batch.changes.people[person.contact.id] = person
        due = batch.moment.ms + _DAY_MS
        row = (fire.key, "flow", fire.contact_id, fire.urn_key, fire.channel, waited + 1, fire.flow, due)
        batch.changes.fires[fire.key] = row
        return True


def _asked_who(person: Person) -> bool:
    return person.talk is not None and person.talk.session.flow == STILL_YOU_FLOW


def _busy(person: Person, now: Moment) -> bool:
    """Whether they are in another talk just now, in which nothing else should begin unasked."""
    talk = person.talk
    return talk is not None and now.ms - talk.heard_at < _DAY_MS and not _asked_who(person)
