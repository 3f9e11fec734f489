"""`mime event` as a coordinator runs it: what it says, what it asks, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, text

import store.migrations
from bot.migrate import migrate
from store import tables as t
from store.database import Database
from tests.process import command, environment

SOON = date.today() + timedelta(days=30)  # noqa: DTZ011 - the command looks at the real clock
FILE = f"""\
kind: consultation
title: {{en: "Help to find work", pl: "Pomoc w szukaniu pracy"}}
date: {SOON}
from: "14:00"
to: "16:00"
venue: {{name: Mill Lane Hall, address: "3 Mill Lane, Colchester", postcode: CO1 1CV, access: [step_free]}}
capacity: 12
places_for_companions: 2
criteria:
  - {{name: area, label: living in North Essex, districts: [colchester, tendring]}}
"""


class Office:
    """A folder with an event's file in it, and a store that is up to date."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    async def event(self, *words: str) -> tuple[int, str, str]:
        return await command(self.folder, environment(self.folder, database_url=self.url), "event", *words)

    async def answered(self, answers: Sequence[str], *words: str) -> tuple[int, str, str]:
        """`mime event WORDS` with these lines at its standard input."""
        typed = "".join(f"{line}\n" for line in answers)
        env = environment(self.folder, database_url=self.url)
        return await command(self.folder, env, "event", *words, typed=typed)

    def file(self, content: str = FILE) -> str:
        (self.folder / "event.yaml").write_text(content, "utf-8")
        return "event.yaml"

    async def people(self, *statuses: str) -> None:
        """Somebody with each of these bookings at the first event."""
        database = Database(self.url)
        async with database.begin() as tx:
            event_id = (await tx.execute(text("SELECT id FROM events WHERE number = 1"))).scalar_one()
            for n, status in enumerate(statuses, start=1):
                row = {"contact_id": n, "status": status, "position": n, "urn_key": n, "channel": "sms"}
                await tx.execute(insert(t.bookings).values(id=n, event_id=event_id, asked_at=0, changed_at=0, **row))
            taken = sum(status != "waiting" for status in statuses)
            await tx.execute(text(f"UPDATE events SET taken = {taken}"))
        await database.close()

    async def fires(self) -> list[tuple[str, str | None]]:
        database = Database(self.url)
        async with database.read() as connection:
            rows = (await connection.execute(text("SELECT kind, flow FROM fires ORDER BY key"))).all()
        await database.close()
        return [(kind, flow) for kind, flow in rows]


@pytest.fixture
async def office(tmp_path: Path) -> Office:
    url = f"sqlite+aiosqlite:///{tmp_path}/mime.db"
    database = Database(url)
    await migrate(database.engine, store.migrations)
    await database.close()
    return Office(tmp_path, url)


async def test_a_file_becomes_a_draft_that_is_shown_listed_and_published(office: Office) -> None:
    code, out, err = await office.event("add", office.file())
    assert (code, err) == (0, "")
    assert "Event 1, draft: Help to find work\n    pl: Pomoc w szukaniu pracy\n" in out
    assert f"When: {SOON:%a %d %b %Y}, 14:00 to 16:00" in out
    assert "Where: Mill Lane Hall, 3 Mill Lane, Colchester, CO1 1CV" in out
    assert "Places: 0 of 12 taken, 2 kept for companions, 0 waiting" in out
    assert "To publish it: mime event publish 1" in out
    assert (await office.event("publish", "1"))[0] == 0
    await office.people("booked", "offered", "waiting")
    code, out, _ = await office.event("list", "--plain")
    line = f"1. {SOON:%a %d %b %Y}, 14:00 to 16:00. Help to find work. 2 of 12 taken, 2 kept for companions, 1 waiting."
    assert out == f"{line} published.\n"
    code, out, _ = await office.event("list")
    assert all(word in out for word in ("Waiting", "Help to", "published", f"{SOON:%d %b %Y}"))
    assert "No event is over yet." in (await office.event("list", "--past"))[1]


async def test_what_is_shown_as_a_file_gives_the_same_event(office: Office) -> None:
    assert (await office.event("add", office.file(), "--publish"))[0] == 0
    code, shown, _ = await office.event("show", "1", "--file")
    assert code == 0
    code, out, _ = await office.event("edit", "1", office.file(shown))
    assert (code, "Nobody has to be told." in out) == (0, True)
    assert (await office.event("show", "1", "--file"))[1] == shown
    assert "Changes since" not in out


async def test_a_file_with_faults_adds_nothing_and_names_the_lines(office: Office) -> None:
    wrong = FILE.replace("kind: consultation", "kind: party").replace("capacity: 12", "capacity: many")
    code, out, err = await office.event("add", office.file(wrong))
    assert (code, out) == (1, "")
    assert [line.split(":")[1] for line in err.splitlines()] == ["1", "7"]
    code, _, err = await office.event("add", office.file(FILE.replace(f"{SOON}", "2020-01-01")))
    assert code == 1
    assert "event.yaml:3: date: it begins in the past: give a day and time to come" in err
    code, _, err = await office.event("add", office.file(FILE.replace(FILE.splitlines()[5], "venue: The Anchor")))
    assert code == 1
    assert "event.yaml:6: venue: no event was at a venue called 'The Anchor' before" in err
    assert "There is no event to come" in (await office.event("list"))[1]
    assert (await office.event("add", "nowhere.yaml"))[0] == 2


async def test_one_room_holds_one_event_and_a_known_venue_needs_only_its_name(office: Office) -> None:
    assert (await office.event("add", office.file()))[0] == 0
    named = FILE.replace(FILE.splitlines()[5], "venue: mill lane hall")
    code, _, err = await office.event("add", office.file(named))
    assert code == 1
    assert "event.yaml:6: venue: event 1 is in Mill Lane Hall at that time" in err
    code, out, _ = await office.event("add", office.file(named.replace("14:00", "17:00").replace("16:00", "18:00")))
    assert code == 0
    assert "Mill Lane Hall, 3 Mill Lane, Colchester, CO1 1CV" in out


async def test_one_thing_is_set_and_those_who_come_are_told_after_a_question(office: Office) -> None:
    assert (await office.event("add", office.file(), "--publish"))[0] == 0
    await office.people("booked", "offered", "waiting", "out")
    code, out, _ = await office.event("edit", "1", "--set", "capacity=14")
    assert (code, "Nobody has to be told." in out) == (0, True)
    assert await office.fires() == [("places", None)]
    for answers in ([], ["n"]):
        code, out, err = await office.answered(answers, "edit", "1", "--set", "from=15:00")
        assert code == 1
        assert "3 people will be told of this change. Go on?" in out
        assert "Nothing was changed." in err
    assert len(await office.fires()) == 1
    code, out, _ = await office.answered(["y"], "edit", "1", "--set", "from=15:00", "--set", "venue.room=Oak")
    assert code == 0
    assert "15:00 to 16:00" in out
    assert "Mill Lane Hall, Oak" in out
    assert "3 people will be told." in out
    assert await office.fires() == [("event", "changed")] * 3 + [("places", None)]
    code, out, _ = await office.event("edit", "1", "--set", "reminders=[1 day, 3 hours]", "--set", "criteria=")
    assert "Reminders: 1 day, 3 hours before" in out
    assert "For people" not in out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("capcity=3", "capcity: 'capcity' means nothing here; did you mean 'capacity'?"),
        ("capacity=1", "capacity: 2 places are taken"),
        ("capacity", "expected FIELD=VALUE"),
        ("from=17:00", "to: it ends before it starts"),
        ("title.xx=Tea", "title.xx: 'xx' is no language of ours"),
        ("kind.x=Tea", "kind.x: it has no fields of its own"),
        ("after=7", "after: there is no event 7"),
    ],
)
async def test_what_cannot_be_set_is_refused_with_its_field(office: Office, given: str, said: str) -> None:
    assert (await office.event("add", office.file(), "--publish"))[0] == 0
    await office.people("booked", "booked")
    before = await office.event("show", "1")
    code, _, err = await office.event("edit", "1", "--yes", "--set", given)
    assert code == 1
    assert said in err
    assert "Nothing was changed." in err
    assert await office.event("show", "1") == before


async def test_calling_off_asks_tells_and_is_final(office: Office) -> None:
    assert (await office.event("add", office.file(), "--publish"))[0] == 0
    await office.people("booked")
    code, out, err = await office.answered([], "cancel", "1", "--reason", "The hall is closed.")
    assert code == 1
    assert "1 person will be told that it is called off. Go on?" in out
    assert "--yes" in err
    code, out, _ = await office.event("cancel", "1", "--reason", "The hall is closed.", "--yes")
    assert (code, out) == (0, "Event 1 is called off. 1 person will be told.\n")
    assert await office.fires() == [("event", "called_off")]
    assert "Why it is called off: The hall is closed." in (await office.event("show", "1"))[1]
    for words in (("cancel", "1", "--yes"), ("publish", "1"), ("edit", "1", "--set", "capacity=20")):
        code, _, err = await office.event(*words)
        assert code == 1
        assert "event 1 is called off: add a new one in its place" in err


async def test_an_event_is_added_by_answering_and_each_answer_is_checked_at_once(office: Office) -> None:
    assert (await office.event("add", office.file()))[0] == 0
    answers = [
        "party", "visit", "", "Tea by the sea", "1 January 2020", f"{SOON}", "25:00", "18:00", "17:00", "20:00",
        "", "MILL lane hall", "10", "20", "2", "living near the sea", "It is a short walk", "frinton", "tendring", "",
        "Bring a friend.", "", "", "maybe", "yes", "en, xx", "en", "", "soon", "1 day",
    ]  # fmt: skip
    code, out, err = await office.answered(answers, "add", "--publish")
    assert (code, err) == (0, "")
    told = [
        "'party' is none of", "Please answer this one.", "it begins in the past", "'25:00' is no time",
        "it ends before it starts", "We know it: Mill Lane Hall", "more than the capacity of 10",
        "'frinton' is no district", "'maybe': write yes or no", "'xx' is no language", "'soon' is no time before",
    ]  # fmt: skip
    assert [one for one in told if one not in out] == []
    shown = (await office.event("show", "2"))[1]
    for line in (
        "Event 2, published: Tea by the sea", "Places: 0 of 10 taken, 2 kept for companions",
        "For people who are (living_near_the_sea): living near the sea", "Not asked of people in: tendring",
        "Costs people: free", "Food: yes", "Reminders: 1 day before", "Welcome: Bring a friend.",
    ):  # fmt: skip
        assert line in shown


async def test_answers_that_end_too_soon_or_do_not_fit_add_nothing(office: Office) -> None:
    code, _, err = await office.answered(["visit", "Tea"], "add")
    assert code == 1
    assert "nothing was added" in err
    assert (await office.event("add", office.file()))[0] == 0
    answers = ["visit", "Tea", f"{SOON}", "15:00", "17:00", "", "mill lane hall", *[""] * 20]
    code, _, err = await office.answered(answers, "add")
    assert code == 1
    assert "event 1 is in Mill Lane Hall at that time" in err
    assert "title: Tea" in err.split("in a file:")[1], "what was answered is not lost"
    assert "2." not in (await office.event("list", "--plain"))[1]


async def test_a_call_that_makes_no_sense_ends_with_a_sentence(office: Office) -> None:
    for words in (("show", "4"), ("publish", "4"), ("cancel", "4"), ("edit", "4", "--set", "capacity=3")):
        code, _, err = await office.event(*words)
        assert (code, err) == (1, "there is no event 4: see mime event list\n")
    code, _, err = await office.event("edit", "1")
    assert code == 1
    assert "--set FIELD=VALUE" in err
    assert (await office.event("show", "0"))[0] == 2
    code, _, err = await command(office.folder, environment(office.folder, secret_key=""), "event", "list")
    assert code == 1
    assert "MIME_SECRET_KEY" in err
