"""The commands as an operator runs them, in real processes: what they print, and the exit codes of the contract."""

from __future__ import annotations

import asyncio
import csv
import re
from pathlib import Path

import pytest

from bot.__main__ import COMMANDS
from bot.app import build
from domain.contact import URN
from domain.message import Received
from tests.conftest import new_postgres_database, settings_for
from tests.process import command, environment, free_port

URDU = ["ہاں", "۷", "۸", "٦", "3", "۹", "۱۰", "آگے", "نہیں"]
SECRETS = ("a secret for tests only", "s3cret-token", "s3cret-database")


async def mime(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    return await command(folder, environment(folder, **settings), *words)


async def piped(folder: Path, lines: list[str], *words: str) -> tuple[int, str]:
    """Run `mime WORDS` with these lines at its standard input."""
    code, out, _ = await command(folder, environment(folder), *words, typed="".join(f"{line}\n" for line in lines))
    return code, out


# How they are called


async def test_help_names_every_command_and_ends_well(tmp_path: Path) -> None:
    code, out, _ = await mime(tmp_path, "--help")
    assert code == 0
    assert [name for name in COMMANDS if not re.search(rf"\b{name}\b", out)] == []


@pytest.mark.parametrize("name", COMMANDS)
async def test_each_command_explains_itself_and_offers_nothing_else(tmp_path: Path, name: str) -> None:
    code, out, _ = await mime(tmp_path, name, "--help")
    assert (code, "--help" in out, "completion" in out) == (0, True, False)


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("serve", "--only", "nobody"), ("export", "--nonsense"), ("serve", "--port", "x"), ("alerts", "x")],
    ids=" ".join,
)
async def test_a_call_that_makes_no_sense_ends_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, out, err = await mime(tmp_path, *words)
    assert code == 2
    assert "Usage: " in err
    assert out == ""


# mime check


async def test_check_is_content_with_good_settings(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    code, out, _ = await mime(
        tmp_path, "check", public_base_url="https://mime.example.org/", telegram_bot_token="1:s3cret-token",
        telegram_webhook_secret="s3cret-token", twilio_account_sid="AC1", twilio_auth_token="s3cret-token",
        twilio_from="+447700900000",
    )  # fmt: skip
    assert code == 0, out
    assert all(line.startswith("ok ") for line in out.splitlines())
    assert "Telegram is on, by webhook" in out
    assert "SMS is on, by Twilio" in out
    assert re.search(r"\d\d questionnaires", out)
    assert "Urdu (draft): not spoken" in out
    assert not any(secret in out for secret in SECRETS)


async def test_check_says_a_line_for_each_thing_that_is_wrong(tmp_path: Path) -> None:
    database = f"postgresql://mime:s3cret-database@127.0.0.1:{free_port()}/mime"
    code, out, err = await mime(
        tmp_path, "check", secret_key="short", contact_phone="", database_url=database,
        telegram_bot_token="1:s3cret-token", twilio_account_sid="AC1", twilio_auth_token="s3cret-token",
    )  # fmt: skip
    assert code == 1
    faults = [line.removeprefix("FAULT").strip() for line in out.splitlines() if line.startswith("FAULT")]
    assert [re.split(r":? (?:is|needs|at|cannot)\b", fault)[0] for fault in faults] == [
        "MIME_SECRET_KEY",
        "MIME_CONTACT_PHONE",
        "MIME_TELEGRAM_WEBHOOK_SECRET",
        "SMS",
        "the operational store",
        "the evaluation store",
    ]
    assert "MIME_TWILIO_FROM is empty" in out
    assert "run mime migrate" in out
    assert not any(secret in out + err for secret in SECRETS)


async def test_check_names_every_setting_that_cannot_be_read(tmp_path: Path) -> None:
    code, out, _ = await mime(
        tmp_path, "check", timezone="Europe/Lodnon", quiet_hours="8pm to 9am", public_base_url="mime.example.org",
        telegram_mode="carrier pigeon", database_url="mysql://s3cret-database@db/mime", sms_segments_per_second="0",
    )  # fmt: skip
    assert code == 1
    assert {line.split(":")[0].removeprefix("FAULT").strip() for line in out.splitlines()} == {
        "MIME_TIMEZONE", "MIME_QUIET_HOURS", "MIME_PUBLIC_BASE_URL", "MIME_TELEGRAM_MODE", "MIME_DATABASE_URL",
        "MIME_SMS_SEGMENTS_PER_SECOND",
    }  # fmt: skip
    assert "Europe/London" in out
    assert "20:00-09:00" in out
    assert not any(secret in out for secret in SECRETS)


# mime serve, where it must not


@pytest.mark.parametrize(
    ("settings", "words", "says"),
    [
        ({"secret_key": ""}, (), "MIME_SECRET_KEY is missing"),
        ({"secret_key": "fifteen letters"}, (), "MIME_SECRET_KEY is missing or shorter than 16"),
        ({}, ("--only", "web"), "--only needs PostgreSQL"),
        ({}, ("--only", "worker"), "--only needs PostgreSQL"),
        ({"timezone": "Nowhere"}, (), "MIME_TIMEZONE"),
        ({"database_url": "postgresql://127.0.0.1:1/mime"}, (), "MIME_DATABASE_URL cannot be reached"),
        ({"database_url": "sqlite:////nowhere/at/all/mime.db"}, (), "MIME_DATABASE_URL cannot be reached"),
    ],
)
async def test_serve_refuses_with_a_sentence(
    tmp_path: Path, settings: dict[str, str], words: tuple[str, ...], says: str
) -> None:
    code, _, err = await mime(tmp_path, "serve", "--port", str(free_port()), *words, **settings)
    assert code == 1
    assert says in err
    assert "Traceback" not in err
    assert not (tmp_path / "mime.db").exists()


async def test_serve_does_not_bring_a_shared_store_up_to_date(tmp_path: Path, postgres: str) -> None:
    code, _, err = await mime(tmp_path, "serve", database_url=new_postgres_database(postgres))
    assert code == 1
    assert "run mime migrate" in err


async def test_another_key_than_the_store_was_written_with_is_refused(tmp_path: Path) -> None:
    code, _ = await piped(tmp_path, [], "migrate")
    assert code == 0
    await one_answer(tmp_path)
    code, _, err = await mime(tmp_path, "serve", secret_key="another secret for tests")
    assert code == 1
    assert "MIME_SECRET_KEY is not the key" in err


# The others


async def test_migrate_brings_both_stores_up_to_date_as_often_as_it_is_called(tmp_path: Path, postgres: str) -> None:
    both = {
        "database_url": new_postgres_database(postgres),
        "evaluation_database_url": f"sqlite:///{tmp_path}/evaluation.db",
    }
    for _ in range(2):
        assert (await mime(tmp_path, "migrate", **both))[:2] == (0, "Both stores are up to date.\n")
    code, _, err = await mime(tmp_path, "migrate", database_url="sqlite:////nowhere/at/all/mime.db")
    assert (code, "there is no folder /nowhere/at/all: make it, or change MIME_DATABASE_URL" in err) == (1, True)
    assert "Traceback" not in err


async def test_a_whole_check_in_can_be_had_in_a_pipe_in_urdu(tmp_path: Path) -> None:
    code, out = await piped(tmp_path, URDU, "chat", "--language", "ur")
    assert code == 0
    lines = out.splitlines()
    assert "01632 960123" in lines[-3]
    assert "999" in lines[-2]
    assert re.search("[\u0600-\u06ff]", lines[0])
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []  # nothing is kept


async def test_chat_begins_with_the_questionnaire_that_is_named(tmp_path: Path) -> None:
    code, out = await piped(tmp_path, ["yes", ""], "chat", "--flow", "training_feedback")
    assert code == 0
    assert "out of ten" in out or "0" in out
    for wrong in (("--language", "tlh"), ("--flow", "nothing")):
        code, out, err = await mime(tmp_path, "chat", *wrong)
        assert code == 1
        assert f"{wrong[1]!r}" in err
        assert "wellbeing" in err or "ur" in err


async def test_lint_finds_the_shipped_questionnaires_in_order(tmp_path: Path) -> None:
    code, out, err = await mime(tmp_path, "lint")
    assert (code, err) == (0, "")
    assert all(name in out for name in ("wellbeing", "opening_hours", "training_feedback", "ur", "pl"))


async def test_export_writes_what_there_is(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    await one_answer(tmp_path)
    for pushed in (1, 0):  # the second time there is nothing new, and all of it is written again
        code, out, _ = await mime(tmp_path, "export", "--csv", str(tmp_path / "new" / "folder"))
        assert code == 0
        assert out.startswith(f"{pushed} answers pushed.\n1 answers written")
    with (tmp_path / "new" / "folder" / "answers.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["question"], row["value"]) == ("content", "7")
    code, out, _ = await mime(tmp_path, "export", "--again")
    assert (code, out) == (0, "1 answers pushed.\n")


async def test_export_without_stores_or_a_folder_fails_with_a_sentence(tmp_path: Path) -> None:
    code, _, err = await mime(tmp_path, "export")
    assert code == 1
    assert "the export failed" in err
    assert "mime check" in err
    assert "Traceback" not in err
    assert (await mime(tmp_path, "migrate"))[0] == 0
    (tmp_path / "file").write_text("")
    code, _, err = await mime(tmp_path, "export", "--csv", str(tmp_path / "file"))
    assert code == 1
    assert "Traceback" not in err
    code, _, err = await mime(tmp_path, "export", secret_key="")
    assert code == 1
    assert "pseudonyms" in err


async def test_alerts_without_a_store_fail_with_a_sentence(tmp_path: Path) -> None:
    for words in (("alerts",), ("alerts", "--done", "5")):
        code, out, err = await mime(tmp_path, *words)
        assert (code, out) == (1, "")
        assert "mime check" in err
        assert "Traceback" not in err


async def test_alerts_are_listed_and_marked_as_dealt_with(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    assert (await mime(tmp_path, "alerts"))[:2] == (0, "Nothing is open.\n")
    await one_answer(tmp_path, "person")
    code, out, _ = await mime(tmp_path, "alerts")
    assert code == 0
    found = re.match(r"(\d+)  .*tel:\+447700900101  wants to talk to a person: call them\n1 open\.\n", out)
    assert found is not None, out
    code, out, _ = await mime(tmp_path, "alerts", "--done", found[1])
    assert (code, out) == (0, "Marked as dealt with.\n")
    code, _, err = await mime(tmp_path, "alerts", "--done", found[1])
    assert (code, err) == (1, f"there is no open alert {found[1]}\n")
    assert (await mime(tmp_path, "alerts"))[1] == "Nothing is open.\n"


async def one_answer(folder: Path, *more: str) -> None:
    """Somebody who has answered one question, written with the settings of `environment`."""
    urls = (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db")
    app = build(settings_for(*urls), simulate=True)
    try:
        for n, words in enumerate(("CHECKIN", "yes", "7", *more)):
            received = Received("sms", f"SM{n}", URN("tel", "+447700900101"), words)
            await app.dispatcher.handle([received], app.clock())
    finally:
        await app.close()
