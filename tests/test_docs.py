"""What the documents name is there: files, commands with their options, targets of make, settings, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from bot.__main__ import COMMANDS, app
from config.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
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
