"""One message to many people: what it says, to whom, when, at what price, and what keeps it from being sent. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from domain.event import Event
from domain.hours import PreferredHours, in_hours
from domain.message import MessageClass
from domain.quiet import QuietHours
from domain.segment import Segment

#: The channel whose messages are paid for by the segment.
SMS = "sms"
#: Filled for each person with what they want to be called.
NICKNAME = "nickname"
#: Providers take no longer text (Twilio 1600, Telegram 4096 letters).
LONGEST = 1600
_LONGEST_ON = {SMS: LONGEST}
_LONGEST_ELSEWHERE = 4096
_DAYS = 60


class BroadcastState(StrEnum):
    """A draft can be changed; once approved it may be sent. The last two are final."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENDING = "sending"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


class LeftOut(StrEnum):
    """Why somebody of the segment gets nothing."""

    STOPPED = "stopped"
    NO_CONSENT = "no consent"
    NO_ADDRESS = "no address"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    DISCREET = "discreet"
    NO_TEXT = "no text"
    HAS_PLACE = "has a place"
    NOT_FOR_THEM = "not for them"
    HAD_ALL = "had all of it"


LEFT_OUT = {
    LeftOut.STOPPED: "told us to stop",
    LeftOut.NO_CONSENT: "have not agreed to such messages",
    LeftOut.NO_ADDRESS: "have no address that we know",
    LeftOut.BLOCKED: "blocked us",
    LeftOut.UNREACHABLE: "have a number that takes no texts: call them",
    LeftOut.DISCREET: "share what their phone shows, and get nothing unasked: call them",
    LeftOut.NO_TEXT: "read a language without a reviewed text",
    LeftOut.HAS_PLACE: "have a place already, or wait for one",
    LeftOut.NOT_FOR_THEM: "cannot come to this event: another district, or a first part that they lack",
    LeftOut.HAD_ALL: "have had every item of it already",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """A text in one language. `reviewed_by` is a speaker who has read it; a text that nobody has read is not sent."""

    text: str
    reviewed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """`number` is what the team calls it. It says its `texts`, or it invites to the event of that number: then the
    first message is that of the booking itself, and the answer to it books. Or it says these `items` of the
    newsletter of that `month`, by their ids; `theirs`: to those alone who said what they answer; `token` names its
    page on the web. `send_at`: not before; None: at once. It is spread over `days`, equally many people a day.
    `without` are languages whose readers are left out although there is no text for them.
    """

    id: int
    number: int
    name: str
    segment: Segment
    texts: Mapping[str, Wording] = field(default_factory=dict)
    event: int | None = None
    message_class: MessageClass = MessageClass.INVITATION
    send_at: datetime | None = None
    days: int = 1
    without: frozenset[str] = frozenset()
    state: BroadcastState = BroadcastState.DRAFT
    month: str = ""
    items: tuple[int, ...] = ()
    theirs: bool = False
    token: str = ""

    def text(self, language: str) -> str | None:
        """The reviewed text for who reads that language, or the one of which it is a variant (en-simple: en)."""
        for tag in (language, language.partition("-")[0]):
            if (wording := self.texts.get(tag)) is not None and wording.reviewed_by:
                return wording.text
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What sending costs and takes: the price of an SMS segment in pence, and how much each channel sends in a second
    (SMS segments, or messages). `cap` is what a month may cost, in pence; None: no limit. `two_people`: a second
    person must approve.
    """

    pence: float
    a_second: Mapping[str, float]
    cap: int | None = None
    two_people: bool = False

    def price(self, segments: int) -> int:
        """In pence, a part of one counted whole."""
        return math.ceil(round(segments * self.pence, 6))


def pounds(pence: int) -> str:
    return f"£{pence / 100:,.2f}"


@dataclass(slots=True)
class Tally:
    """People of one language on one channel: how many, the SMS segments they take, and what the first of them sees."""

    people: int = 0
    segments: int = 0
    shown: str = ""


@dataclass(slots=True)
class Preview:
    """`tallies` by language and channel; `silent` are those of them who get no more than a word that something waits,
    since others may see their phone. `unread` counts the readers of languages without a reviewed text. `longest` is
    the length in letters of the longest message, by channel. `first`: of a newsletter's items, by their numbers, how
    many people said what it answers and have not heard of it.
    """

    meant: int = 0
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    longest: dict[str, int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)

    @property
    def people(self) -> int:
        return sum(tally.people for tally in self.tallies.values())

    @property
    def segments(self) -> int:
        return sum(tally.segments for tally in self.tallies.values())

    def units(self, channel: str) -> int:
        """What the channel counts by: segments on SMS, messages on any other."""
        there = [tally for (_, on), tally in self.tallies.items() if on == channel]
        return sum(tally.segments if channel == SMS else tally.people for tally in there)


class BroadcastRefused(Exception):
    """It cannot be sent, or changed, so. `faults` has a sentence each, with what to do."""

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


def faults_in(broadcast: Broadcast, languages: Iterable[str], blanks: Iterable[str]) -> Iterator[str]:
    """What is wrong with a broadcast as it is written. `languages` are those we ship, `blanks` what fills itself."""
    if not broadcast.name.strip():
        yield "the name is missing: say in a few words what it is"
    if [bool(broadcast.texts), broadcast.event is not None, bool(broadcast.items)].count(True) != 1:
        yield "give either a text or the number of an event"
    if not 1 <= broadcast.days <= _DAYS:
        yield f"days: give a number from 1 to {_DAYS}"
    known, filled = frozenset(languages), frozenset(blanks) | {NICKNAME}
    for language, wording in broadcast.texts.items():
        if language not in known:
            yield f"text {language}: this is no language of ours; there are {', '.join(sorted(known))}"
        if not wording.text.strip():
            yield f"text {language}: it is empty; write it, or take it out"
        if len(wording.text) > LONGEST:
            yield f"text {language}: it has {len(wording.text)} letters, and a message holds {LONGEST}; shorten it"
        if not any(f"{{{NICKNAME}}}" not in line and line.strip() for line in wording.text.split("\n")):
            yield f"text {language}: every line names {{{NICKNAME}}}, and such a line is left out for who has none"
        for blank in unfilled(wording.text, filled):
            yield f"text {language}: {blank} is not filled; write what belongs there"


_BLANK = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|<[^<>\n]*>|_{3,}|\bX{3,}\b|\bTB[AC]\b|[{}]")


def unfilled(text: str, filled: frozenset[str]) -> list[str]:
    """What looks like a place that somebody still has to fill: `{date}`, `[time]`, `___`."""
    return [found for found in _BLANK.findall(text) if found.strip("{}") not in filled or found in "{}"]


def what_stops(
    broadcast: Broadcast,
    ahead: Preview,
    terms: Terms,
    spent: int,
    quiet: QuietHours,
    now: datetime,
    lacking: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> Iterator[str]:
    """Each reason not to send the first message, with what to do. `spent`: segments this month, sent or promised.
    `lacking` are the numbers of the newsletter's items that have no reviewed text, by language.
    """
    if not ahead.people:
        why = "; ".join(f"{n} {LEFT_OUT[reason]}" for reason, n in ahead.left_out.most_common())
        whom = f"all {ahead.meant} are left out ({why})" if ahead.meant else "the segment means nobody"
        yield f"Nobody would get it: {whom}. Choose other people."
    for language, n in sorted(ahead.unread.items()):
        if language not in broadcast.without:
            there = "its text has not been reviewed" if language in broadcast.texts else "there is no text for them"
            if numbers := lacking.get(language):
                there += f" in item{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
            yield (
                f"{_people(n)} read {language}, and {there}: add one that a speaker has read, or say that readers of"
                f" {language} are left out."
            )
    for channel, letters in sorted(ahead.longest.items()):
        if letters > (most := _LONGEST_ON.get(channel, _LONGEST_ELSEWHERE)):
            yield (
                f"By {channel} it has {letters} letters, and a message holds {most}: shorten it, or move an item to"
                " another month."
            )
    cost, before = terms.price(ahead.segments), terms.price(spent)
    if terms.cap is not None and before + cost > terms.cap:
        yield (
            f"It would cost {pounds(cost)}, and {pounds(max(0, terms.cap - before))} of this month's"
            f" {pounds(terms.cap)} are left: choose fewer people, shorten the text, or raise MIME_MONTHLY_CAP_PENCE."
        )
    yield from _too_long(broadcast, ahead, terms, quiet, now)


def _too_long(broadcast: Broadcast, ahead: Preview, terms: Terms, quiet: QuietHours, now: datetime) -> Iterator[str]:
    for channel in sorted({on for _, on in ahead.tallies}):
        whole = ahead.units(channel) / terms.a_second[channel]
        for begins in starts(broadcast.send_at, broadcast.days, quiet, now):
            night = quiet.next_start(begins)
            takes = timedelta(seconds=whole / broadcast.days)
            if night is None or begins + takes <= night:
                continue
            first, end = (moment.astimezone(quiet.zone) for moment in (begins, begins + takes))
            days = math.ceil(timedelta(seconds=whole) / (night - begins))
            yield (
                f"By {channel} it takes {_span(takes)} a day; begun at {first:%H:%M} it would end at"
                f" {end:%H:%M on %d %B}, and quiet hours begin at {night.astimezone(quiet.zone):%H:%M}. Begin earlier"
                + (f", or spread it over {days} days." if broadcast.days < days <= _DAYS else ".")
            )
            break


def _span(takes: timedelta) -> str:
    minutes = math.ceil(takes / timedelta(minutes=1))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _people(n: int) -> str:
    return "1 person" if n == 1 else f"{n} people"


def starts(send_at: datetime | None, days: int, quiet: QuietHours, now: datetime) -> list[datetime]:
    """When it begins on each of its days, in UTC: at the same time by the clock, never in quiet hours."""
    first = quiet.after(max(send_at or now, now)).astimezone(quiet.zone)
    return [quiet.after((first + timedelta(days=n)).astimezone(UTC)) for n in range(days)]


def suits_event(event: Event, district: str) -> bool:
    """Whether somebody of that district can be meant by all of the event's criteria; nothing known: perhaps."""
    return not district or all(district in one.districts for one in event.criteria if one.districts)


@dataclass(slots=True)
class Course:
    """When each of many is written to, one after the other, at the pace of their channel and outside quiet hours.

    `clocks` says for each channel when its next message may go (ms since 1970). It is kept with the broadcast, so
    that another process goes on where this one ended.
    """

    quiet: QuietHours
    a_second: Mapping[str, float]
    clocks: dict[str, float] = field(default_factory=dict)
    _awake: tuple[float, float] = (0, 0)

    def next(self, channel: str, units: int, not_before: int, hours: str) -> int:
        """When (ms since 1970) a message of so many units goes to somebody with these hours."""
        at = max(self.clocks.get(channel, 0), not_before)
        if not self._awake[0] <= at < self._awake[1]:
            at = self._awake_from(at)
        self.clocks[channel] = at + 1000 * units / self.a_second[channel]
        if not hours:
            return int(at)
        suits = in_hours(datetime.fromtimestamp(at / 1000, UTC), self.quiet, PreferredHours.parse(hours))
        return int(suits.timestamp() * 1000)

    def _awake_from(self, at: float) -> float:
        """The moment itself or the end of the quiet hours that it falls into; it is noted how long nothing is quiet."""
        begins = self.quiet.after(datetime.fromtimestamp(at / 1000, UTC))
        night = self.quiet.next_start(begins)
        since = max(at, begins.timestamp() * 1000)
        self._awake = since, math.inf if night is None else night.timestamp() * 1000
        return since
