"""`mime serve` as real processes against the providers' stand-ins: alone, in parts, by polling, and told to stop."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Sized
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import httpx
import orjson

from benchmarks.standins.serving import loopback
from benchmarks.standins.telegram import TelegramStandin
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioStandin
from evaluation.record import EvaluationRecord
from evaluation.store import EvaluationStore
from store.database import Database
from store.vault import Vault
from tests.conftest import new_postgres_database
from tests.process import Served, command, environment, free_port

SECRET = "a-secret-token"
ANN, BENS_CHAT = "+447700900101", 5001
#: A whole check-in, and what each of its answers is in the evaluation store.
WORDS = ("CHECKIN", "yes", "7", "8", "6", "3", "9", "10", "skip", "no")
ANSWERS = {
    "content": "7", "matters": "8", "mood": "6", "worry": "3", "heard": "9", "belonging": "10",
    "comment": "prefer_not_to_say", "again": "no", "wellbeing_score": "78",
}  # fmt: skip


def has(count: int, messages: Callable[[], Sized]) -> bool:
    return len(messages()) == count


async def until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


async def records(url: str) -> list[EvaluationRecord]:
    store = EvaluationStore(url)
    try:
        return [record async for record in store.stream()]
    finally:
        await store.close()


async def exported(url: str, channel: str) -> dict[str, str]:
    """What the evaluation store has by that channel, as soon as it has a whole check-in."""
    async with asyncio.timeout(30):
        while True:
            found = {record.question: record.value for record in await records(url) if record.channel == channel}
            if len(found) >= len(ANSWERS):
                return found
            await asyncio.sleep(0.05)


def telegram_settings(standin: TelegramStandin, url: str) -> dict[str, str]:
    return {
        "telegram_bot_token": standin.token,
        "telegram_webhook_secret": SECRET,
        "telegram_api_base": url,
        "telegram_seconds_per_chat": "0",
        "export_every_seconds": "0.3",
        "allow_test_numbers": "true",
        "allow_draft_translations": "true",
    }


def twilio_settings(url: str) -> dict[str, str]:
    return {
        "twilio_account_sid": ACCOUNT_SID,
        "twilio_auth_token": AUTH_TOKEN,
        "twilio_from": NUMBER_OF_OURS,
        "twilio_api_base": url,
        "sms_segments_per_second": "1000",
    }


@asynccontextmanager
async def worker(folder: Path, env: dict[str, str]) -> AsyncIterator[None]:
    """`mime serve --only worker`, until it is told to stop; it answers nobody, but says when it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", "--only", "worker", cwd=folder, env=env,
        stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = b""
    while b"mime is ready" not in said:
        line = await process.stderr.readline()
        assert line, said.decode()
        said += line
    reading = asyncio.create_task(process.stderr.read())
    yield
    process.terminate()
    assert await process.wait() == 0, (await reading).decode()
    await reading


async def test_polling_takes_a_whole_check_in_and_nobody_needs_to_reach_us(tmp_path: Path) -> None:
    standin = TelegramStandin()
    async with loopback(standin) as url:
        env = environment(tmp_path, telegram_mode="polling", **telegram_settings(standin, url))
        served = Served(tmp_path, env, free_port())
        await served.start()
        standin.say(BENS_CHAT, "/checkin", language_code="en")
        await until(lambda: len(standin.messages(BENS_CHAT)) == 1)
        pressed = 0
        for n, label in enumerate(("Yes", *WORDS[2:8]), start=1):
            buttons = dict(standin.messages(BENS_CHAT)[-1].buttons)
            standin.press(BENS_CHAT, buttons[label])
            pressed += 1
            await until(partial(has, n + 1, partial(standin.messages, BENS_CHAT)))
        for n, word in enumerate(WORDS[8:], start=9):
            standin.say(BENS_CHAT, word)
            await until(partial(has, n, partial(standin.messages, BENS_CHAT)))
        await standin.settled()
        assert await exported(env["MIME_EVALUATION_DATABASE_URL"], "telegram") == ANSWERS
        await until(lambda: standin.requests["answerCallbackQuery"] == pressed)
        begun = time.monotonic()
        assert await served.stop() == 0
        assert time.monotonic() - begun < 10  # it does not wait for the long poll that is open
        standin.say(BENS_CHAT, "/checkin")  # while nobody is there
        await served.start()
        await until(lambda: len(standin.messages(BENS_CHAT)) == 11)
        assert await served.stop() == 0
    assert standin.requests["deleteWebhook"] >= 1
    assert {language for _, language in standin.commands} == {"", "pl", "ro", "ur", "bn"}
    assert standin.violations == []


async def test_web_and_worker_on_one_postgresql_do_a_check_in_together(tmp_path: Path, postgres: str) -> None:
    """Texts come in at one process and go out from another; receipts come back to the first."""
    standin = TwilioStandin(random=Random(1))
    port = free_port()
    async with loopback(standin) as url:
        env = environment(
            tmp_path,
            public_base_url=f"http://127.0.0.1:{port}",
            database_url=new_postgres_database(postgres),
            evaluation_database_url=new_postgres_database(postgres),
            allow_test_numbers="true",
            export_every_seconds="0.3",
            **twilio_settings(url),
        )
        code, _, err = await command(tmp_path, env, "migrate")
        assert code == 0, err
        web = Served(tmp_path, env, port)
        standin.inbound_url = f"{web.url}/webhooks/twilio/inbound"
        await web.start("--only", "web")
        standin.say(ANN, WORDS[0])
        await standin.settled()
        assert standin.sent_to(ANN) == []  # nobody sends yet
        async with worker(tmp_path, env):
            for n, word in enumerate(WORDS[1:], start=1):
                await until(partial(has, n, partial(standin.sent_to, ANN)))
                standin.say(ANN, word)
            await until(lambda: len(standin.sent_to(ANN)) == len(WORDS))
            assert await exported(env["MIME_EVALUATION_DATABASE_URL"], "sms") == ANSWERS
            await standin.settled()  # the receipts are in
        assert await web.stop() == 0
        database = Database(env["MIME_DATABASE_URL"])
        try:
            async with database.read() as connection:
                found = await connection.exec_driver_sql("SELECT status, external_id FROM outbox ORDER BY id")
                rows = [tuple(row) for row in found]
        finally:
            await database.close()
    assert rows == [("delivered", message.sid) for message in standin.sent_to(ANN)]
    assert set(standin.posts) == {200}
    assert standin.violations == []


async def test_told_to_stop_under_load_it_ends_well_and_keeps_all_that_it_acknowledged(tmp_path: Path) -> None:
    standin = TelegramStandin()
    async with loopback(standin) as url:
        env = environment(tmp_path, public_base_url="https://mime.example.org", **telegram_settings(standin, url))
        served = Served(tmp_path, env, free_port())
        await served.start()
        acknowledged: set[int] = set()
        stopping = asyncio.Event()

        async def bring(client: httpx.AsyncClient, lane: int) -> None:
            n = 0
            while not stopping.is_set():
                n += 1
                update_id = lane * 100_000 + n
                try:
                    answer = await client.send(update(served, update_id, 6000 + lane))
                except httpx.HTTPError:
                    continue  # it has closed its doors
                if answer.status_code == 200:
                    acknowledged.add(update_id)
                else:
                    assert answer.status_code == 503

        async with httpx.AsyncClient(timeout=20) as client, asyncio.TaskGroup() as group:
            for lane in range(24):
                group.create_task(bring(client, lane))
            await until(lambda: len(acknowledged) > 500)
            code = await served.stop()
            stopping.set()
        assert code == 0
        assert len(acknowledged) > 500
        assert "Traceback" not in (tmp_path / "serve.log").read_text()
        vault = Vault("a secret for tests only")
        seen = {vault.find(f"telegram/{update_id}") for update_id in acknowledged}
        database = Database(env["MIME_DATABASE_URL"])
        try:
            async with database.read() as connection:
                kept = set((await connection.exec_driver_sql("SELECT key FROM seen")).scalars())
                sending = (
                    await connection.exec_driver_sql("SELECT count(*) FROM outbox WHERE status = 'sending'")
                ).scalar()
        finally:
            await database.close()
        assert seen <= kept
        assert sending == 0  # what was being sent was noted


def update(served: Served, update_id: int, chat_id: int) -> httpx.Request:
    who = {"id": chat_id, "is_bot": False, "first_name": "P", "language_code": "en"}
    chat = {"id": chat_id, "type": "private", "first_name": "P"}
    message = {"message_id": update_id, "date": 1, "chat": chat, "from": who, "text": "/checkin"}
    return httpx.Request(
        "POST",
        f"{served.url}/webhooks/telegram",
        content=orjson.dumps({"update_id": update_id, "message": message}),
        headers={"X-Telegram-Bot-Api-Secret-Token": SECRET},
    )
