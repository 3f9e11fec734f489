"""What the random walks found, each once more by itself."""

from __future__ import annotations

from datetime import timedelta

from domain.contact import URN
from domain.message import Blocking, BlockingChanged
from scheduler.ticker import ring_due
from store.changes import Due
from tests.conftest import World

BEN = "telegram:5001"


async def test_a_button_of_no_known_form_presses_nothing(world: World) -> None:
    await world.say(BEN, "/checkin")
    token = (await world.told(BEN))[-1].buttons[0][0][1].rpartition(".")[0]
    for option in ("²", "--7", "-", "", "٣", "7" * 40, "1.5", "x"):
        (told,) = await world.say(BEN, "", button=f"{token}.{option}")
        assert told.startswith("That button was for an earlier question.")
    assert await world.rows("SELECT kind FROM alerts") == []


async def test_who_blocked_us_when_the_nudge_was_due_is_still_let_go_in_time(world: World) -> None:
    """Nothing is said to them, and their place is not kept for ever."""

    async def fire(due: Due) -> None:
        await world.app.dispatcher.handle([due], world.clock())

    await world.say(BEN, "/checkin")
    told = len(await world.told(BEN))
    blocked = BlockingChanged("telegram", "u1", URN.parse(BEN), Blocking.BLOCKED)
    await world.app.dispatcher.handle([blocked], world.clock())
    for _ in range(2):
        world.clock.forward(timedelta(days=22))
        await ring_due(world.app.database, fire, world.clock())
    assert await world.rows("SELECT outcome FROM sessions") == [("expired",)]
    assert await world.rows("SELECT id FROM fires") == []
    assert len(await world.told(BEN)) == told


async def test_who_blocked_us_over_the_nudge_and_comes_back_is_waited_for_again(world: World) -> None:
    async def fire(due: Due) -> None:
        await world.app.dispatcher.handle([due], world.clock())

    await world.say(BEN, "/checkin")
    await world.say(BEN, "yes")
    blocked = BlockingChanged("telegram", "u1", URN.parse(BEN), Blocking.BLOCKED)
    await world.app.dispatcher.handle([blocked], world.clock())
    world.clock.forward(timedelta(hours=21))
    await ring_due(world.app.database, fire, world.clock())
    await world.say(BEN, "7")
    assert len(await world.rows("SELECT id FROM fires")) == 1
    world.clock.forward(timedelta(days=30))
    await ring_due(world.app.database, fire, world.clock())
    world.clock.forward(timedelta(days=30))
    await ring_due(world.app.database, fire, world.clock())
    assert await world.rows("SELECT outcome FROM sessions") == [("expired",)]
