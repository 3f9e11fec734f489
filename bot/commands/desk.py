"""What commands that write to many start with: the store with all that messages are made of, and refusals said."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import post
from bot.commands.failing import at_the_stores, fail
from config.settings import Settings
from domain.broadcast import BroadcastRefused
from domain.ids import Ids
from domain.segment import SegmentRefused
from flows.fold import fold
from flows.library import Library
from flows.render import Renderer
from store import team
from store.broadcasts.drafts import Post
from store.database import Database
from store.vault import Vault

T = TypeVar("T")


def at_the_desk(settings: Settings, flows: Library, what: str, act: Callable[[Post], Awaitable[T]]) -> T:
    """Run `act` at the store; a refusal is said, a line a fault, and ends the command."""

    async def run() -> T:
        database = Database(settings.database_url)
        vault = Vault(settings.secret_key.get_secret_value())
        ids = Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)
        try:
            return await act(post(settings, database, vault, flows, Renderer(), ids))
        finally:
            await database.close()

    with refused(), at_the_stores(what):
        return asyncio.run(run())


@contextmanager
def refused() -> Iterator[None]:
    try:
        yield
    except (BroadcastRefused, SegmentRefused) as error:
        refuse(error.faults, "Nothing was changed.")


def refuse(faults: Iterable[str], nothing: str) -> NoReturn:
    for fault in faults:
        typer.echo(fault, err=True)
    fail(nothing)


async def who(connection: AsyncConnection, vault: Vault, name: str) -> int | None:
    """The contact of that person of the team; None for no name. Raises BroadcastRefused where nobody is called so."""
    if not name:
        return None
    everybody = await team.members(connection, vault)
    found = [one.address.contact_id for one in everybody if fold(one.name) == fold(name)]
    if len(set(found)) != 1:
        raise BroadcastRefused(f"--by {name}: {'several people' if found else 'nobody'} of the team are called so")
    return found[0]
