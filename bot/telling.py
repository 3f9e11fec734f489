"""Words for somebody, put into the outbox outside of a batch: in their language, and at their hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.outgoing import WORTH_SENDING, ChannelKind
from domain.message import MessageClass
from domain.quiet import QuietHours
from flows.effects import Say
from flows.library import Library
from flows.phrases import Phrases
from flows.render import Renderer
from store import fires, outbox, people
from store.changes import Due, Queued
from store.circle import Address
from store.times import to_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class UnderWay:
    """One errand under way: its transaction, its fire, its time, and whom to answer."""

    connection: AsyncConnection
    due: Due
    now: datetime
    asker: Address


@dataclass(frozen=True, slots=True)
class Telling:
    """`ids` gives a new id."""

    vault: Vault
    library: Library
    renderer: Renderer
    channels: Mapping[str, ChannelKind]
    quiet: QuietHours
    ids: Callable[[], int]

    @property
    def zone(self) -> ZoneInfo:
        return self.quiet.zone

    def language(self, address: Address) -> str:
        return self.library.language(address.language)

    def phrases(self, address: Address) -> Phrases:
        return self.library.phrases[self.language(address)]

    async def tell(
        self,
        errand: UnderWay,
        to: Address,
        *said: Say | str,
        kind: MessageClass = MessageClass.REPLY,
        stopped_too: bool = False,
    ) -> None:
        """Queue one message; `kind` decides how urgent it is and whether it waits for morning. Who has stopped is told
        nothing; `stopped_too`: but the answer to what they just asked for.
        """
        if not stopped_too and await people.has_stopped(errand.connection, to.contact_id):
            return
        parts: Sequence[Say] = [Say(one) if isinstance(one, str) else one for one in said]
        language = self.language(to)
        text = self.renderer.message(
            parts, self.library.phrases[language], language, buttons=False, sms=self.channels[to.channel].sms
        ).text
        send_after = self.quiet.after(errand.now) if kind.waits_for_morning else errand.now
        id = self.ids()
        await outbox.queue(
            errand.connection,
            self.vault,
            Queued(
                id,
                f"errand/{errand.due.id}/{id}",
                to.contact_id,
                to.urn_key,
                to.channel,
                kind,
                text,
                "",
                (),
                to_ms(send_after),
                to_ms(send_after + WORTH_SENDING[kind]),
            ),
            to_ms(errand.now),
        )

    async def later(
        self, errand: UnderWay, kind: str, at: datetime, *, about: int | None = None, detail: str = ""
    ) -> None:
        """Another errand for the same person, at that time."""
        due = errand.due
        key = f"{kind}/{about or due.contact_id}/{self.ids()}"
        again = Due(self.ids(), key, kind, due.contact_id, due.urn_key, due.channel, about, detail)
        await fires.put(errand.connection, again, at)
