"""Items of a newsletter in the store of a test, as a coordinator would have made them, and answers of people."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import insert

from domain.broadcast import Broadcast
from domain.newsletter import Heard, Item, ItemKind, ItemWords
from store import issues, newsletter
from store import tables as t
from store.broadcasts import course, preparing
from store.issues import Wish
from store.times import to_ms
from tests.conftest import World

MONTH = "2026-11"
TOKEN = "abcdefgh"


def words(title: str, text: str, said: str = "", more: str = "", by: str = "a speaker") -> ItemWords:
    return ItemWords(title=title, text=text, said=said, more=more, reviewed_by=by)


NEWS = {
    "en": words("A new room", "We meet in the library now.", more="It has a lift and a quiet corner."),
    "pl": words("Nowa sala", "Spotykamy się teraz w bibliotece.", more="Jest winda i cichy kąt."),
}
DONE = {
    "en": words("Open in the evening", "The Oak Centre is open until 9pm on Tuesdays.", "Places close too early."),
    "pl": words("Otwarte wieczorem", "Oak Centre jest otwarte we wtorki do 21.", "Miejsca zamykają za wcześnie."),
}
#: The same in every language that we ship.
NEWS_EVERYWHERE = {
    **NEWS,
    "ro": words("O sală nouă", "Ne întâlnim acum la bibliotecă.", more="Are lift și un colț liniștit."),
    "ur": words("نیا کمرہ", "اب ہم لائبریری میں ملتے ہیں۔", more="وہاں لفٹ اور ایک پرسکون گوشہ ہے۔"),
    "bn": words("নতুন ঘর", "আমরা এখন লাইব্রেরিতে বসি।", more="সেখানে লিফট আর একটা শান্ত কোণ আছে।"),
}
DONE_EVERYWHERE = {
    **DONE,
    "ro": words("Deschis seara", "Oak Centre e deschis marțea până la 21.", "Locurile se închid prea devreme."),
    "ur": words("شام کو کھلا", "اوک سینٹر منگل کو رات 9 بجے تک کھلا ہے۔", "جگہیں بہت جلدی بند ہو جاتی ہیں۔"),
    "bn": words("সন্ধ্যায় খোলা", "ওক সেন্টার মঙ্গলবার রাত ৯টা পর্যন্ত খোলা।", "জায়গাগুলো খুব তাড়াতাড়ি বন্ধ হয়।"),
}
EVENINGS = Heard(questionnaire="opening_hours", question="open_when", answers=("evenings",))


def item(**given: Any) -> Item:
    chosen: dict[str, Any] = {"id": 0, "number": 0, "kind": ItemKind.NEWS, "month": MONTH, "words": NEWS}
    return Item(**{**chosen, **given})


def answer_to(heard: Heard | None = EVENINGS, **given: Any) -> Item:
    return item(**{"kind": ItemKind.YOU_SAID, "words": DONE, "heard": heard, **given})


async def kept(world: World, draft: Item | None = None) -> Item:
    app = world.app
    async with app.database.begin() as connection:
        return await newsletter.add(connection, app.post.press, app.ids(), draft or item(), app.clock())


async def first(world: World, number: int, token: str = "ftheards", **wish: Any) -> Broadcast:
    async with world.app.database.begin() as connection:
        return await issues.first_to_hear(connection, world.app.post, number, Wish(**wish), token, world.clock())


async def the_month(world: World, month: str = MONTH, token: str = TOKEN, **wish: Any) -> Broadcast:
    async with world.app.database.begin() as connection:
        return await issues.month_s_issue(connection, world.app.post, month, Wish(**wish), token, world.clock())


async def go_out(world: World, broadcast: Broadcast) -> None:
    """It is ordered, sent, and done."""
    await course.start(world.app.post, broadcast.number, world.clock())
    await finish(world)


async def finish(world: World) -> None:
    from_now = world.clock.now
    await preparing.tend(world.app.post, from_now)
    rows = await world.rows("SELECT MAX(latest_at) FROM broadcasts")
    world.clock.now = max(from_now, datetime.fromtimestamp(int(rows[0][0]) / 1000 + 1, from_now.tzinfo))
    for sender in world.app.senders:
        await sender.drain()
    await preparing.tend(world.app.post, world.clock())


async def answered(
    world: World, contact_id: int, value: Any, *, flow: str = "opening_hours", question: str = "open_when", **given: Any
) -> int:
    """They answered so; the answer's id."""
    app = world.app
    id = app.ids()
    row = {
        "id": id, "session_id": id, "contact_id": contact_id, "flow": flow, "version": 1, "question": question,
        "revision": 1, "withdrawn": False, "sealed": app.vault.seal(orjson.dumps([value, str(value)]), contact_id),
        "language": "en", "channel": "sms", "answered_at": to_ms(app.clock()), **given,
    }  # fmt: skip
    async with app.database.begin() as connection:
        await connection.execute(insert(t.answers).values(row))
    return id


async def change(world: World, number: int, **given: Any) -> Item:
    async with world.app.database.begin() as connection:
        there = await newsletter.numbered(connection, number)
        assert there is not None
        return await newsletter.change(
            connection, world.app.post.press, replace(there.item, **given), world.app.clock()
        )
