"""Updates and forms with anything in them, from the providers themselves: never a 5xx, never a wedge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.library import Library
from tests.bot.channels.test_pairs import pairs
from tests.bot.test_webhooks import INBOUND, STATUS, Doors, open_doors, sms, update
from tests.conftest import Clock

#: Examples of each kind on each database; each brings several at once.
EXAMPLES, AT_ONCE = 50, 20

_RECORDED = {
    channel: [
        p.values[1]["given"] for p in pairs("incoming.json") if p.values[0] == channel and p.values[1].get("facts")
    ]
    for channel in ("telegram", "twilio")
}
_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXT,
    st.sampled_from(["", "private", "kicked", "/start", "/", "7", "stop", "\x00", "9" * 5000, "x.7", ".", "-1"]),
)
_JSON = st.recursive(
    _SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=6
)


@st.composite
def mutated_updates(draw: st.DrawFn) -> bytes:
    """A recorded update of which some values are others, some are gone, and some bytes are flipped."""
    value = {**draw(st.sampled_from(_RECORDED["telegram"])), "update_id": draw(st.integers(1, 2**50))}
    for _ in range(draw(st.integers(0, 3))):
        value = mutated(draw, value)
    body = bytearray(orjson.dumps(value))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        body[at : at + 1] = draw(st.binary(max_size=2))
    return bytes(body)


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with a change somewhere in it."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        match draw(st.integers(0, 5)):
            case 0:
                return {n: v for n, v in value.items() if n != name}
            case 1:
                return {**value, draw(_TEXT): draw(_JSON)}
            case _:
                return {**value, name: mutated(draw, value[name])}
    return draw(_JSON)


_QUERIES = ["", "?m=1", f"?m={2**63 - 1}", "?m=", "?m=x", "?m=%00", "?m=1&m=2", "?%ff=%fe", "?&="]
_NAMES = sorted({name for given in _RECORDED["twilio"] for name in given["form"]})


@st.composite
def mutated_forms(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """A path with its query, and a recorded form with some of its values changed, doubled or gone."""
    sid = f"SM{draw(st.integers(1, 2**50)):032x}"
    recorded = draw(st.sampled_from(_RECORDED["twilio"]))["form"]
    form = [(name, sid if name == "MessageSid" else value) for name, value in recorded.items()]
    for _ in range(draw(st.integers(0, 4))):
        value = draw(_TEXT | st.sampled_from(["", "+447700900123", "delivered", "STOP", "\x00", "9" * 70, "S" * 65]))
        match draw(st.integers(0, 3)):
            case 0 if form:
                form.pop(draw(st.integers(0, len(form) - 1)))
            case 1:
                form.append((draw(st.sampled_from(_NAMES) | _TEXT), value))
            case _ if form:
                n = draw(st.integers(0, len(form) - 1))
                form[n] = (form[n][0], value)
            case _:
                pass
    query = draw(
        st.sampled_from(["", "?m=1", f"?m={2**63 - 1}", "?m=", "?m=x", "?m=%00", "?m=1&m=2", "?%ff=%fe", "?&="])
    )
    return draw(st.sampled_from([INBOUND, STATUS])) + query, form


@pytest.fixture
def running(store_urls: tuple[str, str], flows: Library, clock: Clock) -> Iterator[tuple[asyncio.Runner, Doors]]:
    """Doors, and the loop in which they stand: hypothesis comes from outside of it."""
    with asyncio.Runner() as runner:
        opened = open_doors(store_urls, flows, clock)
        doors = runner.run(opened.__aenter__())
        yield runner, doors
        runner.run(goes_on(doors))
        runner.run(opened.__aexit__(None, None, None))


async def goes_on(doors: Doors) -> None:
    """Somebody else, and the one whose messages were spoilt, can do a check-in after all that."""
    for chat in (4711, 99_887_766):
        for n, words in enumerate(("STOP", "START", "CHECKIN")):
            answer = await doors.telegram(update(words, 5_000_000_000 + chat * 10 + n, chat))
            assert answer.status_code == 200
        asked = (await doors.world.told(f"telegram:{chat}"))[-1]
        assert asked.buttons, asked.text
    for n, words in enumerate(("STOP", "START", "CHECKIN")):
        answer = await doors.twilio(sms(words, f"SM-after-{n}"))
        assert answer.status_code == 200


_ANY_NUMBER = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def test_no_update_gives_a_5xx(running: tuple[asyncio.Runner, Doors]) -> None:
    runner, doors = running

    async def bring(bodies: list[bytes]) -> list[int]:
        return [answer.status_code for answer in await asyncio.gather(*map(doors.telegram, bodies))]

    @_ANY_NUMBER
    @given(st.lists(mutated_updates(), min_size=AT_ONCE, max_size=AT_ONCE))
    def any_updates(bodies: list[bytes]) -> None:
        assert set(runner.run(bring(bodies))) <= {200, 400}

    any_updates()


def test_no_form_gives_a_5xx(running: tuple[asyncio.Runner, Doors]) -> None:
    runner, doors = running

    async def bring(forms: list[tuple[str, list[tuple[str, str]]]]) -> list[int]:
        answers = await asyncio.gather(*(doors.twilio(form, path) for path, form in forms))
        return [answer.status_code for answer in answers]

    @_ANY_NUMBER
    @given(st.lists(mutated_forms(), min_size=AT_ONCE, max_size=AT_ONCE))
    def any_forms(forms: list[tuple[str, list[tuple[str, str]]]]) -> None:
        assert set(runner.run(bring(forms))) <= {200, 400}

    any_forms()
