"""The push of answers over the one bridge: whole, once, under pseudonyms, whatever is cut off or away."""

from __future__ import annotations

import asyncio
import csv
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluation.record import EvaluationRecord
from evaluation.store import EvaluationStore
from flows.library import Library
from scheduler.codebook import ANSWERS, CODEBOOK, write_answers, write_codebook
from scheduler.export import push
from store import attendance
from store.answers import count_to_export, export_all_again, mark_exported, to_export
from store.database import Database
from tests.bot.held import an_event, books, contact_of, hold
from tests.conftest import World

ANN, BEN = "tel:+447700900101", "telegram:5001"
SCORED = ("content", "matters", "mood", "worry", "heard", "belonging")


async def pushed(world: World, evaluation: EvaluationStore | None = None) -> int:
    return await push(world.app.database, evaluation or world.app.evaluation, world.app.vault, world.clock())


async def records(world: World) -> list[EvaluationRecord]:
    return [record async for record in world.app.evaluation.stream()]


async def values(world: World) -> dict[str, str]:
    """By question; of one person's one run."""
    found = await records(world)
    assert len({record.response for record in found}) <= 1
    return {record.question: record.value for record in found}


async def say(world: World, who: str, *words: str) -> None:
    for word in words:
        await world.say(who, word)


# Incremental, once


async def test_only_what_is_new_is_pushed(world: World) -> None:
    await say(world, ANN, "CHECKIN", "yes", "7", "8")
    assert await pushed(world) == 2
    assert await pushed(world) == 0
    await say(world, ANN, "6", "3", "9", "10", "skip", "no")
    assert await count_to_export(world.app.database) == 7
    assert await pushed(world) == 7
    assert await pushed(world) == 0
    assert await values(world) == {
        "content": "7", "matters": "8", "mood": "6", "worry": "3", "heard": "9", "belonging": "10",
        "comment": "prefer_not_to_say", "again": "no", "wellbeing_score": "78",
    }  # fmt: skip


async def test_a_changed_answer_takes_the_place_of_the_one_that_was_pushed(world: World) -> None:
    await say(world, ANN, "CHECKIN", "yes", "7", "8")
    await pushed(world)
    await say(world, ANN, "back", "2")
    assert await pushed(world) == 1
    assert await values(world) == {"content": "7", "matters": "2"}


async def test_an_answer_that_no_longer_applies_is_withdrawn_there_too(world: World) -> None:
    await say(world, ANN, "OPINION", "yes", "yes", "3 September", "8", "1, 3 and 4")
    await pushed(world)
    before = await values(world)
    assert before["liked"] == "people quiet advice"
    await say(world, ANN, "back", "back", "back", "back", "no")
    assert await pushed(world) == 4
    assert await values(world) == {"used": "no"}


async def test_a_lost_evaluation_store_is_filled_anew(world: World) -> None:
    await say(world, ANN, "CHECKIN", "yes", "7", "8")
    await pushed(world)
    before = await records(world)
    async with world.app.evaluation.engine.begin() as connection:
        await connection.execute(text("DELETE FROM records"))
    await export_all_again(world.app.database)
    assert await pushed(world) == 2
    assert await records(world) == before


async def test_many_answers_are_pushed_in_several_batches(world: World) -> None:
    people = [f"telegram:{n}" for n in range(9000, 9130)]
    for word in ("CHECKIN", "yes", "5", "6", "7", "8"):
        await world.app.dispatcher.handle([world.received(who, word) for who in people], world.clock())
    assert await pushed(world) == 520
    found = await records(world)
    assert len(found) == 520
    assert len({record.participant for record in found}) == 130


# Cut off


class Killed(BaseException):
    """The process ends here."""


class CutOff(EvaluationStore):
    """An evaluation store whose process is killed before, or after, it has taken a batch."""

    def __init__(self, url: str, taken: bool) -> None:
        super().__init__(url)
        self.taken = taken

    async def put(self, batch: Sequence[EvaluationRecord]) -> None:
        if self.taken:
            await super().put(batch)
        raise Killed


@pytest.mark.parametrize("taken", [False, True], ids=["before the put", "between put and mark"])
async def test_a_kill_loses_nothing_and_doubles_nothing(world: World, taken: bool) -> None:
    await say(world, ANN, "CHECKIN", "yes", "7", "8")
    cut_off = CutOff(world.app.settings.evaluation_database_url, taken)
    for _ in range(2):
        with pytest.raises(Killed):
            await pushed(world, cut_off)
    await cut_off.close()
    assert len(await records(world)) == (2 if taken else 0)
    assert await pushed(world) == 2
    assert await values(world) == {"content": "7", "matters": "8"}
    assert await pushed(world) == 0


async def test_an_answer_changed_between_put_and_mark_is_pushed_again(world: World) -> None:
    await say(world, ANN, "CHECKIN", "yes", "7")
    database, vault = world.app.database, world.app.vault
    read = await to_export(database, vault, 500)
    await say(world, ANN, "back", "2")
    await mark_exported(database, read, 1)
    assert await pushed(world) == 1
    assert await values(world) == {"content": "2"}


async def test_an_old_batch_that_comes_late_changes_nothing(world: World) -> None:
    """One process reads, and stalls; another pushes the change; the first goes on."""
    await say(world, ANN, "CHECKIN", "yes", "7")
    await pushed(world)
    stale = await records(world)
    await say(world, ANN, "back", "2")
    await pushed(world)
    await world.app.evaluation.put(stale)
    assert await values(world) == {"content": "2"}


async def test_two_pushers_at_once_bring_each_answer_once(world: World, store_urls: tuple[str, str]) -> None:
    people = [f"telegram:{n}" for n in range(9000, 9040)]
    for word in ("CHECKIN", "yes", "5", "6"):
        await world.app.dispatcher.handle([world.received(who, word) for who in people], world.clock())
    database, evaluation = Database(store_urls[0]), EvaluationStore(store_urls[1])
    try:
        others = [push(database, evaluation, world.app.vault, world.clock()) for _ in range(3)]
        counts = await asyncio.gather(pushed(world), *others)
    finally:
        await database.close()
        await evaluation.close()
    assert max(counts) == 80
    found = await records(world)
    assert len(found) == len({(record.response, record.question) for record in found}) == 80
    assert await count_to_export(world.app.database) == 0


# Away


#: What a store that is away raises: SQLAlchemy's, or on the hot path the driver's own.
AWAY = (DBAPIError, sqlite3.Error, psycopg.Error)


@asynccontextmanager
async def away(engine: AsyncEngine, server: str | None, *tables: str) -> AsyncIterator[None]:
    """PostgreSQL lets nobody in and throws out who is there; SQLite's file has lost its tables."""
    if server is None:
        async with engine.begin() as connection:
            for table in tables:
                await connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {table}_away")
        yield
        async with engine.begin() as connection:
            for table in tables:
                await connection.exec_driver_sql(f"ALTER TABLE {table}_away RENAME TO {table}")
        return
    name = engine.url.database
    admin = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        yield
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()


@pytest.fixture
def server(world: World, request: pytest.FixtureRequest) -> str | None:
    """The PostgreSQL server, where the stores are on one."""
    if world.app.database.is_sqlite:
        return None
    found: str = request.getfixturevalue("postgres")
    return found


async def test_it_catches_up_after_the_evaluation_store_was_away(world: World, server: str | None) -> None:
    await say(world, ANN, "CHECKIN", "yes", "7")
    await pushed(world)
    async with away(world.app.evaluation.engine, server, "records"):
        await say(world, ANN, "8", "9")  # people notice nothing
        for _ in range(2):
            with pytest.raises(AWAY):
                await pushed(world)
        assert await count_to_export(world.app.database) == 2
    assert await pushed(world) == 2
    assert await values(world) == {"content": "7", "matters": "8", "mood": "9"}


async def test_it_catches_up_after_the_operational_store_was_away(world: World, server: str | None) -> None:
    await say(world, ANN, "CHECKIN", "yes", "7")
    async with away(world.app.database.engine, server, "answers"):
        for _ in range(2):
            with pytest.raises(AWAY):
                await pushed(world)
        assert await records(world) == []
    assert await pushed(world) == 1
    assert await values(world) == {"content": "7"}


# Pseudonyms


async def test_a_person_has_one_pseudonym_and_each_run_another(world: World) -> None:
    for who in (ANN, BEN):
        await say(world, who, "CHECKIN", "yes", "5", "5", "5", "5", "5", "5", "skip", "no", "CHECKIN", "6")
    await pushed(world)
    found = await records(world)
    by_person: dict[str, set[str]] = {}
    for record in found:
        by_person.setdefault(record.participant, set()).add(record.response)
    assert sorted(len(runs) for runs in by_person.values()) == [2, 2]
    assert len({record.response for record in found}) == 4
    again = EvaluationStore(str(world.app.evaluation.engine.url.render_as_string(hide_password=False)))
    await export_all_again(world.app.database)
    await pushed(world, again)
    await again.close()
    assert await records(world) == found


async def test_nothing_leads_back_to_a_person(world: World) -> None:
    for who in (ANN, BEN):
        await say(world, who, "CHECKIN", "yes", "5", "5", "5", "5", "5", "5", "words of my own", "no")
    await pushed(world)
    ids = {str(id) for row in await world.rows("SELECT c.id, u.key, c.session_id FROM contacts c"
           " JOIN urns u ON u.contact_id = c.id") for id in row if id}  # fmt: skip
    ids |= {str(id) for (id,) in await world.rows("SELECT id FROM sessions")}
    assert len(ids) == 6
    for record in await records(world):
        written = str(record)
        assert not any(id in written for id in (*ids, "447700900101", "5001"))


# Files


NASTY = [
    '=HYPERLINK("http://evil.example.com","click")', "+1+1", "-1+1", "@SUM(1)", "\tx", "\rx", "\n=1", "＝1＋1", "＠x",
    'say "hello", they said', "two\nlines\r\nthree", "a,b;c\td", "اردو — ٹھیک", "'=1", "😊", "x" * 1500,
]  # fmt: skip


#: What a database, or JSON, may not want to hold.
NASTIER = ["a\x00b", "\x00", "\ud800 half a character", "\ufffe\uffff", "\u202eabc", "Z\u0351\u036b" * 100, "﷽" * 900]


async def test_words_that_a_spreadsheet_would_run_are_harmless(tmp_path: Path) -> None:
    async def said() -> AsyncIterator[EvaluationRecord]:
        at = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
        for n, words in enumerate(NASTY):
            yield EvaluationRecord("p", f"r{n}", "wellbeing", 1, "comment", 1, False, words, words, "en", "sms", "", at)

    assert await write_answers(tmp_path / "answers.csv", said()) == len(NASTY)
    rows = list(read(tmp_path / "answers.csv"))
    for row in rows:
        for cell in row.values():
            assert not re.match(r"[=+\-@\t\r\n＝＋－＠]", cell), cell
    # nothing but the mark in front was changed
    assert [row["value"] for row in rows] == [f"'{words}" for words in NASTY[:9]] + NASTY[9:]


async def test_words_of_any_kind_reach_the_evaluation_store(world: World) -> None:
    """One that it could not hold would keep everybody's answers from it."""
    for n, words in enumerate((*NASTY, *NASTIER)):
        await say(world, f"telegram:{8000 + n}", "CHECKIN", "yes", *"555555", words, "no")
    waiting = await count_to_export(world.app.database)
    assert await pushed(world) == waiting > 8 * len((*NASTY, *NASTIER))
    found = {record.value for record in await records(world) if record.question == "comment"}
    assert {"x" * 1500, 'say "hello", they said', "اردو — ٹھیک"} <= found


async def test_the_columns_are_those_of_the_contract(world: World, tmp_path: Path) -> None:
    await say(world, ANN, "اردو", "CHECKIN", "ہاں", "۷")
    await pushed(world)
    await write_answers(tmp_path / "answers.csv", world.app.evaluation.stream())
    raw = (tmp_path / "answers.csv").read_bytes()
    assert raw.decode("utf-8").splitlines()[0] == (
        "participant,questionnaire,version,question,value,label,language,channel,helper,answered_at,response"
    )
    (row,) = read(tmp_path / "answers.csv")
    (record,) = await records(world)
    assert row == {
        "participant": record.participant, "questionnaire": "wellbeing", "version": "1", "question": "content",
        "value": "7", "label": "7", "language": "ur", "channel": "sms", "helper": "",
        "answered_at": world.clock().isoformat(timespec="seconds"), "response": record.response,
    }  # fmt: skip


async def _came_to_an_event(world: World, who: str) -> None:
    """Somebody is asked afterwards how it was, and answers."""
    event = await hold(world, an_event())
    await books(world, who, event)
    contact_id = await contact_of(world, who)
    world.clock.forward(event.ends_at - world.clock() + timedelta(hours=3))
    async with world.app.database.begin() as connection:
        await attendance.record(connection, world.app.ids, event.id, {contact_id: True}, {}, 0, world.clock())
    await world.ring()
    await say(world, who, "8", "yes", "9", "The group was kind", "no")


async def test_the_codebook_has_every_code_that_answers_have(world: World, flows: Library, tmp_path: Path) -> None:
    runs = {
        "checkin": ("CHECKIN", "yes", "0", "10", "5", "skip", "5", "5", "words", "yes"),
        "skips": ("CHECKIN", "yes", "5", "5", "5", "5", "5", "5", "skip", "skip"),
        "been": ("OPINION", "yes", "yes", "3 September", "8", "1, 3 and 4", "2 4", "25", "quiet rooms"),
        "not": ("OPINION", "yes", "no", "2", "3", "40", "A bus"),
        "feedback": ("FEEDBACK", "yes", "10", "1 2 4", "9", "yes", "You can say what you think", "yes"),
        "joined": ("JOIN", "yes", "Ann", "1", "2"),
    }
    for group in range(1, 6):
        about = ("ABOUT ME", "yes", "1", "CM1", "3", str(group), "1", "1 2", "2", "yes")
        runs[f"about {group}"] = about
    for n, words in enumerate(runs.values()):
        await say(world, f"telegram:{8000 + n}", *words)
    await _came_to_an_event(world, "telegram:8100")
    await pushed(world)
    write_codebook(tmp_path / "codebook.csv", flows.flows.values())
    book: dict[tuple[str, str, str], dict[str, dict[str, str]]] = {}
    for row in read(tmp_path / "codebook.csv"):
        assert tuple(row) == CODEBOOK
        codes = book.setdefault((row["questionnaire"], row["version"], row["question"]), {})
        assert row["value"] not in codes, row
        codes[row["value"]] = row
    found = await records(world)
    assert {(r.questionnaire, str(r.version), r.question) for r in found} == set(book)  # each question was answered
    for record in found:
        codes = book[record.questionnaire, str(record.version), record.question]
        kind = next(iter(codes.values()))["type"]
        parts = record.value.split() if kind == "select_multiple" else [record.value]
        assert all(is_in(part, kind, codes) for part in parts), (record.question, record.value)


def is_in(value: str, kind: str, codes: dict[str, dict[str, str]]) -> bool:
    if value in codes:
        return True
    match kind:
        case "scale":  # its two ends are there
            low, high = sorted(int(code) for code in codes if code.isdigit())
            return low <= int(value) <= high
        case "integer" | "score":
            (between,) = (code for code in codes if "-" in code)
            low, high = map(int, between.split("-"))
            return low <= int(value) <= high
        case "date":
            return re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
        case "text":
            return "" in codes
        case _:
            return False


def test_the_contract_s_columns_stand_first() -> None:
    assert (*ANSWERS, "response")[:10] == (
        "participant", "questionnaire", "version", "question", "value",
        "label", "language", "channel", "helper", "answered_at",
    )  # fmt: skip


def read(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
