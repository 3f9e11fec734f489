"""A person on a coordinator's list: what its columns mean, and what is wrong with a row of it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from domain.contact import Purpose
from domain.phone import is_mobile

T = TypeVar("T")

#: What a list may say of somebody. Only `phone` must be there.
COLUMNS = (
    "name",
    "phone",
    "language",
    "type",
    "district",
    "heard_from",
    "heard_from_detail",
    "newsletter",
    "invitations",
    "questionnaires",
    "consent_date",
    "consent_how",
    "note",
)
#: The purposes that a list may bring a consent for. What a carer is told, people decide with us themselves.
PURPOSES = (Purpose.NEWSLETTER, Purpose.INVITATIONS, Purpose.QUESTIONNAIRES)
_LONGEST = {"name": 80, "heard_from_detail": 200, "consent_how": 200, "note": 1000}
#: Nobody agreed to be texted before there were texts (December 1992): such a year is a slip.
_FIRST_TEXT = date(1992, 12, 3)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_BRITISH = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
#: No letters: the library would read 0800 FLOWERS, and an O typed for a 0, as digits.
_NUMBER_SIGNS = re.compile(r"[+\d\s().\-\u2010-\u2015\u2212]+")
_SHORTENED = re.compile(r"\d([.,]\d+)?e\+?\d+", re.IGNORECASE)
#: UK short codes have five or six digits, and 999, 111 and 101 three (Ofcom's numbering plan).
_SHORT_CODE_DIGITS = 6


class MemberType(StrEnum):
    """How somebody relates to support services, as a coordinator's list says it."""

    SERVICE_USER = "service_user"
    CARER = "carer"
    STAFF = "staff"
    COMMISSIONER = "commissioner"
    PARTNER = "partner"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list: its number as a spreadsheet shows it, from 1, and its cells as text."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something on the list that a coordinator must put right. It never repeats a name or a number."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {self.reason}" if self.column else f"row {self.row}: {self.reason}"


@dataclass(frozen=True)
class Choices:
    """What may stand in a column: codes, each with the names that it goes by. The first name is its label."""

    names: Mapping[str, Sequence[str]]

    def code(self, text: str) -> str:
        """The code that is meant. Raises ValueError, with what was perhaps meant or all that there is."""
        if (code := self._codes.get(bare(text))) is not None:
            return code
        near = get_close_matches(bare(text), list(self._codes), n=1, cutoff=0.7)
        if near:
            raise ValueError(f"{_cut(text)!r} means nothing here; did you mean {self.label(self._codes[near[0]])!r}?")
        raise ValueError(f"{_cut(text)!r} means nothing here; use one of: {', '.join(map(self.label, self.names))}")

    def label(self, code: str) -> str:
        return self.names[code][0]

    @cached_property
    def _codes(self) -> Mapping[str, str]:
        return {bare(name): code for code, names in self.names.items() for name in (*names, code)}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the languages, the districts and the ways to hear of us are called, by their codes."""

    languages: Choices
    districts: Choices
    sources: Choices


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to keep with a person, under the name that their own answer to it would have."""

    field: str
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on the list. `phone` is in E.164; `consents` were given on `consent_date`, in the way that
    `consent_how` says. `type` and `language` are None where the list does not say.
    """

    row: int
    phone: str
    language: str | None
    type: MemberType | None
    facts: tuple[Fact, ...]
    consents: tuple[Purpose, ...]
    consent_date: date | None
    consent_how: str


TYPES = Choices(
    {
        MemberType.SERVICE_USER: (
            "Service user", "user", "patient", "client", "survivor", "expert by experience", "lived experience",
        ),
        MemberType.CARER: ("Carer", "caregiver", "care giver", "family carer", "unpaid carer", "family", "relative"),
        MemberType.STAFF: ("Staff", "member of staff", "staff member", "worker", "professional", "employee"),
        MemberType.COMMISSIONER: ("Commissioner", "commissioning"),
        MemberType.PARTNER: ("Partner", "partner organisation", "organisation", "voluntary sector", "charity"),
        MemberType.PUBLIC: ("Public", "member of the public", "general public"),
    }
)  # fmt: skip
_YES_NO = Choices({"yes": ("yes", "y", "true"), "no": ("no", "n", "false")})


def bare(text: str) -> str:
    """Small letters and digits alone, so that `Heard From`, `heard_from` and `HEARDFROM` are one word, and Romana is
    Română. Vowel signs of Indian scripts stay: they are letters of the word (their combining class is 0).
    """
    return "".join(
        c
        for c in unicodedata.normalize("NFKD", text.casefold())
        if unicodedata.category(c)[0] in "LNM" and not unicodedata.combining(c)
    )


def columns_of(header: Row) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """The columns that the first row names, empty where it names none; and what is wrong with it."""
    known = {bare(column): column for column in COLUMNS}
    columns: list[str] = []
    faults: list[Fault] = []
    for place, cell in enumerate(header.cells):
        column = known.get(bare(cell), "")
        if cell.strip() and not column:
            near = get_close_matches(bare(cell), list(known), n=1)
            meant = f"did you mean {known[near[0]]!r}?" if near else f"the columns are {', '.join(COLUMNS)}"
            faults.append(Fault(header.number, letters(place), f"there is no column {_cut(cell.strip())!r}; {meant}"))
        elif column and column in columns:
            faults.append(Fault(header.number, letters(place), f"the column {column!r} is there twice; remove one"))
        columns.append(column)
    if "phone" not in columns:
        faults.append(Fault(header.number, "", "the column 'phone' is missing; the first row must name the columns"))
    return tuple(columns), tuple(faults)


def members_of(
    rows: Sequence[Row], words: Vocabulary, today: date, *, allow_test: bool
) -> tuple[list[Member], list[Fault]]:
    """Everybody on the list, and every fault of it; the first row names the columns. With a fault in that row the
    others are not looked at.
    """
    if not rows:
        return [], [Fault(1, "", "the list is empty; its first row must name the columns, such as 'name' and 'phone'")]
    columns, wrong = columns_of(rows[0])
    faults = list(wrong)
    members: list[Member] = []
    for row in rows[1:] if not wrong else ():
        found = member_of(row, columns, words, today, allow_test=allow_test)
        if isinstance(found, Member):
            members.append(found)
        else:
            faults.extend(found)
    return members, faults


def member_of(
    row: Row, columns: Sequence[str], words: Vocabulary, today: date, *, allow_test: bool
) -> Member | tuple[Fault, ...]:
    """Who that row tells of, or all that is wrong with it. `today` is the last day on which a consent can have been
    given; `allow_test` takes Ofcom's numbers for drama as mobiles.
    """
    reading = _Reading(row.number, dict(zip(columns, row.cells, strict=False)))
    for place, cell in enumerate(row.cells):
        if cell.strip() and (place >= len(columns) or not columns[place]):
            reading.fault(letters(place), "this column has no name in the first row; name it, or empty the cell")
    phone = reading.read("phone", lambda text: number_of(text, allow_test=allow_test))
    if not reading.text("phone"):
        reading.fault("phone", "it is empty; without a number nobody can be reached")
    language = reading.read("language", words.languages.code)
    kind = reading.read("type", lambda text: MemberType(TYPES.code(text)))
    district = reading.read("district", words.districts.code)
    source = reading.read("heard_from", words.sources.code)
    consents = tuple(purpose for purpose in PURPOSES if reading.read(purpose, _YES_NO.code) == "yes")
    consent_date = reading.read("consent_date", lambda text: _day(text, today))
    told = {column: reading.read(column, _within(longest)) or "" for column, longest in _LONGEST.items()}
    if consents:
        for column, wanted in (("consent_date", "say when they agreed"), ("consent_how", "say how, such as 'form'")):
            if not reading.text(column):
                reading.fault(column, f"with a yes in {consents[0].value!r} this must {wanted}")
    if reading.faults or phone is None:
        return tuple(reading.faults)
    facts = (
        Fact("nickname", told["name"], told["name"]),
        Fact("relation", kind or "", TYPES.label(kind) if kind else ""),
        Fact("district", district or "", words.districts.label(district) if district else ""),
        Fact("heard_from", source or "", words.sources.label(source) if source else ""),
        Fact("heard_from_detail", told["heard_from_detail"], told["heard_from_detail"]),
        Fact("note", told["note"], told["note"]),
    )
    return Member(
        row.number,
        phone,
        language,
        kind,
        tuple(fact for fact in facts if fact.value),
        consents,
        consent_date,
        told["consent_how"],
    )


def number_of(text: str, *, allow_test: bool) -> str:
    """A mobile number as people and spreadsheets write it, in E.164; without a country it is a British one. Raises
    ValueError for any other, with the reason.
    """
    written = "".join(c for c in text if unicodedata.category(c) != "Cf").strip().removeprefix("'").strip()
    if _SHORTENED.fullmatch(written):
        raise ValueError("the spreadsheet has shortened this number; format the column as text and type it again")
    if not _NUMBER_SIGNS.fullmatch(written):
        raise ValueError("this is no phone number; write one number, with digits only")
    try:
        parsed = phonenumbers.parse(written, "GB")
    except NumberParseException as error:
        raise ValueError("this is no phone number; write one number, such as 07700 900123") from error
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if is_mobile(number, allow_test=allow_test):
        return number
    if is_mobile(number, allow_test=True):
        raise ValueError("this is one of Ofcom's numbers for drama; it belongs to nobody")
    if len(str(parsed.national_number)) <= _SHORT_CODE_DIGITS:
        raise ValueError("this is too short for a mobile's number; a short code cannot be written to")
    if not phonenumbers.is_valid_number(parsed):
        raise ValueError("there is no such number; is a digit missing, or one too many?")
    if phonenumbers.number_type(parsed) is PhoneNumberType.FIXED_LINE:
        raise ValueError("this is a landline, and a carrier may read a text aloud there; give a mobile's number")
    raise ValueError("this is no mobile's number, and a text may not reach anybody; give a mobile's")


def letters(place: int) -> str:
    """What a spreadsheet calls a column, counted from 0: `column A`, `column AB`."""
    name = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return f"column {name}"


@dataclass(slots=True)
class _Reading:
    """One row, and the faults that were found in it so far."""

    row: int
    cells: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)

    def text(self, column: str) -> str:
        return tidy(self.cells.get(column, ""))

    def read(self, column: str, meaning: Callable[[str], T]) -> T | None:
        """What the cell means; None where it is empty, or means nothing (which is a fault)."""
        text = self.text(column)
        if not text:
            return None
        try:
            return meaning(text)
        except ValueError as error:
            self.fault(column, str(error))
            return None

    def fault(self, column: str, reason: str) -> None:
        self.faults.append(Fault(self.row, column, reason))


def tidy(text: str) -> str:
    """Single spaces, and no control characters, which PostgreSQL refuses in part and nobody sees."""
    return " ".join("".join(c for c in _spaced(text) if unicodedata.category(c) not in ("Cc", "Cs")).split())


def _spaced(text: str) -> Iterable[str]:
    return (" " if c.isspace() else c for c in text)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _within(longest: int) -> Callable[[str], str]:
    def meaning(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"this has {len(text)} letters, and at most {longest} are kept; shorten it")
        return text

    return meaning


def _day(text: str, today: date) -> date:
    """A day as 2026-11-03 or 3/11/2026, the day first."""
    if found := _ISO.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _BRITISH.fullmatch(text):
        day, month, year = map(int, found.groups())
    else:
        raise ValueError("this is no date; write it as 2026-11-03 or 3/11/2026")
    try:
        said = date(year, month, day)
    except ValueError as error:
        raise ValueError("there is no such day; write it as 2026-11-03 or 3/11/2026, the day first") from error
    if said > today:
        raise ValueError("this day is yet to come")
    if said < _FIRST_TEXT:
        raise ValueError("nobody was sent texts then; is the year right?")
    return said
