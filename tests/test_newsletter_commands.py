"""`mime newsletter` as a coordinator runs it, in real processes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.app import utc_now
from domain.contact import Role
from domain.newsletter import month_of
from store import team
from tests.conftest import Clock, World
from tests.crowd import Somebody
from tests.newsletters import answered
from tests.process import command, environment
from tests.test_broadcast_commands import AWAKE, mime, people, program, rows

LONDON = ZoneInfo("Europe/London")
NOW = month_of(utc_now().astimezone(LONDON).date())
HERE = {"public_base_url": "https://mime.example.org"}
READER = Somebody(consents=("newsletter",))


def answer(**more: str) -> str:
    """An item's file, with a line more for each field."""
    lines = [f"{name}: {value}" for name, value in more.items()]
    return "\n".join(
        [
            "kind: you_said_we_did",
            f"month: {NOW}",
            "heard: {questionnaire: opening_hours, question: open_when, answers: evenings}",
            *lines,
            "texts:",
            "  en:",
            "    title: Open in the evening",
            "    said: Places close too early.",
            "    text: The Oak Centre is open until 9pm on Tuesdays.",
            "  pl:",
            "    title: Otwarte wieczorem",
            "    said: Miejsca zamykają za wcześnie.",
            "    text: Oak Centre jest otwarte we wtorki do 21.",
            "    reviewed_by: A. Kowalska",
            "",
        ]
    )


async def said_evenings(folder: Path) -> None:
    async with program(folder) as app:
        world = World(app, Clock())
        world.clock.now = utc_now()
        first = rows(folder, "SELECT MIN(id) FROM contacts")[0][0]
        app.clock = world.clock
        await answered(world, first, ["evenings"])


async def test_an_item_goes_first_to_those_who_said_it_and_then_with_its_month(tmp_path: Path) -> None:
    await people(tmp_path, READER, READER, Somebody(consents=("newsletter",), language="pl"))
    await said_evenings(tmp_path)
    file = tmp_path / "evening.yaml"
    file.write_text(answer(link="https://www.example.org/oak"), "utf-8")
    code, out, err = await mime(tmp_path, "newsletter", "add", str(file))
    assert (code, err) == (0, "")
    assert out == (
        f"Item 1, {NOW}, you said we did: Open in the evening\n"
        "  en (read by the team): Open in the evening\n"
        "    They said: Places close too early.\n"
        "    The Oak Centre is open until 9pm on Tuesdays.\n"
        "  pl (read by A. Kowalska): Otwarte wieczorem\n"
        "    They said: Miejsca zamykają za wcześnie.\n"
        "    Oak Centre jest otwarte we wtorki do 21.\n"
        "  Link: https://www.example.org/oak\n"
        "  Answers what was said in: the questionnaire opening_hours, its question open_when, answered evenings\n"
        "  Sent to nobody yet\n"
        "No reviewed text yet in: ro, ur, bn\n"
        "To send it first to those who said it: mime newsletter first 1 --preview\n"
        f"To see the whole month: mime newsletter issue {NOW} --preview\n"
    )
    code, out, err = await mime(tmp_path, "newsletter", "issue", NOW, "--preview", "--plain", **HERE)
    assert code == 0, err
    assert "This is broadcast 1" in out
    assert "Its page: https://mime.example.org/n/" in out
    assert "English by sms: 2 people, 4 segments\n" in out
    assert "Before it can be sent: Item 1 answers what 1 person told us, who must hear it first" in out
    code, _, err = await mime(tmp_path, "newsletter", "issue", NOW, "--send", "--yes", "--plain")
    assert (code, err.splitlines()[-1]) == (1, "Nothing was sent.")
    code, out, err = await mime(tmp_path, "newsletter", "first", "1", "--send", "--yes", "--plain")
    assert code == 0, err
    assert "Item 1 goes to those who said it: the questionnaire opening_hours, its question open_when," in out
    assert "MIME_PUBLIC_BASE_URL is not set: the texts go out without a link to a page." in out
    assert "You told us: Places close too early." in out
    assert "Broadcast 2 is ordered for 1 person." in out
    code, out, _ = await mime(tmp_path, "newsletter", "list", "--plain")
    assert out == f"1. {NOW}. Open in the evening. you said we did. Sent with broadcast 2.\n"
    code, _, err = await mime(tmp_path, "newsletter", "edit", "1", "--set", "link=")
    assert (code, err) == (
        1,
        "item 1 has been sent (broadcast 2) and stays as it is: make a new one\nNothing was changed.\n",
    )
    code, out, _ = await mime(tmp_path, "newsletter", "show", "1")
    assert "  Said by 1 person, 0 of them told what came of it.\n" in out


async def test_an_item_is_changed_shown_as_a_file_and_taken_out(tmp_path: Path) -> None:
    await people(tmp_path, READER)
    file = tmp_path / "evening.yaml"
    file.write_text(answer(public="no"), "utf-8")
    assert (await mime(tmp_path, "newsletter", "add", str(file)))[0] == 0
    code, out, err = await mime(
        tmp_path, "newsletter", "edit", "1", "--set", "texts.en.text=Open until 9: on Tuesdays, and Fridays", "--set",
        "texts.ro.title=Deschis seara", "--set", "texts.ro.text=Deschis", "--set", "texts.ro.said=Devreme",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "Open until 9: on Tuesdays, and Fridays" in out
    assert "ro (not reviewed yet): Deschis seara" in out
    code, out, _ = await mime(tmp_path, "newsletter", "show", "1", "--file")
    again = tmp_path / "again.yaml"
    again.write_text(out, "utf-8")
    assert (await mime(tmp_path, "newsletter", "edit", "1", str(again)))[0] == 0
    assert (await mime(tmp_path, "newsletter", "show", "1", "--file"))[1] == out
    code, out, _ = await mime(tmp_path, "newsletter", "remove", "1")
    assert (code, out) == (0, "Item 1 is gone: Open in the evening\n")
    assert (await mime(tmp_path, "newsletter", "list"))[1] == "There is no item. Add one: mime newsletter add\n"
    code, _, err = await mime(tmp_path, "newsletter", "show", "1")
    assert (code, err) == (1, "there is no item 1: see mime newsletter list\n")


async def test_each_fault_of_a_file_names_its_line(tmp_path: Path) -> None:
    await people(tmp_path)
    file = tmp_path / "wrong.yaml"
    file.write_text(answer(kind2="x", link="http://example.org", public="maybe"), "utf-8")
    code, _, err = await mime(tmp_path, "newsletter", "add", str(file))
    assert (code, err) == (
        1,
        f"{file}:4: kind2: 'kind2' means nothing here; did you mean 'kind'?\n"
        f"{file}:6: public: 'maybe': write yes or no\n",
    )
    file.write_text(answer(link="http://example.org").replace("evenings", "evening"), "utf-8")
    code, _, err = await mime(tmp_path, "newsletter", "add", str(file))
    assert code == 1
    assert f"{file}:3: heard.answers.0: 'evening' is no answer to open_when; did you mean 'evenings'?" in err
    assert f"{file}:4: link: a link begins with https://" in err
    assert err.endswith("Nothing was added.\n")
    assert rows(tmp_path, "SELECT id FROM newsletter_items") == []


async def test_it_can_be_answered_step_by_step(tmp_path: Path) -> None:
    await people(tmp_path)
    answers = [
        "yousaid", "you_said_we_did", "", "Open\tlate", "Places close too early.", "The Oak Centre opens late.", "",
        "questionnaire", "opening_hour", "opening_hours", "open_when", "evening", "evenings", "", "",
        "http://a.example.org", "https://a.example.org", "", "tlh", "pl", "Otwarte", "Za wcześnie.", "Do 21.", "",
        "A. Kowalska", "",
    ]  # fmt: skip
    code, told, err = await command(
        tmp_path, environment(tmp_path, **AWAKE), "newsletter", "add", typed="\n".join([*answers, ""])
    )
    assert (code, err) == (0, ""), told
    assert "'yousaid' is none of news, you_said_we_did, event; did you mean 'you_said_we_did'?" in told
    assert "'opening_hour' is no questionnaire whose answers are kept; did you mean 'opening_hours'?" in told
    assert "'evening' is no answer to open_when; did you mean 'evenings'?" in told
    assert "a link begins with https://" in told
    assert "Give one of bn, en, en-simple, pl, ro, ur that is not there yet." in told
    assert "pl (read by A. Kowalska): Otwarte" in told
    assert (
        "Answers what was said in: the questionnaire opening_hours, its question open_when, answered evenings" in told
    )


async def test_it_is_tried_on_oneself_and_printed(tmp_path: Path) -> None:
    await people(tmp_path, READER)
    async with program(tmp_path) as app, app.database.begin() as connection:
        (me,) = (await connection.exec_driver_sql("SELECT id FROM contacts")).scalars()
        await team.join(connection, app.vault, me, "Ana", Role.COORDINATOR, None, "", utc_now())
    file = tmp_path / "evening.yaml"
    file.write_text(answer(), "utf-8")
    assert (await mime(tmp_path, "newsletter", "add", str(file)))[0] == 0
    test = ("newsletter", "issue", NOW, "--test", "--by", "ana")
    code, out, err = await mime(tmp_path, *test)
    assert (code, err) == (0, "")
    assert out.endswith("It is on its way to you, and to nobody else.\n")
    assert "--by is missing" in (await mime(tmp_path, *test[:4]))[2]
    assert "there is no reviewed text in ro" in (await mime(tmp_path, *test, "--language", "ro"))[2]
    assert (await mime(tmp_path, *test[:3]))[2] == "say --preview, --test or --send\n"
    assert rows(tmp_path, "SELECT contact_id, status FROM outbox") == [(me, "queued")]

    for words, name in (((), f"newsletter-{NOW}-en.pdf"), (("--large",), f"newsletter-{NOW}-en-large.pdf")):
        code, out, err = await mime(tmp_path, "newsletter", "print", NOW, *words)
        assert (code, err) == (0, "")
        assert (tmp_path / name).read_bytes().startswith(b"%PDF")
    code, out, err = await mime(tmp_path, "newsletter", "print", NOW, "--language", "pl", "--text")
    assert (code, err) == (0, "")
    assert "Ludzie powiedzieli nam: Miejsca" in (tmp_path / f"newsletter-{NOW}-pl.txt").read_text("utf-8")
    code, _, err = await mime(tmp_path, "newsletter", "print", NOW, "--language", "ur")
    assert (code, err) == (
        1,
        "no reviewed text in ur for item 1: add one that a speaker has read, then print again\n",
    )
    assert "'tlh' is no language of ours" in (await mime(tmp_path, "newsletter", "print", NOW, "--language", "tlh"))[2]
    assert "2027-13" in (await mime(tmp_path, "newsletter", "print", "2027-13"))[2]


async def test_who_is_owed_an_answer_and_what_may_be_quoted(tmp_path: Path) -> None:
    await people(tmp_path, Somebody(consents=("quotes",)))
    assert (await mime(tmp_path, "newsletter", "owed"))[1] == "Everybody who was asked has heard back.\n"
    async with program(tmp_path) as app:
        world = World(app, Clock())
        world.clock.now = utc_now() - timedelta(days=100)
        app.clock = world.clock
        id = rows(tmp_path, "SELECT id FROM contacts")[0][0]
        quote = await answered(world, id, "More light.", question="change")
    code, out, err = await mime(tmp_path, "newsletter", "owed")
    said = world.clock.now.astimezone(LONDON).date()
    assert code == 0, err
    assert out.startswith(f"opening_hours (1 person, since {said.day} {said:%B %Y})\n")
    code, out, err = await mime(tmp_path, "newsletter", "quotes", "opening_hours")
    assert code == 0, err
    assert f"{quote} (change, en, " in out
    assert "More light." in out
    assert (
        "no question that people answer in their own words"
        in (await mime(tmp_path, "newsletter", "quotes", "needs"))[2]
    )


@pytest.mark.parametrize("words", [("issue", "November", "--preview"), ("first", "9", "--preview"), ("remove", "9")])
async def test_what_is_not_there_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    await people(tmp_path)
    code, _, err = await mime(tmp_path, "newsletter", *words)
    assert code == 1
    assert "is no month: write it such as 2026-12" in err or "there is no item 9: see mime newsletter list" in err
