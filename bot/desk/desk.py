"""What follows from a coordinator's order or answer at their desk: errands that look first, and then decide at once.

What takes long (who would get a broadcast, who is to be called) is looked at before the transaction that answers, so
that nobody who writes meanwhile waits for it. That transaction takes the fire out: the answer is said once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk import orders
from bot.desk.broadcasting import Broadcasting
from bot.desk.orders import Desked, DeskOrder, desk_order
from bot.desk.reply import Asked, Message, Reply, refused
from bot.desk.telling import PAGE, desk_for
from bot.telling import Telling, UnderWay
from domain.broadcast import BroadcastRefused
from domain.call_list import Outcome, next_try
from domain.message import MessageClass
from domain.segment import SegmentRefused
from flows.effects import AlertKind, Say
from flows.session import Session
from store import call_list, fires, overview, people, team
from store.call_list import CallList, ToCall
from store.changes import Due
from store.circle import Address
from store.database import Database
from store.team import OpenAlert

KINDS = frozenset({orders.DESK, orders.DESK_ANSWER, orders.DESK_AT})
#: So far back is looked for what MORE is more of.
_BACK = 30
#: So many alerts, and people to call, are looked at.
_MOST = 200
_URGENT = (AlertKind.DISTRESS, AlertKind.AT_THE_DOOR, AlertKind.PERSON)


@dataclass(frozen=True, slots=True)
class CoordinatorsDesk:
    database: Database
    telling: Telling
    broadcasting: Broadcasting

    async def run(self, due: Due, now: datetime) -> None:
        """Do it, where it is a coordinator who asks."""
        async with self.database.read() as connection:
            allowed = await team.is_coordinator(connection, due.contact_id)
            language = await people.language_of(connection, due.contact_id)
        me = Address(due.contact_id, due.urn_key, due.channel, language)
        asked = Asked(due, now, me, desk_for(self.telling, me, now))
        try:
            await self._answer(asked, await self._reply(asked) if allowed else Reply())
        except (BroadcastRefused, SegmentRefused) as why:
            await self._answer(asked, refused(asked, why))

    async def _answer(self, asked: Asked, reply: Reply) -> None:
        """In one transaction: take the fire out, do what is to be done, and say it."""
        async with self.database.begin() as connection:
            if not await fires.take_out(connection, asked.due.id):
                return
            errand = UnderWay(connection, asked.due, asked.now, asked.me)
            if reply.act is not None:
                reply = await reply.act(connection)
            for message in reply.said:
                for part in asked.desk.parts(message):
                    await self.telling.tell(errand, asked.me, *part)
            if reply.card:
                await self._put(connection, asked, asked.me, reply.card, reply.about)
            for to, message, card in reply.others:
                for part in asked.desk.parts(message):
                    await self.telling.tell(errand, to, *part, kind=MessageClass.REMINDER)
                if card:
                    await self._put(connection, asked, to, card, reply.about)
            for kind, about, detail in reply.hands:
                key = f"{kind}/{asked.me.contact_id}/{self.telling.ids()}"
                me = asked.me
                due = Due(self.telling.ids(), key, kind, me.contact_id, me.urn_key, me.channel, about, detail)
                await fires.put(connection, due, asked.now)

    async def _put(self, connection: AsyncConnection, asked: Asked, to: Address, card: str, about: int) -> None:
        id = self.telling.ids()
        due = Due(id, f"card/{to.contact_id}/{id}", fires.CARD, to.contact_id, to.urn_key, to.channel, about, card)
        await fires.put(connection, due, asked.now)

    async def _reply(self, asked: Asked) -> Reply:
        due = asked.due
        async with self.database.read() as connection:
            if due.kind == orders.DESK:
                order, page = await self._ordered(connection, asked)
                return await self._show(connection, asked, order, page)
            if due.kind == orders.DESK_ANSWER:
                session = await people.session_of(connection, self.telling.vault, due.session_id or 0)
        if due.kind == orders.DESK_AT:
            return await self.broadcasting.send_at(asked, due.session_id or 0, due.flow or "")
        return Reply() if session is None else await self._answered(asked, session)

    async def _ordered(self, connection: AsyncConnection, asked: Asked) -> tuple[Desked | None, int]:
        """What was ordered, and which page of it: each MORE since then is one more."""
        vault, id = self.telling.vault, asked.due.session_id or 0
        order = desk_order(await people.words_of(connection, vault, id) or "")
        if order is None or order.order is not DeskOrder.MORE:
            return order, 0
        earlier = map(desk_order, await people.words_before(connection, vault, asked.me.contact_id, id, _BACK))
        for page, one in enumerate((one for one in earlier if one is not None), start=1):
            if one.order is not DeskOrder.MORE:
                return one, page
        return order, 0

    async def _show(self, connection: AsyncConnection, asked: Asked, order: Desked | None, page: int) -> Reply:
        desk, now = asked.desk, asked.now
        match order:
            case Desked(DeskOrder.EVENTS):
                return Reply((desk.coming(await overview.coming(connection, now), page),))
            case Desked(DeskOrder.TODAY) if not page:
                missed = call_list.missed_in(self.telling.library)
                found = await overview.today(connection, self.telling.vault, missed, self.telling.zone, now)
                return Reply((desk.today(found, now),))
            case Desked(DeskOrder.ALERTS):
                return Reply(act=lambda tx: self._alerts(tx, asked, page))
            case Desked(DeskOrder.CALLS):
                found_now = await self._to_call(connection, now)
                list_ = desk.calls(found_now.people, found_now.total, page)
                first = found_now.people[page * PAGE :][:1]
                return self._call(asked, first[0], list_) if first else Reply((list_,))
            case Desked(DeskOrder.BROADCASTS):
                return await self.broadcasting.listing(connection, asked, page)
            case Desked(DeskOrder.BROADCAST, number) if not page:
                return await self.broadcasting.one(connection, asked, number)
            case _:
                return Reply(([desk.phrases.desk_no_more],))

    async def _answered(self, asked: Asked, session: Session) -> Reply:
        """A coordinator has answered a flow of the desk."""
        answers = session.answers
        number = int(str(answers.get("number", 0)))
        match session.flow:
            case orders.INVITE:
                return Reply(act=lambda tx: self.broadcasting.draft(tx, asked, answers))
            case orders.PEOPLE:
                return await self.broadcasting.whom(asked, number, str(answers["whom"]))
            case orders.BROADCAST:
                return await self.broadcasting.decided(asked, number, answers)
            case orders.ALERT:
                return await self._alert(asked, number, str(answers["next"]))
            case orders.CALL:
                return await self._called(asked, number, str(answers["outcome"]))
            case _:
                return Reply()

    # alerts

    async def _alerts(self, tx: AsyncConnection, asked: Asked, page: int) -> Reply:
        """What is open, and the card of the first that nobody has taken."""
        found = await self._open_alerts(tx)
        everybody = await team.members(tx, self.telling.vault)
        said = asked.desk.alerts(found, everybody, page)
        first = next((one for one in found[page * PAGE : (page + 1) * PAGE] if one.taken_by is None), None)
        return Reply((said,)) if first is None else Reply((said,), orders.ALERT, first.number)

    async def _open_alerts(self, tx: AsyncConnection) -> list[OpenAlert]:
        """The most urgent first, and of those the newest."""
        await team.number_all(tx)
        found = await team.numbered(tx, _MOST)
        return sorted(found, key=lambda one: _URGENT.index(one.kind) if one.kind in _URGENT else len(_URGENT))

    async def _alert(self, asked: Asked, number: int, what: str) -> Reply:
        match what:
            case "take":  # as the word TAKE does
                async with self.database.read() as connection:
                    writes_for = await team.handover_of(connection, asked.me.contact_id)
                return Reply(hands=(("take", writes_for, str(number)),))
            case "close":
                return Reply(hands=(("done", None, str(number)),))
            case "other":
                return Reply(act=lambda tx: self._next_alert(tx, asked, number))
            case _:
                return Reply()

    async def _next_alert(self, tx: AsyncConnection, asked: Asked, number: int) -> Reply:
        found = [one for one in await self._open_alerts(tx) if one.taken_by is None or one.number == number]
        at = next((n for n, one in enumerate(found) if one.number == number), -1)
        after = found[at + 1 :]
        if not after:
            return Reply(([asked.desk.phrases.desk_no_more],))
        return Reply(([asked.desk.alert(after[0])],), orders.ALERT, after[0].number)

    # calls

    async def _to_call(self, connection: AsyncConnection, now: datetime) -> CallList:
        missed = call_list.missed_in(self.telling.library)
        return await call_list.call_list(connection, self.telling.vault, missed, now, limit=_MOST)

    def _call(self, asked: Asked, one: ToCall, *before: Message) -> Reply:
        return Reply((*before, asked.desk.to_call(one)), orders.CALL, one.contact_id)

    async def _called(self, asked: Asked, contact_id: int, said: str) -> Reply:
        """What came of a call, noted; or the next person to call."""
        phrases, vault = asked.desk.phrases, self.telling.vault
        if said == "nothing":
            return Reply()
        if said == "other":
            async with self.database.read() as connection:
                found = await self._to_call(connection, asked.now)
            ids = [one.contact_id for one in found.people]
            after = found.people[ids.index(contact_id) + 1 :] if contact_id in ids else found.people
            return self._call(asked, after[0]) if after else Reply(([phrases.desk_no_more],))
        outcome = Outcome(said)
        again = next_try(asked.now, self.telling.zone) if outcome is Outcome.NOT_REACHED else None

        async def note(tx: AsyncConnection) -> Reply:
            kept = await call_list.record(tx, vault, self.telling.ids, contact_id, outcome, "", again, asked.now)
            if not kept:
                return Reply(([phrases.desk_call_gone],))
            if again is None:
                return Reply(([phrases.desk_call_noted],))
            return Reply(([Say(phrases.desk_call_again, {"when": asked.desk.at(again)})],))

        return Reply(act=note)
