"""What follows from a coordinator's order or answer at their desk: errands that look first, and then decide at once.

What takes long (who would get a broadcast, who is to be called) is looked at before the transaction that answers, so
that nobody who writes meanwhile waits for it. That transaction takes the fire out: the answer is said once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk import orders
from bot.desk.orders import Desked, DeskOrder, desk_order
from bot.desk.telling import PAGE, Desk
from bot.desk.times import moment_said
from bot.telling import Telling, UnderWay
from domain.broadcast import Broadcast, BroadcastRefused, BroadcastState, Wording
from domain.call_list import Outcome, next_try
from domain.contact import Role
from domain.event import text_in
from domain.message import MessageClass
from domain.segment import Segment, SegmentRefused
from domain.segment_words import segment_said
from flows.conditions import Answer
from flows.effects import AlertKind, Blanks, Say
from flows.fold import fold
from flows.library import SOURCE_LANGUAGE
from flows.programme import chosen
from flows.session import Session
from store import broadcasts, call_list, events, fires, overview, people, team
from store.broadcasts import Foreseen, Post
from store.call_list import CallList, ToCall
from store.changes import Due
from store.circle import Address
from store.database import Database
from store.team import OpenAlert
from store.vocabulary import names_of

KINDS = frozenset({orders.DESK, orders.DESK_ANSWER, orders.DESK_AT})
#: So far back is looked for what MORE is more of.
_BACK = 30
_NAME = 40
#: So many alerts, and people to call, are looked at.
_MOST = 200
_URGENT = (AlertKind.DISTRESS, AlertKind.AT_THE_DOOR, AlertKind.PERSON)
_UNDER_WAY = (BroadcastState.SENDING, BroadcastState.PAUSED)
_LIVE = (BroadcastState.DRAFT, BroadcastState.APPROVED, *_UNDER_WAY)
_WHEN = "say the day and the time, and both still to come, such as: 8.12. 10am"

Message = Sequence[Say | str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One order of a coordinator under way."""

    due: Due
    now: datetime
    me: Address
    desk: Desk


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, a message each, and the card that follows, about that number. With `act`, what is said is known
    only when it is done, in the transaction that says it. `others` are told, and asked with a card, as well; `hands`
    are errands of the same person.
    """

    said: tuple[Message, ...] = ()
    card: str = ""
    about: int = 0
    act: Callable[[AsyncConnection], Awaitable[Reply]] | None = None
    others: tuple[tuple[Address, Message, str], ...] = ()
    hands: tuple[tuple[str, int | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CoordinatorsDesk:
    database: Database
    post: Post
    telling: Telling

    async def run(self, due: Due, now: datetime) -> None:
        """Do it, where it is a coordinator who asks."""
        async with self.database.read() as connection:
            allowed = await team.is_coordinator(connection, due.contact_id)
            language = await people.language_of(connection, due.contact_id)
        me = Address(due.contact_id, due.urn_key, due.channel, language)
        asked = Asked(due, now, me, self._desk(me, now))
        try:
            await self._answer(asked, await self._reply(asked) if allowed else Reply())
        except (BroadcastRefused, SegmentRefused) as refused:
            await self._answer(asked, self._refused(asked, refused))

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

    def _refused(
        self, asked: Asked, refused: BroadcastRefused | SegmentRefused, card: str = "", about: int = 0
    ) -> Reply:
        """What cannot be done, with what to do: in English, as the faults are."""
        why = "\n".join(refused.faults)
        return Reply(([Say(asked.desk.phrases.staff_event_refused, {"why": why})],), card, about)

    async def _reply(self, asked: Asked) -> Reply:
        due = asked.due
        async with self.database.read() as connection:
            if due.kind == orders.DESK:
                order, page = await self._ordered(connection, asked)
                return await self._show(connection, asked, order, page)
            if due.kind == orders.DESK_ANSWER:
                session = await people.session_of(connection, self.telling.vault, due.session_id or 0)
        if due.kind == orders.DESK_AT:
            return await self._send_at(asked, due.session_id or 0, due.flow or "")
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
                kept = [one for one in await broadcasts.listing(connection) if one.broadcast.state in _LIVE]
                running = [one for one in kept if one.broadcast.state in _UNDER_WAY]
                if len(running) == 1 and not page:
                    number = running[0].broadcast.number
                    return Reply((desk.broadcasts(kept, page),), _card(running[0].broadcast.state), number)
                return Reply((desk.broadcasts(kept, page),))
            case Desked(DeskOrder.BROADCAST, number) if not page:
                progress = await broadcasts.progress(connection, number)
                if progress is None:
                    return Reply(([Say(desk.phrases.desk_broadcast_none, {"number": number})],))
                if progress.kept.started_at is None and progress.kept.broadcast.state in _LIVE:
                    return await self._preview(asked, number)
                return Reply((desk.progress(progress),), _card(progress.kept.broadcast.state), number)
            case _:
                return Reply(([desk.phrases.desk_no_more],))

    # what was answered

    async def _answered(self, asked: Asked, session: Session) -> Reply:
        """A coordinator has answered a flow of the desk."""
        answers = session.answers
        number = int(str(answers.get("number", 0)))
        match session.flow:
            case orders.INVITE:
                return Reply(act=lambda tx: self._draft(tx, asked, answers))
            case orders.PEOPLE:
                return await self._whom(asked, number, str(answers["whom"]))
            case orders.BROADCAST:
                return await self._broadcast(asked, number, answers)
            case orders.ALERT:
                return await self._alert(asked, number, str(answers["next"]))
            case orders.CALL:
                return await self._called(asked, number, str(answers["outcome"]))
            case _:
                return Reply()

    # broadcasts

    async def _draft(self, tx: AsyncConnection, asked: Asked, answers: Mapping[str, Answer]) -> Reply:
        """Keep the draft, and ask whom it is for."""
        event_id, text = chosen(answers["what"]), str(answers.get("words", "")).strip()
        event = None if event_id is None else await events.event(tx, event_id)
        name = " ".join(text.split()) if event is None else text_in(event.title, SOURCE_LANGUAGE)
        draft = Broadcast(
            id=0,
            number=0,  # the store gives it
            name=name[:_NAME],
            segment=Segment(),
            texts={SOURCE_LANGUAGE: Wording(text, "the team")} if event is None else {},
            event=None if event is None else event.number,
        )
        try:
            made = await broadcasts.add(tx, self.post, draft, asked.me.contact_id, asked.now)
        except BroadcastRefused as refused:  # before anything was written
            (said,) = self._refused(asked, refused).said
            return Reply(([*said, asked.desk.phrases.desk_again],))
        saved = await broadcasts.segments(tx)
        groups = [Say(asked.desk.phrases.desk_groups, {"names": ", ".join(saved)})] if saved else []
        return Reply((groups,), orders.PEOPLE, made.number)

    async def _whom(self, asked: Asked, number: int, said: str) -> Reply:
        """Whom it is for: a saved group's name, or words. What nobody understands is asked again."""
        try:
            async with self.database.begin() as tx:
                was = (await broadcasts.changeable(tx, number)).broadcast
                saved = {fold(name): segment for name, segment in (await broadcasts.segments(tx)).items()}
                segment = saved.get(fold(said))
                if segment is None:
                    segment = segment_said(said, asked.desk.names)
                wanted = replace(was, segment=replace(segment, consent=was.segment.consent))
                await broadcasts.change(tx, self.post, wanted, asked.now)
        except SegmentRefused as refused:
            return self._refused(asked, refused, orders.PEOPLE, number)
        return await self._preview(asked, number)

    async def _preview(self, asked: Asked, number: int) -> Reply:
        found = await broadcasts.foresee(self.post, number, asked.now)
        return Reply((asked.desk.foreseen(found),), _card_of(found), number)

    async def _broadcast(self, asked: Asked, number: int, answers: Mapping[str, Answer]) -> Reply:
        """What was chosen on a broadcast's card."""
        phrases, me = asked.desk.phrases, asked.me.contact_id
        match str(answers["next"]):
            case "send":
                return await self._send(asked, number)
            case "later":
                return await self._send_at(asked, number, str(answers["at"]))
            case "approve":
                return await self._approve(asked, number)
            case "refuse":
                return await self._say_no(asked, number)
            case "leave_out":
                return await self._leave_out(asked, number)
            case "whom":
                return Reply((), orders.PEOPLE, number)
            case "try":

                async def try_out(tx: AsyncConnection) -> Reply:
                    await broadcasts.try_out(tx, self.post, number, me, None, asked.now)
                    card = f"{orders.BROADCAST}/{answers['stage']}"
                    return Reply(([phrases.desk_tried],), card, number)

                return Reply(act=try_out)
            case "save":

                async def save(tx: AsyncConnection) -> Reply:
                    kept = await broadcasts.changeable(tx, number)
                    name = str(answers["group"])
                    await broadcasts.save_segment(tx, self.post.ids(), name, kept.broadcast.segment, asked.now)
                    card = f"{orders.BROADCAST}/{answers['stage']}"
                    return Reply(([Say(phrases.desk_saved, {"name": name})],), card, number)

                return Reply(act=save)
            case "pause":

                async def pause(tx: AsyncConnection) -> Reply:
                    await broadcasts.pause(tx, number)
                    return Reply(
                        ([Say(phrases.desk_paused, {"number": number})],), _card(BroadcastState.PAUSED), number
                    )

                return Reply(act=pause)
            case "go_on":
                await broadcasts.resume(self.post, number, asked.now)
                return Reply(([Say(phrases.desk_resumed, {"number": number})],))
            case "drop" | "halt":

                async def stop(tx: AsyncConnection) -> Reply:
                    held_back = await broadcasts.stop(tx, number, asked.now)
                    if answers["next"] == "drop":
                        return Reply(([Say(phrases.desk_said_no, {"number": number})],))
                    return Reply(([Say(phrases.desk_stopped, {"number": number, "count": held_back})],))

                return Reply(act=stop)
            case _:
                return Reply()

    async def _leave_out(self, asked: Asked, number: int) -> Reply:
        """Readers of languages without a reviewed text get nothing."""
        found = await broadcasts.foresee(self.post, number, asked.now)
        async with self.database.begin() as tx:
            was = (await broadcasts.changeable(tx, number)).broadcast
            without = was.without | frozenset(found.ahead.unread)
            await broadcasts.change(tx, self.post, replace(was, without=without), asked.now)
        return await self._preview(asked, number)

    async def _send_at(self, asked: Asked, number: int, said: str) -> Reply:
        """Send it at the time that was said."""
        words = self.telling.library.words[SOURCE_LANGUAGE]
        at = moment_said(said, words, asked.now, self.telling.zone)
        found = await broadcasts.foresee(self.post, number, asked.now)
        if at is None:
            return self._refused(asked, BroadcastRefused(_WHEN), _card_of(found), number)
        if found.kept.broadcast.send_at != at:
            async with self.database.begin() as tx:
                was = (await broadcasts.changeable(tx, number)).broadcast
                await broadcasts.change(tx, self.post, replace(was, send_at=at), asked.now)
        return await self._send(asked, number)

    async def _send(self, asked: Asked, number: int) -> Reply:
        """Order it sent; where the project wants a second person, ask the other coordinators first."""
        found = await broadcasts.foresee(self.post, number, asked.now)
        kept, me = found.kept, asked.me.contact_id
        if kept.broadcast.state in _UNDER_WAY:  # by this very order, and we were cut off before we could say so
            return Reply((self._on_its_way(asked, kept.broadcast, kept.people),))
        if found.stops:
            return Reply((asked.desk.foreseen(found),), _card_of(found), number)
        needs_two = self.post.terms.two_people and kept.broadcast.state is BroadcastState.DRAFT
        if needs_two and kept.made_by in (None, me):
            return await self._ask_second(asked, found)
        if needs_two:
            async with self.database.begin() as tx:
                await broadcasts.approve(tx, self.post.terms, number, me)
        begun = await broadcasts.start(self.post, number, asked.now)
        return Reply((self._on_its_way(asked, kept.broadcast, begun.people),))

    def _on_its_way(self, asked: Asked, broadcast: Broadcast, count: int) -> Message:
        phrases = asked.desk.phrases
        said = [Say(phrases.desk_sent, {"number": broadcast.number, "count": count})]
        if broadcast.send_at is not None and broadcast.send_at > asked.now:
            said.append(Say(phrases.desk_preview_begins, {"when": asked.desk.at(broadcast.send_at)}))
        return said

    async def _ask_second(self, asked: Asked, found: Foreseen) -> Reply:
        phrases, broadcast = asked.desk.phrases, found.kept.broadcast
        async with self.database.read() as connection:
            everybody = await team.members(connection, self.telling.vault)
        mine = next((one.name for one in everybody if one.address.contact_id == asked.me.contact_id), "?")
        others = [
            one.address
            for one in everybody
            if one.role is Role.COORDINATOR and one.address.contact_id not in (asked.me.contact_id, found.kept.made_by)
        ]
        if not others:
            return Reply(([phrases.desk_nobody_to_ask],), f"{orders.BROADCAST}/ready", broadcast.number)
        told = []
        for address in others:
            theirs = self._desk(address, asked.now)
            ask = Say(theirs.phrases.desk_approval, {"name": mine})
            told.append((address, [ask, *theirs.foreseen(found)], orders.ASKED))
        return Reply(([phrases.desk_asked],), about=broadcast.number, others=tuple(told))

    async def _approve(self, asked: Asked, number: int) -> Reply:
        """A second person says yes: it is sent, and who made it is told."""
        async with self.database.begin() as tx:
            kept = await broadcasts.numbered(tx, number, lock=True)
            if kept is None or kept.broadcast.state is BroadcastState.DRAFT:
                await broadcasts.approve(tx, self.post.terms, number, asked.me.contact_id)
        reply = await self._send(asked, number)
        return replace(reply, about=number, others=await self._to_maker(asked, number, "desk_approved"))

    async def _say_no(self, asked: Asked, number: int) -> Reply:
        said = Say(asked.desk.phrases.desk_said_no, {"number": number})
        return Reply(([said],), about=number, others=await self._to_maker(asked, number, "desk_refused"))

    async def _to_maker(self, asked: Asked, number: int, phrase: str) -> tuple[tuple[Address, Message, str], ...]:
        """What the second person said, to who made it."""
        async with self.database.read() as connection:
            kept = await broadcasts.numbered(connection, number)
            everybody = await team.members(connection, self.telling.vault)
        names = {one.address.contact_id: one.name for one in everybody}
        maker = next((one.address for one in everybody if kept and one.address.contact_id == kept.made_by), None)
        if maker is None or maker.contact_id == asked.me.contact_id:
            return ()
        blanks: Blanks = {"name": names.get(asked.me.contact_id, "?"), "number": number}
        return ((maker, [Say(getattr(self.telling.phrases(maker), phrase), blanks)], ""),)

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

    def _desk(self, address: Address, now: datetime) -> Desk:
        telling = self.telling
        names = names_of(telling.library, now.astimezone(telling.zone).date())
        return Desk(telling.library, telling.phrases(address), telling.language(address), telling.zone, names)


def _card_of(found: Foreseen) -> str:
    """The card of a broadcast whose preview was just shown."""
    if found.kept.broadcast.state is not BroadcastState.DRAFT:
        return _card(found.kept.broadcast.state)
    if not found.stops:
        return f"{orders.BROADCAST}/ready"
    unread = found.ahead.unread.keys() - found.kept.broadcast.without
    return f"{orders.BROADCAST}/{'unread' if unread else 'held'}"


def _card(state: BroadcastState) -> str:
    """The card of a broadcast of which only its state is known; none where it is over."""
    stage = _STAGES.get(state)
    return "" if stage is None else f"{orders.BROADCAST}/{stage}"


_STAGES = {
    BroadcastState.DRAFT: "ready",
    BroadcastState.APPROVED: "approved",
    BroadcastState.SENDING: "sending",
    BroadcastState.PAUSED: "paused",
}
