"""The `/_standin/` addresses, by which another process reads and drives a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import orjson
from pydantic import TypeAdapter

from benchmarks.standins.serving import Answer, Request, json_answer
from benchmarks.standins.trouble import AnyFaults, Trouble

PREFIX = "/_standin/"


def control(
    request: Request,
    log: Callable[[int], Mapping[str, Any]],
    violations: list[str],
    trouble: Trouble[AnyFaults],
    acts: Mapping[str, Callable[..., Any]],
) -> Answer:
    """Answers `GET log?since=N`, `GET violations`, `GET` and `POST faults`, and `POST` of each act.

    An act takes a JSON object with its arguments, or a list of such objects; the answer holds what
    each gave. Whatever is asked wrongly is answered 400 with the reason, or 404.
    """
    name = request.path.removeprefix(PREFIX)
    try:
        match request.method, name:
            case "GET", "log":
                return json_answer(200, log(int(dict(request.asked()).get("since", "0"))))
            case "GET", "violations":
                return json_answer(200, violations)
            case (("GET" | "POST"), "faults"):
                adapter: TypeAdapter[AnyFaults] = TypeAdapter(type(trouble.faults))
                if request.method == "POST":
                    trouble.faults = adapter.validate_python(_known(request.body, trouble.faults))
                return json_answer(200, adapter.dump_python(trouble.faults, mode="json"))
            case "POST", act if act in acts:
                return json_answer(200, _do(acts[act], orjson.loads(request.body or b"{}")))
            case _:
                return json_answer(404, {"error": f"there is no {request.method} {request.path}"})
    except (ValueError, TypeError, LookupError) as error:
        return json_answer(400, {"error": str(error)})


def _known(body: bytes, faults: AnyFaults) -> Any:
    """The faults in the body. Raises ValueError for a name that is none: a fault misspelt would never strike."""
    given = orjson.loads(body)
    names = [field.name for field in fields(faults)]
    if not isinstance(given, dict) or not set(given).issubset(names):
        raise ValueError(f"expected a JSON object with some of {', '.join(names)}")
    return given


def _do(act: Callable[..., Any], arguments: Any) -> Any:
    if isinstance(arguments, list):
        return [_do(act, each) for each in arguments]
    if not isinstance(arguments, dict):
        raise ValueError("expected a JSON object with the arguments, or a list of them")
    # `from` is no name that Python lets an argument have
    return act(**{("from_" if name == "from" else name): value for name, value in arguments.items()})
