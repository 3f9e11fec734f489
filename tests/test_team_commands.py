"""The coordinator's own commands: who is on the team, the drill, and the alerts; as functions and as real processes."""

from __future__ import annotations

import asyncio
import random
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from bot.app import build, utc_now
from bot.commands.alerts import MEANING, line
from bot.drill import Watched, watch
from domain.code import new_code
from domain.contact import Role
from domain.hours import PreferredHours
from flows.effects import AlertKind
from store import roster
from store.alerts import Alert, Marked, mark_done, open_alerts
from store.drills import Drill, begin, end
from tests.conftest import Clock, World, settings_for
from tests.process import command, environment

ANA, BEN, CLEO = "tel:+447700900101", "telegram:4711", "tel:+447700900103"
MORNINGS = PreferredHours(end=time(12))


async def mime(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    return await command(folder, environment(folder, **settings), *words)


async def invited(
    world: World, name: str, *, turn: int | None = None, hours: PreferredHours | None = None, seed: int = 1
) -> str:
    """A code for somebody to join the team, good for two days."""
    code, now = new_code(random.Random(seed).randrange), world.clock()
    async with world.app.database.begin() as tx:
        given = (world.app.vault, code, name, Role.FACILITATOR, turn, hours, now + timedelta(days=2), now)
        assert await roster.invite(tx, *given)
    return code


async def on_the_team(world: World, who: str, name: str, turn: int | None = None) -> None:
    code = await invited(world, name, turn=turn, seed=len(name))
    assert "Welcome to the team" in (await world.say(who, code))[0]


async def team(world: World) -> list[roster.Entry]:
    async with world.app.database.read() as tx:
        return await roster.roster(tx, world.app.vault)


async def removed(world: World, name: str) -> roster.Removed:
    async with world.app.database.begin() as tx:
        return await roster.remove(tx, world.app.vault, world.app.ids, name, world.clock())


# Who is on the team


@pytest.mark.parametrize("who", [ANA, BEN])
async def test_whoever_sends_the_code_is_on_the_team(world: World, who: str) -> None:
    code = await invited(world, "Ana", turn=2, hours=MORNINGS)
    assert await team(world) == []
    assert "Welcome to the team, Ana." in (await world.say(who, f"{code[:4]} {code[4:]}"))[0]
    (entry,) = await team(world)
    assert (entry.name, entry.role, entry.turn, entry.hours) == ("Ana", Role.FACILITATOR, 2, MORNINGS)
    assert entry.reachable
    assert "Welcome" not in (await world.say(CLEO, code))[0]
    assert len(await team(world)) == 1


async def test_a_code_is_good_for_two_days_and_its_name_for_as_long(world: World) -> None:
    code = await invited(world, "Ana")
    world.clock.forward(timedelta(days=1, hours=23))
    async with world.app.database.read() as tx:
        assert [one.name for one in await roster.invitations(tx, world.app.vault, world.clock())] == ["Ana"]
    with pytest.raises(roster.NameTaken):
        await invited(world, "ana", seed=2)
    world.clock.forward(timedelta(hours=1))
    assert "does not work" in (await world.say(ANA, code))[0]
    again = await invited(world, "Ana", seed=2)
    assert "Welcome" in (await world.say(ANA, again))[0]
    with pytest.raises(roster.NameTaken):
        await invited(world, "ANA", seed=3)


async def test_a_code_that_somebody_has_is_not_given_twice(world: World) -> None:
    code, now = await invited(world, "Ana"), world.clock()
    async with world.app.database.begin() as tx:
        given = (world.app.vault, code, "Ben", Role.COORDINATOR, None, None, now + timedelta(days=2), now)
        assert not await roster.invite(tx, *given)


async def test_a_turn_is_given_and_taken_away(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=2)
    await on_the_team(world, BEN, "Benedict", turn=3)
    for name, turn, order in (("benedict", 1, ["Benedict", "Ana"]), ("Benedict", None, ["Ana", "Benedict"])):
        async with world.app.database.begin() as tx:
            assert await roster.set_turn(tx, world.app.vault, name, turn)
        assert [one.name for one in await team(world)] == order
    async with world.app.database.begin() as tx:
        assert not await roster.set_turn(tx, world.app.vault, "Cleo", 1)


async def test_who_cannot_be_reached_is_still_listed_and_said_to_be_so(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    await world.say(ANA, "STOP")
    (entry,) = await team(world)
    assert (entry.name, entry.reachable) == ("Ana", False)
    assert (await removed(world, "Ana")).left
    assert await team(world) == []


async def test_who_is_removed_is_called_no_more_and_their_code_is_void(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    code = await invited(world, "Benedict", seed=9)
    assert await removed(world, "ana") == roster.Removed(left=True, codes=0, given_back=0)
    assert await removed(world, "Benedict") == roster.Removed(left=False, codes=1, given_back=0)
    assert await removed(world, "Cleo") == roster.Removed(left=False, codes=0, given_back=0)
    assert "does not work" in (await world.say(BEN, code))[0]
    assert await world.rows("SELECT roles FROM contacts ORDER BY id") == [("",), ("",)]
    before = len(await world.told(ANA))
    await world.say(CLEO, "person")
    assert len(await world.told(ANA)) == before


async def test_who_writes_with_somebody_that_is_removed_is_passed_on(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    await on_the_team(world, BEN, "Benedict", turn=2)
    await world.say(CLEO, "person")
    await world.say(ANA, "TAKE")
    await world.say(CLEO, "my secret")
    assert "my secret" in (await world.told(ANA))[-1].text
    before = len(await world.told(BEN))
    assert await removed(world, "Ana") == roster.Removed(left=True, codes=0, given_back=1)
    await world.errands()
    assert "Someone wants to talk (1). Send TAKE 1" in (await world.told(BEN))[before].text
    heard = len(await world.told(ANA))
    await world.say(CLEO, "is anybody there")
    assert len(await world.told(ANA)) == heard
    cleo = len(await world.told(CLEO))
    await world.say(ANA, "what I write is not for them")
    assert len(await world.told(CLEO)) == cleo
    await world.say(BEN, "TAKE 1")
    assert "Benedict from the team is here now" in (await world.told(CLEO))[-1].text
    assert any("is anybody there" in message.text for message in await world.told(BEN))


# The drill


async def drill(world: World) -> Drill:
    async with world.app.database.begin() as tx:
        return await begin(tx, world.app.ids, world.clock())


async def watched(world: World, drill: Drill, minutes: int, take_after: dict[int, str]) -> tuple[Watched, list[str]]:
    """Watch it by the test's own clock, a second at a time; after so many seconds somebody sends TAKE."""
    said: list[str] = []
    seconds = 0

    async def pause() -> None:
        nonlocal seconds
        seconds += 1
        world.clock.forward(timedelta(seconds=1))
        await world.ring()
        if seconds in take_after:
            await world.say(take_after[seconds], "TAKE")

    until = drill.raised_at + timedelta(minutes=minutes)
    app = world.app
    found = await watch(app.database, app.vault, drill, until, clock=world.clock, pause=pause, tell=said.append)
    return found, said


async def test_a_drill_calls_the_rota_and_takes_the_time(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    await on_the_team(world, BEN, "Benedict", turn=2)
    found, said = await watched(world, await drill(world), 15, {372: BEN})
    assert said == ["Ana is called, 1 s after it was raised.", "Benedict is called, 5 min 1 s after it was raised."]
    assert found.taken
    assert found.lines() == [
        "Ana was called after 1 s; their text waits to be sent.",
        "Benedict was called after 5 min 1 s; their text waits to be sent.",
        "Benedict took it after 6 min 12 s, 1 min 11 s after they were called.",
    ]
    told = [message.text for message in await world.told(BEN)]
    assert "PRACTICE, not real: someone may be in danger (1). Send TAKE 1 to take it." in told
    assert "Practice 1: taken. Thank you. Nothing more to do." in told
    assert await open_alerts(world.app.database, world.app.vault) == []


async def test_how_long_a_text_took_to_go_out_is_told(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    raised = await drill(world)
    await world.ring()
    sent_at = int((world.clock() + timedelta(seconds=4)).timestamp() * 1000)
    async with world.app.database.begin() as tx:
        await tx.exec_driver_sql(f"UPDATE outbox SET status = 'sent', sent_at = {sent_at} WHERE message_class = 0")
    found, _ = await watched(world, raised, 15, {9: ANA})
    assert found.lines()[0] == "Ana was called after 0 s; their text was sent 4 s later."


async def test_a_drill_that_nobody_takes_ends_and_calls_nobody_any_more(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    raised = await drill(world)
    found, said = await watched(world, raised, 6, {})
    assert not found.taken
    assert len(said) == 2
    assert found.lines()[-1] == "Nobody took it."
    async with world.app.database.begin() as tx:
        await end(tx, raised, world.clock())
    before = len(await world.told(ANA))
    for _ in range(3):
        world.clock.forward(timedelta(minutes=5))
        await world.ring()
    assert len(await world.told(ANA)) == before
    assert await world.rows("SELECT id FROM fires") == []


async def test_a_drill_without_a_running_program_says_what_is_missing(world: World) -> None:
    raised = await drill(world)
    app = world.app

    async def pause() -> None:
        world.clock.forward(timedelta(minutes=1))

    until = raised.raised_at + timedelta(minutes=3)
    found = await watch(app.database, app.vault, raised, until, clock=world.clock, pause=pause, tell=print)
    assert found.lines() == ["Nobody was called: is mime serve running?", "Nobody took it."]


async def test_a_drill_that_is_closed_by_hand_is_over(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    raised = await drill(world)
    assert await mark_done(world.app.database, world.app.ids, raised.alert_id, world.clock()) is Marked.DONE
    found, _ = await watched(world, raised, 15, {})
    assert found.lines()[-1] == "It was closed by hand."


# The alerts


async def test_an_alert_is_listed_by_the_team_s_number_and_by_who_has_taken_it(world: World) -> None:
    await on_the_team(world, ANA, "Ana", turn=1)
    await world.say(CLEO, "person")
    (alert,) = await open_alerts(world.app.database, world.app.vault)
    assert line(alert) == "1  23 Nov 10:00 UTC  tel:+447700900103  wants to talk to a person: call them"
    world.clock.forward(timedelta(minutes=5))
    await world.say(ANA, "TAKE")
    (alert,) = await open_alerts(world.app.database, world.app.vault)
    assert line(alert).endswith("wants to talk to a person: call them; taken by Ana since 23 Nov 10:05 UTC")


def test_each_kind_of_alert_says_what_to_do() -> None:
    kinds = {*AlertKind, "stopped_booking", "wrong_person", "not_sent", "unreachable", "misconfigured", "parked"}
    assert kinds - MEANING.keys() == set()


async def test_nobody_stands_behind_a_drill_and_its_id_serves_before_the_first_call(world: World) -> None:
    raised = await drill(world)
    (alert,) = await open_alerts(world.app.database, world.app.vault)
    assert line(alert).startswith(f"{raised.alert_id}  23 Nov 10:00 UTC  nobody  practice")


async def test_an_alert_is_closed_by_its_number_and_by_its_id(world: World) -> None:
    app = world.app
    await on_the_team(world, ANA, "Ana", turn=1)
    await world.say(CLEO, "person")
    await world.say(BEN, "person")
    first, second = await open_alerts(app.database, app.vault)
    assert (first.number, second.number) == (1, 2)
    assert await mark_done(app.database, app.ids, 3, world.clock()) is Marked.UNKNOWN
    assert await mark_done(app.database, app.ids, 1, world.clock()) is Marked.DONE
    assert await mark_done(app.database, app.ids, 1, world.clock()) is Marked.UNKNOWN
    assert await mark_done(app.database, app.ids, second.id, world.clock()) is Marked.DONE
    assert await open_alerts(app.database, app.vault) == []
    assert "CHECKIN" in (await world.say(CLEO, "hello"))[0]  # with the bot again


async def test_who_writes_about_an_alert_is_told_that_it_is_closed(world: World) -> None:
    app = world.app
    await on_the_team(world, ANA, "Ana", turn=1)
    await world.say(CLEO, "person")
    await world.say(ANA, "TAKE")
    assert await mark_done(app.database, app.ids, 1, world.clock()) is Marked.TOLD
    await world.errands()
    assert (await world.told(ANA))[-1].text == "1 is closed. What you write is for yourself again."
    assert "Ana has left the chat" in (await world.told(CLEO))[-1].text
    assert await open_alerts(app.database, app.vault) == []


async def test_an_alert_that_somebody_took_who_is_gone_can_be_closed(world: World) -> None:
    app = world.app
    await on_the_team(world, ANA, "Ana", turn=1)
    await world.say(CLEO, "person")
    await world.say(ANA, "TAKE")
    await world.say(ANA, "STOP")
    assert await mark_done(app.database, app.ids, 1, world.clock()) is Marked.DONE


def test_who_has_left_the_team_is_said_to_have() -> None:
    when = utc_now()
    told = line(Alert(5, "call", "", when, ("tel:+447700900103",), 7, "somebody who has left the team", when))
    assert told.startswith("7  ")
    assert "taken by somebody who has left the team since" in told


# As commands


class ClockOnTheWall(Clock):
    """The one that the commands beside us read; nobody sets it."""

    def __call__(self) -> datetime:
        return utc_now()


@asynccontextmanager
async def program(folder: Path) -> AsyncIterator[World]:
    """The running program beside a command, on the same stores and by the clock on the wall."""
    urls = (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db")
    app = build(settings_for(*urls), simulate=True)
    try:
        yield World(app, ClockOnTheWall())
    finally:
        await app.close()


async def test_a_team_is_made_by_commands(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    code, out, _ = await mime(tmp_path, "team", "list")
    assert (code, out.startswith("Nobody who can be reached is on the rota")) == (0, True)
    code, out, err = await mime(
        tmp_path, "team", "add", "Ana", "--role", "coordinator", "--turn", "1", "--hours", "after 9, not Sunday",
        twilio_from="+447700900000", telegram_bot_name="@mime_essex_bot",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found = re.search(r"Give this code to Ana, and to nobody else: (\d{4} \d{4})\n", out)
    assert found is not None, out
    assert "by SMS to +447700900000 or to @mime_essex_bot in Telegram" in out
    assert "09:00-24:00, Mon Tue Wed Thu Fri Sat" in out
    assert re.search(r"\n   Ana, coordinator: has a code until ", f"\n{(await mime(tmp_path, 'team', 'list'))[1]}")
    assert (await mime(tmp_path, "team", "add", "ana"))[0] == 1
    async with program(tmp_path) as world:
        assert "Welcome to the team, Ana." in (await world.say(ANA, found[1]))[0]
    listed = "Ana, coordinator, 09:00-24:00, Mon Tue Wed Thu Fri Sat\n"
    assert await mime(tmp_path, "team", "list") == (0, f"1  {listed}", "")
    assert (await mime(tmp_path, "team", "turn", "ana", "off"))[:2] == (0, "ana is not on the rota.\n")
    assert (await mime(tmp_path, "team", "list"))[1].startswith(f"-  {listed}Nobody who can be reached")
    assert (await mime(tmp_path, "team", "turn", "Ana", "3"))[:2] == (0, "Ana is number 3 on the rota.\n")
    assert (await mime(tmp_path, "team", "remove", "Ana"))[:2] == (0, "Ana is on the team no more.\n")
    code, _, err = await mime(tmp_path, "team", "remove", "Ana")
    assert (code, err) == (1, "nobody on the team is called 'Ana': see mime team list\n")


async def test_a_mistake_is_answered_with_a_sentence(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    for words, code, says in (
        (("add", "Ana", "--hours", "a blue moon"), 1, "names no times"),
        (("add", "!?"), 1, "no letter"),
        (("add", "Ana", "--role", "queen"), 2, "Usage"),
        (("add", "Ana", "--turn", "0"), 2, "Usage"),
        (("turn", "Ana", "first"), 1, "'first' is no place on the rota"),
        (("turn", "Ana", "0"), 1, "'0' is no place on the rota"),
        (("turn", "Ana", "1"), 1, "nobody on the team is called 'Ana'"),
        (("remove", "Ana"), 1, "nobody on the team is called 'Ana'"),
        (("nonsense",), 2, "Usage"),
    ):
        ended, out, err = await mime(tmp_path, "team", *words)
        assert (words, ended, out) == (words, code, "")
        assert says in err
        assert "Traceback" not in err


async def test_without_a_store_or_a_key_a_sentence_says_so(tmp_path: Path) -> None:
    for words in (("team", "list"), ("team", "remove", "Ana"), ("drill",)):
        code, _, err = await mime(tmp_path, *words)
        assert (code, "mime check" in err, "Traceback" in err) == (1, True, False), err
        code, _, err = await mime(tmp_path, *words, secret_key="short")
        assert (code, "MIME_SECRET_KEY" in err) == (1, True), err


async def test_a_drill_needs_somebody_on_the_rota(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    code, _, err = await mime(tmp_path, "drill", "--wait")
    assert code == 1
    assert "nobody who can be reached is on the rota" in err
    assert (await mime(tmp_path, "alerts"))[1] == "Nothing is open.\n"


async def test_a_drill_is_watched_until_somebody_has_taken_it(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    out = (await mime(tmp_path, "team", "add", "Ana", "--turn", "1"))[1]
    async with program(tmp_path) as world:
        await world.say(ANA, "".join(re.findall(r"\d{4}", out.partition(":")[2])[:2]))
        drilling = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "drill", "--wait", "--minutes", "5",
            cwd=tmp_path, env=environment(tmp_path), stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        assert drilling.stdout is not None
        assert b"The drill is raised" in await drilling.stdout.readline()
        await world.ring()
        assert (await drilling.stdout.readline()).startswith(b"Ana is called, ")
        await world.say(ANA, "TAKE")
        rest, _ = await drilling.communicate()
    assert drilling.returncode == 0
    assert re.fullmatch(
        r"Ana was called after \d+ s; their text waits to be sent\.\n"
        r"Ana took it after \d+ s, \d+ s after they were called\.\n",
        rest.decode(),
    ), rest
    assert (await mime(tmp_path, "alerts"))[1] == "Nothing is open.\n"


async def test_a_drill_that_nobody_takes_ends_with_1(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    out = (await mime(tmp_path, "team", "add", "Ana", "--turn", "1"))[1]
    async with program(tmp_path) as world:
        await world.say(ANA, "".join(re.findall(r"\d{4}", out.partition(":")[2])[:2]))
    code, out, err = await mime(tmp_path, "drill", "--wait", "--minutes", "0.01")
    assert code == 1
    assert "Nobody was called: is mime serve running?" in out
    assert "Nobody took it within 1 s. The drill is over." in err
    assert (await mime(tmp_path, "alerts"))[1] == "Nothing is open.\n"
    code, out, _ = await mime(tmp_path, "drill")
    found = re.search(r"mime alerts --done (\d+)\n", out)
    assert code == 0
    assert found is not None, out
    assert (await mime(tmp_path, "alerts", "--done", found[1]))[:2] == (0, "Marked as dealt with.\n")
