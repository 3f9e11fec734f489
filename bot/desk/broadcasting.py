"""A coordinator prepares a message to many, looks at it, and decides: the part of the desk that is about broadcasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk import orders
from bot.desk.reply import Asked, Message, Reply, refused
from bot.desk.telling import desk_for
from bot.desk.times import moment_said
from bot.telling import Telling
from domain.broadcast import Broadcast, BroadcastRefused, BroadcastState, Wording
from domain.contact import Role
from domain.event import text_in
from domain.segment import Segment, SegmentRefused
from domain.segment_words import segment_said
from flows.conditions import Answer
from flows.effects import Blanks, Say
from flows.fold import fold
from flows.library import SOURCE_LANGUAGE
from flows.programme import chosen
from store import events, team
from store.broadcasts import course, drafts, previews, segments
from store.broadcasts.drafts import Post
from store.broadcasts.previews import Foreseen
from store.circle import Address
from store.database import Database

_NAME = 40
_WHEN = "say the day and the time, and both still to come, such as: 8.12. 10am"
_CHANGED = "it was changed meanwhile: look at it again"
_UNDER_WAY = (BroadcastState.SENDING, BroadcastState.PAUSED)
_LIVE = (BroadcastState.DRAFT, BroadcastState.APPROVED, *_UNDER_WAY)


@dataclass(frozen=True, slots=True)
class Broadcasting:
    database: Database
    post: Post
    telling: Telling

    async def listing(self, connection: AsyncConnection, asked: Asked, page: int) -> Reply:
        """Those that are planned or on their way; the card of the one that is under way, if it is one."""
        kept = [one for one in await drafts.listing(connection) if one.broadcast.state in _LIVE]
        said = asked.desk.broadcasts(kept, page)
        running = [one.broadcast for one in kept if one.broadcast.state in _UNDER_WAY]
        if len(running) == 1 and not page:
            return Reply((said,), card(running[0].state), running[0].number)
        return Reply((said,))

    async def one(self, connection: AsyncConnection, asked: Asked, number: int) -> Reply:
        """Its preview, where it has not been begun; else how far it is."""
        progress = await course.progress(connection, number)
        if progress is None:
            return Reply(([Say(asked.desk.phrases.desk_broadcast_none, {"number": number})],))
        state = progress.kept.broadcast.state
        if progress.kept.started_at is None and state in _LIVE:
            return await self.preview(asked, number)
        return Reply((asked.desk.progress(progress),), card(state), number)

    async def draft(self, tx: AsyncConnection, asked: Asked, answers: Mapping[str, Answer]) -> Reply:
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
            made = await drafts.add(tx, self.post, draft, asked.me.contact_id, asked.now)
        except BroadcastRefused as why:  # before anything was written
            (said,) = refused(asked, why).said
            return Reply(([*said, asked.desk.phrases.desk_again],))
        saved = await segments.saved(tx)
        groups = [Say(asked.desk.phrases.desk_groups, {"names": ", ".join(saved)})] if saved else []
        return Reply((groups,), orders.PEOPLE, made.number)

    async def whom(self, asked: Asked, number: int, said: str) -> Reply:
        """Whom it is for: a saved group's name, or words. What nobody understands is asked again."""
        try:
            async with self.database.begin() as tx:
                was = (await drafts.changeable(tx, number)).broadcast
                saved = {fold(name): segment for name, segment in (await segments.saved(tx)).items()}
                segment = saved.get(fold(said))
                if segment is None:
                    segment = segment_said(said, asked.desk.names)
                wanted = replace(was, segment=replace(segment, consent=was.segment.consent))
                await drafts.change(tx, self.post, wanted, asked.now)
        except SegmentRefused as why:
            return refused(asked, why, orders.PEOPLE, number)
        return await self.preview(asked, number)

    async def preview(self, asked: Asked, number: int) -> Reply:
        found = await previews.foresee(self.post, number, asked.now)
        return Reply((asked.desk.foreseen(found),), card_of(found), number)

    async def decided(self, asked: Asked, number: int, answers: Mapping[str, Answer]) -> Reply:
        """What was chosen on a broadcast's card."""
        phrases, me = asked.desk.phrases, asked.me.contact_id
        again = f"{orders.BROADCAST}/{answers['stage']}"
        match str(answers["next"]):
            case "send":
                return await self._send(asked, number)
            case "later":
                return await self.send_at(asked, number, str(answers["at"]))
            case "approve" | "refuse":
                return await self._second(asked, number, answers)
            case "leave_out":
                return await self._leave_out(asked, number)
            case "whom":
                return Reply((), orders.PEOPLE, number)
            case "try":

                async def try_out(tx: AsyncConnection) -> Reply:
                    await course.try_out(tx, self.post, number, me, None, asked.now)
                    return Reply(([phrases.desk_tried],), again, number)

                return Reply(act=try_out)
            case "save":

                async def save(tx: AsyncConnection) -> Reply:
                    kept = await drafts.changeable(tx, number)
                    name = str(answers["group"])
                    await segments.save(tx, self.post.ids(), name, kept.broadcast.segment, asked.now)
                    return Reply(([Say(phrases.desk_saved, {"name": name})],), again, number)

                return Reply(act=save)
            case "pause":

                async def pause(tx: AsyncConnection) -> Reply:
                    await course.pause(tx, number)
                    return Reply(([Say(phrases.desk_paused, {"number": number})],), card(BroadcastState.PAUSED), number)

                return Reply(act=pause)
            case "go_on":
                await course.resume(self.post, number, asked.now)
                return Reply(([Say(phrases.desk_resumed, {"number": number})],))
            case "drop" | "halt":

                async def stop(tx: AsyncConnection) -> Reply:
                    held_back = await course.stop(tx, number, asked.now)
                    if answers["next"] == "drop":
                        return Reply(([Say(phrases.desk_said_no, {"number": number})],))
                    return Reply(([Say(phrases.desk_stopped, {"number": number, "count": held_back})],))

                return Reply(act=stop)
            case _:
                return Reply()

    async def _leave_out(self, asked: Asked, number: int) -> Reply:
        """Readers of languages without a reviewed text get nothing."""
        found = await previews.foresee(self.post, number, asked.now)
        async with self.database.begin() as tx:
            was = (await drafts.changeable(tx, number)).broadcast
            without = was.without | frozenset(found.ahead.unread)
            await drafts.change(tx, self.post, replace(was, without=without), asked.now)
        return await self.preview(asked, number)

    async def send_at(self, asked: Asked, number: int, said: str) -> Reply:
        """Send it at the time that was said."""
        words = self.telling.library.words[SOURCE_LANGUAGE]
        at = moment_said(said, words, asked.now, self.telling.zone)
        found = await previews.foresee(self.post, number, asked.now)
        if at is None:
            return refused(asked, BroadcastRefused(_WHEN), card_of(found), number)
        if found.kept.broadcast.send_at != at:
            async with self.database.begin() as tx:
                was = (await drafts.changeable(tx, number)).broadcast
                await drafts.change(tx, self.post, replace(was, send_at=at), asked.now)
        return await self._send(asked, number)

    async def _send(self, asked: Asked, number: int) -> Reply:
        """Order it sent; where the project wants a second person, ask the other coordinators first."""
        found = await previews.foresee(self.post, number, asked.now)
        kept, me = found.kept, asked.me.contact_id
        if kept.broadcast.state in _UNDER_WAY:  # by this very order, and we were cut off before we could say so
            return Reply((self._on_its_way(asked, kept.broadcast, kept.people),))
        if found.stops:
            return Reply((asked.desk.foreseen(found),), card_of(found), number)
        needs_two = self.post.terms.two_people and kept.broadcast.state is BroadcastState.DRAFT
        if needs_two and kept.made_by in (None, me):
            return await self._ask_second(asked, found)
        if needs_two:
            async with self.database.begin() as tx:
                await drafts.approve(tx, self.post.terms, number, me)
        try:
            count = (await course.start(self.post, number, asked.now)).people
        except BroadcastRefused:
            async with self.database.read() as connection:
                now = await drafts.numbered(connection, number)
            if now is None or now.broadcast.state not in _UNDER_WAY:
                raise
            count = now.people  # another replica was first with this very order
        return Reply((self._on_its_way(asked, kept.broadcast, count),))

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
            theirs = desk_for(self.telling, address, asked.now)
            ask = Say(theirs.phrases.desk_approval, {"name": mine})
            told.append((address, [ask, *theirs.foreseen(found)], _asks(broadcast)))
        return Reply(([phrases.desk_asked],), about=broadcast.number, others=tuple(told))

    async def _second(self, asked: Asked, number: int, answers: Mapping[str, Answer]) -> Reply:
        """A second person says yes, and it is sent; or no, and it stays a draft. Who made it is told. What is no more
        as they read it is shown to them again, and what somebody else has decided is said.
        """
        me = asked.me.contact_id
        async with self.database.read() as connection:
            kept = await drafts.numbered(connection, number)
            by_me = kept is not None and kept.approved_by == me
            if kept is None or (kept.broadcast.state is not BroadcastState.DRAFT and not by_me):
                return await self.one(connection, asked, number)
        if drafts.fingerprint(kept.broadcast) != answers.get("seen"):
            found = await previews.foresee(self.post, number, asked.now)
            changed = refused(asked, BroadcastRefused(_CHANGED)).said
            return Reply((*changed, asked.desk.foreseen(found)), _asks(found.kept.broadcast), number)
        if answers["next"] == "refuse":
            said = Say(asked.desk.phrases.desk_said_no, {"number": number})
            return Reply(([said],), about=number, others=await self._to_maker(asked, number, "desk_refused"))
        if not by_me:
            async with self.database.begin() as tx:
                await drafts.approve(tx, self.post.terms, number, me, seen=str(answers["seen"]))
        reply = await self._send(asked, number)
        return replace(reply, about=number, others=await self._to_maker(asked, number, "desk_approved"))

    async def _to_maker(self, asked: Asked, number: int, phrase: str) -> tuple[tuple[Address, Message, str], ...]:
        """What the second person said, to who made it."""
        async with self.database.read() as connection:
            kept = await drafts.numbered(connection, number)
            everybody = await team.members(connection, self.telling.vault)
        names = {one.address.contact_id: one.name for one in everybody}
        maker = next((one.address for one in everybody if kept and one.address.contact_id == kept.made_by), None)
        if maker is None or maker.contact_id == asked.me.contact_id:
            return ()
        blanks: Blanks = {"name": names.get(asked.me.contact_id, "?"), "number": number}
        return ((maker, [Say(getattr(self.telling.phrases(maker), phrase), blanks)], ""),)


def _asks(broadcast: Broadcast) -> str:
    """The card that asks a second person about what they have just read."""
    return f"{orders.ASKED}/{drafts.fingerprint(broadcast)}"


def card_of(found: Foreseen) -> str:
    """The card of a broadcast whose preview was just shown."""
    if found.kept.broadcast.state is not BroadcastState.DRAFT:
        return card(found.kept.broadcast.state)
    if not found.stops:
        return f"{orders.BROADCAST}/ready"
    unread = found.ahead.unread.keys() - found.kept.broadcast.without
    return f"{orders.BROADCAST}/{'unread' if unread else 'held'}"


def card(state: BroadcastState) -> str:
    """The card of a broadcast of which only its state is known; none where it is over."""
    stage = _STAGES.get(state)
    return "" if stage is None else f"{orders.BROADCAST}/{stage}"


_STAGES = {
    BroadcastState.DRAFT: "ready",
    BroadcastState.APPROVED: "approved",
    BroadcastState.SENDING: "sending",
    BroadcastState.PAUSED: "paused",
}
