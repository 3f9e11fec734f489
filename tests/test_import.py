"""`mime import members` as a coordinator runs it: what it says, what it does, and that it does all or nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import text

import store.migrations
from bot.migrate import migrate
from domain.contact import URN
from domain.message import Received
from store.database import Database
from tests.conftest import Clock, make_world
from tests.process import command, environment

HEADER = "name,phone,language,type,district,newsletter,consent_date,consent_how"
ANN = "Ann,07700 900101,Polish,service user,Chelmsford,yes,3/11/2025,signed form"
BOB = "Bob,7700900102,,staff,,,,"
LIST = f"{HEADER}\n{ANN}\n{BOB}\n"


class Office:
    """A folder with a list in it, and a store that is up to date."""

    def __init__(self, folder: Path, urls: tuple[str, str]) -> None:
        self.folder = folder
        self.database_url = urls[0]
        self.settings = {
            "database_url": urls[0],
            "evaluation_database_url": urls[1],
            "allow_test_numbers": "true",
            "allow_draft_translations": "true",
        }

    async def mime(self, *words: str, **settings: str) -> tuple[int, str, str]:
        return await command(self.folder, environment(self.folder, **{**self.settings, **settings}), *words)

    async def members(self, data: str | bytes, *words: str, name: str = "list.csv") -> tuple[int, str, str]:
        """Import this list."""
        (self.folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return await self.mime("import", "members", name, *words)

    async def asked(self, data: str, reply: str) -> tuple[int, str]:
        """Import this list, and reply to the question."""
        (self.folder / "list.csv").write_text(data, encoding="utf-8")
        env = environment(self.folder, **self.settings)
        code, out, _ = await command(self.folder, env, "import", "members", "list.csv", typed=reply)
        return code, out

    async def rows(self, sql: str) -> list[Any]:
        database = Database(self.database_url)
        try:
            async with database.read() as connection:
                return [tuple(row) for row in await connection.execute(text(sql))]
        finally:
            await database.close()

    async def nobody(self) -> bool:
        return await self.rows("SELECT id FROM contacts") == []


async def up_to_date(folder: Path, urls: tuple[str, str]) -> Office:
    database = Database(urls[0])
    await migrate(database.engine, store.migrations)
    await database.close()
    return Office(folder, urls)


@pytest.fixture
async def office(store_urls: tuple[str, str], tmp_path: Path) -> Office:
    return await up_to_date(tmp_path, store_urls)


@pytest.fixture
async def small(tmp_path: Path) -> Office:
    """On SQLite alone, where the store makes no difference."""
    urls = (f"sqlite+aiosqlite:///{tmp_path}/mime.db", f"sqlite+aiosqlite:///{tmp_path}/evaluation.db")
    return await up_to_date(tmp_path, urls)


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


async def test_a_list_is_brought_in_and_twice_is_once(office: Office) -> None:
    code, out, err = await office.members(LIST, "--yes", "--plain")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Service user: 1 new",
        "Staff: 1 new",
        "All: 2 new, 0 filled in, 0 here already, 0 shared phone, 0 opted out",
        "1 of the new have agreed to nothing on this list: nothing will be sent to them unasked.",
        "2 people were added, and 0 people were filled in. Nobody was sent anything.",
    ]
    assert await office.rows("SELECT language, consents FROM contacts ORDER BY consents") == [
        (None, ""),
        ("pl", "newsletter"),
    ]
    assert await office.rows("SELECT purpose, given, flow, question FROM consents") == [
        ("newsletter", True, "import", "signed form")
    ]
    assert await office.rows("SELECT id FROM outbox") == []
    code, out, _ = await office.members(LIST, "--plain")
    assert code == 0
    assert out.splitlines()[0] == "Service user: 1 here already"
    assert out.splitlines()[-1] == "There is nothing to import."
    assert await office.rows("SELECT count(*) FROM contacts") == [(2,)]


async def test_a_workbook_and_a_csv_file_are_alike(office: Office) -> None:
    cells: list[tuple[Any, ...]] = [tuple(line.split(",")) for line in LIST.splitlines()]
    cells[2] = ("Bob", 7700900102, None, "staff")
    _, in_workbook, _ = await office.members(workbook(*cells), "--yes", name="list.xlsx")
    contacts = await office.rows("SELECT language, consents FROM contacts ORDER BY consents")
    keys = await office.rows("SELECT key FROM urns ORDER BY key")
    code, out, _ = await office.members(LIST, "--plain")
    assert code == 0
    assert out.endswith("There is nothing to import.\n")
    assert contacts == [(None, ""), ("pl", "newsletter")]
    assert len(keys) == 2
    assert "2 people were added" in in_workbook
    assert "Service user" in in_workbook


async def test_who_is_here_is_told_apart_and_only_what_is_empty_is_filled(office: Office) -> None:
    assert (await office.members(LIST, "--yes"))[0] == 0
    code, out, _ = await office.members(
        LIST.replace(BOB, "Bobby,07700 900102,Urdu,staff,Harlow,,,"), "--yes", "--plain"
    )
    assert code == 0
    assert out.splitlines() == [
        "Service user: 1 here already",
        "Staff: 1 filled in",
        "All: 0 new, 1 filled in, 1 here already, 0 shared phone, 0 opted out",
        "Filled in: they are here already, and only what is empty is filled. What they said themselves stays.",
        "0 people were added, and 1 person was filled in. Nobody was sent anything.",
    ]
    assert await office.rows("SELECT language FROM contacts ORDER BY language") == [("pl",), ("ur",)]
    assert await office.rows("SELECT count(*) FROM profile WHERE field = 'nickname'") == [(2,)]


async def test_one_row_that_is_wrong_imports_nothing(office: Office) -> None:
    code, out, err = await office.members(f"{LIST}Cid,020 7946 0000,,,,,,\nDan,12,Polsih,,,,,\n", "--yes")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "list.csv: row 4, phone: this is a landline, and a carrier may read a text aloud there; give a mobile's number",
        "list.csv: row 5, phone: this is too short for a mobile's number; a short code cannot be written to",
        "list.csv: row 5, language: 'Polsih' means nothing here; did you mean 'Polish'?",
        "Nothing was imported.",
    ]
    assert await office.nobody()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            LIST.replace("language", "langage"),
            "row 1, column C: there is no column 'langage'; did you mean 'language'?",
        ),
        (LIST.replace("Ann", "Zoë").encode("cp1252"), "the file is not UTF-8; save it as UTF-8"),
        (LIST.replace("07700 900101", "07700 90010"), "row 2, phone: there is no such number"),
        (
            LIST.replace("Chelmsford", "Atlantis"),
            "row 2, district: 'Atlantis' means nothing here; use one of: Basildon",
        ),
        (LIST.replace("3/11/2025", "3/11/2999"), "row 2, consent_date: this day is yet to come"),
        (LIST.replace("Bob", "=A1"), "row 3, name: this is a formula"),
        (workbook(("phone", "name"), ("07700 900101", "=A1")), "row 2, name: this is a formula"),
        (b"PK\x03\x04 and no more", "the workbook cannot be read"),
        ("", "row 1: the list is empty"),
    ],
    ids=["column", "encoding", "number", "district", "date", "formula", "formula in a workbook", "damaged", "empty"],
)
async def test_a_fault_names_its_place_and_what_to_do(small: Office, data: str | bytes, says: str) -> None:
    code, out, err = await small.members(data, "--yes")
    assert (code, out) == (1, "")
    assert f"list.csv: {says}" in err
    assert err.endswith("\nNothing was imported.\n")
    assert "Traceback" not in err
    assert await small.nobody()


async def test_numbers_for_drama_are_refused_where_real_people_are_written_to(small: Office) -> None:
    (small.folder / "list.csv").write_text(LIST, encoding="utf-8")
    code, _, err = await small.mime("import", "members", "list.csv", "--yes", allow_test_numbers="false")
    assert code == 1
    assert "row 2, phone: this is one of Ofcom's numbers for drama" in err
    assert await small.nobody()


async def test_it_is_asked_before_anything_is_imported(small: Office) -> None:
    code, out = await small.asked(LIST, "n\n")
    assert code == 1
    assert "Import this?" in out
    assert "Service user" in out
    assert await small.nobody()
    code, out, err = await small.members(LIST)  # nobody is there to be asked
    assert code == 1
    assert err.endswith("Say --yes to import without being asked.\nNothing was imported.\n")
    assert await small.nobody()
    code, out = await small.asked(LIST, "y\n")
    assert code == 0
    assert "2 people were added" in out
    assert await small.rows("SELECT count(*) FROM contacts") == [(2,)]


async def test_rows_that_cannot_count_are_named(office: Office, flows: Any, clock: Clock) -> None:
    world = await make_world((office.database_url, office.settings["evaluation_database_url"]), flows, clock)
    stopped = Received("sms", "SM1", URN("tel", "+447700900103"), "STOP")
    await world.app.dispatcher.handle([stopped], clock())
    await world.app.close()
    before = await office.rows("SELECT * FROM contacts")
    cid = "Cid,+447700900103,Urdu,carer,,yes,1/2/2025,phone call"
    more = f"{cid}\nAnna,+44 7700 900101,,,,,,\nBob,07700900102,,staff,,,,\n"
    code, out, _ = await office.members(LIST + more, "--yes", "--plain")
    assert code == 0
    assert "Carer: 1 opted out" in out
    assert "Opted out, and left alone; take them off your list: row 4." in out
    assert "Row 5 has the number of row 2 and is left out. The two rows differ.\n" in out
    assert "Row 6 has the number of row 3 and is left out.\n" in out
    assert "2 people were added" in out
    contacts = await office.rows("SELECT * FROM contacts")
    assert len(contacts) == 3
    assert set(before) < set(contacts)
    assert await office.rows("SELECT field FROM profile WHERE field = 'relation'") == [("relation",)] * 2


@pytest.mark.parametrize(
    "words", [("import",), ("import", "members"), ("import", "members", "nowhere.csv"), ("import", "people", "x")]
)
async def test_a_call_that_makes_no_sense_ends_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, out, err = await command(tmp_path, environment(tmp_path), *words)
    assert code == 2
    assert "Usage: " in out + err


async def test_without_a_store_or_its_key_it_fails_with_a_sentence(small: Office, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    assert (await small.members(LIST, "--yes"))[0] == 0
    for settings, says in (
        ({"secret_key": ""}, "MIME_SECRET_KEY is missing"),
        ({"secret_key": "another secret for tests"}, "MIME_SECRET_KEY is not the key"),
        ({"database_url": f"sqlite+aiosqlite:///{tmp_path}/empty.db"}, "the import failed"),
    ):
        code, _, err = await small.mime("import", "members", "list.csv", "--yes", **settings)
        assert code == 1
        assert says in err
        assert "Traceback" not in err
