"""A session as it is stored: the engine's value as JSON, before it is sealed."""

from __future__ import annotations

from typing import Any

import orjson

from flows.conditions import Answer
from flows.session import Session


def stored(session: Session, asked: int | None = None) -> bytes:
    """All of it but what has a column of its own; `asked` is the id of the message that asked."""
    return orjson.dumps(
        {
            "at": session.waiting_at,
            "answers": session.answers,
            "said": session.said,
            "misses": session.misses,
            "paused": session.paused,
            "nudged": session.nudged,
            "picked": session.picked,
            "resting": session.resting,
            "given": session.given,
            "asked": asked,
            "about": session.about,
        }
    )


def restored(flow: str, version: int, sprint: int, data: bytes) -> tuple[Session, int | None]:
    """The session and the id of the message that asked. Raises ValueError, KeyError or TypeError for
    what was not stored by `stored`.
    """
    state = orjson.loads(data)
    session = Session(
        flow,
        version,
        sprint,
        state["at"],
        _answers(state["answers"]),
        tuple(state["said"]),
        state["misses"],
        state["paused"],
        state["nudged"],
        tuple(state["picked"]),
        state.get("resting", False),
        tuple(state.get("given", ())),
        tuple(state.get("about", ())),
    )
    return session, state["asked"]


def _answers(found: dict[str, Any]) -> dict[str, Answer]:
    """JSON has no tuples."""
    for name, value in found.items():
        if value.__class__ is list:
            found[name] = tuple(value)
    return found
