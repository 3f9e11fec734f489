"""What a broadcast says to whom: one text for each language and channel, in which only people's names differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from domain.broadcast import NICKNAME, SMS, Broadcast
from domain.event import Event
from domain.sms import prepare, segments
from flows.conditions import Answer
from flows.effects import Ask, Say
from flows.engine import step
from flows.inputs import Started
from flows.library import Library
from flows.newsletter import Issue
from flows.programme import with_events
from flows.render import Renderer
from flows.session import Session
from flows.texts import with_blanks
from store.broadcasts.recipients import Recipient

#: The flow that an invitation begins: its first message is the invitation, and the answer to it books.
BOOKING = "booking"
#: The flow that asks somebody who was silent for long whether it is still them; it says nothing of who we are.
STILL_YOU = "still_you"


class Words:
    """`numbers` fill the project's own blanks, such as {phone}."""

    def __init__(
        self,
        broadcast: Broadcast,
        event: Event | None,
        library: Library,
        renderer: Renderer,
        numbers: Mapping[str, str],
        zone: ZoneInfo,
        issue: Issue | None = None,
    ) -> None:
        self._broadcast = broadcast
        self._event = event
        self._library = library
        self._renderer = renderer
        self._numbers = numbers
        self._zone = zone
        self._issue = issue
        self._spoken: dict[str | None, str | None] = {}
        self._texts: dict[tuple[str, str, bool, bool, tuple[int, ...]], tuple[str, int]] = {}
        self._asking: dict[tuple[str, bool], int] = {}
        self.named = any(f"{{{NICKNAME}}}" in one.text for one in broadcast.texts.values())

    def language(self, chosen: str | None) -> str | None:
        """The language that somebody is written to in who chose that one: their own where there is a reviewed text,
        else the one in which we write to them anyway. None: there is no reviewed text in that one either.
        """
        ours = self._library.language(chosen)
        if self._event is not None:
            return ours
        if chosen not in self._spoken:
            self._spoken[chosen] = next((tag for tag in (chosen, ours) if tag is not None and self._speaks(tag)), None)
        return self._spoken[chosen]

    def _speaks(self, language: str) -> bool:
        if self._issue is not None:
            return self._issue.speaks(language)
        return self._broadcast.text(language) is not None

    def of(self, to: Recipient) -> tuple[str, int]:
        """The text as it goes out, and the SMS segments that are paid for; 0 on another channel."""
        variant = (to.language, to.channel, to.asks, to.silent, to.had)
        known = self._texts.get(variant)
        if known is None:
            known = self._texts[variant] = self._counted(self._worded(to), to.channel)
        if not (self.named or to.name):
            return known
        text = known[0]
        if self.named:
            text = with_blanks(text, {NICKNAME: to.nickname})
        if to.name:
            text = f"{to.name}: {text}"
        if to.channel == SMS and self._event is None:
            text = prepare(text)
        return self._counted(text, to.channel)

    def asking(self, to: Recipient) -> int:
        """The segments of the question that comes before it, for who may be somebody else by now; else 0."""
        if not to.astray or to.channel != SMS:
            return 0
        variant = (to.language, to.silent)
        if variant not in self._asking:
            text = self._begun(STILL_YOU, to, [], {}, Session(STILL_YOU, 1))
            self._asking[variant] = segments(text).count
        return self._asking[variant]

    def _counted(self, text: str, channel: str) -> tuple[str, int]:
        return text, segments(text).count if channel == SMS else 0

    def _worded(self, to: Recipient) -> str:
        if self._event is not None:
            return self._invitation(self._event, to)
        if self._issue is not None:
            short, phrases = to.channel == SMS, self._library.phrases[to.language]
            text = self._issue.message(to.language, phrases, short=short, had=to.had)
            return prepare(text) if short else text
        text = with_blanks(self._broadcast.text(to.language) or "", self._numbers)
        return prepare(text) if to.channel == SMS and not self.named else text

    def _invitation(self, event: Event, to: Recipient) -> str:
        """What the booking begins with; `bot.events.fires` begins it."""
        facts: dict[str, Answer] = {"criteria": "yes" if to.asks else "no", "needs": "new"}
        return self._begun(BOOKING, to, [event], facts, Session(BOOKING, 1, about=(event.id,)))

    def _begun(
        self, flow: str, to: Recipient, about: Sequence[Event], facts: Mapping[str, Answer], begun: Session
    ) -> str:
        """The first message of that flow; where others may see the phone, only that something waits."""
        phrases, sms = self._library.phrases[to.language], to.channel == SMS
        said: list[Say | Ask] = [Say(phrases.knock)]
        told = self._library.flow(flow, to.language)
        if told is not None and not to.silent:
            asked = with_events(told, about, facts, self._zone) if about else told
            effects = step(asked, begun, Started(facts)).effects
            said = [one for one in effects if isinstance(one, Say | Ask)]
        return self._renderer.message(said, phrases, to.language, buttons=not sms, sms=sms).text
