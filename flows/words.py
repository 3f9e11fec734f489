"""The words people answer and steer with, in all languages at once, as one of their readers hears them.

Each language brings a `words.yaml`; `lexicon()` joins them for the readers of one language. A word
that means one thing in one's own language and another elsewhere means what it means at home.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from domain.contact import Purpose
from flows.fold import fold
from flows.inputs import Command

_STRICT = ConfigDict(extra="forbid")
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWords:
    """How people ask us to stop: at least one of `verbs`, and nothing but these words and small talk."""

    __pydantic_config__ = _STRICT
    alone: Words
    verbs: Words
    others: Words = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HourWords:
    """How people name the times that suit them. `days` may add to CLDR's names, Monday first."""

    __pydantic_config__ = _STRICT
    after: Words
    before: Words
    to: Words
    except_: Words = ()
    morning: Words
    afternoon: Words
    evening: Words
    weekdays: Words
    weekend: Words
    noon: Words
    any: Words
    am: Words = ()
    pm: Words = ()
    days: Annotated[tuple[Words, ...], Field(min_length=7, max_length=7)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageWords:
    """One language's `words.yaml`. All of it is folded before it is compared.

    `ambiguous` are words of this language that look like another's yes, no or number and mean
    something else here, such as Polish "no" and "ten". `not_` are the words that turn a sentence
    round; `hedges` those that make a yes unsure, and no consent. `numbers` are the words for 0, 1,
    2 ... 20 in order (several for one number, parted by "/"), then the tens. `topics` are the words for what
    somebody may leave without leaving all.
    """

    __pydantic_config__ = _STRICT
    language: str
    names: Annotated[Words, Field(min_length=1)]
    yes: Annotated[Words, Field(min_length=1)]
    no: Annotated[Words, Field(min_length=1)]
    ambiguous: Words = ()
    not_: Words
    and_: Words
    out_of: Words = ()
    small_talk: Words
    hedges: Words = ()
    greetings: Words
    numbers: Annotated[Words, Field(min_length=21, max_length=21)]
    tens: Annotated[Words, Field(min_length=8, max_length=8)]
    today: Words
    yesterday: Words
    tomorrow: Words
    option: Words
    months: Annotated[tuple[Words, ...], Field(min_length=12, max_length=12)] | None = None
    stop: StopWords
    topics: Mapping[Purpose, Words] = field(default_factory=dict)
    hours: HourWords | None = None
    commands: Mapping[Command, Words]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What words mean to one language's readers. All keys are folded."""

    language: str
    yes_no: Mapping[str, Literal["yes", "no"]]
    commands: Mapping[str, Command]
    numbers: Mapping[str, int]
    languages: dict[str, str]
    not_: frozenset[str]
    and_: frozenset[str]
    out_of: frozenset[str]
    small_talk: frozenset[str]
    hedges: frozenset[str]
    greetings: frozenset[str]
    option: frozenset[str]
    days: Mapping[str, int]
    months: Mapping[str, int]
    stop_alone: frozenset[str]
    stop_verbs: frozenset[str]
    stop_words: frozenset[str] = field(default=frozenset())
    topics: Mapping[str, Purpose] = field(default_factory=dict)
    hours: Mapping[str, str] = field(default_factory=dict)
    weekdays: Mapping[str, int] = field(default_factory=dict)


_EVERYWHERE_YES = ("\U0001f44d", "ok", "okay")
_EVERYWHERE_NO = ("\U0001f44e",)


def lexicon(language: str, all_words: Mapping[str, LanguageWords]) -> Lexicon:
    """Join all languages for the readers of `language`: home first, English next, then the rest."""
    home = all_words[language]
    order = [
        home,
        *(w for tag, w in sorted(all_words.items(), key=lambda item: item[0] != "en") if tag != language),
    ]
    yes_no: dict[str, Literal["yes", "no"]] = {}
    commands: dict[str, Command] = {}
    numbers: dict[str, int] = {}
    days: dict[str, int] = {}
    months: dict[str, int] = {}
    languages: dict[str, str] = {}
    own = _folded(home.yes) | _folded(home.no) | _folded((*_EVERYWHERE_YES, *_EVERYWHERE_NO))
    blocked = _folded(home.ambiguous) | (_folded(home.small_talk) - own)  # a polite word at home answers nothing
    for words in order:
        said_yes, said_no = _folded(words.yes), _folded(words.no)
        for word in (said_yes | said_no) - blocked:
            yes_no.setdefault(word, "yes" if word in said_yes else "no")
        for command, several in words.commands.items():
            for word in _folded(several):
                if word not in yes_no:
                    commands.setdefault(word, command)
        for value, word in _numbers(words, all_spellings=words is home):
            if word not in blocked:
                numbers.setdefault(word, value)
        for offset, several in ((0, words.today), (-1, words.yesterday), (1, words.tomorrow)):
            for word in _folded(several):
                days.setdefault(word, offset)
        for number, several in enumerate(words.months or (), start=1):
            for word in _folded(several):
                months.setdefault(word, number)
        for name in _folded(words.names):
            languages.setdefault(name, words.language)
    for word in _folded(_EVERYWHERE_YES):
        yes_no.setdefault(word, "yes")
    for word in _folded(_EVERYWHERE_NO):
        yes_no.setdefault(word, "no")
    near = (
        home,
        all_words["en"],
    )  # small talk of other languages could swallow words that mean something here
    small_talk = frozenset().union(*(_folded(w.small_talk) for w in near))
    for word, command in list(commands.items()):  # "another time please" is also sent without its please
        bare = [token for token in word.split() if token not in small_talk]
        if len(bare) > 1:  # what is left of "not now" and "call me" would be no command
            commands.setdefault(" ".join(bare), command)
    verbs = frozenset().union(*(_folded(w.stop.verbs) for w in order))
    topics: dict[str, Purpose] = {}
    for words in order:
        for purpose, several in words.topics.items():
            for word in _folded(several):
                topics.setdefault(word, purpose)
    hours, weekdays = _hours(near)
    return Lexicon(
        language=language,
        yes_no=yes_no,
        commands=commands,
        numbers=numbers,
        languages=languages,
        not_=frozenset().union(*(_folded(w.not_) for w in order)),
        and_=frozenset().union(*(_folded(w.and_) for w in near)),
        out_of=frozenset().union(*(_folded(w.out_of) for w in near)),
        small_talk=small_talk,
        hedges=frozenset().union(*(_folded(w.hedges) for w in order)),
        greetings=frozenset().union(*(_folded(w.greetings) for w in order)),
        option=frozenset().union(*(_folded(w.option) for w in near)),
        days=days,
        months=months,
        stop_alone=frozenset().union(*(_folded(w.stop.alone) for w in order)) - yes_no.keys(),
        stop_verbs=verbs,
        stop_words=verbs.union(*(_folded(w.stop.others) | _folded(w.small_talk) for w in order)),
        topics=topics,
        hours=hours,
        weekdays=weekdays,
    )


def _hours(near: Iterable[LanguageWords]) -> tuple[dict[str, str], dict[str, int]]:
    hours: dict[str, str] = {}
    weekdays: dict[str, int] = {}
    for given in (words.hours for words in near):
        if given is None:
            continue
        for kind in fields(given):
            if kind.name != "days":
                for word in _folded(getattr(given, kind.name)):
                    hours.setdefault(word, kind.name.rstrip("_"))
        for number, several in enumerate(given.days or ()):
            for word in _folded(several):
                weekdays.setdefault(word, number)
    return hours, weekdays


def clashes(all_words: Mapping[str, LanguageWords]) -> list[str]:
    """Words that steer two ways, or steer and answer; one sentence each. For the linter."""
    found = []
    steers: dict[str, tuple[Command, str]] = {}
    for tag, words in all_words.items():
        answers = _folded(words.yes) | _folded(words.no)
        for command, several in words.commands.items():
            for word in sorted(_folded(several)):
                other, where = steers.setdefault(word, (command, tag))
                if other is not command:
                    found.append(f"{tag}: {word!r} is {command} here and {other} in {where}")
                if word in answers:
                    found.append(f"{tag}: {word!r} is {command} and also a yes or a no")
        for word in sorted(_folded(words.yes) & _folded(words.no)):
            found.append(f"{tag}: {word!r} is both yes and no")
    return found


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(word) for word in words)


def _numbers(words: LanguageWords, *, all_spellings: bool) -> Iterable[tuple[int, str]]:
    """For other languages' readers only the first spelling: the romanised and short ones are their words."""
    tens = ((10 * ten, spellings) for ten, spellings in enumerate(words.tens, start=2))
    for value, spellings in (*enumerate(words.numbers), *tens):
        several = spellings.split("/")
        for word in several if all_spellings else several[:1]:
            yield value, fold(word)
