"""How the hosts of one PostgreSQL stand to one another, and whether what is acknowledged would outlive one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from domain.value import value
from store.postgres import hosts_of

#: With these (PostgreSQL's documentation, `synchronous_commit`) a COMMIT waits until it is on the standby's disk.
_WAITS = ("on", "remote_apply")
_LOOK = (
    "SELECT pg_is_in_recovery(), current_setting('fsync') = 'on', current_setting('synchronous_commit'),"
    " current_setting('synchronous_standby_names'), count(*), count(sync_state),"
    " count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication"
)


@value
class Host:
    """What one host says of itself. `fault`: why it cannot be asked. `standbys` stream from it; of so many of them
    (`known`) we may see whether it waits for them, and for so many it does (`waited_for`).
    """

    name: str
    fault: str = ""
    standby: bool = False
    flushes: bool = True
    commit: str = ""
    names: str = ""
    standbys: int = 0
    known: int = 0
    waited_for: int = 0

    @property
    def role(self) -> str:
        if self.fault:
            return f"{self.name} is away ({self.fault})"
        return f"{self.name} {'is a standby' if self.standby else 'takes writes'}"


async def look(url: str) -> list[Host]:
    """Ask each host of the address by itself. Raises nothing for one that is away."""
    address = make_url(url)
    plain = address.difference_update_query(["host", "port", "target_session_attrs"])
    found = []
    names = hosts_of(url)
    for name in names:
        host, _, port = name.rpartition(":")
        one = address if len(names) == 1 else plain.set(host=host, port=int(port))
        engine = create_async_engine(one, poolclass=NullPool, connect_args={"connect_timeout": "2"})
        try:
            async with engine.connect() as connection:
                found.append(Host(name, "", *(await connection.execute(text(_LOOK))).one()))
        except Exception as error:  # away, or not quite PostgreSQL: the operator is told which, and the others go on
            found.append(Host(name, type(error).__name__))
        finally:
            await engine.dispose()
    return found


def judge(hosts: Sequence[Host]) -> Iterator[tuple[bool, str]]:
    """Whether each thing is well, and what there is to say of it."""
    primaries = [host for host in hosts if not host.fault and not host.standby]
    if len(hosts) > 1:
        yield not any(host.fault for host in hosts), f"of its hosts {', '.join(host.role for host in hosts)}"
    if len(primaries) > 1:
        both = " and ".join(host.name for host in primaries)
        yield False, f"{both} all take writes: stop those that were replaced, then make standbys of them"
    elif len(hosts) > 1 and not primaries:
        yield False, "no host takes writes: promote a standby (docs/howto/deploy.md)"
    for host in primaries:
        yield from _safe(host, alone=len(hosts) == 1 and not host.standbys)


def _safe(host: Host, *, alone: bool) -> Iterator[tuple[bool, str]]:
    """Whether what this primary has committed would be there after it is gone."""
    lost = "an acknowledged message could be lost"
    if not host.flushes or host.commit == "off":
        what = "synchronous_commit" if host.flushes else "fsync"
        yield False, f"{lost} when {host.name} stops: {what} is off there"
    elif alone:
        yield True, f"{host.name} has no standby: if its disk is lost, the last backup is what there is"
    elif not host.names or host.commit not in _WAITS:
        what = "synchronous_standby_names is empty" if not host.names else f"synchronous_commit is {host.commit}"
        yield False, f"{lost} at a failover: {what} on {host.name} (docs/howto/deploy.md)"
    elif host.standbys == 0 or (host.known and not host.waited_for):
        yield False, f"nothing can be stored: {host.name} waits for {host.names}, which is not connected"
    elif not host.known:
        see = "to see whether that is connected, grant pg_read_all_stats to our user"
        yield True, f"{host.name} waits for {host.names}; {see}"
    else:
        yield True, f"what is acknowledged is on a standby as well: {host.name} waits for {host.names}"
