"""How long a newsletter of five items takes to many people in six languages: previewed, and queued.

One item answers what one person in ten said: they get it alone first, found among their answers. Then the month's goes
to everybody, and they get the other four. As in `benchmarks.broadcast`, there are no senders beside it.
"""

from __future__ import annotations

import orjson
from sqlalchemy import update

from benchmarks.broadcast import SETTINGS, fill, highest_mb, measured, prepared
from benchmarks.checkin import check_rows
from benchmarks.product import product
from benchmarks.telling import Found, Wrong
from bot.app import App
from domain.broadcast import BroadcastState
from domain.newsletter import Heard, Item, ItemKind, ItemWords, month_of
from store import issues, newsletter
from store import tables as t
from store.broadcasts import preparing
from store.bulk import insert
from store.issues import Wish
from store.times import from_ms, to_ms

_LANGUAGES = ("en", "pl", "ro", "ur", "bn")
_ONE_IN = 10
_QUESTIONS = ("open_when", "liked", "minutes", "helped", "used")
_ANSWERS = insert(
    t.answers,
    ("id", "session_id", "contact_id", "flow", "version", "question", "revision", "withdrawn", "sealed", "language",
     "channel", "answered_at"),
)  # fmt: skip


def main() -> None:
    measured("benchmarks.newsletter", __doc__, _measure)


async def _measure(url: str | None, people: int) -> Found:
    async with product(url, settings=SETTINGS) as app:
        ids = await fill(app, people)
        now = app.post.quiet.after(app.clock())
        await _answer(app, ids, to_ms(now))
        month = month_of(now.astimezone(app.settings.quiet.zone).date())
        async with app.database.begin() as connection:
            for n in range(5):
                await newsletter.add(connection, app.post.press, app.ids(), _item(n, month), now)
            theirs = await issues.first_to_hear(connection, app.post, 1, Wish(), "ftheards", now)
            whole = await issues.month_s_issue(connection, app.post, month, Wish(), "abcdefgh", now)
        before = highest_mb()
        first = await prepared(app, theirs.number, now)
        await _arrived(app, theirs.id)
        second = await prepared(app, whole.number, now)
        sayers = len(ids[::_ONE_IN])
        if (first["queued"], second["queued"]) != (sayers, people):
            raise Wrong(f"{first['queued']} and {second['queued']} were queued; {sayers} and {people} should be")
        await check_rows(app.database, {"newsletter_told": sayers + people, "outbox": sayers + people})
        return {
            "people": people,
            **{f"first_{name}": figure for name, figure in first.items()},
            **second,
            "grown_mb": round(highest_mb() - before, 1),
        }


async def _answer(app: App, ids: list[int], now_ms: int) -> None:
    """Everybody answered five questions; one person in ten so that the item answers it."""
    for first in range(0, len(ids), 2000):
        rows = []
        for n, id in enumerate(ids[first : first + 2000], start=first):
            said = ["evenings"] if n % _ONE_IN == 0 else ["mornings", "weekends"]
            sealed = app.vault.seal(orjson.dumps([said, "words"]), id)
            rows += [
                (app.ids(), id, id, "opening_hours", 1, question, 1, False, sealed, "en", "sms", now_ms)
                for question in _QUESTIONS
            ]
        async with app.database.hot() as tx:
            tx.write(_ANSWERS, rows)


def _item(n: int, month: str) -> Item:
    words = {
        tag: ItemWords(
            title=f"Thing {n}",
            said="" if n else "Places close early.",
            text="Open until nine.",
            reviewed_by="a speaker",
        )
        for tag in _LANGUAGES
    }
    heard = None if n else Heard(questionnaire="opening_hours", question="open_when", answers=("evenings",))
    kind = ItemKind.NEWS if n else ItemKind.YOU_SAID
    return Item(id=0, number=0, kind=kind, month=month, words=words, heard=heard)


async def _arrived(app: App, broadcast_id: int) -> None:
    """All of it was sent and delivered, and it is done."""
    b, o = t.broadcasts.c, t.outbox.c
    async with app.database.begin() as connection:
        await connection.execute(
            update(t.outbox).where(o.key.like(f"broadcast/{broadcast_id}/%")).values(status="sent")
        )
    async with app.database.read() as connection:
        latest = (await connection.execute(b.latest_at.table.select().where(b.id == broadcast_id))).one().latest_at
    await preparing.tend(app.post, from_ms(latest + 1))
    async with app.database.read() as connection:
        state = (await connection.execute(b.state.table.select().where(b.id == broadcast_id))).one().state
    if state != BroadcastState.DONE:
        raise Wrong(f"the first is {state}")


if __name__ == "__main__":
    main()
