"""Updates and forms with anything in them, from the providers themselves: never a 5xx, never a wedge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
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
_WORDS = ("", "private", "kicked", "/start", "/", "7", "yes", "stop", "CHECKIN", "\x00", "9" * 5000, "x.7", ".", "-1")
_FIELDS = ("", "+447700900123", "delivered", "sent", "STOP", "CHECKIN", "yes", "7", "\x00", "9" * 70, "S" * 65)
_QUERIES = ("", "?m=1", f"?m={2**63 - 1}", "?m=", "?m=x", "?m=%00", "?m=1&m=2", "?%ff=%fe", "?&=")
_NAMES = sorted({name for given in _RECORDED["twilio"] for name in given["form"]})


def any_text(dice: Random) -> str:
    """Letters of every script and plane, and none that are half a character."""
    planes = ((0, 0x80), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x110000))
    return "".join(chr(dice.randrange(*dice.choice(planes))) for _ in range(dice.randrange(30)))


def any_value(dice: Random) -> Any:
    return dice.choice(
        [
            None,
            dice.random() < 0.5,
            dice.randrange(-(2**63), 2**64),
            dice.randrange(100),
            dice.uniform(-1e300, 1e300),
            dice.choice(_WORDS),
            any_text(dice),
            [any_text(dice), dice.randrange(9)],
            {any_text(dice): dice.choice(_WORDS), "id": dice.randrange(10**12)},
        ]
    )


def mutated_update(dice: Random) -> bytes:
    """A recorded update of which some values are others, some are gone, and some bytes are flipped."""
    value: Any = {**dice.choice(_RECORDED["telegram"]), "update_id": dice.randrange(2**52)}
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        value = mutated(dice, value)
    body = bytearray(orjson.dumps(value))
    for _ in range(dice.choice((0, 0, 0, 0, 1, 3))):
        at = dice.randrange(len(body) or 1)
        body[at : at + 1] = dice.randbytes(dice.randrange(3))
    return bytes(body)


def mutated(dice: Random, value: Any) -> Any:
    """The value with a change somewhere in it."""
    if isinstance(value, dict) and value and dice.randrange(12):
        name = dice.choice(list(value))
        match dice.randrange(8):
            case 0:
                return {n: v for n, v in value.items() if n != name}
            case 1:
                return {**value, any_text(dice): any_value(dice)}
            case _:
                return {**value, name: mutated(dice, value[name])}
    return any_text(dice) if isinstance(value, str) and dice.randrange(3) else any_value(dice)


def mutated_form(dice: Random) -> tuple[str, list[tuple[str, str]]]:
    """A path with its query, and a recorded form with some of its values changed, doubled or gone."""
    given = dice.choice(_RECORDED["twilio"])
    form = [(n, f"SM{dice.getrandbits(128):032x}" if n == "MessageSid" else v) for n, v in given["form"].items()]
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        at, value = dice.randrange(len(form)), dice.choice((any_text(dice), dice.choice(_FIELDS)))
        match dice.randrange(6):
            case 0:
                form.pop(at)
            case 1:
                form.append((dice.choice((*_NAMES, any_text(dice))), value))
            case 2:
                form = [(n, value if n == "Body" else v) for n, v in form]
            case _:
                form[at] = (form[at][0], value)
    path = {"inbound": INBOUND, "status": STATUS}[given["door"]]
    return dice.choice((path, path, path, INBOUND, STATUS)) + dice.choice(_QUERIES), form


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


_MANY = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def test_no_update_gives_a_5xx(running: tuple[asyncio.Runner, Doors]) -> None:
    runner, doors = running

    async def bring(bodies: list[bytes]) -> list[int]:
        return [answer.status_code for answer in await asyncio.gather(*map(doors.telegram, bodies))]

    @_MANY
    @given(st.randoms(use_true_random=True))
    def any_updates(dice: Random) -> None:
        assert set(runner.run(bring([mutated_update(dice) for _ in range(AT_ONCE)]))) <= {200, 400}

    any_updates()


def test_no_form_gives_a_5xx(running: tuple[asyncio.Runner, Doors]) -> None:
    runner, doors = running

    async def bring(forms: list[tuple[str, list[tuple[str, str]]]]) -> list[int]:
        answers = await asyncio.gather(*(doors.twilio(form, path) for path, form in forms))
        return [answer.status_code for answer in answers]

    @_MANY
    @given(st.randoms(use_true_random=True))
    def any_forms(dice: Random) -> None:
        assert set(runner.run(bring([mutated_form(dice) for _ in range(AT_ONCE)]))) <= {200, 400}

    any_forms()
