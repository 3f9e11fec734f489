"""What people may ask for by text, on both databases: to be forgotten, to take back an answer, to read what we keep.

After FORGET ME nothing may be found any more: in no row, and in no byte of a database that is a file.
"""

from __future__ import annotations

import itertools
import random
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Table, delete, insert, select, update

from bot.app import build
from domain.code import CodeKind
from domain.contact import URN, Purpose
from domain.member import Fact, Member, MemberType
from domain.message import MessageClass
from evaluation.record import EvaluationRecord
from evaluation.store import metadata as evaluation_tables
from flows.conditions import PREFER_NOT_TO_SAY
from flows.library import Library
from scheduler.export import push
from store import erasure, fires, outbox, people
from store import tables as t
from store.changes import Queued
from store.history import history
from store.members import Fate, bring_in, preview
from store.sessions import restored
from store.times import to_ms
from store.turns import opened_message
from tests.conftest import Clock, World, make_world, settings_for
from tests.events import an_event, counted, put_event

ANN, BEN = "tel:+447700900101", "tel:+447700900102"
TESS, KIM = "telegram:500177123", "telegram:500288234"
#: What Ann's addresses, name and words are: none may be found when she is forgotten.
NICKNAME, COMMENT, MESSAGE = "Zuleikha", "the lighthouse keeper sang to us", "is the garden gate open on Thursdays"
REFERENCE = re.compile(r"\b[A-HJ-NP-Z2-9]{8}\b")
CODE = re.compile(r"\b(\d{4} \d{4})\b")
CHECKIN = ("CHECKIN", "yes", "7", "8", "6", "3", "9", "10")


async def say(world: World, who: str, *words: str) -> list[str]:
    """One after the other, some seconds apart; what the last was answered with."""
    told: list[str] = []
    for word in words:
        world.clock.forward(timedelta(seconds=20))
        told = await world.say(who, word)
    return told


async def pushed(world: World) -> None:
    await push(world.app.database, world.app.evaluation, world.app.vault, world.clock())


async def records(world: World) -> list[EvaluationRecord]:
    return [record async for record in world.app.evaluation.stream()]


async def contact(world: World, who: str) -> int:
    rows = await world.rows(f"SELECT contact_id FROM urns WHERE key = {world.app.vault.find(who)}")
    return int(rows[0][0])


async def sent(world: World) -> None:
    for sender in world.app.senders:
        await sender.drain()


async def forget(world: World, who: str) -> str:
    """They ask, the goodbye goes out, and some time passes. The reference they were told."""
    told = await say(world, who, "FORGET ME", "yes")
    found = REFERENCE.search(told[-1])
    assert found is not None
    await sent(world)
    world.clock.forward(timedelta(seconds=30))
    await world.ring()
    return found[0]


async def join_team(world: World, who: str, name: str, turn: str = "1") -> None:
    app, code = world.app, f"2222333{turn}"
    async with app.database.begin() as connection:
        detail = {"name": name, "role": "coordinator", "turn": turn}
        await people.put_code(
            connection, app.vault, app.vault.code(code), CodeKind.STAFF, 0, detail,
            uses=1, expires_at=None, now=world.clock(),
        )  # fmt: skip
    await say(world, who, code)


async def link_carer(world: World, who: str, carer: str, nickname: str = NICKNAME) -> None:
    """With leave to answer."""
    told = await say(world, who, "CARER", "4", "yes", nickname)
    await say(world, carer, code_in(told))


def code_in(told: Iterable[str]) -> str:
    found = CODE.search("\n".join(told))
    assert found is not None, told
    return found[1]


# What is left of somebody


@dataclass
class Traces:
    """Everything by which somebody could be found: ids and keys, what is sealed, pseudonyms, and words."""

    keys: set[int]
    ids: set[int] = field(default_factory=set)
    sealed: set[bytes] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


def theirs(table: Table, contact_id: int) -> Any:
    """The rows of a table that are about a contact."""
    c = table.c
    if table is t.contacts:
        return c.id == contact_id
    if table is t.carers:
        return (c.contact_id == contact_id) | (c.carer_id == contact_id)
    return c.contact_id == contact_id


ABOUT_PEOPLE = [table for table in t.metadata.tables.values() if "contact_id" in table.c or table is t.contacts]


async def rows_of(world: World, contact_id: int) -> dict[str, list[dict[str, Any]]]:
    async with world.app.database.read() as connection:
        return {
            table.name: [
                dict(row)
                for row in (
                    await connection.execute(
                        select(table).where(theirs(table, contact_id)).order_by(*table.primary_key.columns)
                    )
                ).mappings()
            ]
            for table in ABOUT_PEOPLE
        }


async def traces(world: World, who: str, *others: str, words: Iterable[str] = ()) -> Traces:
    """Of the person whose address that is; what names one of the `others` as well is none."""
    vault, id = world.app.vault, await contact(world, who)
    digits = URN.parse(who).path.removeprefix("+44")
    spaced = {f"{digits[:4]} {digits[4:]}", f"{digits[:4]} {digits[4:7]} {digits[7:]}"}
    found = Traces({vault.find(who)}, words={digits, *spaced, vault.participant(id), *words})
    for name, value in await cells_of(world, id):
        match value:
            case bytes():
                found.sealed.add(value)
            case int() if value > LATEST:  # an id or a key
                found.ids.add(value)
            case str() if name in ("outbox.key", "fires.key") and "/in-" not in value:  # that of one is in another's
                found.words.add(value)
    found.words |= {vault.response(row["id"]) for row in (await rows_of(world, id))["sessions"]}
    apart = {vault.find(other) for other in others} | {await contact(world, other) for other in others}
    found.ids -= found.keys | apart
    found.keys -= apart
    return found


async def cells_of(world: World, contact_id: int) -> list[tuple[str, Any]]:
    found = await rows_of(world, contact_id)
    return [(f"{table}.{name}", value) for table, rows in found.items() for row in rows for name, value in row.items()]


#: Times in the store are milliseconds below this one; ids and keys are above it, but for a few keys in a hundred
#: thousand.
LATEST = 1 << 45


async def left_of(world: World, found: Traces) -> list[str]:
    """Where any of it is still to be found; of the addresses' keys, outside of the opt-outs."""
    left = []
    for engine, metadata in (
        (world.app.database.engine, t.metadata),
        (world.app.evaluation.engine, evaluation_tables),
    ):
        for table in metadata.tables.values():
            async with engine.connect() as connection:
                rows = (await connection.execute(select(table))).mappings().all()
            for row, name in itertools.product(rows, table.columns.keys()):
                if is_of(found, row[name], keys=table is not t.opt_outs):
                    left.append(f"{table.name}.{name}")
    if world.app.database.is_sqlite:
        left += left_in_files(world, found)
    return left


def is_of(found: Traces, value: Any, *, keys: bool) -> bool:
    match value:
        case bytes():
            return value in found.sealed
        case str():
            return any(word in value for word in (*found.words, *map(str, found.ids), *map(str, found.keys)))
        case bool():
            return False
        case int():
            return value in found.ids or (keys and value in found.keys)
    return False


def left_in_files(world: World, found: Traces) -> list[str]:
    looked_for = {sealed: "sealed" for sealed in found.sealed}
    for word in found.words:
        looked_for |= {word.encode(form): word for form in ("utf-8", "utf-16-le", "utf-16-be")}
    for number in found.ids | found.keys:
        looked_for |= {number.to_bytes(8): "id", str(number).encode(): "id", varint(number): "row"}
    in_opt_outs = {varint(key) for key in found.keys}
    left = []
    for path in files(world):
        held = path.read_bytes()
        for wanted, what in looked_for.items():
            allowed = 1 if wanted in in_opt_outs and path.name == "mime.db" else 0
            if held.count(wanted) > allowed:
                left.append(f"{path.name}: {what}")
    return left


def files(world: World) -> Iterator[Path]:
    for engine in (world.app.database.engine, world.app.evaluation.engine):
        yield from (
            path for end in ("", "-wal", "-shm", "-journal") if (path := Path(f"{engine.url.database}{end}")).exists()
        )


def varint(number: int) -> bytes:
    """A row's own number as SQLite writes it (file format, 1.6): seven bits a byte; the last of nine holds eight."""
    if number >= 1 << 56:
        head, last = number >> 8, [number & 255]
    else:
        head, last = number >> 7, [number & 127]
    groups: list[int] = []
    while head:
        groups.insert(0, head & 127 | 128)
        head >>= 7
    return bytes([*groups, *last])


def test_what_is_looked_for_would_be_found(tmp_path: Path) -> None:
    """The search itself: SQLite writes a row's number as we think."""
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, other BIGINT)")
        connection.execute("INSERT INTO a VALUES (?, ?)", (251_000_000_123_456_789, 6_000_000_123_456_789))
        connection.execute("INSERT INTO a VALUES (?, ?)", (6_000_000_987_654_321, 1))
    connection.close()
    held = path.read_bytes()
    assert varint(251_000_000_123_456_789) in held
    assert varint(6_000_000_987_654_321) in held
    assert (6_000_000_123_456_789).to_bytes(8) in held


async def assert_nothing_is_left(world: World, found: Traces) -> None:
    """At once, and when the evaluation store and the last pseudonym have followed."""
    left = await left_of(world, replace(found, words=found.words - set(await pseudonyms(world))))
    assert [one for one in left if not one.startswith(("evaluation.db", "records"))] == []
    await pushed(world)
    world.clock.forward(timedelta(hours=1, minutes=1))
    await pushed(world)
    assert await left_of(world, found) == []


async def pseudonyms(world: World) -> list[str]:
    """Those that the evaluation store must still be told of."""
    return await erasure.to_forget(world.app.database)


# Forgotten


async def live(world: World, who: str, name: str = "Bartholomew", comment: str = "words of somebody else") -> None:
    """A member with a profile, consents, needs, answers that were pushed, and words outside of any question."""
    await say(world, who, "JOIN", "yes", name, "1", "6", "NEEDS", "2", "3", "no", "after 11", "yes", "none at all")
    await say(world, who, *CHECKIN, comment, "yes")
    await pushed(world)
    await say(world, who, MESSAGE if name == NICKNAME else "hello again")
    await sent(world)


async def test_somebody_forgotten_leaves_nothing_but_the_hash_of_their_number(world: World) -> None:
    await live(world, ANN, NICKNAME, COMMENT)
    await live(world, BEN)
    await say(world, ANN, "OPINION", "yes", "no")
    found = await traces(world, ANN, words=(NICKNAME, COMMENT, MESSAGE))
    assert len(found.sealed) > 40 and len(found.ids) > 60  # the search has something to search for
    assert {NICKNAME, COMMENT} <= await known_words(world, ANN)
    bens, bens_records = await rows_of(world, await contact(world, BEN)), await records_of(world, BEN)
    reference = await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert await world.rows("SELECT key FROM opt_outs") == [(world.app.vault.find(ANN),)]
    assert await world.rows("SELECT reference, participant FROM erasures") == [(reference, None)]
    assert await rows_of(world, await contact(world, BEN)) == bens
    assert await records_of(world, BEN) == bens_records != []


async def test_nothing_stays_in_the_gaps_of_a_file_with_many_people(world: World) -> None:
    """SQLite moves rows from page to page as they come, and what it moved it leaves where it was."""
    others = [f"tel:+4477009002{n:02}" for n in range(25)]
    for word in ("JOIN", "yes", NICKNAME, "1", "6", *CHECKIN, COMMENT, "yes", MESSAGE):
        world.clock.forward(timedelta(seconds=20))
        said = {ANN: word} | {other: "Bee" if word == NICKNAME else word[:12] for other in others}
        for who, words in said.items():
            await world.app.dispatcher.handle([world.received(who, words)], world.clock())
    await sent(world)
    await pushed(world)
    found = await traces(world, ANN, words=(NICKNAME, COMMENT, MESSAGE))
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert len(await world.rows("SELECT id FROM contacts")) == len(others)


async def known_words(world: World, who: str) -> set[str]:
    """What they said, opened: what a search for words that were never there would not notice."""
    vault, id = world.app.vault, await contact(world, who)
    return {vault.open(row["sealed"], id).decode() for row in (await rows_of(world, id))["inbox"]}


async def records_of(world: World, who: str) -> list[EvaluationRecord]:
    participant = world.app.vault.participant(await contact(world, who))
    return [record for record in await records(world) if record.participant == participant]


async def test_the_search_finds_what_was_not_deleted(world: World) -> None:
    """Without the erasure all of it is found, in rows and in files."""
    await live(world, ANN, NICKNAME, COMMENT)
    found = await traces(world, ANN, words=(COMMENT,))
    left = await left_of(world, found)
    assert {"contacts.id", "urns.key", "inbox.sealed", "fires.key", "records.value", "records.participant"} <= set(left)
    if world.app.database.is_sqlite:
        await erasure.scrub(world.app.database)  # out of the log, into the file
        in_files = left_in_files(world, found)
        assert in_files.count("mime.db: sealed") == len(found.sealed)
        assert f"evaluation.db-wal: {COMMENT}" in in_files or f"evaluation.db: {COMMENT}" in in_files


async def test_the_goodbye_goes_out_before_anything_is_erased(world: World) -> None:
    await live(world, ANN)
    told = await say(world, ANN, "FORGET ME", "yes")
    reference = REFERENCE.search(told[-1])
    assert reference is not None
    world.clock.forward(timedelta(minutes=1))
    await world.ring()  # not yet sent: it waits
    assert (await world.told(ANN))[-1].status == "queued"
    await sent(world)
    assert (await world.told(ANN))[-1].status == "sent"
    world.clock.forward(timedelta(seconds=30))
    await world.ring()
    assert await world.rows("SELECT id FROM contacts") == []
    assert await world.rows("SELECT reference FROM erasures") == [(reference[0],)]


async def test_a_goodbye_that_cannot_go_out_keeps_nobody_here_for_ever(world: World) -> None:
    await live(world, ANN)
    await say(world, ANN, "FORGET ME", "yes")
    for _ in range(50):
        world.clock.forward(timedelta(seconds=20))
        await world.ring()
    assert await world.rows("SELECT id FROM contacts") == []
    assert await world.rows("SELECT id FROM outbox") == []
    assert await world.rows("SELECT id FROM fires") == []


async def test_no_to_forget_me_changes_nothing(world: World) -> None:
    await live(world, ANN)
    await say(world, ANN, *CHECKIN[:4])
    id = await contact(world, ANN)
    before = await rows_of(world, id)
    told = await say(world, ANN, "FORGET ME", "no")
    phrases = world.app.library.phrases["en"]
    assert "\n".join(told).startswith("OK. Nothing was deleted.")
    assert phrases.forgotten.partition("{")[0] not in "\n".join(told)
    await sent(world)
    world.clock.forward(timedelta(hours=2))
    await world.ring()
    after = await rows_of(world, id)
    for table in ("answers", "profile", "consents", "urns", "alerts", "codes", "carers", "contacts"):
        assert after[table] == before[table], table
    await say(world, ANN, "8")  # and they go on where they were
    assert len((await rows_of(world, id))["answers"]) == len(before["answers"]) + 1


async def test_a_kill_between_goodbye_and_erasure_is_made_good_by_the_next_start(
    world: World, store_urls: tuple[str, str], flows: Library
) -> None:
    await live(world, ANN, NICKNAME, COMMENT)
    found = await traces(world, ANN, words=(NICKNAME, COMMENT, MESSAGE))
    await say(world, ANN, "FORGET ME", "yes")
    await sent(world)
    app = build(settings_for(*store_urls), clock=world.clock, rng=random.Random(8), simulate=True, flows=flows)
    try:
        world.clock.forward(timedelta(seconds=30))
        await World(app, world.clock).ring()
    finally:
        await app.close()
    await assert_nothing_is_left(world, found)


@pytest.mark.parametrize("kind", ["erase", "erase_now"])
async def test_the_same_errand_run_twice_is_done_once(world: World, kind: str) -> None:
    """Two processes may both see that it is due."""
    await live(world, BEN)
    bens = await rows_of(world, await contact(world, BEN))
    await say(world, ANN, *CHECKIN)
    await world.app.dispatcher.handle([world.received(ANN, "FORGET ME")], world.clock())
    await world.app.dispatcher.handle([world.received(ANN, "yes")], world.clock())
    for name in ("erase", "erase_now"):
        (due,) = [one for one in await fires.due(world.app.database, world.clock()) if one.kind == name]
        await world.app.errands.run(due)
        if name == kind:
            await world.app.errands.run(due)
        await sent(world)
        world.clock.forward(timedelta(seconds=30))
    ((fires_left,),) = await world.rows("SELECT COUNT(*) FROM fires WHERE kind LIKE 'erase%'")
    assert fires_left == 0
    assert len(await world.rows("SELECT id FROM erasures")) == 1
    assert await rows_of(world, await contact(world, BEN)) == bens


async def test_erasing_who_is_gone_already_notes_nothing(world: World) -> None:
    await say(world, ANN, "hello")
    id, app = await contact(world, ANN), world.app
    for reference in ("AAAAAAAA", "BBBBBBBB"):
        async with app.database.begin() as connection:
            await erasure.erase(connection, app.vault, app.ids, id, reference, world.clock())
    assert await world.rows("SELECT reference FROM erasures") == [("AAAAAAAA",)]


async def test_who_writes_again_is_somebody_new(world: World) -> None:
    await live(world, ANN, NICKNAME, COMMENT)
    before = await contact(world, ANN)
    found = await traces(world, ANN, words=(NICKNAME, COMMENT, MESSAGE))
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert await say(world, ANN, "hello") == [world.app.library.phrases["en"].hello]
    assert await contact(world, ANN) != before
    rows = await rows_of(world, await contact(world, ANN))
    assert rows["contacts"][0]["stopped_at"] is None
    assert (rows["contacts"][0]["consents"], rows["profile"], rows["answers"]) == ("", [], [])


def on_a_list() -> Member:
    """Ann, as a coordinator's list has her."""
    facts, agreed = (Fact("nickname", NICKNAME, NICKNAME),), (Purpose.NEWSLETTER,)
    phone = URN.parse(ANN).path
    return Member(2, phone, None, MemberType.SERVICE_USER, facts, agreed, date(2026, 11, 1), "by phone")


async def test_an_import_does_not_bring_them_back(world: World) -> None:
    await live(world, ANN)
    await forget(world, ANN)
    app = world.app
    member = on_a_list()
    found = await bring_in(app.database, app.vault, app.ids, [member], world.clock())
    assert [entry.fate for entry in found.entries] == [Fate.OPTED_OUT]
    assert await world.rows("SELECT id FROM contacts") == []
    await say(world, ANN, "hello")  # who came back by themself is still nobody's to add to
    assert [e.fate for e in (await preview(app.database, app.vault, [member])).entries] == [Fate.OPTED_OUT]


async def test_an_answer_that_was_not_pushed_yet_never_is(world: World) -> None:
    await say(world, ANN, *CHECKIN, COMMENT)
    found = await traces(world, ANN, words=(COMMENT,))
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert await records(world) == []


async def test_an_answer_that_was_under_way_to_the_evaluation_store_is_deleted_there(world: World) -> None:
    """One process has read it, and stalls; meanwhile its person is erased; then it arrives."""
    await say(world, ANN, *CHECKIN, COMMENT)
    found = await traces(world, ANN, words=(COMMENT,))
    await pushed(world)
    stale = await records(world)
    await forget(world, ANN)
    world.clock.forward(timedelta(minutes=1))
    await pushed(world)
    assert await records(world) == []
    await world.app.evaluation.put(stale)
    world.clock.forward(timedelta(minutes=50))
    await pushed(world)
    await assert_nothing_is_left(world, found)


async def test_what_was_erased_while_the_evaluation_store_was_away_is_deleted_there_later(world: World) -> None:
    await say(world, ANN, *CHECKIN, COMMENT)
    await pushed(world)
    found = await traces(world, ANN, words=(COMMENT,))
    await forget(world, ANN)
    world.clock.forward(timedelta(days=3))
    await assert_nothing_is_left(world, found)


async def test_a_suspended_talk_goes_as_well(world: World) -> None:
    await say(world, ANN, *CHECKIN, "NEEDS")
    rows = await world.rows("SELECT session_id, suspended_id FROM contacts")
    assert all(rows[0])
    found = await traces(world, ANN)
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)


# Forgotten, with others around


async def test_a_person_with_a_carer(world: World) -> None:
    await live(world, BEN)
    await live(world, ANN, NICKNAME, COMMENT)
    await link_carer(world, ANN, BEN)
    await say(world, ANN, *CHECKIN[:4])
    await say(world, BEN, NICKNAME, "5", "ME")
    bens = await told_to(world, BEN)
    assert any(NICKNAME in text for text in bens)
    found = await traces(world, ANN, BEN, words=(NICKNAME, COMMENT, MESSAGE))
    (goodbye,) = [text async for text in carer_told(world, ANN, BEN)]
    assert NICKNAME in goodbye
    await assert_nothing_is_left(world, found)
    assert not any(NICKNAME in text for text in await told_to(world, BEN))
    assert (await rows_of(world, await contact(world, BEN)))["contacts"][0]["roles"] == ""
    assert len((await rows_of(world, await contact(world, BEN)))["profile"]) > 5
    assert NICKNAME not in "".join(await say(world, BEN, NICKNAME))


async def carer_told(world: World, who: str, carer: str) -> Any:
    """What a carer is told when that person is forgotten."""
    before = len(await world.told(carer))
    await say(world, who, "FORGET ME", "yes")
    for message in (await world.told(carer))[before:]:
        yield message.text
    await sent(world)
    world.clock.forward(timedelta(seconds=30))
    await world.ring()


async def told_to(world: World, who: str) -> list[str]:
    """All that we ever said to that contact, wherever."""
    vault, id = world.app.vault, await contact(world, who)
    return [opened_message(vault.open(row["sealed"], id))[0] for row in (await rows_of(world, id))["outbox"]]


async def test_a_carer_of_long_ago_is_not_told(world: World) -> None:
    await say(world, BEN, "hello")
    await link_carer(world, ANN, BEN)
    await say(world, ANN, "UNLINK")
    before = len(await world.told(BEN))
    await say(world, ANN, "FORGET ME", "yes")
    assert len(await world.told(BEN)) == before


async def test_a_carer(world: World) -> None:
    await live(world, BEN)
    await live(world, ANN, NICKNAME, COMMENT)
    await link_carer(world, BEN, ANN, "Bartholomew")
    await say(world, BEN, *CHECKIN[:3])
    await say(world, ANN, "Bartholomew", "5")  # Ann's phone speaks for Ben just now
    await pushed(world)
    await sent(world)
    found = await traces(world, ANN, BEN, words=(NICKNAME, COMMENT, MESSAGE))
    id = await contact(world, BEN)
    bens = await rows_of(world, id)
    await say(world, ANN, "ME")
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    after, gone = await rows_of(world, id), world.app.vault.find(ANN)
    assert after["carers"] == []
    for table in ("contacts", "urns", "profile", "consents", "answers", "sessions", "inbox", "outbox", "fires"):
        told = [row | {"urn_key": 0} if row.get("urn_key") == gone else row for row in bens[table]]
        assert after[table] == told, table
    await say(world, BEN, "6")
    assert len((await rows_of(world, id))["answers"]) == len(bens["answers"]) + 1


async def share(world: World) -> tuple[int, int]:
    """Ann's phone is Bilal's as well, who has begun a check-in and has words of his own; their contacts."""
    await live(world, ANN, NICKNAME, COMMENT)
    await say(world, ANN, "SHARE", NICKNAME, "Bilqisabad", "ME")
    await say(world, ANN, "Bilqisabad", "JOIN", "yes", "Bee", "1", "6")
    await pushed(world)
    anns = await contact(world, ANN)
    ((bilals,),) = await world.rows(f"SELECT contact_id FROM sharers WHERE contact_id <> {anns}")
    return anns, bilals


async def test_the_owner_of_a_shared_phone(world: World) -> None:
    """The phone is the other's from then on, and nobody is asked any more who writes."""
    _, bilals = await share(world)
    bilals_rows = await rows_of(world, bilals)
    await say(world, ANN, NICKNAME)
    found = await traces(world, ANN, words=(COMMENT, MESSAGE))
    found.keys.clear()  # of the phone, which stays
    found.words = {word for word in found.words if "900" not in word}
    found.ids.discard(bilals)
    found.sealed -= {row["sealed"] for row in bilals_rows["sharers"]}
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert await world.rows("SELECT key FROM opt_outs") == []
    assert await contact(world, ANN) == bilals
    assert await world.rows("SELECT shared, voice_id, held FROM urns") in ([(0, None, None)], [(False, None, None)])
    after = await rows_of(world, bilals)
    for table in ("contacts", "profile", "consents", "answers", "sessions", "inbox"):
        assert after[table] == bilals_rows[table], table
    assert NICKNAME not in "".join(await told_to(world, ANN))
    world.clock.forward(timedelta(hours=2))
    assert await say(world, ANN, "hello") == [world.app.library.phrases["en"].hello]


async def test_the_other_on_a_shared_phone(world: World) -> None:
    anns, bilals = await share(world)
    await say(world, ANN, NICKNAME)
    anns_rows = await rows_of(world, anns)
    await say(world, ANN, "Bilqisabad", *CHECKIN, "words of the other one")
    vault = world.app.vault
    found = Traces(set(), words={vault.participant(bilals), "words of the other one", "Bilqisabad"})
    found.sealed = {value for _, value in await cells_of(world, bilals) if isinstance(value, bytes)}
    ids = {value for _, value in await cells_of(world, bilals) if isinstance(value, int) and value > LATEST}
    found.ids = ids - {vault.find(ANN), anns}
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert await world.rows("SELECT key FROM opt_outs") == []
    after = await rows_of(world, anns)
    assert after["urns"][0]["shared"] in (0, False)
    for table in ("contacts", "profile", "consents", "answers", "inbox"):
        assert after[table] == anns_rows[table], table
    assert not any("Bilqisabad" in text for text in await told_to(world, ANN))


async def test_an_alert_that_nobody_has_taken(world: World) -> None:
    """It goes, and nobody is called for it any more."""
    await join_team(world, KIM, "Kim Nightingale")
    await live(world, ANN, NICKNAME, COMMENT)
    await say(world, ANN, "PERSON", "please ring me at the bakery")
    assert await world.rows("SELECT kind FROM alerts WHERE done_at IS NULL") == [("person",)]
    found = await traces(world, ANN, words=(NICKNAME, COMMENT, MESSAGE, "bakery"))
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    before = len(await world.told(KIM))
    for _ in range(30):
        world.clock.forward(timedelta(minutes=20))
        await world.ring()
    assert len(await world.told(KIM)) == before


async def test_a_talk_with_the_team(world: World) -> None:
    """What was passed on to the team goes too, word and number, and what the team wrote; the team's own stays."""
    await join_team(world, KIM, "Kim Nightingale")
    await live(world, ANN, NICKNAME, COMMENT)
    await say(world, ANN, "PERSON", "please ring me at the bakery")
    await say(world, KIM, "TAKE", "this is Kim, I will ring at noon")
    await say(world, ANN, "the back door please")
    await say(world, KIM, "DONE", "hello")
    kims = await contact(world, KIM)
    told = "\n".join(await told_to(world, KIM))
    assert "bakery" in told and "back door" in told and "+447700900101" in told
    found = await traces(world, ANN, KIM, words=(NICKNAME, COMMENT, MESSAGE, "bakery", "back door"))
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    told = "\n".join(await told_to(world, KIM))
    assert not re.search("bakery|back door|900101", told)
    assert "Welcome to the team, Kim Nightingale" in told
    heard = [world.app.vault.open(row["sealed"], kims).decode() for row in (await rows_of(world, kims))["inbox"]]
    assert heard == ["22223331", "TAKE", "DONE", "hello"]


async def test_an_alert_that_somebody_has_taken(world: World) -> None:
    """Whoever sees to it is told that there is nothing more to do."""
    await join_team(world, KIM, "Kim Nightingale")
    await live(world, ANN, NICKNAME, COMMENT)
    await say(world, ANN, "NEEDS", "1", "3")
    await say(world, KIM, "TAKE")
    assert "+447700900101" in "".join(await told_to(world, KIM))
    found = await traces(world, ANN, KIM, words=(NICKNAME, COMMENT, MESSAGE))
    before = len(await world.told(KIM))
    await forget(world, ANN)
    (told,) = (await world.told(KIM))[before - 1 :]  # the one with the number has gone
    assert told.text == world.app.library.phrases["en"].staff_done.replace("{number}", "1")
    await assert_nothing_is_left(world, found)


async def test_who_is_taken_up_in_the_moment_of_the_goodbye(world: World) -> None:
    """Somebody of the team takes over after the person's yes: nobody writes with nobody."""
    await join_team(world, KIM, "Kim Nightingale")
    await say(world, ANN, "PERSON", "please ring me at the bakery")
    await say(world, ANN, "FORGET ME")
    found = await traces(world, ANN, KIM, words=("bakery",))
    await world.app.dispatcher.handle([world.received(ANN, "yes")], world.clock())
    await say(world, KIM, "TAKE")
    await sent(world)
    world.clock.forward(timedelta(seconds=30))
    await world.ring()
    await assert_nothing_is_left(world, found)
    assert await say(world, KIM, "hello") == [world.app.library.phrases["en"].hello]


async def test_a_member_of_the_team(world: World) -> None:
    """Whoever waited for them is not left waiting: the next on the rota is called, at the goodbye already."""
    await join_team(world, TESS, "Theodora Finch", "1")
    await join_team(world, KIM, "Kim Nightingale", "2")
    await say(world, TESS, *CHECKIN, COMMENT)
    await say(world, BEN, "NEEDS", "1", "3")
    await say(world, TESS, "TAKE")
    found = await traces(world, TESS, BEN, words=(COMMENT, "Theodora"))
    before = len(await world.told(KIM))
    await say(world, TESS, "FORGET ME", "yes")
    await world.errands()
    (called,) = (await world.told(KIM))[before:]
    assert "TAKE 1" in called.text
    await sent(world)
    world.clock.forward(timedelta(seconds=30))
    await world.ring()
    await assert_nothing_is_left(world, found)
    assert await world.rows("SELECT contact_id FROM staff") == [(await contact(world, KIM),)]
    await say(world, KIM, "TAKE 1")
    assert await world.rows("SELECT taken_by FROM alerts") == [(await contact(world, KIM),)]


async def test_who_had_seen_to_somebody_is_named_nowhere(world: World) -> None:
    await join_team(world, TESS, "Theodora Finch")
    await say(world, BEN, "NEEDS", "1", "3")
    await say(world, TESS, "TAKE", "DONE 1")
    found = await traces(world, TESS, BEN)
    await forget(world, TESS)
    await assert_nothing_is_left(world, found)
    assert len(await world.rows("SELECT id FROM alerts WHERE done_at IS NOT NULL")) == 1


# Forgotten, with places at events

SECRET_NOTE, REASON = "the projector hummed like a hive", "transport"


async def booked(world: World, who: str) -> str:
    """They ask for a place at the only event; what they are told."""
    told = (await say(world, who, "EVENTS", "1", "yes"))[-1]
    return (await say(world, who, "nothing special"))[-1] if told.startswith("What do you need") else told


async def rich_in_events(world: World, who: str, past: int) -> None:
    """What the team, or they themselves, have noted around events beside their bookings."""
    app, id = world.app, await contact(world, who)
    key, now = app.vault.find(who), to_ms(world.clock())
    async with app.database.begin() as tx:
        await tx.execute(
            insert(t.bookings).values(
                id=app.ids(), event_id=past, contact_id=id, status="out", position=1, urn_key=key, channel="sms",
                sealed=app.vault.seal(REASON.encode(), id), asked_at=now, changed_at=now,
            )
        )  # fmt: skip
        note = app.vault.seal(SECRET_NOTE.encode(), id)
        await tx.execute(
            insert(t.duties).values(event_id=past, contact_id=id, role="note_taker", sealed=note, created_at=now)
        )
        await tx.execute(
            insert(t.tasks).values(id=app.ids(), event_id=past, contact_id=id, kind="diet", due_at=now, created_at=now)
        )
        await tx.execute(
            insert(t.demands).values(id=app.ids(), contact_id=id, kind="research", district="colchester", at=now)
        )
        document = orjson.dumps({"title": {"en": "Choosing new staff"}}).decode()
        await tx.execute(delete(t.opportunities))
        await tx.execute(
            insert(t.opportunities).values(
                id=31, number=1, kind="interview", state="published", closes_at=now, document=document, created_at=now
            )
        )
        await tx.execute(
            insert(t.interests).values(
                id=app.ids(), opportunity_id=31, contact_id=id, urn_key=key, channel="sms", at=now
            )
        )
        await tx.execute(
            insert(t.newsletter_told).values(id=app.ids(), broadcast_id=41, contact_id=id, theirs=True, at=now)
        )


async def two_events(world: World, capacity: int = 1) -> None:
    """One to come (7), one of last month (8)."""
    now = world.clock()
    await put_event(world.app.database, an_event(7, now + timedelta(days=30), capacity=capacity), now)
    await put_event(world.app.database, an_event(8, now - timedelta(days=30)), now)


async def test_somebody_with_places_and_all_that_is_noted_around_events(world: World) -> None:
    await two_events(world, capacity=4)
    await live(world, BEN)
    assert "You have a place" in await booked(world, BEN)
    await live(world, ANN, NICKNAME, COMMENT)
    assert "You have a place" in await booked(world, ANN)
    await rich_in_events(world, ANN, 8)
    bens = await rows_of(world, await contact(world, BEN))
    anns = await rows_of(world, await contact(world, ANN))
    for table in ("bookings", "duties", "tasks", "demands", "interests", "newsletter_told"):
        assert anns[table], table
    assert len(anns["bookings"]) == 2
    found = await traces(world, ANN, words=(NICKNAME, COMMENT, MESSAGE, SECRET_NOTE))
    assert await counted(world.app.database, 7) == (4, 2, 2)  # both bring somebody
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert await counted(world.app.database, 7) == (2, 1, 2)
    assert (await rows_of(world, await contact(world, BEN)))["bookings"] == bens["bookings"]


async def test_the_place_of_somebody_forgotten_is_offered_to_who_waits(world: World) -> None:
    await two_events(world)
    await booked(world, ANN)
    assert "number 1 on the list" in await booked(world, BEN)
    await forget(world, ANN)
    for _ in range(2):  # the place, and then the offer of it
        await world.ring()
    assert "there is a place for you now" in (await world.told(BEN))[-1].text
    assert await world.rows("SELECT kind FROM fires WHERE kind = 'places'") == []
    assert "You have a place" in (await say(world, BEN, "yes"))[-1]
    assert await counted(world.app.database, 7) == (1, 0, 2)


async def test_who_waited_and_is_forgotten_frees_nothing(world: World) -> None:
    await two_events(world)
    await booked(world, BEN)
    await booked(world, ANN)
    await forget(world, ANN)
    assert await counted(world.app.database, 7) == (1, 0, 2)
    assert await world.rows("SELECT key FROM fires WHERE kind = 'places'") == []


async def test_the_team_and_who_leads_an_event_keep_no_name_of_somebody_forgotten(world: World) -> None:
    await two_events(world)
    await join_team(world, KIM, "Kim Nightingale")
    await say(world, TESS, "hello")
    await live(world, ANN, NICKNAME, COMMENT)
    await booked(world, ANN)
    app, tess, now = world.app, await contact(world, TESS), to_ms(world.clock())
    async with app.database.begin() as tx:
        await tx.execute(insert(t.duties).values(event_id=7, contact_id=tess, role="facilitator", created_at=now))
    for who in (KIM, TESS):
        await tell(world, who, f"1 {NICKNAME}\n2 Bartholomew")
    found = await traces(world, ANN, KIM, TESS, words=(NICKNAME, COMMENT, MESSAGE))
    await forget(world, ANN)
    await assert_nothing_is_left(world, found)
    assert len(await told_to(world, KIM)) > 0


async def tell(world: World, who: str, words: str) -> None:
    """As a list of who comes is sent."""
    app, id, now = world.app, await contact(world, who), to_ms(world.clock())
    key = app.vault.find(who)
    queued = Queued(app.ids(), f"list/{id}", id, key, "telegram", MessageClass.REPLY, words, "", (), now, now + 1000)
    async with app.database.begin() as tx:
        await outbox.queue(tx, app.vault, queued, now)


async def test_a_task_of_somebody_of_the_team_who_is_forgotten_is_nobodys(world: World) -> None:
    await two_events(world)
    await join_team(world, KIM, "Kim Nightingale")
    await say(world, BEN, "hello")
    await rich_in_events(world, BEN, 8)
    kims = await contact(world, KIM)
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.tasks).values(owner_id=kims))
    found = await traces(world, KIM)
    await forget(world, KIM)
    await assert_nothing_is_left(world, found)
    assert await world.rows("SELECT kind, owner_id FROM tasks") == [("diet", None)]


# Stopped, with a place


async def test_who_stops_and_has_a_place_keeps_it_and_is_called(world: World) -> None:
    await two_events(world)
    await join_team(world, KIM, "Kim Nightingale")
    await booked(world, ANN)
    await say(world, ANN, "STOP")
    assert await world.rows("SELECT kind, detail FROM alerts") == [("stopped_booking", "event 7")]
    assert await counted(world.app.database, 7) == (1, 0, 1)
    await world.ring()
    assert "Someone with a place wants no more texts" in (await world.told(KIM))[-1].text
    told = await say(world, KIM, "TAKE")
    assert "+447700900101" in told[-1]
    await say(world, ANN, "START", "STOP")
    assert len(await world.rows("SELECT id FROM alerts")) == 1  # that one is open still


async def test_who_stops_without_a_place_to_come_is_left_alone(world: World) -> None:
    await two_events(world)
    await say(world, ANN, "hello")
    await rich_in_events(world, ANN, 8)
    await say(world, ANN, "STOP")
    assert await world.rows("SELECT kind FROM alerts") == []
    assert await world.rows("SELECT kind FROM fires WHERE kind = 'stopped'") == []


async def test_an_offer_to_somebody_who_has_stopped_passes_in_silence_to_the_next(world: World) -> None:
    await two_events(world)
    for who in (ANN, BEN, TESS):
        await booked(world, who)
    await say(world, BEN, "STOP")
    before = len(await world.told(BEN))
    await say(world, ANN, "OUT", "yes")
    await world.ring()
    world.clock.forward(timedelta(hours=25))
    for _ in range(2):
        await world.ring()
    assert len(await world.told(BEN)) == before
    assert "there is a place for you now" in (await world.told(TESS))[-1].text


# One answer taken back


async def answers(world: World, who: str) -> dict[str, Any]:
    """Those that stand, in the operational store, by question."""
    vault, id = world.app.vault, await contact(world, who)
    rows = (await rows_of(world, id))["answers"]
    return {row["question"]: orjson.loads(vault.open(row["sealed"], id))[0] for row in rows if not row["withdrawn"]}


async def kept(world: World, who: str) -> dict[str, Any]:
    vault, id = world.app.vault, await contact(world, who)
    rows = (await rows_of(world, id))["profile"]
    return {row["field"]: orjson.loads(vault.open(row["sealed"], id))[0] for row in rows}


async def session_answers(world: World, who: str, flow: str) -> dict[str, Any]:
    vault, id = world.app.vault, await contact(world, who)
    rows = [row for row in (await rows_of(world, id))["sessions"] if row["flow"] == flow]
    session, _ = restored(flow, 1, rows[-1]["sprint"], vault.open(rows[-1]["sealed"], id))
    return dict(session.answers)


async def heard(world: World, who: str) -> list[str]:
    vault, id = world.app.vault, await contact(world, who)
    return [vault.open(row["sealed"], id).decode() for row in (await rows_of(world, id))["inbox"]]


async def evaluated(world: World) -> dict[str, str]:
    await pushed(world)
    return {record.question: record.value for record in await records(world)}


async def delete_last(world: World, who: str) -> bool:
    """Whether there was one."""
    (told,) = await say(world, who, "DELETE LAST")
    phrases = world.app.library.phrases["en"]
    assert told in (phrases.deleted_last, phrases.nothing_to_delete)
    return told == phrases.deleted_last


async def test_delete_last_takes_back_one_answer_after_the_other(world: World) -> None:
    assert not await delete_last(world, ANN)
    await say(world, ANN, *CHECKIN, COMMENT)
    assert (await evaluated(world))["comment"] == COMMENT
    assert await delete_last(world, ANN)
    assert "comment" not in await answers(world, ANN)
    assert "comment" not in await evaluated(world)
    assert COMMENT not in await heard(world, ANN)
    assert (await session_answers(world, ANN, "wellbeing"))["comment"] == PREFER_NOT_TO_SAY
    for question in ("belonging", "heard", "worry", "mood", "matters", "content"):
        assert question in await answers(world, ANN)
        assert await delete_last(world, ANN)
        assert question not in await answers(world, ANN)
    assert not await delete_last(world, ANN)
    assert await evaluated(world) == {}
    assert {"7", "8", "6", "3", "9", "10"}.isdisjoint(await heard(world, ANN))
    assert {"CHECKIN", "yes"} <= set(await heard(world, ANN))


async def test_what_was_taken_back_is_not_asked_again_in_this_run(world: World) -> None:
    await say(world, ANN, *CHECKIN[:4])
    await delete_last(world, ANN)
    told = await say(world, ANN, "6")  # the answer to `mood`, which was waiting
    assert "worried" in told[0]
    await say(world, ANN, "3", "9", "10", "skip", "no")
    assert set(await answers(world, ANN)) == {
        "content", "mood", "worry", "heard", "belonging", "comment", "again", "wellbeing_score",
    }  # fmt: skip
    assert "matters" not in await evaluated(world)


async def test_who_goes_back_may_answer_after_all(world: World) -> None:
    """The later answer is newer than the withdrawal, in both stores."""
    await say(world, ANN, *CHECKIN[:4])
    await pushed(world)
    await delete_last(world, ANN)
    await pushed(world)
    await say(world, ANN, "BACK", "1")
    assert (await answers(world, ANN))["matters"] == 1
    assert (await evaluated(world))["matters"] == "1"


async def test_a_score_goes_with_an_answer_that_it_was_made_of(world: World) -> None:
    await say(world, ANN, *CHECKIN, COMMENT, "no")
    assert "wellbeing_score" in await evaluated(world)
    assert await delete_last(world, ANN)  # the last thing they said, not the figure computed after it
    assert set(await answers(world, ANN)) == {*SCORED, "comment", "wellbeing_score"}
    assert await delete_last(world, ANN)
    assert set(await answers(world, ANN)) == {*SCORED, "wellbeing_score"}
    assert await delete_last(world, ANN)
    assert set(await answers(world, ANN)) == set(SCORED) - {"belonging"}
    assert set(await evaluated(world)) == set(SCORED) - {"belonging"}


SCORED = ("content", "matters", "mood", "worry", "heard", "belonging")


async def test_a_kept_answer_goes_from_the_profile_as_well(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", NICKNAME, "1", "6")
    assert set(await kept(world, ANN)) == {"nickname", "relation", "heard_from"}
    await delete_last(world, ANN)
    assert set(await kept(world, ANN)) == {"nickname", "relation"}
    assert set(await answers(world, ANN)) == {"relation"}
    await delete_last(world, ANN)
    assert set(await kept(world, ANN)) == {"nickname"}
    await delete_last(world, ANN)  # kept with them only, and no answer for the evaluation
    assert await kept(world, ANN) == {}
    assert NICKNAME not in await heard(world, ANN)
    assert (await session_answers(world, ANN, "joining"))["nickname"] == PREFER_NOT_TO_SAY
    assert not await delete_last(world, ANN)


async def test_what_was_known_without_asking_is_not_the_last_that_they_said(world: World) -> None:
    """Whoever comes by a poster is not asked where they heard of us: it is noted with their last answer."""
    app = world.app
    async with app.database.begin() as connection:
        await people.put_code(
            connection, app.vault, app.vault.code("harwich"), CodeKind.POSTER, 0, {"source": "visit"},
            uses=None, expires_at=None, now=world.clock(),
        )  # fmt: skip
    await say(world, ANN, "harwich", "yes", NICKNAME, "1")
    assert await answers(world, ANN) == {"relation": "service_user", "heard_from": "visit"}
    await delete_last(world, ANN)
    assert await answers(world, ANN) == {"heard_from": "visit"}
    assert set(await kept(world, ANN)) == {"nickname", "heard_from"}
    await delete_last(world, ANN)
    assert await answers(world, ANN) == {}
    assert set(await kept(world, ANN)) == {"nickname"}


async def test_what_decides_when_and_how_we_write_is_reset_with_its_answer(world: World) -> None:
    await say(world, ANN, "NEEDS", "2", "3", "yes", "after 11, not Tuesday")
    way = "SELECT hours, discreet FROM contacts"
    assert [tuple(row) for row in await world.rows(way)] == [("11:00-00:00 023456", True)]
    await delete_last(world, ANN)
    assert [tuple(row) for row in await world.rows(way)] == [("", True)]
    assert set(await kept(world, ANN)) == {"reading", "meeting", "discreet"}
    await delete_last(world, ANN)
    assert [tuple(row) for row in await world.rows(way)] == [("", False)]
    told = await say(world, ANN, "yes")  # `share_needs`: neither is asked again
    assert "anything else" in told[0]


async def test_delete_last_takes_the_newest_of_answers_and_what_is_kept(world: World) -> None:
    await say(world, ANN, "NEEDS", "2", "3")
    await say(world, ANN, *CHECKIN[:3])
    assert await answers(world, ANN) == {"content": 7}
    await delete_last(world, ANN)
    assert await answers(world, ANN) == {}
    assert set(await kept(world, ANN)) == {"reading", "meeting"}
    await delete_last(world, ANN)
    assert set(await kept(world, ANN)) == {"reading"}


async def test_what_a_list_or_the_team_brought_is_not_taken_back(world: World) -> None:
    app = world.app
    await bring_in(app.database, app.vault, app.ids, [on_a_list()], world.clock())
    assert not await delete_last(world, ANN)
    assert "nickname" in await kept(world, ANN)


async def test_delete_last_of_one_leaves_the_other_s_alone(world: World) -> None:
    await live(world, BEN)
    bens = await rows_of(world, await contact(world, BEN))
    await say(world, ANN, *CHECKIN[:4])
    while await delete_last(world, ANN):
        pass
    assert await rows_of(world, await contact(world, BEN)) == bens


# What we keep


@pytest.mark.parametrize("base", ["", "https://mime.example.org"], ids=["no page", "a page"])
async def test_my_data_is_told_in_every_language(
    store_urls: tuple[str, str], flows: Library, clock: Clock, base: str
) -> None:
    world = await make_world(store_urls, flows, clock, public_base_url=base)
    try:
        for n, tag in enumerate(world.app.library.spoken):
            await my_data_in(world, f"tel:+4477009002{n:02}", tag, base)
    finally:
        await world.app.close()


async def my_data_in(world: World, who: str, tag: str, base: str) -> None:
    await say(world, who, *CHECKIN[:5], "JOIN", "yes", NICKNAME, "1", "6")
    await say(world, who, "TAKE PART", "yes", "yes", "ABOUT ME", "1", "CM1", "3", "4", "5", "1 3", "2 4", "yes")
    await say(world, who, "NEEDS", "1 4", "Sylheti", "1 3", "no", "after 11, not Tuesday", "yes", "large plates")
    await say(world, who, "CARER", "2", "yes", NICKNAME, world.app.library.languages[tag].name)
    (told,) = await say(world, who, "MY DATA")
    phrases = world.app.library.phrases[tag]
    assert not re.search(r"[{}]|\bNone\b", told), told
    codes = ("service_user", "age_35_44", "phone_call", "physical_disability", "reminders_to_carer", "2026-11")
    assert not any(code in told for code in codes), told
    lines = told.split("\n")
    assert lines[0] == phrases.my_data_head
    for part in (NICKNAME, "Sylheti", "large plates", world.app.library.languages[tag].name):
        assert part in told, part
    for topic in (phrases.topic_newsletter, phrases.topic_invitations, phrases.topic_carer):
        assert topic in told
    assert phrases.my_data_rights in lines
    if base:
        link = re.search(rf"{base}/my-data/([A-Za-z0-9_-]{{32}})", told)
        assert link is not None
        async with world.app.database.read() as connection:
            code = await people.code(connection, world.app.vault, world.app.vault.code(f"file/{link[1]}"))
        assert code is not None and code.contact_id == await contact(world, who)
    else:
        assert "01632 960123" in told
        assert "my-data" not in told


async def test_my_data_of_somebody_of_whom_there_is_nothing(world: World) -> None:
    (told,) = await say(world, ANN, "MY DATA")
    phrases = world.app.library.phrases["en"]
    assert phrases.my_data_gets_nothing in told
    assert phrases.my_data_about.partition("{")[0] not in told


async def test_my_data_counts_what_stands(world: World) -> None:
    await say(world, ANN, *CHECKIN[:4])
    phrases = world.app.library.phrases["en"]
    (told,) = await say(world, ANN, "MY DATA")
    assert phrases.my_data_counts.format(answers=2, messages=5) in told
    await delete_last(world, ANN)
    (told,) = await say(world, ANN, "MY DATA")
    assert phrases.my_data_counts.format(answers=1, messages=6) in told


async def test_a_phone_without_history_shows_none(world: World) -> None:
    """After the erasure the address leads nowhere."""
    await live(world, ANN)
    await forget(world, ANN)
    assert await history(world.app.database, world.app.vault, URN.parse(ANN)) == []


async def test_a_language_that_is_asked_for_is_an_answer_and_no_wish_to_change_ours(world: World) -> None:
    for words in ("NEEDS", "4"):
        await world.say("tel:+447700900231", words)
    (said,) = await world.say("tel:+447700900231", "Polish")
    assert said.startswith("What do you need at a meeting?")
    (changed,) = await world.say("tel:+447700900231", "polski")
    assert "polsku" in changed, "elsewhere it changes the language still"
