"""What the documents name is there: files, commands, options, targets, settings, decisions; and examples are sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer

from bot.__main__ import COMMANDS, app
from bot.desk.orders import DeskOrder, desk_order
from bot.events.orders import Order, ordered
from config.settings import Settings
from domain.event import Access, Criterion, Day, EventKind, EventRole, Venue
from domain.newsletter import Heard, ItemKind, ItemWords
from domain.places import BookingStatus
from flows.fold import fold
from flows.inputs import Command
from flows.library import SOURCE_LANGUAGE, Library
from store.event_files import FIELDS, Draft, read_event
from store.event_rules import faults_in, known_of
from store.newsletter_files import FIELDS as ITEM_FIELDS
from store.newsletter_files import read_item
from store.newsletter_rules import Press
from store.newsletter_rules import faults_in as faults_in_item

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
EVENTS_PAGE = ROOT / "docs" / "howto" / "events.md"
ROOMS = ("benchmarks", "bot", "config", "domain", "evaluation", "flows", "locales", "scheduler", "store", "tests")

#: What a reader is told to make, or what the program makes.
TO_BE_MADE = (
    "flows/definitions/garden_day.yaml",
    "tests/golden/garden_day_en_happy.txt",
    "tests/golden/wellbeing_lt_happy.txt",
    "locales/lt/",
)

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"(?:docs|{'|'.join(ROOMS)})/[\w./-]*")
#: As the code names them; Twilio's own addresses have docs/ in them as well.
_OURS = re.compile(r"docs/(?:adr|howto|architecture|glossary)\b[\w/.-]*\w")
_MAKE = re.compile(r"make ([a-z][a-z-]*)")
_MIME = re.compile(r"(?:\.venv/bin/)?mime ([a-z][a-z-]*)(.*)")
#: As in `mime team add|list`; in a table the bar has a backslash before it.
_INNER = re.compile(r" +([a-z][a-z|\\-]*)(?: |$)")
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"(?:\.venv/bin/)?python -m ([\w.]+)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def pieces(document: Path) -> tuple[str, ...]:
    """The code of a document: what stands between backticks, and the lines of its blocks."""
    text = document.read_text("utf-8")
    fenced = [line.strip() for block in _FENCED.findall(text) for line in block.splitlines()[1:-1]]
    rest = _FENCED.sub("", text)
    indented = [line.strip() for line in rest.splitlines() if line.startswith("    ")]
    return (*fenced, *_INLINE.findall(rest), *indented)


def said(pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Each piece of code that begins so, with the document it stands in."""
    for document in DOCUMENTS:
        for piece in pieces(document):
            if found := pattern.match(piece):
                yield name(document), found


@cache
def options(command: str, rest: str) -> frozenset[str]:
    """Those of the command, and of the one inside it that the next word names."""
    ours: Any = typer.main.get_command(app)
    found = ours.get_command(None, command)
    inner = getattr(found, "commands", {}).get(rest.split()[0] if rest.split() else "")
    parameters = [*found.params, *(inner.params if inner else ())]
    return frozenset(opt for parameter in parameters for opt in (*parameter.opts, *parameter.secondary_opts))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_each_link_leads_somewhere(document: Path) -> None:
    links = [link for link in _LINK.findall(document.read_text("utf-8")) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if not (document.parent / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_each_file_that_is_named_is_there(document: Path) -> None:
    named = {path.rstrip(".") for piece in pieces(document) for path in _PATH.findall(piece) if "<" not in piece}
    missing = {path for path in named if not (ROOT / path).exists() and not path.startswith(TO_BE_MADE)}
    assert missing == set()


def test_each_target_of_make_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    found = {(where, match[1]) for where, match in said(_MAKE)}
    assert len(found) > 5
    assert {(where, target) for where, target in found if target not in targets} == set()


def test_each_command_is_one_of_ours_and_has_the_options_that_it_is_named_with() -> None:
    found = list(said(_MIME))
    assert len(found) > 20
    assert {(where, match[0]) for where, match in found if match[1] not in COMMANDS} == set()
    wrong = [
        (where, match[0])
        for where, match in found
        for option in re.findall(r"--[a-z][a-z-]*", match[2].partition(" #")[0])
        if option not in options(match[1], match[2])
    ]
    assert wrong == []


def test_each_command_that_has_commands_inside_has_those_that_are_named() -> None:
    ours: Any = typer.main.get_command(app)
    named = [
        (where, match[1], inner)
        for where, match in said(_MIME)
        if hasattr(ours.get_command(None, match[1]), "commands") and (found := _INNER.match(match[2]))
        for inner in re.split(r"\\?\|", found[1])
    ]
    assert {inner for _, command, inner in named if command == "event"} >= {
        "add",
        "edit",
        "cancel",
        "role",
        "attendance",
    }
    assert [one for one in named if one[2] not in ours.get_command(None, one[1]).commands] == []


def test_each_module_that_is_to_be_run_is_there() -> None:
    found = {(where, match[1]) for where, match in said(_MODULE)}
    assert found
    assert {(where, module) for where, module in found if find_spec(module) is None} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_each_setting_that_is_named_is_read(document: Path) -> None:
    known = {f"MIME_{field.upper()}" for field in Settings.model_fields}
    named = set(re.findall(r"MIME_[A-Z_]*[A-Z]", "\n".join(pieces(document))))
    assert named - known == set()


def test_the_decisions_are_numbered_and_say_what_was_given_up() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{n:04}" for n in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        text = path.read_text("utf-8")
        assert text.startswith(f"# {path.name[:4]} "), path.name
        assert all(f"**{head}.**" in text for head in ("Context", "Choice", "What we gave up")), path.name


def test_what_the_code_says_of_the_documents_is_there() -> None:
    sources = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path != Path(__file__).resolve()]
    named = {found for path in sources for found in _OURS.findall(path.read_text("utf-8"))}
    assert named
    there = [name(path) for path in (ROOT / "docs").rglob("*")]
    assert {one for one in named if not any(path.startswith(one) for path in there)} == set()


def section(heading: str) -> str:
    """That part of the page about events, without the parts behind it."""
    return EVENTS_PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_column(text: str) -> list[str]:
    """Of the one table in it, without its head."""
    rows = re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)
    return rows[1:]


@pytest.fixture
def examples(tmp_path: Path) -> list[tuple[str, Draft]]:
    """The files of events on the page, and what our reader makes of them."""
    found = []
    for n, text in enumerate(_YAML.findall(section("1. Write it down"))):
        path = tmp_path / f"{n}.yaml"
        path.write_text(text, "utf-8")
        found.append((text, read_event(path, ZoneInfo("Europe/London")).draft))
    return found


def test_the_examples_of_an_event_have_no_fault(examples: list[tuple[str, Draft]], flows: Library) -> None:
    assert len(examples) == 2
    for _, draft in examples:
        event = draft.event
        before = event.starts_at - timedelta(days=7)
        first = replace(event, number=3, after=None, days=(Day(before, before + timedelta(hours=2)),))
        assert list(faults_in(event, known_of(flows), datetime(2026, 11, 23, 10, tzinfo=UTC), first=first)) == []
    assert [draft.by_name for _, draft in examples] == [True, False]


def test_the_examples_of_an_event_have_each_field_and_the_table_tells_of_it(examples: list[tuple[str, Draft]]) -> None:
    inner = {one.name for kind in (Venue, Criterion) for one in fields(kind)}
    written = set(re.findall(r"(?:^| +|- |\{)([a-z_]+):", "\n".join(text for text, _ in examples), re.MULTILINE))
    assert {*FIELDS, *inner} - written == set()
    full = examples[1][1].event
    assert full.venue.access == set(Access)
    table = section("1. Write it down").partition("| field |")[2]
    assert {*FIELDS, *inner} - set(_INLINE.findall(table)) == set()
    kinds = next(row for row in table.splitlines() if row.startswith("| `kind`"))
    assert {kind.value for kind in EventKind} - set(re.findall(r"[a-z_]+", kinds)) == set()


def test_each_order_about_events_is_on_the_page_and_is_understood() -> None:
    rows = first_column(section("3. Or by message"))
    assert [row for row in rows if ordered(row) is None] == []
    assert {found.order for row in rows if (found := ordered(row))} == set(Order)


def test_each_word_of_the_desk_is_on_its_page_and_is_understood() -> None:
    page = (ROOT / "docs" / "howto" / "coordinating-by-chat.md").read_text("utf-8")
    rows = first_column(page.partition("\n## The words\n")[2].partition("\n## ")[0])
    found = [desk_order(row) for row in rows]
    assert None not in found
    assert {one.order for one in found if one is not None} == set(DeskOrder)


def test_each_function_that_the_desks_share_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.partition("\n## The coordinators' desk\n")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:domain|store)(?:\.\w+)+)\.(\w+)`", table)
    assert len(named) > 30
    assert [one for one in named if not callable(getattr(import_module(one[0]), one[1], None))] == []


def test_each_word_for_events_is_on_the_page_and_is_understood(flows: Library) -> None:
    rows = first_column(section("What people do"))
    words = flows.words[SOURCE_LANGUAGE].commands
    assert [words.get(fold(row)) for row in rows] == [Command.EVENTS, Command.BOOKINGS, Command.OUT, Command.HERE]


def test_each_role_and_each_status_of_a_booking_is_told() -> None:
    assert {role.value for role in EventRole} - set(_INLINE.findall(section("4. Who does what"))) == set()
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    told = glossary.partition("A booking's `status`:")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", told, re.MULTILINE)) == {status.value for status in BookingStatus}


def test_the_example_of_an_item_has_no_fault_and_the_tables_tell_of_each_field(tmp_path: Path, flows: Library) -> None:
    page = (ROOT / "docs" / "howto" / "newsletter.md").read_text("utf-8")
    (text,) = _YAML.findall(page)
    path = tmp_path / "item.yaml"
    path.write_text(text, "utf-8")
    press = Press(library=flows, numbers={}, zone=ZoneInfo("Europe/London"))
    assert list(faults_in_item(read_item(path).item, press, {}, date(2026, 11, 23))) == []
    told = set(_INLINE.findall(page))
    inner = {one.name for kind in (ItemWords, Heard) for one in fields(kind)}
    assert {*ITEM_FIELDS, *inner, *(kind.value for kind in ItemKind)} - told - set(
        re.findall(r"`(\w+):", page)
    ) == set()
