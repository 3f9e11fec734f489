"""The items of a newsletter in words: for a text message, for Telegram, for a page and for paper. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from babel.dates import format_date

from domain.event import Event
from domain.newsletter import Item, ItemWords, first_day
from domain.sms import prepare, segments
from domain.value import value
from flows.library import SOURCE_LANGUAGE
from flows.phrases import Phrases
from flows.programme import place, when
from flows.render import cldr
from flows.texts import with_blanks


@value
class Shown:
    """An item in one language, as people see it. `said` is empty where it answers nobody's words."""

    title: str
    said: str
    text: str
    more: str = ""
    when: str = ""
    place: str = ""
    link: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Items that go together. `theirs`: it is for those who said what the items answer. `page` is the address of their
    page without the language; empty where we have none. `events` are those that items are about, by number;
    `numbers` fill the project's blanks. `quotes` are words that may be quoted now, with their language, by item.
    `earlier` are the items of each broadcast that had some of these, by the ids.
    """

    month: str
    items: tuple[Item, ...]
    zone: ZoneInfo
    numbers: Mapping[str, str]
    events: Mapping[int, Event]
    page: str = ""
    theirs: bool = False
    quotes: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    earlier: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def speaks(self, language: str) -> bool:
        """Whether every item has reviewed words for who reads that language."""
        return bool(self.items) and all(one.in_language(language) is not None for one in self.items)

    def shown(self, item: Item, language: str) -> Shown:
        """In that language, or in English where nobody has reviewed words in it."""
        words = item.in_language(language) or item.in_language(SOURCE_LANGUAGE) or ItemWords(title="", text="")
        event = self.events.get(item.event or 0)
        words_of, spoken = self.quotes.get(item.id, ("", ""))
        return Shown(
            self._filled(words.title),
            self._filled(words.said),
            self._filled(words.text),
            self._filled(words.more),
            "" if event is None else when(event, language, self.zone),
            "" if event is None else place(event.venue),
            item.link,
            words_of if _base(spoken) == _base(language) else "",
        )

    def message(
        self,
        language: str,
        phrases: Phrases,
        *,
        short: bool,
        had: Collection[int] = (),
        mine: Collection[int] = (),
    ) -> str:
        """All items but those they `had`, by their ids, as one message; `mine` are those whose answer was their own.
        `short`: without what is only read where there is room.
        """
        parts = [phrases.news_first if self.theirs else self.head(language, phrases)]
        for item in self.items:
            if item.id not in had:
                own = self.theirs or item.id in mine
                parts.append(_in_message(self.shown(item, language), phrases, short=short, mine=own))
        tail = [phrases.news_tail]
        if self.page:
            tail.insert(0, with_blanks(phrases.news_page, {"link": self.address(language)}))
        return "\n\n".join([*parts, "\n".join(tail)])

    def head(self, language: str, phrases: Phrases) -> str:
        return with_blanks(phrases.news_head, {"month": month_in(self.month, language)})

    def address(self, language: str) -> str:
        """Of its page in that language."""
        return f"{self.page}-{language}"

    def _filled(self, text: str) -> str:
        return with_blanks(text, self.numbers)


def month_in(month: str, language: str) -> str:
    """ "December 2026"."""
    return str(format_date(first_day(month), "LLLL y", locale=cldr(language)))


def sms_segments(issue: Issue, item: Item, language: str, phrases: Phrases) -> int:
    """What the item alone takes of a text message, whichever way it is told."""
    shown = issue.shown(item, language)
    told = [_in_message(shown, phrases, short=True, mine=mine) for mine in (False, True)]
    return max(segments(prepare(one)).count for one in told)


def _in_message(shown: Shown, phrases: Phrases, *, short: bool, mine: bool) -> str:
    lines = [shown.title]
    if shown.said:
        answer = phrases.news_yours if mine else phrases.news_others
        lines.append(with_blanks(answer, {"said": shown.said, "text": shown.text}))
    else:
        lines.append(shown.text)
    if shown.more and not short:
        lines.append(shown.more)
    if shown.when:
        lines.append(with_blanks(phrases.news_event, {"when": shown.when, "place": shown.place}))
    if shown.link:
        lines.append(with_blanks(phrases.news_link, {"link": shown.link}))
    return "\n".join(lines)


def _base(language: str) -> str:
    return language.partition("-")[0]
