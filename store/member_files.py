"""A coordinator's list as a file: the bytes of a CSV file or an Excel workbook to numbered rows of text."""

from __future__ import annotations

import csv
import io
import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from domain.member import Fault, Row, letters

MAX_BYTES = 20 * 1024 * 1024
#: People, not counting the first row.
MAX_ROWS = 50_000
#: A workbook is a ZIP archive: one of a few kilobytes can unpack to any size.
_MAX_UNPACKED = 500 * 1024 * 1024
#: Excel's own limit ("Excel specifications and limits"); a damaged workbook can number its rows far beyond.
_LAST_ROW = 1_048_576
_ZIP = b"PK\x03\x04"
#: Workbooks of Excel 97-2003, and newer ones with a password (MS-CFB, 2.2).
_COMPOUND = b"\xd0\xcf\x11\xe0"
_DELIMITERS = (",", ";", "\t")
#: All that the library was seen to raise for workbooks that were damaged at random, and their kin.
_DAMAGED = (
    BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
)


class MemberFileError(Exception):
    """The file cannot be read as a list. The message says what to do, for whoever made it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows that say something, in order, the first of them naming the columns. A row with a cell that cannot be
    read is among the `faults` and not among the rows.
    """

    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Unread:
    """A cell that holds no value of its own."""

    reason: str


_Cell = str | _Unread
_FORMULA = _Unread("this is a formula; put its value there (copy, then paste as values)")


def read_sheet(data: bytes) -> Sheet:
    """Raises MemberFileError. What kind of file it is, its first bytes say and not its name."""
    if len(data) > MAX_BYTES:
        raise MemberFileError(f"the file is larger than {MAX_BYTES >> 20} MB; part it into several")
    if data.startswith(_COMPOUND):
        raise MemberFileError("this is an old workbook, or one with a password; save it as .xlsx without a password")
    return _sheet(_workbook_rows(data) if data.startswith(_ZIP) else _csv_rows(data))


def _sheet(numbered: Iterable[tuple[int, list[_Cell]]]) -> Sheet:
    rows: list[Row] = []
    faults: list[Fault] = []
    count = 0
    for number, cells in numbered:
        if not any(isinstance(cell, _Unread) or cell.strip() for cell in cells):
            continue
        count += 1
        if count > MAX_ROWS + 1:
            raise MemberFileError(f"the list has more than {MAX_ROWS:,} rows; part it into several files")
        texts = tuple(cell for cell in cells if isinstance(cell, str))
        if len(texts) == len(cells):
            rows.append(Row(number, texts))
            continue
        if count == 1:
            raise MemberFileError(f"row {number} names the columns, and a cell of it is a formula; type the name there")
        faults += [
            Fault(number, _name(rows, place), cell.reason)
            for place, cell in enumerate(cells)
            if isinstance(cell, _Unread)
        ]
    return Sheet(tuple(rows), tuple(faults))


def _name(rows: list[Row], place: int) -> str:
    """What the list itself calls a column."""
    header = rows[0].cells
    return (header[place].strip() if place < len(header) else "") or letters(place)


def _csv_rows(data: bytes) -> Iterator[tuple[int, list[_Cell]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MemberFileError(_NOT_UTF8) from error
    if "\0" in text:  # UTF-16 without a mark in front is valid UTF-8, full of these
        raise MemberFileError(_NOT_UTF8)
    number = 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        for number, cells in enumerate(reader, start=1):
            yield number, [_FORMULA if cell.lstrip().startswith("=") else cell for cell in cells]
    except csv.Error as error:
        raise MemberFileError(f"row {number + 1} cannot be read: {error}; look at its quotation marks") from error


_NOT_UTF8 = "the file is not UTF-8; save it as UTF-8 (in Excel: Save As, 'CSV UTF-8'), or as a workbook (.xlsx)"


def _delimiter(text: str) -> str:
    """The one that parts the first line into the most cells; Excel writes `;` where a comma is the decimal point."""
    first = next(iter(io.StringIO(text)), "")
    return max(_DELIMITERS, key=lambda delimiter: len(next(csv.reader([first], delimiter=delimiter), [])))


def _workbook_rows(data: bytes) -> Iterator[tuple[int, list[_Cell]]]:
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > _MAX_UNPACKED:
                raise MemberFileError("the workbook is too large when unpacked; save the list as CSV (UTF-8)")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and drop-down lists, which we do not read
            yield from _first_sheet(data)
    except _DAMAGED as error:
        raise MemberFileError("the workbook cannot be read; open it in Excel, and save it anew or as CSV") from error


def _first_sheet(data: bytes) -> Iterator[tuple[int, list[_Cell]]]:
    """The first sheet that is shown; hidden ones are nobody's list."""
    workbook = load_workbook(io.BytesIO(data), read_only=True)
    try:
        sheet: Any = next((s for s in workbook.worksheets if s.sheet_state == "visible"), None)
        if sheet is None:
            raise MemberFileError("the workbook has no sheet with cells")
        sheet.reset_dimensions()  # some programs write A1, and the library would believe them
        for number, cells in enumerate(sheet.iter_rows(max_row=_LAST_ROW), start=1):
            yield number, [_cell(cell.value, cell.data_type) for cell in cells]
    finally:
        workbook.close()


def _cell(value: Any, kind: str) -> _Cell:
    """As a person would have typed it. Excel keeps a phone number as a number, without its first zero."""
    if kind == "f":
        return _FORMULA
    if kind == "e":
        return _Unread(f"this is an error of the spreadsheet ({value}); type the value")
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case str() if value.lstrip().startswith("="):
            return _FORMULA
    return str(value)
