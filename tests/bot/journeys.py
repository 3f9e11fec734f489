"""Journeys as text files: several phones, the whole program on SQLite, and what was said and kept.

The first line is `# carer in pl`: all phones write in that language. Then

    Ann < what Ann typed; `(code)` is the code that was last said to anybody
    Ann > what Ann's phone showed; its other lines are indented
    = Ann kept, agreed or answered something; an alert was raised
    (2 days later) everything that falls due until then has happened

Ann, Ben and Cem text; Tess is on Telegram; Jo and Kim are the team, who have sent their codes already.
Only the first line, the `<` lines and the times are input; `replay` writes all the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select, update

from domain.code import CodeKind
from flows.library import Library
from store import issues, newsletter, people
from store import tables as t
from store.broadcasts import course, preparing
from store.issues import Wish
from tests import newsletters
from tests.conftest import Clock, World, make_world

PHONES = {
    "Ann": "tel:+447700900101",
    "Ben": "tel:+447700900102",
    "Cem": "tel:+447700900103",
    "Tess": "telegram:5001",
    "Jo": "telegram:5002",
    "Kim": "tel:+447700900105",
}
TEAM = {"Jo": "1", "Kim": "2"}
POSTER = "harwich"
_HEADER = re.compile(r"# (\w+) in ([a-z-]+)")
_LATER = re.compile(r"\((\d+) (minute|hour|day)s? later\)")
_TYPED = re.compile(r"(\w+) < (.*)")
_CODE = re.compile(r"\b(\d{4} \d{4})\b")
_REFERENCE = re.compile(r"\b[A-HJ-NP-Z2-9]{8}\b")


class NotAJourney(Exception):
    """The file cannot be played."""


async def replay(text: str, flows: Library, folder: Path) -> str:
    """The journey as it is today. Raises NotAJourney."""
    first, *rest = text.splitlines() or [""]
    if (header := _HEADER.fullmatch(first)) is None or header[2] not in flows.languages:
        raise NotAJourney(f"{first!r}: expected '# carer in pl'")
    world = await make_world(
        (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db"),
        flows,
        Clock(),
        public_base_url="https://mime.example.org",
    )
    journey = _Journey(world, header[2])
    try:
        await journey.prepare()
        if header[1] == "news":
            await journey.put_news()
        lines = [first]
        for line in rest:
            if later := _LATER.fullmatch(line):
                lines += [line, *await journey.later(timedelta(**{f"{later[2]}s": int(later[1])}))]
            elif typed := _TYPED.fullmatch(line):
                lines += [line, *await journey.hear(typed[1], typed[2])]
        return "\n".join(lines) + "\n"
    finally:
        await world.app.close()


@dataclass
class _Journey:
    world: World
    language: str
    code: str = ""
    shown: dict[str, int] = field(default_factory=dict)
    kept: dict[Any, str] = field(default_factory=dict)

    async def prepare(self) -> None:
        """The team is there, a poster hangs in Harwich, and everybody's phone has chosen the language."""
        app, now = self.world.app, self.world.clock()
        async with app.database.begin() as connection:
            for n, (name, turn) in enumerate(TEAM.items()):
                detail = {"name": name, "role": "coordinator", "turn": turn}
                key = app.vault.code(f"0000000{n}")
                await people.put_code(
                    connection, app.vault, key, CodeKind.STAFF, 0, detail, uses=1, expires_at=None, now=now
                )
            await people.put_code(
                connection,
                app.vault,
                app.vault.code(POSTER),
                CodeKind.POSTER,
                0,
                {"source": "visit"},
                uses=None,
                expires_at=None,
                now=now,
            )
        name = app.library.languages[self.language].name
        for who, urn in PHONES.items():
            await self.world.say(urn, name)
            if who in TEAM:
                await self.world.say(urn, f"0000000{list(TEAM).index(who)}")
        await self._said()
        self.kept = await self._rows()

    async def put_news(self) -> None:
        """A newsletter is ordered for half an hour from now, for all who agree to it until then: so far it is Kim."""
        app, now = self.world.app, self.world.clock()
        async with app.database.begin() as connection:
            kim = select(t.urns.c.contact_id).where(t.urns.c.key == app.vault.find(PHONES["Kim"])).scalar_subquery()
            await connection.execute(update(t.contacts).where(t.contacts.c.id == kim).values(consents="newsletter"))
            draft = newsletters.item(words=newsletters.NEWS_EVERYWHERE)
            await newsletter.add(connection, app.post.press, app.ids(), draft, now)
            wish = Wish(send_at=now + timedelta(minutes=30))
            month, token = newsletters.MONTH, newsletters.TOKEN
            made = await issues.month_s_issue(connection, app.post, month, wish, token, now)
        await course.start(app.post, made.number, now)

    async def hear(self, who: str, words: str) -> list[str]:
        if who not in PHONES:
            raise NotAJourney(f"there is no phone of {who}")
        self.world.clock.forward(timedelta(seconds=20))
        await self.world.say(PHONES[who], words.replace("(code)", self.code))
        return await self._followed()

    async def later(self, by: timedelta) -> list[str]:
        until = self.world.clock() + by
        while self.world.clock() < until:
            self.world.clock.forward(min(timedelta(minutes=30), until - self.world.clock()))
            await preparing.tend(self.world.app.post, self.world.clock())
            await self.world.ring()
            for sender in self.world.app.senders:
                await sender.drain()
        return await self._followed()

    async def _followed(self) -> list[str]:
        rows = await self._rows()
        lines = [f"= {row}" for key, row in rows.items() if self.kept.get(key) != row]
        lines += [f"= gone: {row}" for key, row in self.kept.items() if key not in rows]
        self.kept = rows
        return [*lines, *await self._said()]

    async def _said(self) -> list[str]:
        lines = []
        for who, urn in PHONES.items():
            messages = await self.world.told(urn)
            for message in messages[self.shown.get(who, 0) :]:
                if found := _CODE.search(message.text):
                    self.code = found[1]
                rows = [f"[{' | '.join(label for label, _ in row)}]" for row in message.buttons]
                text = _REFERENCE.sub("(reference)", re.sub(r"/my-data/\S+", "/my-data/(token)", message.text))
                lines.append(f"{who} > " + "\n  ".join([*_CODE.sub("(code)", text).split("\n"), *rows]))
            self.shown[who] = len(messages)
        return lines

    async def _rows(self) -> dict[Any, str]:
        """What is kept of people, by row, in words."""
        app = self.world.app
        who = {row[0]: row[1] for row in await self.world.rows("SELECT contact_id, key FROM urns ORDER BY key")}
        names = {
            contact: next(n for n, u in PHONES.items() if app.vault.find(u) == key) for contact, key in who.items()
        }
        found: dict[Any, str] = {}

        def name(contact_id: int) -> str:
            return names.get(contact_id, "(no phone of their own)")

        for id, contact, purpose, given in await self.world.rows("SELECT id, contact_id, purpose, given FROM consents"):
            found["consent", id] = f"{name(contact)} agreed to {purpose}: {'yes' if given else 'no'}"
        for contact, fact, sealed, source in await self.world.rows(
            "SELECT contact_id, field, sealed, source FROM profile"
        ):
            value = orjson.loads(app.vault.open(sealed, contact))[0]
            value = ", ".join(value) if isinstance(value, list) else value
            found["profile", contact, fact] = f"{name(contact)} {fact}: {value} (said by {source})"
        for id, contact, flow, question, sealed, withdrawn, helper in await self.world.rows(
            "SELECT id, contact_id, flow, question, sealed, withdrawn, helper FROM answers"
        ):
            value = orjson.loads(app.vault.open(sealed, contact))[0]
            value = ", ".join(value) if isinstance(value, list) else value
            by = f" (helper: {helper})" if helper else ""
            said = "taken back" if withdrawn else f"{value}{by}"
            found["answer", id] = f"{name(contact)} {flow}.{question}: {said}"
        for id, kind, taken, done in await self.world.rows("SELECT id, kind, taken_by, done_at FROM alerts"):
            state = "closed" if done else f"taken by {name(taken)}" if taken else "open"
            found["alert", id] = f"alert {kind}: {state}"
        for id, contact, carer, scope, ended in await self.world.rows(
            "SELECT id, contact_id, carer_id, scope, ended_at FROM carers"
        ):
            state = "ended" if ended else scope
            found["carer", id] = f"{name(carer)} cares for {name(contact)}: {state}"
        for (contact,) in await self.world.rows("SELECT id FROM contacts WHERE stopped_at IS NOT NULL"):
            found["stopped", contact] = f"{name(contact)} gets no more messages"
        return found
