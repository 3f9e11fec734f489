"""What people write in a short YAML file, field by field: read as what it means, and written so that it reads the same.

Readers take what stands in the file, and raise ValueError with a sentence that says what to write.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import yaml

#: What a file holds, as text: each value is text, a list, or a mapping.
Written = dict[str, Any]


def a_day(text: Any) -> Any:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{text!r} is no day: write it such as 2026-12-08") from error


def a_number(text: Any) -> Any:
    if not isinstance(text, str) or not re.fullmatch(r" *\d{1,6} *", text, re.ASCII):
        raise ValueError(f"{text!r} is no number: write it in digits, such as 12")
    return int(text)


def a_yes(text: Any) -> Any:
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r}: write yes or no")
    return text == "yes"


def several(given: Any) -> Any:
    """One alone, or some with commas, need be no list; nothing at all is an empty one."""
    if isinstance(given, str):
        return [part.strip() for part in given.split(",") if part.strip()]
    return a_list(given)


def a_list(given: Any) -> Any:
    if given == "":
        return []
    if not isinstance(given, list):
        raise ValueError("expected a list: a line for each, with a - before it")
    return given


def a_text(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError("expected a text")
    return given.strip()


def without_empty(written: Written) -> Written:
    return {name: value for name, value in written.items() if value not in ("", [], {})}


def as_yaml(written: Written) -> str:
    """The text of a file that holds this."""
    return yaml.dump(written, Dumper=_Writer, allow_unicode=True, sort_keys=False, width=110)


class _Writer(yaml.SafeDumper):
    """As people write it: the items of a list stand further in than its name, nothing is a reference, and what YAML
    would take for a number, a date or a yes needs no quotes, since our reader takes it as text.
    """

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


_Writer.yaml_implicit_resolvers = {}
