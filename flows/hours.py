"""Times that suit somebody, in their own words: "after 11, not Tuesdays", "evenings", "mon-fri 10 to 4".

Words become tokens (the longest phrase first), tokens become mentions of days, parts of a day and times, and each
mention is wanted or, by a "not" before or behind it, left out. Words that mean nothing here are passed over. A
number without a place, and a wish that is more than one span of the day, is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import time

from domain.hours import ALL_DAYS, PreferredHours
from flows.fold import digits_to_ascii, fold
from flows.words import HourWord, Lexicon

_LONGEST = 120
_LONGEST_PHRASE = 6
_HOUR, _NOON, _DAY = 60, 12 * 60, 24 * 60  # minutes
#: Nobody wants a text before: a time that could be earlier is the afternoon's.
_EARLIEST = 5 * _HOUR
#: Parts of a day, in minutes since midnight.
_PARTS = {
    "morning": (0, _NOON),
    "am": (0, _NOON),
    "afternoon": (_NOON, 18 * _HOUR),
    "pm": (_NOON, _DAY),
    "evening": (17 * _HOUR, _DAY),
    "daytime": (0, 18 * _HOUR),
}
#: Parts that also say which half of the day a time is in: "6 in the evening".
_HALVES = ("morning", "afternoon", "evening")
_GROUPS = {"weekdays": frozenset(range(5)), "weekend": frozenset((5, 6))}
#: A number, a dash, or the end of a clause. A full stop ends one only behind a number or a long word or before a
#: capital: not in "tues.".
_PIECE = re.compile(
    r"(?P<hour>\d+)(?:[:.hH](?P<minute>\d\d)|[,\s](?P<half>00|30|45))?(?!\d)(?P<date>(?i:st|nd|rd|th)\b)?"
    r"|(?P<dash>[-\u2010-\u2015\u2212])"
    r"|(?P<end>[,;!?()\n،؛؟۔।]|\.(?=\s+[A-Z])|(?<=\d)\.(?!\S)|(?<=[^\W\d_]{6})\.(?!\S))"
)


class _UnclearError(Exception):
    """The text could mean two things, or cannot be kept as one span of the day."""


def read_hours(text: str, words: Lexicon) -> PreferredHours | None:
    """The hours and days that the text names; None where it names none, or more than one span of the day.

    Understood: "after 11, not Tuesday", "mon-fri 10 to 4", "not before 11", "9.30 till noon", "any time". Without
    am or pm, 1 to 7 are the afternoon's, and whoever wants nothing after 8 or 9 means the evening.
    """
    if len(text) > _LONGEST:
        return None
    try:
        mentions = list(_Mentions(_tokens(text, words.hours)))
        return _kept(_Wishes(mentions).weighed())
    except _UnclearError:
        return None


# Words to tokens


@dataclass(frozen=True, slots=True)
class _Token:
    """A word that means something here. `near`: no word without a meaning stands between it and the one before."""

    kind: str
    written: str = ""
    near: bool = True
    behind: bool = False
    value: int = 0  # a day, or minutes since midnight
    exact: bool = False  # a number by the clock of 24 hours


def _tokens(text: str, meanings: Mapping[str, HourWord]) -> list[_Token]:
    """What means something; the end of the text is the end of a clause."""
    pieces = [*_pieces(digits_to_ascii(text)), _Token("end")]
    found = []
    at, near = 0, True
    while at < len(pieces):
        length, meaning = _phrase(pieces, at, meanings)
        if meaning is None:
            if pieces[at].kind != "word":
                found.append(replace(pieces[at], near=near))
            near = pieces[at].kind != "word"
        elif meaning.kind != "beside":
            if meaning.kind != "ignored":
                kind, behind, value = meaning
                found.append(_Token(kind, pieces[at].written, near, behind, value, exact=value >= 13 * _HOUR))
            near = meaning.kind != "ignored"
        at += length
    return found


def _pieces(text: str) -> Iterator[_Token]:
    """The numbers, words, dashes and ends of clauses in a text whose digits are 0-9."""
    done = 0
    for found in _PIECE.finditer(text):
        yield from (_Token("word", word) for word in fold(text[done : found.start()]).split())
        done = found.end()
        if found["hour"]:
            if found["date"]:
                raise _UnclearError  # "not on the 25th"
            yield _number(found["hour"], found["minute"] or found["half"] or "")
        else:
            yield _Token("dash" if found["dash"] else "end")
    yield from (_Token("word", word) for word in fold(text[done:]).split())


def _number(hour: str, minute: str) -> _Token:
    """A time in digits: "11", "9.30", "0930"."""
    written = hour + minute
    if not minute and len(hour) in (3, 4):
        hour, minute = hour[:-2], hour[-2:]
        if int(minute) % 15:
            raise _UnclearError
    minutes = int(hour) * _HOUR + int(minute or 0) if len(hour) <= 2 else _DAY + 1
    if int(minute or 0) >= _HOUR or minutes > _DAY:
        raise _UnclearError
    exact = hour.startswith("0") or minutes >= 13 * _HOUR
    return _Token("number", written, value=minutes, exact=exact)


def _phrase(pieces: Sequence[_Token], at: int, meanings: Mapping[str, HourWord]) -> tuple[int, HourWord | None]:
    """The longest phrase that begins there, over hyphens too ("week-end"): how many pieces it has, and its meaning."""
    best: tuple[int, HourWord | None] = 1, None
    said: list[str] = []
    for n in range(at, len(pieces)):
        if pieces[n].kind == "dash" and said:
            continue
        if pieces[n].kind not in ("word", "number") or len(said) == _LONGEST_PHRASE:
            break
        said.append(pieces[n].written)
        if (meaning := meanings.get(" ".join(said))) is not None:
            best = n + 1 - at, meaning
    return best


# Tokens to mentions


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time as it was said. `half`: am, pm or a part of the day; "exact" by the clock of 24 hours; nothing where it
    could be in either half.
    """

    minutes: int
    half: str = ""

    def fixed(self) -> int | None:
        """Minutes since midnight; None where the half of the day is open."""
        m = self.minutes
        match self.half:
            case "exact":
                return m
            case "am" if m < 13 * _HOUR:
                return m % _NOON
            case "pm" if m >= _HOUR:
                return m if m >= _NOON else m + _NOON
            case "morning" if m < 13 * _HOUR:
                return m
            case "afternoon" if _HOUR <= m < 8 * _HOUR or _NOON <= m < 20 * _HOUR:
                return m if m >= _NOON else m + _NOON
            case "evening" if 4 * _HOUR <= m <= _NOON or m >= 16 * _HOUR:
                return m if m > _NOON else m + _NOON
            case "":
                return None if _HOUR <= m < 13 * _HOUR else m
        raise _UnclearError  # "14 am", "3 at night"

    def hinted(self, part: str) -> _Clock:
        """Its half of the day from a part that was named apart: "evenings, 5 to 8"."""
        if not part or self.fixed() is not None or (part == "morning" and self.minutes < _EARLIEST):
            return self
        hinted = _Clock(self.minutes, part)
        try:
            hinted.fixed()
        except _UnclearError:
            return self
        return hinted


@dataclass(slots=True, kw_only=True)
class _Mention:
    """Days, a part of the day, a time (from `start`, to `end`, or both) or "any"; or a word that joins or turns
    them: not, except, but, and, or, fine, and the end of a clause.
    """

    kind: str
    near: bool = True
    behind: bool = False
    days: frozenset[int] = frozenset()
    part: str = ""  # where it is one alone
    span: tuple[int, int] = (0, _DAY)  # of a part
    start: _Clock | None = None
    end: _Clock | None = None
    clause: int = 0
    fine: bool = False
    left_out: bool = False
    at_most: bool = False  # "not after 10" is late in the day, "before 10" need not be

    @property
    def says_when(self) -> bool:
        return self.kind in ("days", "part", "time", "any")

    def leave_out(self) -> None:
        """ "Not after 8" is before 8; but not 10 to 12 leaves two spans."""
        if self.kind == "any" or (self.start is not None and self.end is not None):
            raise _UnclearError
        self.left_out = True
        self.at_most = self.start is not None
        self.start, self.end = self.end, self.start


class _Mentions:
    """What the tokens name, in their order."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def __iter__(self) -> Iterator[_Mention]:
        while self._at < len(self._tokens):
            if (mention := self._next()) is not None:
                yield mention

    def _next(self) -> _Mention | None:
        if (clock := self._clock()) is not None:
            return self._time(clock)
        token = self._token()
        before = self._tokens[self._at - 1].kind if self._at else ""
        if token.kind in ("day", *_GROUPS):
            return self._days()[0]
        self._at += 1
        match token.kind:
            case "not" | "except" | "but" | "and" | "or" | "fine" | "end" | "any":
                return _Mention(kind=token.kind, near=token.near, behind=token.behind)
            case "after" | "before":
                return self._bound(token.kind)
            case "between":
                return self._between()
            case "busy":
                raise _UnclearError  # "I work till 5" is from 5
            case "am" | "pm" if not token.near or before not in ("day", *_GROUPS):
                return None  # "I am"; but "tues pm"
            case kind if kind in _PARTS:
                return self._part(kind)
        return None

    def _token(self, ahead: int = 0) -> _Token:
        """The next token; behind the last there is another end."""
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else _Token("end")

    def _take(self, *kinds: str, behind: bool | None = None, near: bool = False) -> _Token | None:
        """The next token, where it is one of these; it is read then."""
        token = self._token()
        if token.kind not in kinds or (near and not token.near) or behind not in (None, token.behind):
            return None
        self._at += 1
        return token

    def _link(self) -> _Token | None:
        """What makes a span of the two that it stands between: "to", "-", "until"."""
        first = link = self._take("to", "dash") or self._take("before", behind=False)
        while link is not None:
            link = self._take("to", "dash") or self._take("before", behind=False)
        return first

    def _clock(self) -> _Clock | None:
        """A time of the day, where one is next: "half past 9", "6 in the evening", "noon"."""
        start = self._at
        half = ""
        if self._token().kind in _HALVES and not self._token().value and self._token(1).near:
            half = self._token().kind
            self._at += 1
        offset = self._take("minutes", behind=False)
        if offset is None and self._take("noon", near=self._at > start):
            return _Clock(_NOON, "exact")
        if offset is None and self._take("midnight", near=self._at > start):
            return _Clock(_DAY, "exact")
        number = self._take("number", near=self._at > start)
        if number is None:
            self._at = start
            return None
        minutes = number.value + (offset.value if offset else 0)
        if (more := self._take("minutes", behind=True, near=True)) is not None:
            minutes += more.value
        if minutes < _HOUR <= number.value:  # a quarter to one
            minutes += _NOON
        if self._take("units", near=True):
            raise _UnclearError  # "2 days"
        if number.value == _NOON and (named := self._take("noon", "midnight", near=True)):
            return _Clock(_NOON if named.kind == "noon" else _DAY, "exact")
        said = self._take("am", "pm", near=True)
        if said is None and not half and not self._token().value:
            said = self._take(*_HALVES, near=True)
        half = said.kind if said is not None else half
        return _Clock(minutes, half or ("exact" if number.exact else ""))

    def _time(self, clock: _Clock) -> _Mention | None:
        """The mention that a time begins: a span, or one with a word behind it. Alone it could mean anything."""
        stay = self._at
        if (link := self._link()) is not None:
            if (end := self._end()) is not None:
                return self._spanned(_Mention(kind="time", start=clock, end=end))
            if link.behind:  # "from 11" in Urdu and Bengali
                self._at = stay + 1
                return _Mention(kind="time", start=clock)
            self._at = stay
        if self._take("after", behind=True):
            return _Mention(kind="time", start=clock)
        if self._take("before", "between", behind=True):
            return _Mention(kind="time", end=clock)
        if self._take("and"):
            if (end := self._clock()) is not None and self._take("between", behind=True):
                return _Mention(kind="time", start=clock, end=end)
            self._at = stay
        if not self._tokens[stay - 1].written[:1].isdigit() and clock == _Clock(_HOUR):
            return None  # in most languages "one" is also "a"
        raise _UnclearError

    def _end(self) -> _Clock | None:
        """What a span of time goes to; of a part of the day ("until evening") its beginning."""
        if (clock := self._clock()) is not None:
            return clock
        part = self._take(*_HALVES)
        return None if part is None else _Clock(_PARTS[part.kind][0], "exact")

    def _spanned(self, mention: _Mention) -> _Mention:
        """The same, read over a word behind that says "until" or "between" again."""
        self._take("before", "between", behind=True)
        return mention

    def _bound(self, kind: str) -> _Mention:
        """What stands behind "after" or "before"."""
        while self._take(kind):
            pass
        if (clock := self._clock()) is not None:
            if kind == "before":
                return self._spanned(_Mention(kind="time", end=clock))
            stay = self._at
            if self._link() is not None and (end := self._end()) is not None:
                return self._spanned(_Mention(kind="time", start=clock, end=end))
            self._at = stay
            self._take("after", behind=True)  # "from 10 onwards"
            return _Mention(kind="time", start=clock)
        if kind == "after" and self._token().kind == "day":
            days, spanned = self._days()
            if spanned:
                return days
        elif (part := self._take(*_HALVES)) is not None:
            start = _Clock(_PARTS[part.kind][0], "exact")
            if kind == "before" and start.minutes:
                return _Mention(kind="time", end=start)
            if kind == "after" and self._link() is not None:
                if (to := self._take(*_HALVES)) is not None:
                    return self._spanned(_Mention(kind="part", span=(start.minutes, _PARTS[to.kind][1])))
                if (end := self._clock()) is not None:
                    return self._spanned(_Mention(kind="time", start=start, end=end))
        raise _UnclearError  # "after work"

    def _between(self) -> _Mention:
        """What stands behind "between": two times or two days, whatever joins them."""
        if self._token().kind == "day":
            first, spanned = self._days()
            if not spanned and self._take("and") and (last := self._take("day")) is not None:
                return _Mention(kind="days", days=_days_to(min(first.days), last.value))
            if spanned:
                return first
        elif (start := self._clock()) is not None:
            while self._take("and", "to", "dash", "before"):
                pass
            if (end := self._clock()) is not None:
                return _Mention(kind="time", start=start, end=end)
        raise _UnclearError

    def _days(self) -> tuple[_Mention, bool]:
        """A day, a group of days or a span of days; and whether it was a span."""
        token = self._token()
        self._at += 1
        days, spanned = _GROUPS.get(token.kind, frozenset({token.value})), False
        run, links = [token.value], []
        while token.kind == "day":
            stay = self._at
            link = self._link()
            if link is None or (last := self._take("day")) is None:
                self._at = stay
                break
            run.append(last.value)
            links.append(link.kind)
        if len(links) == 1:
            days, spanned = _days_to(run[0], run[1]), True
            self._take("before", "between", behind=True)
        elif links:  # "mon-wed-fri" are three days
            if set(links) != {"dash"}:
                raise _UnclearError
            days = frozenset(run)
        if self._take("after", "before", "between", "to", behind=True):
            raise _UnclearError  # "after Tuesday"
        return _Mention(kind="days", days=days), spanned

    def _part(self, kind: str) -> _Mention:
        """A part of the day, or what goes from one to another or to a time."""
        start, end = _PARTS[kind]
        stay = self._at
        if (link := self._link()) is not None:
            if (to := self._take(*_HALVES)) is not None and self._token().kind != "number":
                return self._spanned(_Mention(kind="part", span=(start, _PARTS[to.kind][1])))
            self._at = stay + 1
            if link.kind != "dash" and (clock := self._clock()) is not None:
                if link.kind == "to" and not link.behind:
                    raise _UnclearError  # Romanian "seara la 8" is 8 in the evening
                return self._spanned(_Mention(kind="time", start=_Clock(start, "exact"), end=clock))
            self._at = stay
        if self._take("before", behind=True) and start:
            return _Mention(kind="time", end=_Clock(start, "exact"))
        if self._take("after", "before", "between", "to", behind=True):
            raise _UnclearError
        return _Mention(kind="part", part=kind if kind in _HALVES else "", span=(start, end))


def _days_to(first: int, last: int) -> frozenset[int]:
    return frozenset((first + n) % 7 for n in range((last - first) % 7 + 1))


# Wanted or left out


class _Wishes:
    """Decides of each mention whether it is wanted or left out."""

    def __init__(self, mentions: Sequence[_Mention]) -> None:
        self._all = mentions
        self._clause = 0
        self._last: _Mention | None = None
        self._joined = ""  # by which word to the last mention: end, but, and, or
        self._denied = ""  # "new" behind a "not", then the kind that was left out last

    def weighed(self) -> list[_Mention]:
        """The mentions that say when."""
        for n, mention in enumerate(self._all):
            mention.clause = self._clause
            match mention.kind:
                case "end" | "but":
                    self._clause += 1
                    self._joined = mention.kind
                    if self._only_wanted(n + 1):
                        self._denied = ""
                case "and" | "or":
                    self._joined = mention.kind
                case "fine":
                    self._suits()
                case "not" | "except":
                    self._deny(n)
                case _:
                    self._mention(n)
        return [m for m in self._all if m.says_when]

    def _ahead(self, n: int) -> list[_Mention]:
        """What follows in the same clause."""
        ends = (m for m in range(n, len(self._all)) if self._all[m].kind in ("end", "but"))
        return list(self._all[n : next(ends, len(self._all))])

    def _only_wanted(self, n: int) -> bool:
        kinds = {m.kind for m in self._ahead(n)}
        return "fine" in kinds and kinds.isdisjoint(("not", "except"))

    def _here(self) -> _Mention | None:
        """The last mention, where it is in this clause."""
        return self._last if self._last is not None and self._last.clause == self._clause else None

    def _suits(self) -> None:
        if (last := self._here()) is not None:
            if last.left_out and self._denied:
                raise _UnclearError  # "not tuesday thursday is fine"
            last.fine = True
        if self._joined in ("and", "but"):
            self._joined = ""

    def _deny(self, n: int) -> None:
        said, last = self._all[n], self._here()
        ahead = any(m.says_when for m in self._ahead(n + 1))
        if last is not None and (not ahead or (said.behind and not last.left_out)):
            self._leave_out_behind(n, last)
        elif ahead:
            self._denied = "new"
        elif said.kind == "except" or (self._last is not None and said.near and self._all[n + 1].near):
            raise _UnclearError  # "mornings, no"; but "after 11, no calls"

    def _leave_out_behind(self, n: int, last: _Mention) -> None:
        """What a "not" behind it leaves out: all of one kind that stands there in a row, of times the last."""
        row: list[_Mention] = []
        first = n
        for m in reversed(range(n)):
            mention = self._all[m]
            if mention.kind not in ("and", "or", "fine") and (
                mention.kind != last.kind or mention.left_out or (row and last.kind == "time")
            ):
                break
            if mention.says_when:
                row.append(mention)
                first = m
        before = next((m for m in reversed(self._all[:first]) if m.says_when), None)
        if before is not None and not before.left_out:
            if before.clause == self._clause and before.kind == "days" != last.kind:
                raise _UnclearError  # Tuesdays after 11 not: the rest of Tuesday is wanted
            if before.kind == last.kind != "time" and self._all[first - 1].kind == "end" and not before.fine:
                days = frozenset().union(*(m.days for m in row))
                if last.kind != "days" or not days < before.days:
                    raise _UnclearError  # "Mondays, Tuesdays not": both, or one of them?
        for mention in row:
            mention.leave_out()
        self._denied = self._joined = ""

    def _mention(self, n: int) -> None:
        mention = self._all[n]
        if self._is_left_out(n, mention):
            mention.leave_out()
            self._denied = mention.kind
        else:
            self._must_join(mention)
            self._denied = ""
        self._last, self._joined = mention, ""

    def _is_left_out(self, n: int, mention: _Mention) -> bool:
        kind = mention.kind
        if self._joined == "but" and self._denied != "new":
            return self._but(n, mention)
        if self._denied in ("", "new"):
            return bool(self._denied)
        match self._joined:
            case "or":
                return True
            case "and" if kind == self._denied == "time":
                return self._turns_as_the_last(mention)
            case "and" if kind == self._denied:
                return True
            case "end" | "" if kind == self._denied and kind in ("days", "part"):
                return True
            case "end" | "" if self._denied == "time" or kind == "any":
                return False
            case "end" if self._denied == "days" or kind == "time":
                return False
        raise _UnclearError  # "not tuesday mornings"; "not mornings, tuesdays"

    def _turns_as_the_last(self, mention: _Mention) -> bool:
        """ "Not before 10 and after 8" leaves out both; "not before 10 and before 8" does not."""
        last = self._last
        return last is not None and (last.start is None) == (mention.start is None)

    def _but(self, n: int, mention: _Mention) -> bool:
        """ "Any time but Sunday" leaves Sunday out, "not Mondays but Tuesdays" does not."""
        turned = any(m.kind in ("not", "except") for m in self._ahead(n))
        if turned or mention.kind in ("time", "any"):
            return False
        earlier = [m for m in self._all[:n] if m.says_when]
        wanted = [m for m in earlier if m.kind == mention.kind and not m.left_out]
        within = bool(mention.days) and mention.days < frozenset().union(*(m.days for m in wanted))
        if within or any(m.kind == "any" for m in earlier):
            return True
        if not wanted and any(m.kind == mention.kind for m in earlier):
            return False
        raise _UnclearError  # "mondays but evenings"

    def _must_join(self, mention: _Mention) -> None:
        """ "Evenings and weekends" are two wishes, and only one can be kept."""
        if self._joined not in ("and", "or") or self._last is None or self._last.left_out:
            return
        kinds = {self._last.kind, mention.kind}
        together = kinds in ({"days"}, {"part"}, {"any"})
        if not together and (self._joined == "or" or (kinds != {"time"} and "any" not in kinds)):
            raise _UnclearError


# What is kept


def _kept(mentions: Sequence[_Mention]) -> PreferredHours | None:
    if not mentions:
        return None
    _must_be_one_wish(mentions)
    wanted = frozenset().union(*(m.days for m in mentions if not m.left_out))
    days = (wanted or ALL_DAYS) - frozenset().union(*(m.days for m in mentions if m.left_out))
    minutes = _minutes(mentions)
    if not days or not minutes or max(minutes) - min(minutes) >= len(minutes):
        return None
    return PreferredHours(_time(min(minutes)), _time(max(minutes) + 1), days)


def _must_be_one_wish(mentions: Sequence[_Mention]) -> None:
    """Other times on other days cannot be kept: "mon 10 to 12, wed 2 to 4", "weekdays after 5, weekends"."""
    said = [m for m in mentions if m.kind in ("time", "any") or not m.left_out]
    times = {(m.start, m.end, m.span) for m in said if m.kind != "days"}
    if all(m.kind in ("days", "any") for m in said):
        return
    changes = [
        m.kind == "days" for n, m in enumerate(said) if not n or (m.kind == "days") != (said[n - 1].kind == "days")
    ]
    both = {m.clause for m in said if m.kind == "days"} & {m.clause for m in said if m.kind != "days"}
    each_the_same = len(times) == 1 and len(changes) % 2 == 0
    if (changes.count(True) > 1 or len(both) > 1) and not each_the_same:
        raise _UnclearError


def _minutes(mentions: Sequence[_Mention]) -> set[int]:
    """The minutes of the day that are left."""
    parts = [m for m in mentions if m.kind == "part" and not m.left_out]
    hint = parts[0].part if len(parts) == 1 else ""
    opening = [(n, m.start.hinted(hint)) for n, m in enumerate(mentions) if m.start is not None]
    closing = [(n, m.end.hinted(hint)) for n, m in enumerate(mentions) if m.end is not None]
    if len({start for _, start in opening}) > 1 or len({end for _, end in closing}) > 1:
        raise _UnclearError
    at_most = any(m.at_most for m in mentions)
    if opening and closing and opening[0][0] <= closing[0][0]:
        first, last = _from_to(opening[0][1], closing[0][1], at_most=at_most)
    else:  # "before 12 or after 3" is no span from 3 to midnight
        first = _from(opening[0][1]) if opening else 0
        last = _until(closing[0][1], at_most=at_most) if closing else _DAY
    left = set(range(first, last))
    if parts:
        left &= set().union(*(range(*m.span) for m in parts))
    return left.difference(*(range(*m.span) for m in mentions if m.kind == "part" and m.left_out))


def _from(start: _Clock) -> int:
    """ "After 5" is the afternoon, "after 8" the morning."""
    if (fixed := start.fixed()) is not None:
        if fixed in (0, _DAY):
            raise _UnclearError
        return fixed
    return start.minutes + _NOON if start.minutes < 8 * _HOUR else start.minutes


def _until(end: _Clock, *, at_most: bool) -> int:
    """ "Before 9" is the evening, since nobody is written to by 9 in the morning; "before 10" is the morning."""
    if (fixed := end.fixed()) is not None:
        return fixed or _DAY
    if at_most and 10 * _HOUR <= end.minutes < _NOON:
        raise _UnclearError  # "not after 10": in the evening?
    return end.minutes + _NOON if end.minutes < 10 * _HOUR else end.minutes


def _from_to(start: _Clock, end: _Clock, *, at_most: bool) -> tuple[int, int]:
    """Both ends of a span, each in the half of the day that the other leaves to it."""
    first, last = start.fixed(), end.fixed()
    if last is not None:
        last = last or _DAY
        if first is None:
            first = _before(start, end, last)
    elif first is not None:
        later = [m for m in (end.minutes, end.minutes + _NOON) if first < m <= _DAY]
        if not later or (at_most and len(later) > 1):
            raise _UnclearError
        last = later[0]
    else:
        if at_most and end.minutes > start.minutes:
            raise _UnclearError
        first, last = _open_span(start.minutes, end.minutes)
    return first, last


def _before(start: _Clock, end: _Clock, last: int) -> int:
    """The start of a span whose end is sure: "2 to 4 pm", "10 to 4 pm", "10 to 16"."""
    if last == _DAY:
        return _from(start)
    m = start.minutes
    halves = (m, m + _NOON) if end.half == "exact" else (m + _NOON, m)  # "7 to 20" is 24 hours, "7 to 8 pm" is 12
    earliest = 0 if end.half in ("am", "morning") else _EARLIEST
    if not (found := [m for m in halves if earliest <= m < last]):
        raise _UnclearError
    return found[0]


def _open_span(start: int, end: int) -> tuple[int, int]:
    """Both without a half of the day: "10 to 4", "2 to 4", "9 to 11". Some could be in either: "7 to 9"."""
    if end < start or (end == start < _NOON):
        if start < _EARLIEST:
            raise _UnclearError
        return start, end + _NOON
    if start >= 8 * _HOUR:
        return start, end
    if start >= 7 * _HOUR or end >= _NOON:
        raise _UnclearError
    return start + _NOON, end + _NOON


def _time(minutes: int) -> time:
    return time(minutes // _HOUR % 24, minutes % _HOUR)
