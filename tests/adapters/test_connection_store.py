"""What a supervisor marks on its connection, and the dashboard's sessions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel

from daemon.adapters.postgres.connection_store import ConnectionStore
from daemon.adapters.postgres.pool import Conn, Pool
from daemon.adapters.postgres.session_store import SessionStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import StoreUnavailable
from daemon.core.issues import filter_ignored
from daemon.core.model import AccountId, PartnerId, Resource, Scope
from daemon.core.state import Connection, ConnectionStatus
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books, event_kinds
from tests.builders import NOW, make_fb_invoice
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres

MINUTE = timedelta(minutes=1)


# ---- loading ---------------------------------------------------------------------------------------------------------


async def test_many_who_start_at_once_are_loaded_by_one_query(books: Books) -> None:
    names = [PartnerId(f"many-{number}") for number in range(300)]
    await books.execute("INSERT INTO platform.partner SELECT id, id FROM unnest($1::text[]) id", names)
    await books.execute(
        "INSERT INTO sync.connection (partner_id, status, account_id) "
        "SELECT id, 'connected', 'of-' || id FROM unnest($1::text[]) id",
        names,
    )
    for name in names[:2]:
        scope = Scope(partner_id=name, account_id=AccountId(f"of-{name}"))
        await books.store.save_cursor(scope, Cursor(feed=Feed.CENSUS, runs=len(name)))
    source = Counted(books.pool)
    store, found = ConnectionStore(source), dict[PartnerId, Connection]()

    async def ask(name: PartnerId) -> None:
        found[name] = await store.connection(name)

    async with anyio.create_task_group() as group:
        for name in (*names, PartnerId("nobody")):
            group.start_soon(ask, name)
    assert source.lent == 1
    assert {name: found[name].scope for name in names} == {
        name: Scope(partner_id=name, account_id=AccountId(f"of-{name}")) for name in names
    }
    assert [len(found[name].cursors) for name in names[:3]] == [1, 1, 0]
    assert found[PartnerId("nobody")].status is ConnectionStatus.NOT_CONNECTED


async def test_a_load_that_fails_or_is_given_up_tells_all_who_wait_for_it(books: Books) -> None:
    source, told = Counted(books.pool), list[str]()
    store = ConnectionStore(source)

    async def ask() -> None:
        try:
            await store.connection(PARTNER)
        except StoreUnavailable as error:
            told.append(str(error))

    async with anyio.create_task_group() as group:
        leader = anyio.CancelScope()

        async def lead() -> None:
            with leader:
                await store.connection(PARTNER)

        group.start_soon(lead)
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked() if source.lent else await anyio.lowlevel.checkpoint()
        leader.cancel()
    assert told == ["the query was given up: ask again"]
    assert (await store.connection(PARTNER)).partner_id == PARTNER
    source.is_out = True
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert told[1:] == ["out", "out"]


async def test_a_connection_tells_whether_a_push_is_open(books: Books) -> None:
    assert not (await books.store.connection(PARTNER)).push_open


class Counted:
    """A pool that counts the connections it lends, and refuses when it is out."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self.lent, self.is_out = pool, 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Conn]:
        self.lent += 1
        if self.is_out:
            await anyio.lowlevel.checkpoint()
            raise StoreUnavailable("out")
        async with self._pool.connection() as connection:
            yield connection


# ---- the supervisor's marks ------------------------------------------------------------------------------------------


async def test_parking_tells_the_partner_once_and_unparking_clears_it(books: Books) -> None:
    await books.store.park(SCOPE, "the token was revoked", NOW)
    await books.store.park(SCOPE, "the token was revoked", NOW + MINUTE)
    assert await books.open_issues() == {("reconnect_needed", "connection", "")}
    assert await books.value("SELECT parked_at FROM sync.connection") == NOW
    await books.store.unpark(SCOPE)
    await books.store.unpark(SCOPE)
    assert await books.open_issues() == set()
    assert (await books.store.connection(PARTNER)).parked is None
    assert await event_kinds(books) == ["issue_opened", "reconnect_needed", "issue_closed", "reconnected"]


async def test_runs_are_kept_and_the_last_try_is_told_from_the_last_success(books: Books) -> None:
    cursor = Cursor(feed=Feed.INVOICES, pages_done=4, changed=2, began_at=NOW, finished_at=NOW + MINUTE)
    await books.store.finish_run(SCOPE, Feed.INVOICES, cursor, "complete")
    later = replace(cursor, began_at=NOW + 2 * MINUTE, finished_at=NOW + 3 * MINUTE)
    await books.store.finish_run(SCOPE, Feed.INVOICES, later, "failed")
    rows = await books.fetch("SELECT feed, outcome, pages, changed FROM sync.run ORDER BY run_id")
    assert [tuple(row) for row in rows] == [("invoices", "complete", 4, 2), ("invoices", "failed", 4, 2)]
    (row,) = await books.fetch("SELECT last_attempt_at, last_success_at, invoices_as_of FROM sync.connection")
    assert tuple(row) == (NOW + 3 * MINUTE, NOW + MINUTE, NOW)


async def test_a_failed_run_is_kept_with_its_reason_and_what_it_had_read(books: Books) -> None:
    cursor = Cursor(feed=Feed.INVOICES, pages_done=4, read=400, changed=2, began_at=NOW, finished_at=NOW + MINUTE)
    await books.store.finish_run(SCOPE, Feed.INVOICES, cursor, "failed", error="FreshBooksUnavailable: 503")
    (row,) = await books.fetch("SELECT outcome, read, error FROM sync.run")
    assert tuple(row) == ("failed", 400, "FreshBooksUnavailable: 503")
    (row,) = await books.fetch("SELECT last_attempt_at, last_success_at FROM sync.connection")
    assert tuple(row) == (NOW + MINUTE, None)


async def test_runs_are_kept_as_long_as_was_chosen_and_dropped_in_batches(books: Books) -> None:
    await books.execute(
        "INSERT INTO sync.run (partner_id, account_id, feed, stage, finished_at, outcome, pages, changed)"
        " SELECT $1, $2, 'payments', '', $3::timestamptz - n * interval '1 minute', 'complete', 1, 0"
        " FROM generate_series(1, 250) n",
        PARTNER,
        SCOPE.account_id,
        NOW - timedelta(days=8),
    )
    cursor = Cursor(feed=Feed.PAYMENTS, began_at=NOW, finished_at=NOW)
    left = []
    for _ in range(3):
        await books.store.finish_run(SCOPE, Feed.PAYMENTS, cursor, "complete", kept=timedelta(days=7))
        left.append(await books.value("SELECT count(*) FROM sync.run"))
    assert left == [151, 52, 3]


async def test_runs_are_kept_for_a_month(books: Books) -> None:
    for day in (0, 1, 30, 31):
        ended = NOW + timedelta(days=day)
        cursor = Cursor(feed=Feed.PAYMENTS, pages_done=day, began_at=ended, finished_at=ended)
        await books.store.finish_run(SCOPE, Feed.PAYMENTS, cursor, "complete")
    kept = await books.fetch("SELECT pages FROM sync.run ORDER BY run_id")
    assert [row[0] for row in kept] == [1, 30, 31]


async def test_an_unchanged_invoice_is_dated_by_the_last_complete_pass(books: Books) -> None:
    await books.merge(make_fb_invoice())
    read = books.clock
    assert await books.value("SELECT amount_due_as_of FROM platform.invoice") == read
    cursor = Cursor(feed=Feed.INVOICES, began_at=read + MINUTE, finished_at=read + 2 * MINUTE)
    await books.store.finish_run(SCOPE, Feed.PAYMENTS, replace(cursor, feed=Feed.PAYMENTS), "complete")
    assert await books.value("SELECT amount_due_as_of FROM platform.invoice") == read
    await books.store.finish_run(SCOPE, Feed.INVOICES, cursor, "complete")
    assert await books.value("SELECT amount_due_as_of FROM platform.invoice") == read + MINUTE


async def test_an_issue_raised_twice_stands_once(books: Books) -> None:
    for what in ("updated_min", "date_min"):
        await books.store.raise_issue(SCOPE, filter_ignored(Feed.INVOICES, Resource.INVOICES, what))
    (row,) = await books.fetch("SELECT reason FROM sync.issue")
    assert "date_min" in row["reason"]
    assert await event_kinds(books) == ["issue_opened"]


async def test_a_listing_is_answered_as_asked_again_once_its_feed_has_ended_a_run(books: Books) -> None:
    for feed in (Feed.INVOICES, Feed.BACKFILL):
        await books.store.raise_issue(SCOPE, filter_ignored(feed, Resource.INVOICES, "updated_min"))
    for feed, left in ((Feed.PAYMENTS, 2), (Feed.INVOICES, 1), (Feed.BACKFILL, 0)):
        cursor = Cursor(feed=feed, began_at=NOW, finished_at=NOW)
        await books.store.finish_run(SCOPE, feed, cursor, "complete")
        assert await books.value("SELECT count(*) FROM sync.issue WHERE closed_at IS NULL") == left


# ---- sessions --------------------------------------------------------------------------------------------------------


async def test_a_session_lives_until_its_end(books: Books) -> None:
    sessions = SessionStore(books.pool)
    assert not await sessions.open_session(b"h", PartnerId("nobody"), "c", NOW, NOW + MINUTE)
    assert await sessions.open_session(b"h", PARTNER, "c", NOW, NOW + MINUTE)
    found = await sessions.find_session(b"h", NOW)
    assert found is not None
    assert (found.partner_id, found.csrf, found.expires_at) == (PARTNER, "c", NOW + MINUTE)
    assert await sessions.find_session(b"h", NOW + MINUTE) is None
    assert await sessions.find_session(b"x", NOW) is None
    await sessions.open_session(b"i", PARTNER, "c", NOW + 2 * MINUTE, NOW + 3 * MINUTE)
    assert await books.value("SELECT count(*) FROM sync.session") == 1
    await sessions.close_session(b"i")
    assert await sessions.find_session(b"i", NOW) is None
