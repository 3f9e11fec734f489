"""What a contact sees: words and questions as one message, for a channel with or without buttons."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, time
from typing import assert_never

from babel import Locale
from babel.dates import format_date, format_time, get_date_format, get_day_names

from domain.hours import PreferredHours
from domain.sms import prepare
from domain.value import value
from flows.effects import Ask, Blanks, Say
from flows.inputs import DONE, SKIP
from flows.localized import LocalFlow
from flows.model import (
    Date,
    Hours,
    Integer,
    Locality,
    Question,
    Scale,
    SelectMultiple,
    SelectOne,
    Text,
    YesNo,
)
from flows.phrases import Phrases
from flows.texts import with_blanks

#: Under a question: rows of (label, option), the option as `Chose` takes it.
Buttons = tuple[tuple[tuple[str, int], ...], ...]
_PER_ROW = 6  # of short labels; Telegram shows at most 8 in a row
_LONG_LABEL = 12
_TICK = "\u2713 "


@value
class Rendered:
    text: str
    buttons: Buttons = ()


class Renderer:
    """Puts questions into words once for each flow of the library, since most of them never change."""

    def __init__(self, flows: Iterable[LocalFlow] = ()) -> None:
        self._typed: dict[int, tuple[Question, Rendered]] = {}
        self._pressed: dict[int, tuple[Question, Rendered]] = {}
        for flow in flows:
            for question in flow.asked():
                self._typed[id(question)] = (question, _typed(question, flow.phrases))
                self._pressed[id(question)] = (question, _pressed(question, flow.phrases))

    def message(
        self, said: Iterable[Say | Ask], phrases: Phrases, language: str, *, buttons: bool, sms: bool
    ) -> Rendered:
        """All of it as one message. `sms`: in the letters in which it will be sent and billed."""
        parts: list[str] = []
        rows: Buttons = ()
        for one in said:
            if isinstance(one, Say):
                parts.append(fill(one.text, one.blanks, language))
            else:
                asked = self._question(one.question, phrases, buttons)
                parts.append(asked.text)
                rows = asked.buttons
        text = "\n".join(parts)
        return Rendered(prepare(text) if sms else text, rows)

    def _question(self, question: Question, phrases: Phrases, buttons: bool) -> Rendered:
        kept = (self._pressed if buttons else self._typed).get(id(question))
        if kept is not None and kept[0] is question:
            return kept[1]
        return _pressed(question, phrases) if buttons else _typed(question, phrases)


def fill(text: str, blanks: Blanks, language: str) -> str:
    """The text with its {blanks} filled; dates in words, as that language writes them. A line with a blank that
    stays empty is left out.
    """
    if not blanks:
        return text
    if "" in blanks.values():
        text = with_blanks(text, {name: "" for name, value in blanks.items() if value == ""})
    return text.format(**{name: form(value, language) for name, value in blanks.items()})


def form(value: str | int | date | PreferredHours, language: str) -> str:
    """A value in the form of that language: dates in words, hours by its clock; a moment as in its own zone."""
    locale = cldr(language)
    match value:
        case datetime():
            return f"{_day(value, locale)}{_comma(locale)}{_clock(value, locale)}"
        case date():
            return format_date(value, "d MMMM y", locale=locale)
        case PreferredHours():
            return _hours(value, locale)
        case _:
            return str(value)


def cldr(language: str) -> str:
    """The locale whose dates and times people read in that language; of a variant (en-simple) the language's."""
    base = language.partition("-")[0]
    return "en_GB" if base == "en" else base


def _day(local: datetime, locale: str) -> str:
    """ "Tuesday 8 December": day of the week and date as that language writes them in full, without the year."""
    pattern = _without_year(get_date_format("full", locale=locale).pattern)
    return format_date(local, pattern.replace(",", "") if locale == "en_GB" else pattern, locale=locale)


def _without_year(pattern: str) -> str:
    return pattern.removesuffix("y").rstrip(" ,\u060c")


def _comma(locale: str) -> str:
    return "\u060c " if Locale.parse(locale).text_direction == "rtl" else ", "


def _clock(local: datetime, locale: str) -> str:
    """ "2pm" and "2.30pm" in English, as people write; elsewhere as CLDR has it."""
    if locale != "en_GB":
        return format_time(local, "short", locale=locale)
    minutes = f".{local:%M}" if local.minute else ""
    return f"{local.hour % 12 or 12}{minutes}{'pm' if local.hour >= 12 else 'am'}"


def span(start: datetime, end: datetime, language: str) -> str:
    """From when to when on one day, both as in their zone: "Tuesday 8 December, 2pm-4.30pm"."""
    locale = cldr(language)
    return f"{_day(start, locale)}{_comma(locale)}{_clock(start, locale)}-{_clock(end, locale)}"


def _hours(hours: PreferredHours, locale: str) -> str:
    """ "11:00-20:00, Mon Wed Thu", in the names and clock of that language."""
    end = format_time(hours.end, "short", locale=locale) if hours.end != time(0) else "24:00"
    parts = []
    if hours.start != time(0) or hours.end != time(0):
        parts.append(f"{format_time(hours.start, 'short', locale=locale)}-{end}")
    names = get_day_names("abbreviated", locale=locale)
    parts.append(" ".join(names[day] for day in sorted(hours.days)))
    return ", ".join(parts)


def marked(question: SelectMultiple, picked: Collection[str], phrases: Phrases) -> Rendered:
    """The question with its buttons, those of the picked choices ticked."""
    return _pressed(question, phrases, picked)


def button_label(question: Question, option: int, phrases: Phrases) -> str:
    """What stands on that button of the question; nothing where it has no such button."""
    rows = _pressed(question, phrases).buttons
    return next((label for row in rows for label, number in row if number == option), "")


def _typed(question: Question, phrases: Phrases) -> Rendered:
    """For a phone that types: numbered answers and a word on how to reply."""
    lines = [question.label, *_help(question, phrases)]
    match question:
        case YesNo():
            lines += _numbered((phrases.yes, phrases.no))
        case SelectOne(choices=choices) | SelectMultiple(choices=choices):
            lines[1:1] = _numbered(tuple(choice.label for choice in choices))
        case Scale() | Integer() | Text() | Date() | Locality() | Hours():
            pass
        case _:
            assert_never(question)
    if question.sensitive or (isinstance(question, Text | Locality | Hours) and not question.required):
        lines.append(phrases.hint_skip)
    return Rendered("\n".join(lines))


def _pressed(question: Question, phrases: Phrases, picked: Collection[str] = ()) -> Rendered:
    """For a channel with buttons, beside which typing works as well."""
    lines = [question.label, *_help(question, phrases)]
    rows: Buttons
    match question:
        case YesNo():
            rows = (((phrases.yes, 0), (phrases.no, 1)),)
        case SelectOne(choices=choices):
            lines = [question.label]
            rows = _rows([(choice.label, n) for n, choice in enumerate(choices)])
        case Scale(minimum=low, maximum=high):
            rows = _rows([(str(n), n - low) for n in range(low, high + 1)])
        case SelectMultiple():
            lines = [question.label, phrases.hint_press]
            rows = _several(question, phrases, picked)
        case Integer() | Text() | Date() | Locality() | Hours():
            rows = ()
        case _:
            assert_never(question)
    if not question.required:
        rows = (*rows, ((phrases.prefer_not_to_say if question.sensitive else phrases.skip, SKIP),))
    return Rendered("\n".join(lines), rows)


def _several(question: SelectMultiple, phrases: Phrases, picked: Collection[str]) -> Buttons:
    choices = [(f"{_TICK if c.name in picked else ''}{c.label}", n) for n, c in enumerate(question.choices)]
    return (*((button,) for button in choices), ((phrases.done, DONE),))


def _help(question: Question, phrases: Phrases) -> list[str]:
    match question:
        case Scale(minimum=low, maximum=high, low=low_label, high=high_label):
            return [phrases.hint_scale.format(low=low, high=high, low_label=low_label, high_label=high_label)]
        case SelectOne():
            return [phrases.hint_one]
        case SelectMultiple():
            return [phrases.hint_several]
        case Integer():
            return [phrases.hint_number]
        case Date():
            return [phrases.hint_date]
        case Hours():
            return [phrases.hint_hours]
        case YesNo() | Text() | Locality():
            return []
        case _:
            assert_never(question)


def _numbered(labels: tuple[str, ...]) -> list[str]:
    return [f"{n} {label}" for n, label in enumerate(labels, start=1)]


def _rows(buttons: list[tuple[str, int]]) -> Buttons:
    """One a row where labels are long; short ones side by side, the rows about equally full."""
    if any(len(label) > _LONG_LABEL for label, _ in buttons):
        return tuple((button,) for button in buttons)
    number = -(-len(buttons) // _PER_ROW)
    size = -(-len(buttons) // number)
    return tuple(tuple(buttons[n : n + size]) for n in range(0, len(buttons), size))
