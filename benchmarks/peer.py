"""The peer: python-telegram-bot's ConversationHandler on a questionnaire of six, with and without persistence.

It is what one would write without this product. It neither notices a message that comes twice nor
keeps a reply until it is sent, so it does less a turn. Its HTTP client is replaced by a stub, which
answers what the Bot API would; the library builds each request and reads each answer.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
import uvloop
from telegram import Update
from telegram.ext import (
    Application,
    BasePersistence,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    MessageHandler,
    PersistenceInput,
    filters,
)
from telegram.request import BaseRequest, RequestData

from benchmarks.checkin import FIRST_CHAT, update
from benchmarks.telling import Found, Stopwatch, Wrong, latencies, tell

BOT = {"id": 42, "is_bot": True, "first_name": "Peer", "username": "peer_bot"}
_NAME = "survey"


def _whole(least: int, most: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        return int(text) if text.strip().isdecimal() and least <= int(text) <= most else None

    return read


def _hours(text: str) -> float | None:
    try:
        hours = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return hours if 0 <= hours <= 24 else None


def _one_of(*choices: str) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        return text.strip().lower() if text.strip().lower() in choices else None

    return read


def _words(text: str) -> str | None:
    return text.strip() if 1 <= len(text.strip()) <= 300 else None


#: Each question: its name, its words, what is said after a wrong answer, and how an answer is read.
QUESTIONS: tuple[tuple[str, str, str, Callable[[str], object]], ...] = (
    ("mood", "On a scale of 1 to 5, how is your mood today?", "Please answer from 1 to 5.", _whole(1, 5)),
    ("sleep", "How many hours did you sleep last night?", "Please answer from 0 to 24.", _hours),
    ("energy", "Is your energy low, medium or high?", "Please answer so.", _one_of("low", "medium", "high")),
    ("active", "On how many of 7 days were you active?", "Please answer from 0 to 7.", _whole(0, 7)),
    ("stress", "Have you felt stressed? yes or no", "Please answer yes or no.", _one_of("yes", "no")),
    ("comment", "Anything else you would like to tell us?", "Please use 1 to 300 letters.", _words),
)
THANKS = "Thank you, your answers are saved."
#: One member's messages; "lots" is no number of hours.
SCRIPT = ("/start", "4", "lots", "7.5", "medium", "3", "no", "All is well, thank you")
ANSWERS = {"mood": 4, "sleep": 7.5, "energy": "medium", "active": 3, "stress": "no", "comment": SCRIPT[-1]}


class Stub(BaseRequest):
    """Nothing leaves: every message is taken, and answered as the Bot API answers."""

    def __init__(self) -> None:
        self.sent = 0

    @property
    def read_timeout(self) -> float:
        return 5

    async def initialize(self) -> None:
        return

    async def shutdown(self) -> None:
        return

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *timeouts: Any, **more_timeouts: Any
    ) -> tuple[int, bytes]:
        if url.endswith("/getMe") or request_data is None:
            return 200, orjson.dumps({"ok": True, "result": BOT})
        self.sent += 1
        asked = request_data.json_parameters
        chat = {"id": int(asked["chat_id"]), "type": "private", "first_name": "Sim"}
        message = {"message_id": 1, "date": 1_760_000_000, "chat": chat, "from": BOT, "text": asked["text"]}
        return 200, orjson.dumps({"ok": True, "result": message})


class SqlitePersistence(BasePersistence[dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """What a careful user of the library writes: a row a conversation and a row a person, committed after
    each update with synchronous=FULL."""

    def __init__(self, file: Path) -> None:
        super().__init__(PersistenceInput(bot_data=False, chat_data=False, callback_data=False))
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE people (id INTEGER PRIMARY KEY, data TEXT);"
            "CREATE TABLE conversations (key TEXT PRIMARY KEY, state INTEGER) WITHOUT ROWID"
        )

    def _begin(self) -> None:
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        if self._database.in_transaction:
            self._database.execute("COMMIT")

    def stored(self) -> list[dict[str, object]]:
        return [orjson.loads(data) for (data,) in self._database.execute("SELECT data FROM people")]

    async def update_conversation(self, name: str, key: Any, new_state: object | None) -> None:
        self._begin()
        if new_state is None:
            self._database.execute("DELETE FROM conversations WHERE key = ?", (orjson.dumps(key),))
        else:
            self._database.execute(
                "INSERT INTO conversations VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
                (orjson.dumps(key), new_state),
            )

    async def update_user_data(self, user_id: int, data: dict[Any, Any]) -> None:
        self._begin()
        self._database.execute(
            "INSERT INTO people VALUES (?, ?) ON CONFLICT DO UPDATE SET data = excluded.data",
            (user_id, orjson.dumps(data)),
        )

    async def get_conversations(self, name: str) -> dict[Any, Any]:
        return {}

    async def get_user_data(self) -> dict[int, dict[Any, Any]]:
        return {}

    async def get_chat_data(self) -> dict[int, dict[Any, Any]]:
        return {}

    async def get_bot_data(self) -> dict[Any, Any]:
        return {}

    async def get_callback_data(self) -> None:
        return None

    async def update_chat_data(self, chat_id: int, data: dict[Any, Any]) -> None:
        return

    async def update_bot_data(self, data: dict[Any, Any]) -> None:
        return

    async def update_callback_data(self, data: Any) -> None:
        return

    async def drop_chat_data(self, chat_id: int) -> None:
        return

    async def drop_user_data(self, user_id: int) -> None:
        return

    async def refresh_user_data(self, user_id: int, user_data: dict[Any, Any]) -> None:
        return

    async def refresh_chat_data(self, chat_id: int, chat_data: dict[Any, Any]) -> None:
        return

    async def refresh_bot_data(self, bot_data: dict[Any, Any]) -> None:
        return

    async def flush(self) -> None:
        self.commit()


async def _start(given: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    assert given.message is not None
    assert context.user_data is not None
    context.user_data.clear()
    await given.message.reply_text(QUESTIONS[0][1])
    return 0


def _step(number: int) -> Callable[[Update, ContextTypes.DEFAULT_TYPE], Coroutine[Any, Any, int]]:
    name, _, again, read = QUESTIONS[number]

    async def step(given: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
        assert given.message is not None
        assert context.user_data is not None
        answer = read(given.message.text or "")
        if answer is None:
            await given.message.reply_text(again)
            return number
        context.user_data[name] = answer
        if number + 1 < len(QUESTIONS):
            await given.message.reply_text(QUESTIONS[number + 1][1])
            return number + 1
        await given.message.reply_text(THANKS)
        return ConversationHandler.END

    return step


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer", description=__doc__)
    parser.add_argument("--persistence", choices=("none", "sqlite"), default="none")
    parser.add_argument("--members", type=int, default=600, help="who each type 8 messages (default: %(default)s)")
    given = parser.parse_args()
    tell(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        return uvloop.run(_turns(given, Path(folder) / "peer.db"))


async def _turns(given: argparse.Namespace, file: Path) -> Found:
    stub = Stub()
    builder = Application.builder().token("42:peer").request(stub).get_updates_request(Stub())
    persistence = SqlitePersistence(file) if given.persistence == "sqlite" else None
    if persistence is not None:
        builder = builder.persistence(persistence)
    application = builder.build()
    application.add_handler(
        ConversationHandler(
            entry_points=[CommandHandler("start", _start)],
            states={n: [MessageHandler(filters.TEXT & ~filters.COMMAND, _step(n))] for n in range(len(QUESTIONS))},
            fallbacks=[CommandHandler("start", _start)],
            name=_NAME if persistence else None,
            persistent=persistence is not None,
        )
    )
    await application.initialize()
    raws = [
        update(step * given.members + n + 1, FIRST_CHAT + n, words)
        for step, words in enumerate(SCRIPT)
        for n in range(given.members)
    ]
    took: list[float] = []
    with Stopwatch() as watch:
        for raw in raws:
            began = time.perf_counter()
            await application.process_update(Update.de_json(orjson.loads(raw), application.bot))
            if persistence is not None:
                await application.update_persistence()
                persistence.commit()
            took.append(time.perf_counter() - began)
    kept = list(application.user_data.values()) if persistence is None else persistence.stored()
    if stub.sent != len(raws) or kept != [ANSWERS] * given.members:
        raise Wrong("not every message was answered, or not every answer kept")
    return {"turns": len(raws), **watch.rate(len(raws), "turns"), **latencies(took)}


if __name__ == "__main__":
    main()
