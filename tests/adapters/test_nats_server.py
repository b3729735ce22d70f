"""Leases in NATS: what its server can go through."""

import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest

from daemon.adapters.nats.bucket import COMMAND_TIMEOUT_S, Bucket, probe
from daemon.adapters.nats.lease_store import NatsLeaseStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import LeaseLost, StoreUnavailable
from daemon.core.leases import Lease, Roll
from tests.adapters.members import TTL, Kind, Members, Store, in_nats, in_time, writing
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.certificate import self_signed
from tests.nats_server import NatsServer, nats_server


@pytest.fixture
def coordinator() -> Kind:
    return "NATS"


@pytest.fixture
def server() -> Iterator[NatsServer]:
    """A server of the test's own, to be broken."""
    with nats_server() as started:
        yield started


@pytest.fixture
def nats_address(server: NatsServer) -> str:
    return server.url


async def test_a_server_that_was_killed_goes_on_where_it_was(
    books: Books, server: NatsServer, members: Members
) -> None:
    member, other = await members("member"), await members("other")
    (lease,) = await member.acquire(10, ())
    server.kill()
    with pytest.raises(StoreUnavailable, match="start nats-server"):
        await member.renew(TTL)
    server.start()
    assert await member.renew(TTL) == Roll(living=2, sharing=2)
    await writing(books, lease.epoch).save_cursor(SCOPE, Cursor(feed=Feed.INVOICES))
    assert await other.acquire(10, ()) == ()
    await member.release([PARTNER])
    (later,) = await other.acquire(10, ())
    assert later.epoch > lease.epoch


async def test_a_bucket_made_anew_begins_above_the_former_one(
    books: Books, server: NatsServer, members: Members
) -> None:
    former, heir = await members("former"), await members("heir")
    (old,) = await former.acquire(10, ())
    server.kill()
    server.forget()
    server.start()
    for member in (former, heir):
        await in_time(lambda: gone(member))  # noqa: B023 -- called within the turn
    # Each may be refused until the other has noticed as well, and neither for longer.
    with pytest.raises(StoreUnavailable, match="heir works on this database"):
        await former.join(TTL)
    await heir.join(TTL)
    await former.join(TTL)
    (new,) = await heir.acquire(10, ())
    assert new.epoch > old.epoch
    with pytest.raises(LeaseLost):
        await writing(books, old.epoch).save_cursor(SCOPE, Cursor(feed=Feed.INVOICES))
    assert await former.renew(TTL) == Roll(living=2, sharing=2)


async def test_a_server_that_lost_its_last_seconds_gives_no_lease_that_postgres_has_seen_past(
    books: Books, server: NatsServer, members: Members
) -> None:
    member = await members("member")
    server.kill(signal.SIGTERM)
    shutil.copytree(server.place / "streams", server.place / "before")
    server.start()
    (lease,) = await in_time(lambda: member.acquire(10, ()))
    server.kill(signal.SIGTERM)
    server.forget()
    (server.place / "before").rename(server.place / "streams")
    server.start()
    heir = await in_time(lambda: members("heir"))
    await member.leave()
    # As every member's renewals count as well, the revisions come to where they were.
    (later,) = await in_time(lambda: renewed_and_taken(heir))
    assert later.epoch > lease.epoch
    await writing(books, later.epoch).save_cursor(SCOPE, Cursor(feed=Feed.INVOICES))


async def gone(store: Store) -> bool:
    return await store.renew(TTL) is None


async def renewed_and_taken(store: Store) -> tuple[Lease, ...]:
    await store.renew(TTL)
    return await store.acquire(10, ())


ACTS: dict[str, Callable[[NatsLeaseStore], Awaitable[object]]] = {
    "join": lambda store: store.join(TTL),
    "renew": lambda store: store.renew(TTL),
    "bury": lambda store: store.bury(TTL),
    "census": lambda store: store.census(TTL),
    "acquire": lambda store: store.acquire(10, ()),
    "release": lambda store: store.release([PARTNER]),
    "resign": lambda store: store.resign(),
    "leave": lambda store: store.leave(),
}


@pytest.mark.parametrize("away", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_server_that_is_away_is_told_within_the_life_of_a_lease(
    away: signal.Signals, books: Books, server: NatsServer, members: Members
) -> None:
    stores = {name: await in_nats(members, name) for name in ACTS}
    await stores["release"].acquire(10, ())
    assert server.process is not None
    if away is signal.SIGKILL:
        server.kill()
    else:
        server.process.send_signal(away)
    told: dict[str, str] = {}

    async def ask(name: str) -> None:
        with anyio.move_on_after(COMMAND_TIMEOUT_S + 1):
            try:
                told[name] = str(await ACTS[name](stores[name]))
            except StoreUnavailable as error:
                told[name] = str(error)

    async with anyio.create_task_group() as tasks:
        for name in ACTS:
            tasks.start_soon(ask, name)
    assert [name for name in ACTS if "correct leases.nats" not in told.get(name, "")] == [], told
    if away is signal.SIGSTOP:
        server.process.send_signal(signal.SIGCONT)
        await in_time(lambda: stores["release"].acquire(10, ()))


@pytest.mark.parametrize(
    ("options", "told"), [(["--auth", "canary"], "leases.nats"), (["--addr", "127.0.0.1"], "--jetstream")]
)
async def test_a_server_that_cannot_be_used_says_what_to_change(options: list[str], told: str) -> None:
    with nats_server(*options) as server:
        with pytest.raises(StoreUnavailable, match=told) as caught:
            await probe([server.url])
        assert "canary" not in str(caught.value)
        bucket = Bucket([server.url], "b")
        with pytest.raises(StoreUnavailable, match=told):
            async with bucket.reached():
                await bucket.made_at_us()
        await bucket.close()


async def test_a_tls_address_is_answered_only_by_whom_its_certificate_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = self_signed("localhost", tmp_path)
    tls = ("--jetstream", "--user", "u", "--pass", "canary", "--tls", f"--tlscert={both}", f"--tlskey={both}")
    with nats_server(*tls) as server:
        address = f"tls://u:canary@localhost:{server.port}"
        with pytest.raises(StoreUnavailable, match=r"certificate.*correct leases\.nats") as caught:
            await probe([address])
        assert "canary" not in str(caught.value)
        monkeypatch.setenv("SSL_CERT_FILE", str(both))
        assert await probe([address]) >= (2, 11)
        with pytest.raises(StoreUnavailable, match="certificate"):
            await probe([address.replace("localhost", "127.0.0.1")])


async def test_the_next_of_several_servers_is_asked_when_the_first_is_away(server: NatsServer) -> None:
    assert await probe(["nats://127.0.0.1:9", server.url]) >= (2, 11)
