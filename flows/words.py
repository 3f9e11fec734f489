"""The words people answer and steer with, in all languages at once, as one of their readers hears them.

Each language brings a `words.yaml`; `lexicon()` joins them for the readers of one language. A word
that means one thing in one's own language and another elsewhere means what it means at home.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import time
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field

from domain.contact import Purpose
from flows.fold import fold
from flows.inputs import Command
from flows.patterns import Index

_STRICT = ConfigDict(extra="forbid")
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWords:
    """How people ask us to stop: at least one of `verbs`, and nothing but these words and small talk; or one of
    `patterns` (see `flows.patterns`) that none of `except` touches, whatever stands around it.
    """

    __pydantic_config__ = _STRICT
    alone: Words
    verbs: Words
    others: Words = ()
    patterns: Words = ()
    except_: Annotated[Words, Field(alias="except")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsBehind:
    """Those of a language's hour words that stand behind what they belong to: Urdu "11 کے بعد", English "11 onwards".

    `to` behind a single time means "from" it: Bengali "11টা থেকে".
    """

    __pydantic_config__ = _STRICT
    after: Words = ()
    before: Words = ()
    to: Words = ()
    between: Words = ()
    except_: Words = ()
    not_: Words = ()
    minutes: Mapping[int, Words] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourWords:
    """How people name the times that suit them. `days` may add to CLDR's names, Monday first.

    A phrase goes before its words: "any time" is no "any". What turns a word round need not be listed: "not
    before" is "not" and "before".

    `to` makes a span of the two times or days it stands between; alone it means nothing. `but` leaves out less
    surely than `except_`: "but after 11" leaves out nothing. `whole` are those words for parts of a day that never
    say which half of the day a time is in, such as "mornings". `fine` says that something suits; `busy` that
    somebody tells what they do then, which turns it round, so that they are asked again. `beside` are the small
    words between a time and what belongs to it ("11 o'clock"); `units` make a number no time ("2 days"). `ignored`
    mean nothing here, though they look as if: Romanian "am", which is English and also "I have". `minutes` go to
    the time behind them, by how much ("half past": 30); `clock` are names of times that `numbers` lacks.
    """

    __pydantic_config__ = _STRICT
    after: Words
    before: Words
    to: Words
    between: Words = ()
    or_: Words = ()
    but: Words = ()
    except_: Words = ()
    not_: Words = ()
    morning: Words
    afternoon: Words
    evening: Words
    daytime: Words = ()
    whole: Words = ()
    weekdays: Words
    weekend: Words
    noon: Words
    midnight: Words = ()
    any: Words
    fine: Words = ()
    busy: Words = ()
    am: Words = ()
    pm: Words = ()
    beside: Words = ()
    units: Words = ()
    ignored: Words = ()
    minutes: Mapping[int, Words] = field(default_factory=dict)
    clock: Mapping[time, Words] = field(default_factory=dict)
    behind: WordsBehind = field(default_factory=WordsBehind)
    days: Annotated[tuple[Words, ...], Field(min_length=7, max_length=7)] | None = None


class HourWord(NamedTuple):
    """What a word says about times: a field of HourWords, "day", "number" or "and".

    `value` is a day (0 is Monday) or minutes; of a part of the day, 1 where it is among the `whole` ones.
    """

    kind: str
    behind: bool = False
    value: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageWords:
    """One language's `words.yaml`. All of it is folded before it is compared.

    `ambiguous` are words of this language that look like another's yes, no or number and mean something else
    here, such as Polish "no" and "ten". `not_` are the words that turn a sentence round; `yes_slips` are slips
    of the finger that mean yes, but give no consent; `hedges` those that make a yes unsure, and no consent.
    `numbers` are the words for 0, 1, 2 ... 20 in order (several for one number, parted by "/"), then the tens.
    `topics` are the words for what somebody may leave without leaving all. `asks` are words of questions: who
    asks has not answered. `ordinals` are first, second, third ... in order (several for one parted by "/"),
    `last` and `last_but_one` their fellows. `same` are groups of words that mean the same in an answer on
    offer: its spellings in other scripts, its everyday and English words ([সকাল, shokal, sokal, morning]).
    `units` behind a number make it no answer on a scale ("2 bad days": put "days" here, "bad" is seen past);
    `no_number` anywhere do as well ("7 or 8", "my son is 7"); `corrections` say that only what follows counts.
    `called` stand around a name: "my name is".
    """

    __pydantic_config__ = _STRICT
    language: str
    names: Annotated[Words, Field(min_length=1)]
    yes: Annotated[Words, Field(min_length=1)]
    no: Annotated[Words, Field(min_length=1)]
    ambiguous: Words = ()
    yes_slips: Words = ()
    not_: Words
    and_: Words
    out_of: Words = ()
    small_talk: Words
    hedges: Words = ()
    asks: Words = ()
    ordinals: Words = ()
    last: Words = ()
    last_but_one: Words = ()
    same: tuple[Words, ...] = ()
    units: Words = ()
    no_number: Words = ()
    corrections: Words = ()
    greetings: Words
    called: Words = ()
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
    called: frozenset[str]
    option: frozenset[str]
    days: Mapping[str, int]
    months: Mapping[str, int]
    stop_alone: frozenset[str]
    stop_verbs: frozenset[str]
    stop_words: frozenset[str] = field(default=frozenset())
    topics: Mapping[str, Purpose] = field(default_factory=dict)
    asks: frozenset[str] = frozenset()
    ordinals: Mapping[str, int] = field(default_factory=dict)
    units: frozenset[str] = frozenset()
    no_number: frozenset[str] = frozenset()
    corrections: frozenset[str] = frozenset()
    same: Mapping[str, str] = field(default_factory=dict)
    slips: Mapping[str, str] = field(default_factory=dict)
    stop_patterns: Index[bool] = field(default_factory=Index)
    hours: Mapping[str, HourWord] = field(default_factory=dict)


_EVERYWHERE_YES = ("\U0001f44d", "\u2705", "\u2714", "\U0001f44c", "ok", "okay")
_EVERYWHERE_NO = ("\U0001f44e", "\u274c", "\u2716")
_EVERYWHERE_STOP = "\U0001f6d1"


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
    at_home = {fold(word) for several in home.months or () for word in several}
    small_talk -= at_home - _folded(home.small_talk)  # a kiss in English is October in Polish
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
        called=frozenset().union(*(_folded(w.called) for w in near)),
        option=frozenset().union(*(_folded(w.option) for w in near)),
        days=days,
        months=months,
        stop_alone=frozenset({_EVERYWHERE_STOP}).union(*(_folded(w.stop.alone) for w in order)) - yes_no.keys(),
        stop_verbs=verbs,
        stop_words=verbs.union(*(_folded(w.stop.others) | _folded(w.small_talk) for w in order)),
        topics=topics,
        asks=frozenset().union(*(_folded(w.asks) for w in near)),
        ordinals=_ordinals(near),
        same=_same(near),
        slips=dict.fromkeys(_folded(home.yes_slips), "yes"),
        units=frozenset().union(*(_folded(w.units) for w in near)),
        no_number=frozenset().union(*(_folded(w.no_number) for w in near)),
        corrections=frozenset().union(*(_folded(w.corrections) for w in near)),
        stop_patterns=Index.of(
            (pattern, stops)
            for w in near
            for patterns, stops in ((w.stop.patterns, True), (w.stop.except_, False))
            for pattern in patterns
        ),
        hours=_hours(home, all_words["en"]),
    )


def _hours(home: LanguageWords, english: LanguageWords) -> dict[str, HourWord]:
    """What is said about times at home, and in English where it is no other word at home."""
    found: dict[str, HourWord] = {}
    blocked = _folded(home.ambiguous)
    for words in (home, english):
        for word, meaning in _hour_words(words):
            if words is home or word not in blocked:
                found.setdefault(word, meaning)
    for words in (home, english):  # last, or Bengali "sat", which is seven, would be no Saturday
        for number, word in _numbers(words, all_spellings=words is home):
            if 1 <= number <= 12 and word not in blocked:
                found.setdefault(word, HourWord("number", value=60 * number))
    return found


def _hour_words(words: LanguageWords) -> Iterator[tuple[str, HourWord]]:
    """One language's, folded, those first that go before others of the same letters."""
    if (given := words.hours) is None:
        return
    whole = _folded(given.whole)
    for word in _folded((*given.ignored, *(g for g in words.greetings if " " in g))):  # "good evening"
        yield word, HourWord("ignored")
    for kind, said in _word_lists(given.behind):
        yield from ((word, HourWord(kind, behind=True)) for word in said)
    for behind, more in ((True, given.behind.minutes), (False, given.minutes)):
        for minutes, several in more.items():
            yield from ((word, HourWord("minutes", behind, minutes)) for word in _folded(several))
    for kind, said in _word_lists(given):
        yield from ((word, HourWord(kind, value=int(word in whole))) for word in said)
    for day, several in enumerate(given.days or ()):
        yield from ((word, HourWord("day", value=day)) for word in _folded(several))
    for clock, several in given.clock.items():
        yield from ((word, HourWord("number", value=60 * clock.hour + clock.minute)) for word in _folded(several))
    for kind, several in (("not", words.not_), ("and", words.and_)):
        yield from ((word, HourWord(kind)) for word in _folded(several))


def _word_lists(given: HourWords | WordsBehind) -> Iterator[tuple[str, frozenset[str]]]:
    for kind in fields(given):
        several = getattr(given, kind.name)
        if isinstance(several, tuple) and kind.name not in ("days", "whole", "ignored"):
            yield kind.name.rstrip("_"), _folded(several)


def _same(near: Iterable[LanguageWords]) -> dict[str, str]:
    """By each word or phrase of a group, the one word that stands for the group."""
    found: dict[str, str] = {}
    for words in near:
        for group in words.same:
            stands = fold(group[0]).replace(" ", "")
            for word in group:
                found.setdefault(fold(word), stands)
    return found


def _ordinals(near: Iterable[LanguageWords]) -> dict[str, int]:
    """First is 1; the last -1, the last but one -2."""
    found: dict[str, int] = {}
    for words in near:
        counted = [(n, several) for n, spelt in enumerate(words.ordinals, start=1) for several in spelt.split("/")]
        counted += [(-1, word) for word in words.last] + [(-2, word) for word in words.last_but_one]
        for number, word in counted:
            found.setdefault(fold(word), number)
    return found


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
    return frozenset(folded for word in words if (folded := fold(word)))


def _numbers(words: LanguageWords, *, all_spellings: bool) -> Iterable[tuple[int, str]]:
    """For other languages' readers only the first spelling: the romanised and short ones are their words."""
    tens = ((10 * ten, spellings) for ten, spellings in enumerate(words.tens, start=2))
    for value, spellings in (*enumerate(words.numbers), *tens):
        several = spellings.split("/")
        for word in several if all_spellings else several[:1]:
            yield value, fold(word)
