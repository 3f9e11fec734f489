"""What people need, who sees to it, and how far people have come: the commands of the team, in real processes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from bot.app import build
from domain.contact import Role
from domain.event import Event, EventKind
from flows.library import Library
from store import tables as t
from store import tasks
from store.times import to_ms
from tests.attending import Said, put_booking, put_person, put_staff
from tests.conftest import Clock, World, settings_for
from tests.events import an_event, put_event
from tests.process import command, environment

ANA, BEN, KIM, JO = 101, 102, 201, 202
SOON = datetime(2999, 3, 8, 14, tzinfo=UTC)
PAST = datetime(2020, 3, 8, 14, tzinfo=UTC)


async def mime(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    return await command(folder, environment(folder, **settings), *words)


@asynccontextmanager
async def at_the_store(folder: Path, flows: Library) -> AsyncIterator[World]:
    """The store of the commands, for what no command brings about."""
    urls = (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db")
    clock = Clock()
    world = World(build(settings_for(*urls), clock=clock, rng=random.Random(7), simulate=True, flows=flows), clock)
    try:
        yield world
    finally:
        await world.app.close()


async def comes(world: World, event: Event, who: int) -> None:
    async with world.app.database.begin() as tx:
        await put_booking(tx, world, event.id, who)
        await tasks.arrange(tx, world.app.vault, world.app.ids, event, who, world.clock())


async def test_needs_are_listed_settled_and_handed_on_and_the_venue_hears_no_name(
    tmp_path: Path, flows: Library
) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    async with at_the_store(tmp_path, flows) as world:
        event = replace(an_event(3, SOON, title="Lunch"), food=True)
        await put_event(world.app.database, event, world.clock())
        await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
        await put_staff(world, JO, "Jo", Role.FACILITATOR, None)
        food: Said = {"meeting": ["diet"], "diet": "Halal", "share_needs": "yes"}
        await put_person(world, ANA, {"nickname": "Ana", **food})
        ben: Said = {"reading": ["interpreter"], "interpreter_language": "Sylheti", "other_needs": "A seat by the door"}
        await put_person(world, BEN, ben)
        await comes(world, event, ANA)
        await comes(world, event, BEN)
    code, out, err = await mime(tmp_path, "event", "needs", "3")
    assert (code, err) == (0, "")
    head, one, two, last, more = out.splitlines()
    assert more == "Also said by somebody without a name: A seat by the door"
    assert head == "Lunch, Fri 08 Mar 2999 14:00"
    assert one[6:] == "  Special food (Halal) for Ana: by Tue 05 Mar 2999 14:00, Kim"
    assert two[6:] == "  Interpreter (Sylheti) for somebody without a name: by Tue 05 Mar 2999 14:00, Kim"
    assert last == "Event 3 is not ready: 2 tasks are open."
    first, second = one[:6], two[:6]
    _, out, err = await mime(tmp_path, "event", "needs", "3", "--venue")
    assert out.splitlines()[1:] == ["People: 2", "Special food: 1", "  halal: 1"]
    assert err == "1 person's needs are not in it: they did not agree, or were not asked.\n"
    assert (await mime(tmp_path, "event", "hand", second, "jo"))[:2] == (
        0, "Jo sees to it: Interpreter (Sylheti) for somebody without a name.\n",
    )  # fmt: skip
    assert "2999 14:00, Jo" in (await mime(tmp_path, "event", "needs", "3"))[1]
    assert (await mime(tmp_path, "event", "settle", first))[:2] == (
        0, "Settled: Special food (Halal) for Ana.\nEvent 3 is not ready: 1 task is open.\n",
    )  # fmt: skip
    code, _, err = await mime(tmp_path, "event", "settle", first)
    assert (code, err) == (1, f"task {first} is settled already: Special food (Halal) for Ana\n")
    assert (await mime(tmp_path, "event", "settle", second))[1].endswith("Event 3 is ready.\n")
    assert (await mime(tmp_path, "event", "needs", "3"))[1].endswith(
        "settled\nEvent 3 is ready.\nAlso said by somebody without a name: A seat by the door\n"
    )


async def test_the_pathway_shows_steps_skills_and_who_is_ready_and_why(tmp_path: Path, flows: Library) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    code, out, err = await mime(tmp_path, "people", "pathway")
    assert (code, out) == (0, "Nobody has come to an event yet, or said what they can do (the word SKILLS).\n")
    async with at_the_store(tmp_path, flows) as world:
        said: Said = {"nickname": "Ana", "skills": ["take_notes", "other"], "other_skills": "sewing"}
        await put_person(world, ANA, {**said, "languages_spoken": ["urdu"]})
        for id, kind in ((1, EventKind.WORKSHOP), (2, EventKind.TRAINING)):
            event = replace(an_event(id, PAST + timedelta(days=id), title=f"Day {id}"), kind=kind)
            await put_event(world.app.database, event, world.clock())
            async with world.app.database.begin() as tx:
                await put_booking(tx, world, id, ANA, came=True)
        wanted = {"id": 1, "contact_id": ANA, "kind": "research", "district": "harlow", "at": to_ms(PAST)}
        async with world.app.database.begin() as tx:
            await tx.execute(insert(t.demands).values(wanted))
            await tx.execute(insert(t.demands).values(wanted | {"id": 2, "contact_id": BEN}))
    assert (await mime(tmp_path, "people", "pathway"))[1].splitlines() == [
        "Ana: came to 2 events",
        "  first event: 09 Mar 2020, Day 1",
        "  training: 10 Mar 2020, Day 2",
        "  Can: Take notes; sewing",
        "  Speaks: Urdu",
    ]
    code, out, err = await mime(tmp_path, "people", "pathway", "--ready-for", "facilitator")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Ready to be asked: came to 2 events or more, and to training; or has done it before.",
        "Ana, tel:+447700900101: came to 2 events, and to training: Day 2",
    ]
    assert (await mime(tmp_path, "people", "pathway", "--ready-for", "speaker"))[1].endswith("Nobody yet.\n")
    assert (await mime(tmp_path, "event", "demand"))[1] == "How to do research, Harlow: 2 people, since 08 Mar 2020\n"


async def test_a_mistake_is_answered_with_a_sentence(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    for words, code, says in (
        (("event", "needs", "7"), 1, "there is no event 7: see mime event list"),
        (("event", "needs", "first"), 2, "Usage"),
        (("event", "settle", "123456"), 1, "there is no task 123456: see mime event needs"),
        (("event", "settle", "the first"), 1, "'the first' is no task's number"),
        (("event", "settle", "9" * 30), 1, "is no task's number"),
        (("event", "hand", "123456", "Kim"), 1, "there is no task 123456"),
        (("people", "pathway", "--ready-for", "king"), 2, "Usage"),
    ):
        ended, out, err = await mime(tmp_path, *words)
        assert (words, ended, out) == (words, code, "")
        assert says in err
        assert "Traceback" not in err
    assert (await mime(tmp_path, "event", "demand"))[:2] == (0, "Nobody has asked for more of anything yet.\n")


async def test_without_a_store_or_a_key_a_sentence_says_so(tmp_path: Path) -> None:
    for words in (("event", "needs", "1"), ("people", "pathway"), ("event", "demand")):
        code, _, err = await mime(tmp_path, *words)
        assert (code, "mime check" in err, "Traceback" in err) == (1, True, False)
    code, _, err = await mime(tmp_path, "people", "pathway", secret_key="short")
    assert (code, "MIME_SECRET_KEY" in err) == (1, True)
