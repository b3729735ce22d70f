"""Where the daemons of a chaos agree on their leases: in Postgres, or in a NATS that is killed now and then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio.to_thread

from tests.nats_server import NatsServer, nats_server
from tests.polling import eventually
from tests.system.chaos_push import CLOCK, Storm

PLACES: Final = ("postgres", "nats")
KILL_EVERY_S: Final = (15.0, 45.0)
AWAY_S: Final = (0.1, 0.6)
"""Far less than a lease lives: while it is away nobody can take over, and that is not what is measured."""


@contextmanager
def leases_in(place: str) -> Iterator[NatsServer | None]:
    """Start what the leases are kept in, if that is not Postgres itself. Exits with what to install."""
    if place == "postgres":
        yield None
        return
    try:
        with nats_server() as server:
            yield server
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from error


def settings_for(nats: NatsServer | None) -> str:
    """Write the daemons' [leases]."""
    return f'[leases]\nnats = "{nats.url}"\n' if nats else ""


async def kill_now_and_then(nats: NatsServer, storm: Storm, ends_at: float, is_calm: Callable[[], bool]) -> None:
    """`kill -9` it when the daemons are well, and start it again on its files a moment later.

    A daemon that starts just then would end, for its systemd to start it again.
    """
    while True:
        await CLOCK.sleep(storm.chance.uniform(*KILL_EVERY_S))
        await eventually(is_calm, within_s=300, every_s=0.1)
        if CLOCK.monotonic() >= ends_at:
            return
        away_s = storm.chance.uniform(*AWAY_S)
        nats.kill()
        await CLOCK.sleep(away_s)
        await anyio.to_thread.run_sync(nats.start)
        storm.say(f"nats-server was killed, and started again {away_s:.1f} s later")
