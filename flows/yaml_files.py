"""Reading YAML so that each fault can be told with its file and line; every scalar stays text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from flows.lint import perhaps

T = TypeVar("T")
#: The library's reader in C, where its wheel brings it (it does on all platforms we know of): ten times as fast.
_READER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
Place = tuple[str | int, ...]


class FileError(Exception):
    """A file that somebody wrote is wrong. The message is for its author."""


def compose(path: Path) -> yaml.Node:
    """The file's nodes, each with its line. Raises FileError."""
    try:
        return composed(path.read_text("utf-8"), path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: it is not UTF-8; save it as UTF-8") from error


def composed(text: str, name: Path | str) -> yaml.Node:
    """The nodes of a text, which errors call by that name. Raises FileError."""
    try:
        root = yaml.compose(text, Loader=_READER)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1) if error.problem_mark else 1
        raise FileError(f"{name}:{line}: {error.problem}; check the indentation and the quotes") from error
    except yaml.YAMLError as error:
        raise FileError(f"{name}: it holds a character that no text has; save it as plain UTF-8 text") from error
    if root is None:
        raise FileError(f"{name}:1: the file is empty")
    return root


def plain(node: yaml.Node, name: Path | str) -> Any:
    """Nodes to plain data; every scalar stays text, so `no` is a word and pydantic is the only typist."""
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise FileError(f"{name}:{key.start_mark.line + 1}: expected a word before the colon; quote the text")
            if key.value in found:
                raise FileError(f"{name}:{key.start_mark.line + 1}: {key.value!r} is given twice")
            found[key.value] = plain(value, name)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, name) for item in node.value]
    return node.value


def validated(adapter: TypeAdapter[T], path: Path, root: yaml.Node, known: Iterable[str]) -> T:
    """The file as the adapter types it; a field that means nothing may be one of the `known` mistyped.
    Raises FileError, with every fault.
    """
    data = plain(root, path)
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise located(path, root, faults(error, known)) from error


def faults(error: ValidationError, known: Iterable[str]) -> list[tuple[Place, str]]:
    """Each fault with its place, in words for the author."""
    return [(each["loc"], _message(each, known)) for each in error.errors()]


def located(path: Path, root: yaml.Node, found: Iterable[tuple[Place, str]]) -> FileError:
    """The faults in the order of their lines."""
    lines = sorted((_line(root, place), f"{_name(place)}{message}") for place, message in found)
    return FileError("\n".join(f"{path}:{line}: {message}" for line, message in lines))


def _message(error: Any, known: Iterable[str]) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "unexpected_keyword_argument":
            name = str(error["loc"][-1])
            return f"{name!r} means nothing here" + perhaps(name, known)
        case "union_tag_invalid":
            tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
            return f"{context['tag']!r} is no type of question" + perhaps(context["tag"], tags)
        case "union_tag_not_found":
            return "it has no `type:`"
        case "missing":
            return f"{error['loc'][-1]!r} is missing"
        case "string_pattern_mismatch":
            return f"{error['input']!r} is no name: use small letters, digits and _, beginning with a letter"
        case "value_error":
            return str(context["error"])
        case _:
            return str(error["msg"])


def _line(node: yaml.Node, place: Place) -> int:
    """The line of a place; a part that names no node (pydantic adds the union's tag) is passed over."""
    line = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    node, line = value, key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return int(line) + 1


def _name(place: Place) -> str:
    return ".".join(map(str, place)) + ": " if place else ""
