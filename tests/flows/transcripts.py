"""Conversations as text files: the lines of the person go in, the lines of the engine come out.

The first line is `# wellbeing in en`; `by telegram` after it gives the questions buttons, and
`where needs=new` says what is known when the flow begins. Then

    > what was said, one message a sprint; its other lines are indented
    < what the person typed, or `[Yes]` for a button, `[7] of content` for one of an earlier question,
      `(silence)` for a wait that lasted its time, `(3 days later)` for the time before the next line
    = what was saved, picked, withdrawn, agreed to or put in the diary
    ~ how long the wait for a reply may last
    # how it ended, or that nothing followed

Only the first line and the `<` lines are input; `replay` writes all the others. Between two of them
the session goes through its stored form, so that whatever a conversation needs must be in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

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
from flows.engine import asked, step
from flows.inputs import STEERING, Chose, Input, Replied, Started, Steered, WaitTimedOut
from flows.localized import LocalFlow
from flows.model import Period
from flows.render import Buttons, Renderer
from flows.replies import command, is_on_offer
from flows.session import Session
from store.sessions import restored, stored
from tests.flows.shipped import TODAY, facts_of, library, local

_HEADER = re.compile(r"# (\w+) in ([a-z-]+)(?: by (sms|telegram))?(?: where ((?:\w+=\w+ ?)+))?")
_LATER = re.compile(r"\((\d+) (hour|day|week)s? later\)")
_BUTTON = re.compile(r"\[(.+)\](?: of (\w+))?")


class NotATranscript(Exception):
    """The file cannot be played: its first line or one of its `<` lines says nothing that can happen."""


def replay(text: str) -> str:
    """The transcript as it is today. Raises NotATranscript."""
    first, *rest = text.splitlines() or [""]
    if (header := _HEADER.fullmatch(first)) is None:
        raise NotATranscript(f"{first!r}: expected '# wellbeing in en', or that and 'by telegram'")
    if (header[1], header[2]) not in library().localized:
        raise NotATranscript(f"{first!r}: there is no such flow, or no such language")
    facts = dict(one.split("=") for one in (header[4] or "").split())
    talk = _Conversation(local(header[1], header[2], facts), facts, buttons=header[3] == "telegram")
    lines = [first, *talk.begin()]
    for line in rest:
        if line.startswith("< "):
            lines += [line, *talk.hear(line[2:])]
    return "\n".join(lines) + "\n"


def kept(session: Session) -> Session:
    """The session as it comes back from the store."""
    return restored(session.flow, session.version, session.sprint, stored(session))[0]


@dataclass
class _Conversation:
    """One person, and a bot of nothing but the engine and the renderer."""

    flow: LocalFlow
    facts: dict[str, str]
    buttons: bool
    session: Session = field(init=False)
    idle: timedelta = field(default=timedelta(), init=False)
    today: date = field(default=TODAY, init=False)
    shown: dict[str, Buttons] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.session = Session(self.flow.id, self.flow.version)
        self.renderer = Renderer([self.flow])

    def begin(self) -> Iterator[str]:
        return self._step(Started(facts_of(self.flow, self.facts)))

    def hear(self, typed: str) -> Iterator[str]:
        if later := _LATER.fullmatch(typed):
            self.idle += timedelta(**{f"{later[2]}s": int(later[1])})
            self.today += timedelta(days=self.idle.days)
            return iter(())
        given = self._input(typed)
        self.idle = timedelta()
        return self._step(given)

    def _input(self, typed: str) -> Input:
        if typed == "(silence)":
            return WaitTimedOut(self.session.sprint)
        if button := _BUTTON.fullmatch(typed):
            name = button[2] or self.session.waiting_at or ""
            for row in self.shown.get(name, ()):
                for label, option in row:
                    if label == button[1]:
                        return Chose(name, option, self.idle)
            raise NotATranscript(f"'< {typed}': no such button was shown")
        steering = command(typed, self.flow.words)
        if steering is None or self._answers(typed):
            return Replied(typed, self.today, self.idle)
        if steering not in STEERING:
            raise NotATranscript(f"'< {typed}': {steering} is heard by the bot, not by the engine")
        return Steered(steering, self.idle)

    def _answers(self, typed: str) -> bool:
        """As in `bot.conversation`: a steering word that is an answer on offer is the answer."""
        question = asked(self.flow, self.session)
        return question is not None and is_on_offer(question, typed, self.flow.words)

    def _step(self, given: Input) -> Iterator[str]:
        before = self.session
        sprint = step(self.flow, before, given)
        if sprint.effects:
            assert sprint.session.sprint == before.sprint + 1
        else:
            assert sprint.session is before
        self.session = kept(sprint.session)
        assert self.session == sprint.session, "something of the session is not stored"
        said = [effect for effect in sprint.effects if isinstance(effect, Say | Ask)]
        yield from (f"= {note}" for effect in sprint.effects if (note := _kept(effect)))
        if said:
            message = self.renderer.message(
                said, self.flow.phrases, self.flow.language, buttons=self.buttons, sms=not self.buttons
            )
            for asked in said:
                if isinstance(asked, Ask):
                    self.shown[asked.question.name] = message.buttons
            rows = [f"[{' | '.join(label for label, _ in row)}]" for row in message.buttons]
            yield "> " + "\n  ".join([*message.text.split("\n"), *rows])
        yield from (f"~ wait {_period(e.timeout)}" for e in sprint.effects if isinstance(e, StartWait))
        yield from (f"# {e.outcome}" for e in sprint.effects if isinstance(e, EndSession))
        if not sprint.effects:
            yield "# nothing follows"


def _kept(effect: Effect) -> str | None:
    match effect:
        case SaveAnswer(question, value):
            return f"{question}: {', '.join(value) if isinstance(value, tuple) else value}"
        case WithdrawAnswer(question):
            return f"withdrawn: {question}"
        case Mark(_, picked):
            return f"picked: {', '.join(picked) or 'nothing'}"
        case RecordConsent(purpose, given):
            return f"consent to {purpose}: {'yes' if given else 'no'}"
        case RepeatFlow(flow, every):
            return f"{flow} again in {_period(every)}"
        case Do(action):
            return f"to do: {action}"
        case RaiseAlert(kind):
            return f"alert: {kind}"
        case _:
            return None


def _period(period: Period) -> str:
    if period.months:
        return f"{period.months} months" if period.months > 1 else "1 month"
    return f"{period.hours // 24} days" if period.hours % 24 == 0 else f"{period.hours} hours"
