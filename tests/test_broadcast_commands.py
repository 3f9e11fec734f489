"""`mime broadcast` as a coordinator runs it, in real processes beside the running program."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from bot.app import App, build, utc_now
from domain.contact import Role
from store import team
from tests.conftest import settings_for
from tests.crowd import Somebody, put
from tests.process import Served, command, environment, free_port

#: No hour is quiet: these run by the machine's own clock.
AWAKE = {"quiet_hours": ""}
MANY = 12_000
NEW = ("broadcast", "new", "--name", "Tea", "--text", "Come on Tuesday at 2pm. There is tea.")


async def mime(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    return await command(folder, environment(folder, **{**AWAKE, **settings}), *words)


@asynccontextmanager
async def program(folder: Path) -> AsyncIterator[App]:
    """The store of the commands, from inside."""
    urls = (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db")
    app = build(settings_for(*urls), simulate=True)
    try:
        yield app
    finally:
        await app.close()


async def people(folder: Path, *crowd: Somebody) -> None:
    assert (await mime(folder, "migrate"))[0] == 0
    async with program(folder) as app:
        await put(app, crowd)


def rows(folder: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "mime.db", timeout=10)) as connection:
        return connection.execute(sql).fetchall()


def begun(folder: Path) -> None:
    """Until the first page is committed."""
    while not rows(folder, "SELECT queued FROM broadcasts")[0][0]:
        pass


async def test_a_broadcast_is_made_previewed_sent_and_stopped_by_commands(tmp_path: Path) -> None:
    await people(tmp_path, Somebody(), Somebody(stopped=True), Somebody(told=(("district", "tendring"),)))
    code, out, err = await mime(tmp_path, *NEW)
    assert (code, err) == (0, "")
    assert out.startswith("Broadcast 1: People who agreed to invitations.\n")
    code, out, err = await mime(tmp_path, "broadcast", "preview", "1", "--plain")
    assert code == 0, err
    assert "People who agreed to invitations: 3 people, 2 of them get it.\n" in out
    assert "English by sms: 2 people, 2 segments\n" in out
    assert "Come on Tuesday at 2pm. There is tea." in out
    assert "Left out: 1 told us to stop.\n" in out
    assert "2 SMS segments, about £0.08.\n" in out
    assert "Looking at everybody: 3 of 3" in err

    code, out, err = await mime(tmp_path, "broadcast", "send", "1", "--plain")
    assert code == 1  # nobody was there to be asked
    assert "Say --yes" in err
    assert rows(tmp_path, "SELECT state FROM broadcasts") == [("draft",)]
    code, out, err = await mime(tmp_path, "broadcast", "send", "1", "--plain", "--yes")
    assert code == 0, err
    assert "Broadcast 1 is ordered for 2 people." in out
    assert (await mime(tmp_path, "broadcast", "pause", "1"))[0] == 0
    assert (await mime(tmp_path, "broadcast", "list"))[1] == "1  Tea: paused, 0 of 2 prepared\n"
    assert (await mime(tmp_path, "broadcast", "resume", "1"))[0] == 0
    code, out, _ = await mime(tmp_path, "broadcast", "show", "1")
    assert "en (read by the team): Come on Tuesday" in out
    code, out, _ = await mime(tmp_path, "broadcast", "stop", "1", "--yes")
    assert (code, out) == (0, "Broadcast 1 is stopped; 0 people who waited for it will get nothing.\n")
    code, _, err = await mime(tmp_path, "broadcast", "send", "1", "--yes", "--plain")
    assert (code, err.splitlines()[-2:]) == (1, ["broadcast 1 is stopped: make a new one", "Nothing was changed."])


async def test_what_is_wrong_is_said_with_what_to_do(tmp_path: Path) -> None:
    await people(tmp_path, Somebody(), Somebody(language="pl"))
    code, _, err = await mime(tmp_path, *NEW, "--district", "Tendrin")
    assert (code, err) == (
        1,
        "districts: 'Tendrin' means nothing here; did you mean 'Tendring'?\nNothing was changed.\n",
    )
    code, _, err = await mime(tmp_path, *NEW[:-1], "Come on [date].")
    assert (code, err) == (1, "text en: [date] is not filled; write what belongs there\nNothing was changed.\n")
    assert "there is no event 7" in (await mime(tmp_path, *NEW[:4], "--event", "7"))[2]
    assert "there is no broadcast 9" in (await mime(tmp_path, "broadcast", "preview", "9"))[2]
    assert (await mime(tmp_path, *NEW))[0] == 0
    drafts = {"allow_draft_translations": "true"}
    code, _, err = await mime(tmp_path, "broadcast", "send", "1", "--yes", "--plain", **drafts)
    assert code == 1
    assert "1 person read pl, and there is no text for them: add one that a speaker has read" in err
    code, _, err = await mime(
        tmp_path, "broadcast", "send", "1", "--yes", "--plain", monthly_cap_pence="3", sms_segment_pence="2"
    )
    assert "It would cost £0.04, and £0.03 of this month's £0.03 are left" in err
    assert rows(tmp_path, "SELECT id FROM outbox") == []


async def test_texts_and_a_saved_segment_come_from_a_file(tmp_path: Path) -> None:
    await people(tmp_path, Somebody(told=(("district", "tendring"),)), Somebody(language="pl"))
    file = tmp_path / "tea.yaml"
    file.write_text(
        "segment: {districts: [Tendring]}\ntexts:\n  en: Come for tea\n"
        "  pl: {text: Zapraszamy na herbatę, reviewed_by: 'A. Kowalska'}\n",
        encoding="utf-8",
    )
    given = ("broadcast", "new", "--name", "Tea", "--file", str(file))
    code, out, err = await mime(tmp_path, *given, "--save-segment", "Coast")
    assert (code, err) == (0, "")
    assert "People in Tendring who agreed to invitations." in out
    code, out, err = await mime(tmp_path, "broadcast", "new", "--name", "B", "--text", "Hello", "--segment", "Coast")
    assert "Broadcast 2: People in Tendring who agreed to invitations." in out
    file.write_text("texts: {en: [1]}\n", encoding="utf-8")
    assert "texts: en: expected a text, or text and reviewed_by" in (await mime(tmp_path, *given))[2]
    file.write_text("texts:\n  en: 'a\n", encoding="utf-8")
    assert "it cannot be read as YAML" in (await mime(tmp_path, *given))[2]


async def test_it_goes_to_oneself_first_and_a_second_person_approves(tmp_path: Path) -> None:
    await people(tmp_path, Somebody(), Somebody())
    async with program(tmp_path) as app, app.database.begin() as connection:
        ids = list((await connection.exec_driver_sql("SELECT id FROM contacts ORDER BY id")).scalars())
        for id, name in zip(ids, ("Ana", "Ben"), strict=True):
            await team.join(connection, app.vault, id, name, Role.COORDINATOR, None, "", utc_now())
    two = {"broadcasts_need_two_people": "true"}
    assert (await mime(tmp_path, *NEW, "--by", "ana", **two))[0] == 0
    assert (await mime(tmp_path, "broadcast", "test", "1", "--by", "Ana", **two))[0] == 0
    assert rows(tmp_path, "SELECT contact_id, status FROM outbox") == [(ids[0], "queued")]
    send = ("broadcast", "send", "1", "--yes", "--plain")
    assert "a second person must approve it first" in (await mime(tmp_path, *send, **two))[2]
    assert (
        "a second person must approve" in (await mime(tmp_path, "broadcast", "approve", "1", "--by", "Ana", **two))[2]
    )
    assert "nobody of the team" in (await mime(tmp_path, "broadcast", "approve", "1", "--by", "Eve", **two))[2]
    assert (await mime(tmp_path, "broadcast", "approve", "1", "--by", "Ben", **two))[0] == 0
    assert (await mime(tmp_path, *send, **two))[0] == 0


async def test_killed_while_it_prepares_the_running_program_ends_it_once(tmp_path: Path) -> None:
    """kill -9 between the pages; started again, it goes on behind the last one that was committed."""
    crowd = [Somebody(urns=((f"tel:+4477{n:08}", False),)) for n in range(MANY)]
    await people(tmp_path, *crowd)
    assert (await mime(tmp_path, *NEW))[0] == 0
    fast = {**AWAKE, "sms_segments_per_second": "1000"}
    served = Served(tmp_path, environment(tmp_path, **fast), free_port())
    await served.start()
    try:
        code, _, err = await mime(tmp_path, "broadcast", "send", "1", "--yes", "--plain", **fast)
        assert code == 0, err
        await asyncio.wait_for(asyncio.to_thread(begun, tmp_path), 60)
        await served.kill()
        kept = rows(tmp_path, "SELECT queued FROM broadcasts")[0][0]
        assert len(rows(tmp_path, "SELECT id FROM outbox")) == kept
        await served.start()
        code, _, err = await mime(tmp_path, "broadcast", "show", "1", "--wait", "--plain", **fast)
        assert code == 0, err
        assert f"Preparing: {MANY} of {MANY}" in err
    finally:
        await served.kill()
    got = rows(tmp_path, "SELECT contact_id FROM outbox")
    assert len(got) == len(set(got)) == MANY


async def test_a_draft_is_changed_by_what_is_given_and_keeps_the_rest(tmp_path: Path) -> None:
    await people(tmp_path, Somebody(told=(("district", "tendring"),)), Somebody())
    assert (await mime(tmp_path, *NEW, "--district", "Tendring"))[0] == 0
    edit = ("broadcast", "edit", "1")
    code, out, err = await mime(tmp_path, *edit, "--text", "Come on Friday.", "--language", "English", "--days", "2")
    assert (code, err) == (0, "")
    assert out.startswith("Broadcast 1 is changed: People in Tendring who agreed to invitations and read English.\n")
    out = (await mime(tmp_path, "broadcast", "show", "1"))[1]
    assert "Come on Friday." in out
    assert "There is tea" not in out
    code, out, _ = await mime(tmp_path, *edit, "--everybody", "--at", "2027-01-04T10:00")
    assert out.startswith("Broadcast 1 is changed: People who agreed to invitations.\n")


async def test_what_is_wrong_with_a_change_is_said_with_what_to_do(tmp_path: Path) -> None:
    await people(tmp_path, Somebody())
    assert (await mime(tmp_path, *NEW))[0] == 0
    wrong = {
        ("--district", "Tendrin"): "districts: 'Tendrin' means nothing here; did you mean 'Tendring'?",
        ("--text", "Come on [date]."): "text en: [date] is not filled; write what belongs there",
        ("--event", "7"): "there is no event 7: see mime event list",
        ("--segment", "Coast"): "there is no segment 'Coast': none is saved",
        (): "nothing would be different: say what shall change (mime broadcast edit --help)",
    }
    for given, sentence in wrong.items():
        assert await mime(tmp_path, "broadcast", "edit", "1", *given) == (1, "", f"{sentence}\nNothing was changed.\n")
    assert "there is no broadcast 9" in (await mime(tmp_path, "broadcast", "edit", "9", "--days", "2"))[2]
    assert (await mime(tmp_path, "broadcast", "approve", "1"))[0] == 0
    refused = (await mime(tmp_path, "broadcast", "edit", "1", "--days", "2"))[2]
    assert refused == "broadcast 1 is approved, and stays as it was read: make a new one\nNothing was changed.\n"


async def test_an_empty_segment_and_a_send_that_ends_at_night_are_stopped(tmp_path: Path) -> None:
    await people(tmp_path, *(Somebody() for _ in range(3)))
    send = ("broadcast", "send", "1", "--yes", "--plain")
    assert (await mime(tmp_path, *NEW, "--district", "Harlow"))[0] == 0
    code, _, err = await mime(tmp_path, *send)
    assert (code, "Nobody would get it: the segment means nobody. Choose other people.\n" in err) == (1, True)
    assert (await mime(tmp_path, "broadcast", "edit", "1", "--everybody", "--at", "2031-01-06T19:59"))[0] == 0
    slow = {"quiet_hours": "20:00-09:00", "sms_segments_per_second": "0.01"}
    code, _, err = await mime(tmp_path, *send, **slow)
    assert code == 1
    assert "By sms it takes 5 min a day; begun at 19:59 it would end at 20:04 on 06 January" in err
    assert "Begin earlier, or spread it over" in err
    assert err.endswith("Nothing was sent.\n")
    assert rows(tmp_path, "SELECT id FROM outbox") == []
