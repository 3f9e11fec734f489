"""Lists of people: files to rows, and rows into the store, all of them or none."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from openpyxl import Workbook
from openpyxl.worksheet.formula import ArrayFormula
from sqlalchemy import insert, select, update

from domain.contact import URN, Purpose
from domain.member import Fact, Member, MemberType
from store import tables as t
from store.database import is_refusal
from store.member_files import MAX_BYTES, MAX_ROWS, MemberFileError, read_sheet
from store.members import Duplicate, Fate, Preview, bring_in, preview
from store.vault import Vault, WrongKey
from tests.conftest import World

ANN, BOB = "+447700900101", "+447700900102"
PERSONAL = ("contacts", "urns", "profile", "consents")


# Files


def workbook(*rows: tuple[Any, ...], hidden_first: bool = False) -> bytes:
    book = Workbook()
    if hidden_first:
        book.create_sheet("lists", 0).sheet_state = "hidden"
        book.worksheets[0].append(["elsewhere"])
    for row in rows:
        book.worksheets[-1].append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def told(data: bytes) -> list[tuple[int, tuple[str, ...]]]:
    sheet = read_sheet(data)
    assert sheet.faults == ()
    return [(row.number, row.cells) for row in sheet.rows]


def refused(data: bytes) -> str:
    with pytest.raises(MemberFileError) as raised:
        read_sheet(data)
    return str(raised.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_in_the_forms_that_spreadsheets_write(delimiter: str, encoding: str, end: str) -> None:
    lines = ("name,phone", '"Zoë, or ""Zo""",07700 900101', "", " , ", '"two\nlines",07700 900102', "")
    text = end.join(line if line.startswith('"') and "Zo" in line else line.replace(",", delimiter) for line in lines)
    text = text.replace('""",', f'"""{delimiter}')
    assert told(text.encode(encoding)) == [
        (1, ("name", "phone")),
        (2, ('Zoë, or "Zo"', "07700 900101")),
        (5, ("two\nlines", "07700 900102")),
    ]


def test_a_workbook_is_read_as_somebody_would_have_typed_it() -> None:
    data = workbook(
        ("phone", "consent_date", "newsletter", "note"),
        (7700900101, date(2026, 11, 3), True, 4.5),
        (None, None, None, None),
        (7700900102.0, datetime(2026, 11, 3, 15, 30, tzinfo=UTC).replace(tzinfo=None), False, None),
        ("+44 7700 900103", "3/11/2026", "yes", "a=b"),
    )
    assert told(data) == [
        (1, ("phone", "consent_date", "newsletter", "note")),
        (2, ("7700900101", "2026-11-03", "yes", "4.5")),
        (4, ("7700900102", "2026-11-03", "no")),
        (5, ("+44 7700 900103", "3/11/2026", "yes", "a=b")),
    ]


def test_the_first_sheet_that_is_shown_is_the_list() -> None:
    assert told(workbook(("phone",), (7700900101,), hidden_first=True)) == [(1, ("phone",)), (2, ("7700900101",))]


def test_a_workbook_that_says_it_is_smaller_than_it_is_is_read_whole() -> None:
    source = zipfile.ZipFile(io.BytesIO(workbook(("phone", "name"), (7700900101, "Ann"))))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name).replace(b'<dimension ref="A1:B2"', b'<dimension ref="A1"'))
    assert b'<dimension ref="A1"' in zipfile.ZipFile(data).read("xl/worksheets/sheet1.xml")
    assert told(data.getvalue())[1] == (2, ("7700900101", "Ann"))


@pytest.mark.parametrize(
    "data",
    [
        b"phone,name\n07700 900101,=A1\n07700 900102,Bob\n",
        workbook(("phone", "name"), ("07700 900101", "=A1"), ("07700 900102", "Bob")),
        workbook(("phone", "name"), ("07700 900101", ArrayFormula("B2", "=A1:A2")), ("07700 900102", "Bob")),
    ],
    ids=["csv", "xlsx", "xlsx, of several cells"],
)
def test_a_formula_is_a_fault_of_its_row(data: bytes) -> None:
    sheet = read_sheet(data)
    assert [str(fault) for fault in sheet.faults] == [
        "row 2, name: this is a formula; put its value there (copy, then paste as values)"
    ]
    assert [row.number for row in sheet.rows] == [1, 3]


def test_an_error_of_the_spreadsheet_is_a_fault_and_a_column_without_a_name_has_its_letter() -> None:
    sheet = read_sheet(workbook(("phone",), ("#N/A", "=1")))
    assert [str(fault).split(":")[0] for fault in sheet.faults] == ["row 2, phone", "row 2, column B"]
    assert "error of the spreadsheet (#N/A)" in str(sheet.faults[0])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("phone,name\n07700 900101,Zoë\n".encode("cp1252"), "not UTF-8; save it as UTF-8"),
        ("phone,name\n07700 900101,Zoë\n".encode("utf-16"), "not UTF-8; save it as UTF-8"),
        ("phone,name\n07700 900101,Zo\n".encode("utf-16-le"), "not UTF-8; save it as UTF-8"),
        (b"phone,name\n07700 900101,\"Zo\n", "row 2 cannot be read"),
        (b"phone,name\n07700 900101,Zo\n07700 900102,\"Ann\" Example\n", "row 3 cannot be read"),
        (b"phone,=A1\n", "row 1 names the columns"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx without a password"),
        (b"PK\x03\x04" + bytes(600), "the workbook cannot be read"),
        (workbook(("phone",))[:3000], "the workbook cannot be read"),
        (b"a" * (MAX_BYTES + 1), "larger than 20 MB"),
    ],
    ids=["windows", "utf-16", "utf-16 without its mark", "open quote", "quote inside", "formula as a name", "xls",
         "no archive", "cut off", "too large"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(data: bytes, says: str) -> None:
    assert says in refused(data)


def test_a_list_may_have_so_many_rows_and_no_more() -> None:
    full = b"phone\n" + b"1\n\n" * MAX_ROWS
    assert len(read_sheet(full).rows) == MAX_ROWS + 1
    assert "more than 50,000 rows" in refused(full + b"1\n")


def test_a_workbook_that_unpacks_to_far_more_is_refused_before_it_is() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/bomb.xml", "w") as bomb:
        for _ in range(501):
            bomb.write(bytes(1024 * 1024))
    assert len(data.getvalue()) < MAX_BYTES
    assert "too large when unpacked" in refused(data.getvalue())


def test_an_empty_file_has_no_rows() -> None:
    assert told(b"") == told(b"\n , \n") == []


# The store


def member(phone: str = ANN, row: int = 2, **given: Any) -> Member:
    """Somebody who agreed to the newsletter on a form, unless said otherwise."""
    facts = given.pop("facts", {"nickname": "Ann", "relation": "carer"})
    said: dict[str, Any] = {
        "language": "pl",
        "type": MemberType.CARER,
        "consents": (Purpose.NEWSLETTER,),
        "consent_date": date(2026, 7, 3),
        "consent_how": "form",
        **given,
    }
    return Member(row, phone, facts=tuple(Fact(name, value, value.title()) for name, value in facts.items()), **said)


async def imported(world: World, *members: Member) -> Preview:
    """As the command does it: what was shown beforehand is what was done."""
    app = world.app
    ahead = await preview(app.database, app.vault, members)
    done = await bring_in(app.database, app.vault, app.ids, members, world.clock())
    assert done == ahead
    return done


def fates(found: Preview) -> list[Fate]:
    return [entry.fate for entry in found.entries]


async def everything(world: World) -> dict[str, list[Any]]:
    """What is stored of people, to the byte."""
    return {table: sorted(await world.rows(f"SELECT * FROM {table}"), key=repr) for table in PERSONAL}


async def profile(world: World, phone: str = ANN) -> dict[str, tuple[Any, str]]:
    """What is kept of somebody, and who said it."""
    vault = world.app.vault
    p, u = t.profile.c, t.urns.c
    async with world.app.database.read() as connection:
        rows = await connection.execute(
            select(p.contact_id, p.field, p.sealed, p.source)
            .join(t.urns, u.contact_id == p.contact_id)
            .where(u.key == vault.find(f"tel:{phone}"))
        )
        return {field: (orjson.loads(vault.open(sealed, id))[0], source) for id, field, sealed, source in rows}


async def test_somebody_new_is_added_with_all_that_the_list_says(world: World) -> None:
    found = await imported(world, member(consents=(Purpose.NEWSLETTER, Purpose.INVITATIONS), consent_how="é" * 60))
    assert fates(found) == [Fate.NEW]
    assert await world.rows("SELECT language, consents, stopped_at, chatter FROM contacts") == [
        ("pl", "invitations newsletter", None, 0)
    ]
    (row,) = await world.rows("SELECT key, contact_id, scheme, sealed, blocked_at FROM urns")
    vault = world.app.vault
    assert (row.key, row.scheme, row.blocked_at) == (vault.find(f"tel:{ANN}"), "tel", None)
    assert vault.open(row.sealed, row.contact_id) == f"tel:{ANN}".encode()
    assert await profile(world) == {"nickname": ("Ann", "import"), "relation": ("carer", "import")}
    (sealed,) = (await world.rows("SELECT sealed FROM profile WHERE field = 'relation'"))[0]
    assert orjson.loads(vault.open(sealed, row.contact_id)) == ["carer", "Carer"]
    at = int(datetime(2026, 7, 3, tzinfo=UTC).timestamp() * 1000)
    assert await world.rows(
        "SELECT purpose, given, flow, version, question, language, channel, at FROM consents ORDER BY purpose"
    ) == [
        ("invitations", True, "import", 1, "é" * 40, "pl", "import", at),
        ("newsletter", True, "import", 1, "é" * 40, "pl", "import", at),
    ]


async def test_nobody_who_is_imported_is_sent_anything(world: World) -> None:
    await imported(world, member(), member(BOB, consents=()))
    assert await world.rows("SELECT id FROM outbox") == await world.rows("SELECT id FROM fires") == []


async def test_who_is_imported_is_known_when_they_write(world: World) -> None:
    await imported(world, member(language="pl"))
    (reply, *_) = await world.say(f"tel:{ANN}", "CHECKIN")
    assert await world.rows("SELECT count(*) FROM contacts") == [(1,)]
    assert "Czy" in reply


async def test_twice_is_once(world: World) -> None:
    people = [member(), member(BOB, 3)]
    assert fates(await imported(world, *people)) == [Fate.NEW, Fate.NEW]
    before = await everything(world)
    again = await imported(world, *people)
    assert fates(again) == [Fate.HERE, Fate.HERE]
    assert not again.changes
    assert await everything(world) == before


async def test_what_somebody_said_themselves_stays_and_what_is_empty_is_filled(world: World) -> None:
    for words in ("JOIN", "yes", "Ola", "1", "1"):  # a service user, who heard of us at a visit
        await world.say(f"tel:{ANN}", words)
    before = await everything(world)
    facts = {"nickname": "Ann", "relation": "staff", "heard_from": "other", "district": "harlow"}
    agreed = (Purpose.NEWSLETTER, Purpose.INVITATIONS)
    found = await imported(world, member(facts=facts, consents=agreed, language=None))
    assert fates(found) == [Fate.FILLED]
    assert await profile(world) == {
        "nickname": ("Ola", "self"),
        "relation": ("service_user", "self"),
        "heard_from": ("visit", "self"),
        "district": ("harlow", "import"),
    }
    after = await everything(world)
    assert {*before["profile"]} < {*after["profile"]}
    assert {*before["consents"]} < {*after["consents"]}
    assert [row.purpose for row in {*after["consents"]} - {*before["consents"]}] == ["invitations"]
    assert before["urns"] == after["urns"]
    (contact,) = after["contacts"]
    assert contact.consents == "invitations newsletter"
    assert (
        contact == before["contacts"][0]._replace(consents=contact.consents) if hasattr(contact, "_replace") else True
    )


async def test_a_no_of_their_own_is_never_made_a_yes(world: World) -> None:
    for words in ("JOIN", "no"):
        await world.say(f"tel:{ANN}", words)
    await imported(world, member(consents=(Purpose.NEWSLETTER,)))
    assert await world.rows("SELECT consents FROM contacts") == [("",)]
    assert await world.rows("SELECT given FROM consents") == [(False,)]


async def test_a_language_is_filled_only_where_none_is_known(world: World) -> None:
    await imported(world, member(language=None), member(BOB, 3, language="ur"))
    await imported(world, member(language="ro"), member(BOB, 3, language="ro"))
    assert sorted(await world.rows("SELECT language FROM contacts")) == [("ro",), ("ur",)]
    assert await world.rows("SELECT DISTINCT language FROM consents ORDER BY language") == [("",), ("ur",)]


async def stop(world: World) -> None:
    await world.say(f"tel:{ANN}", "STOP")


async def block(world: World) -> None:
    async with world.app.database.begin() as connection:
        await connection.execute(update(t.urns).values(blocked_at=1))


async def forget(world: World) -> None:
    async with world.app.database.begin() as connection:
        for table in PERSONAL:
            await connection.execute(t.metadata.tables[table].delete())
        await connection.execute(insert(t.opt_outs).values(key=world.app.vault.find(str(URN("tel", ANN))), at=1))


@pytest.mark.parametrize("opt_out", [stop, block, forget], ids=["stopped", "blocked", "forgotten"])
async def test_who_opted_out_is_left_as_they_are(world: World, opt_out: Any) -> None:
    await imported(world, member(facts={}, language=None, consents=()))
    await opt_out(world)
    before = await everything(world)
    found = await imported(world, member(), member(BOB, 3))
    assert fates(found) == [Fate.OPTED_OUT, Fate.NEW]
    after = await everything(world)
    assert all({*before[table]} <= {*after[table]} for table in PERSONAL)
    assert len(after["urns"]) == len(before["urns"]) + 1
    assert await world.rows("SELECT count(*) FROM consents WHERE given") == [(1,)]


async def test_a_shared_phone_is_left_alone(world: World) -> None:
    await imported(world, member(facts={}))
    async with world.app.database.begin() as connection:
        await connection.execute(update(t.urns).values(shared=True))
    before = await everything(world)
    assert fates(await imported(world, member())) == [Fate.SHARED]
    assert await everything(world) == before


async def test_of_two_rows_with_one_number_the_first_counts(world: World) -> None:
    found = await imported(
        world, member(row=2), member(row=5), member(BOB, 6), member(row=9, facts={"nickname": "Zoe"}, language="ur")
    )
    assert [entry.row for entry in found.entries] == [2, 6]
    assert found.duplicates == (Duplicate(5, 2, differs=False), Duplicate(9, 2, differs=True))
    assert (await profile(world))["nickname"] == ("Ann", "import")
    assert await world.rows("SELECT count(*) FROM contacts") == [(2,)]


async def test_somebody_with_two_numbers_on_the_list_is_one_person(world: World) -> None:
    await imported(world, member(facts={}, consents=()))
    async with world.app.database.begin() as connection:
        (owner,) = (await connection.execute(select(t.contacts.c.id))).one()
        sealed = world.app.vault.seal(f"tel:{BOB}".encode(), owner)
        key = world.app.vault.find(f"tel:{BOB}")
        await connection.execute(
            insert(t.urns).values(key=key, contact_id=owner, scheme="tel", sealed=sealed, created_at=1)
        )
    found = await imported(world, member(), member(BOB, 3, facts={"nickname": "Bob", "district": "harlow"}))
    assert fates(found) == [Fate.FILLED, Fate.FILLED]
    assert await profile(world) == {
        "nickname": ("Ann", "import"),
        "relation": ("carer", "import"),
        "district": ("harlow", "import"),
    }
    assert await world.rows("SELECT count(*) FROM consents") == [(1,)]


async def test_staff_are_told_apart_from_service_users(world: World) -> None:
    people = [
        member(BOB[:-2] + f"{n:02}", n, type=kind)
        for n, kind in enumerate((MemberType.STAFF, MemberType.SERVICE_USER, MemberType.STAFF, None))
    ]
    found = await imported(world, *people)
    assert [entry.type for entry in found.of(Fate.NEW)] == [person.type for person in people]


async def test_a_preview_changes_nothing(world: World) -> None:
    found = await preview(world.app.database, world.app.vault, [member()])
    assert fates(found) == [Fate.NEW]
    assert found.changes
    assert await world.rows("SELECT id FROM contacts") == []


async def test_a_consent_without_a_date_is_none_and_nothing_is_imported(world: World) -> None:
    app = world.app
    with pytest.raises(ValueError, match="without a date"):
        await bring_in(app.database, app.vault, app.ids, [member(), member(BOB, 3, consent_date=None)], world.clock())
    assert all(rows == [] for rows in (await everything(world)).values())


async def test_who_is_in_the_way_of_somebody_else_s_row_tries_again(world: World) -> None:
    app = world.app
    numbers = iter([1, 2, 3, 3, *range(10, 99)])  # at first two consents have one id, as two replicas' might
    found = await bring_in(app.database, app.vault, lambda: next(numbers), [member(), member(BOB, 3)], world.clock())
    assert fates(found) == [Fate.NEW, Fate.NEW]
    assert await world.rows("SELECT id FROM contacts ORDER BY id") == [(10,), (11,)]


async def test_a_database_that_refuses_again_and_again_is_heard(world: World) -> None:
    app = world.app
    with pytest.raises(Exception) as raised:
        await bring_in(app.database, app.vault, lambda: 1, [member(), member(BOB, 3)], world.clock())
    assert is_refusal(raised.value)
    assert all(rows == [] for rows in (await everything(world)).values())


@pytest.mark.parametrize("secret", ["a secret for tests only", "another secret for tests only"])
async def test_an_address_that_is_not_what_its_key_says_is_noticed(world: World, secret: str) -> None:
    await imported(world, member())
    (contact,) = await world.rows("SELECT id FROM contacts")
    async with world.app.database.begin() as connection:
        await connection.execute(update(t.urns).values(sealed=Vault(secret).seal(f"tel:{BOB}".encode(), contact.id)))
    with pytest.raises(WrongKey):
        await preview(world.app.database, world.app.vault, [member()])


async def test_many_are_brought_in_at_once(world: World) -> None:
    people = [member(f"+4477009{n:05}", n) for n in range(2000)]
    assert fates(await imported(world, *people)) == [Fate.NEW] * 2000
    assert await world.rows("SELECT count(*) FROM profile") == [(4000,)]
