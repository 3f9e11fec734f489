"""`mime drill`: an exercise. The team is called as if somebody were in danger, and the time is taken."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from bot.app import utc_now
from bot.commands.failing import at_the_stores, fail
from bot.commands.opened import settings_with_key
from bot.drill import Watched, spoken, watch
from config.settings import Settings
from domain.ids import Ids
from store import team
from store.database import Database
from store.drills import Drill, begin, end
from store.vault import Vault

app = typer.Typer(add_completion=False)

#: Seconds between two looks.
_PAUSE = 1.0


@app.command()
def drill(
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until somebody has taken it, and print the times.")
    ] = False,
    minutes: Annotated[float, typer.Option(min=0, help="With --wait: how long to stay. Then the drill is over.")] = 15,
) -> None:
    """Practise: the running program calls the team as in an emergency. Nobody else is written to."""
    settings = settings_with_key("nobody of the team can be named")
    with at_the_stores("the drill"):
        watched = asyncio.run(_drill(settings, timedelta(minutes=minutes) if wait else None))
    if watched is None:
        return
    for line in watched.lines():
        typer.echo(line)
    if not watched.taken:
        fail(f"Nobody took it within {spoken(timedelta(minutes=minutes))}. The drill is over.")


async def _drill(settings: Settings, stay: timedelta | None) -> Watched | None:
    database, vault = Database(settings.database_url), Vault(settings.secret_key.get_secret_value())
    ids = Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)
    try:
        now = utc_now()
        async with database.begin() as connection:
            if not team.on_duty(await team.members(connection, vault), now, settings.quiet.zone):
                fail("nobody who can be reached is on the rota: see mime team list, and give somebody a turn")
            raised = await begin(connection, ids, now)
        typer.echo("The drill is raised: the running program calls the rota now.")
        if stay is None:
            typer.echo(f"It goes on until somebody has taken it. To end it: mime alerts --done {raised.alert_id}")
            return None
        return await _watch(database, vault, raised, stay)
    finally:
        await database.close()


async def _watch(database: Database, vault: Vault, raised: Drill, stay: timedelta) -> Watched:
    """A drill that nobody watches any more must not go on calling people: also cut off, it is ended."""
    until = raised.raised_at + stay
    try:
        with Console(stderr=True).status("") as status:

            async def pause() -> None:
                status.update(f"Waiting for somebody to take it: {spoken(until - utc_now())} left")
                await asyncio.sleep(_PAUSE)

            return await watch(database, vault, raised, until, clock=utc_now, pause=pause, tell=typer.echo)
    finally:
        async with database.begin() as connection:
            await end(connection, raised, utc_now())
