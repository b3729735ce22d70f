"""The shipped rules and dashboard, judged by Prometheus itself over the real daemon: symptoms caused, then cured."""

import contextlib
import re
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import asyncpg
import pytest

from daemon.adapters.crypto import KeyRing
from tests.polling import eventually
from tests.requirements import needs_prometheus
from tests.system.books import Books, Partner, opened_books
from tests.system.program import ENCRYPTION_KEY, Program, run, running
from tests.system.watcher import ALERTS, Watcher, expressions, free_port, prometheus

STARTS: Final = 4
"""One more than what SyncdRestarting bears."""


def fault(partner: Partner, **action: object) -> dict[str, object]:
    return {"match": {"account": partner.account_id}, "action": action}


async def spoil_tokens(books: Books, partner: Partner) -> Callable[[], Any]:
    """Put tokens in place that FreshBooks does not know; give what puts the good ones back, as a reconnect does."""
    good = await books.database.fetchrow(
        "SELECT access_token, refresh_token FROM sync.token WHERE partner_id = $1", partner.partner_id
    )
    ring = KeyRing.from_base64({"k1": ENCRYPTION_KEY})
    seal = partial(ring.encrypt, "unknown", partner_id=partner.partner_id)
    put = "UPDATE sync.token SET access_token = $2, refresh_token = $3, expires_at = $4 WHERE partner_id = $1"
    assert good is not None
    later = datetime.now(UTC) + timedelta(hours=12)  # noqa: TID251 -- rows as a consent would have written them
    bad = (seal(field="access_token"), seal(field="refresh_token"))
    await books.database.execute(put, partner.partner_id, *bad, later)

    async def cure() -> None:
        await books.database.execute(put, partner.partner_id, *good, later)
        await books.database.execute(
            "UPDATE sync.connection SET parked_reason = NULL, parked_at = NULL WHERE partner_id = $1",
            partner.partner_id,
        )
        await wake(books, partner)

    return cure


async def spoil_rows(books: Books, partner: Partner) -> Callable[[], Any]:
    """Put a row in place that no version of ours wrote; give what takes it away."""
    of = (partner.partner_id, partner.account_id)
    await books.database.execute("INSERT INTO sync.cursor VALUES ($1, $2, 'foreign', '{\"feed\": \"foreign\"}')", *of)
    await wake(books, partner)

    async def cure() -> None:
        await books.database.execute("DELETE FROM sync.cursor WHERE partner_id = $1 AND feed = 'foreign'", of[0])
        await wake(books, partner)

    return cure


async def wake(books: Books, partner: Partner) -> None:
    await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:connection")


MORE: Final = """
[sync]
payments_interval = "1s"
backoff_first = "50ms"
backoff_maximum = "1s"
[push]
sweep_interval = "1s"
lookup_margin = "1s"
lookup_again_after = "1s"
waiting_interval = "1s"
[shutdown]
grace = "60s"
"""


@needs_prometheus
@pytest.mark.xdist_group("alerts")
@pytest.mark.slow
@pytest.mark.timeout(500)
async def test_each_alert_fires_at_its_symptom_and_clears_after_and_the_dashboard_shows_it(
    database: str, tmp_path: Path
) -> None:
    internal = f"127.0.0.1:{free_port()}"
    async with opened_books(database, "--rate-calls", "0") as books, prometheus(tmp_path, internal) as watcher:
        partners = [await books.add(5) for _ in range(5)]
        settings = partial(books.settings, internal=internal)
        await started_again_and_again(watcher, partial(running, tmp_path, settings(MORE), ready=False))
        async with running(tmp_path, settings(MORE)) as program:
            for partner in partners:
                await eventually(partial(books.is_connected, partner), within_s=60)
            await watcher.fire("SyncdRestarting")
            await watcher.clear("SyncdDown", "SyncdNotReady")
            await partners_in_trouble(books, watcher, partners)
            await watcher.clear("SyncdRestarting")
            await settings_in_trouble(program, watcher, settings)
            await dashboard_is_full(watcher)
            _, exposed = await program.get("/metrics")
            checked = await anyio.run_process(["promtool", "check", "metrics"], input=exposed.encode(), check=False)
            assert (checked.returncode, checked.stdout) == (0, b""), checked.stdout
            await books_in_trouble(books, watcher, partners[0], str(program.config))
            await postgres_in_trouble(books, watcher)
            await books.control("PUT", "faults", [{"id": "held"} | fault(partners[0], kind="latency", seconds=120)])
            await eventually(partial(is_held, books), within_s=30)
            program.send(signal.SIGTERM)
            await watcher.fire("SyncdNotReady")
            program.send(signal.SIGKILL)
            await program.end()
        await watcher.fire("SyncdDown")
        await books.control("PUT", "faults", [])
        async with running(tmp_path, settings(MORE)):
            await watcher.clear("SyncdDown", "SyncdNotReady")


async def started_again_and_again(
    watcher: Watcher, life: Callable[[], contextlib.AbstractAsyncContextManager[Program]]
) -> None:
    """Daemons that are killed as soon as Prometheus has seen them; the next one is one start too many."""
    seen = set[str]()

    async def is_another() -> str:
        found = (await watcher.ask("query", query='process_start_time_seconds{job="freshbooks-syncd"}'))["result"]
        return next((row["value"][1] for row in found if row["value"][1] not in seen), "")

    for _ in range(STARTS - 1):
        async with life() as program:
            seen.add(await eventually(is_another, within_s=30))
            program.send(signal.SIGKILL)
            await program.end()


async def books_in_trouble(books: Books, watcher: Watcher, partner: Partner, config: str) -> None:
    """An invoice that is not what FreshBooks says, which a verification finds and has read again."""
    await books.database.execute(
        "UPDATE sync.invoice SET total = total + 1 WHERE partner_id = $1 AND invoice_id ="
        " (SELECT min(invoice_id) FROM sync.invoice WHERE partner_id = $1 AND frozen_at IS NULL)",
        partner.partner_id,
    )
    verify = partial(run, "verify", partner.partner_id, "--config", config)
    assert (await verify()).code == 3
    await watcher.fire("SyncdDrift")
    assert (await verify("--repair")).code == 3

    async def is_equal() -> bool:
        return (await verify()).code == 0

    await eventually(is_equal, within_s=60)
    await watcher.clear("SyncdDrift")


async def postgres_in_trouble(books: Books, watcher: Watcher) -> None:
    """A Postgres that throws the daemon out and lets nobody in."""
    await watcher.clear("SyncdFiguresStale")
    name, own = await books.database.fetchrow("SELECT current_database(), pg_backend_pid()") or ("", 0)
    (server, _, options) = books.dsn.partition(f"/{name}")
    gate = await asyncpg.connect(f"{server}/postgres{options}")
    try:
        await gate.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await gate.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2", name, own
        )
        await watcher.fire("SyncdFiguresStale")
        await gate.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await watcher.clear("SyncdFiguresStale")
    finally:
        await gate.close()


async def is_held(books: Books) -> bool:
    """Whether a call is held up by the fault of that moment."""
    return any(rule["fired"] for rule in (await books.control("GET", "faults"))["faults"])


async def partners_in_trouble(books: Books, watcher: Watcher, partners: list[Partner]) -> None:
    """Five partners, each with a trouble of its own."""
    slow_push, stale, parked, crashing, doubled = partners
    symptoms = (
        "SyncdPaymentNotRecorded",
        "SyncdPartnerStale",
        "SyncdReconnectNeeded",
        "SyncdPartnerStopped",
        "SyncdSupervisorCrashed",
        "SyncdSuspectedDuplicate",
    )
    assert not set(symptoms) & await watcher.firing()
    (invoice,) = await books.unpaid(slow_push)
    refused = {
        "match": {"account": slow_push.account_id, "method": "POST"},
        "action": {"kind": "status", "status": 503},
    }
    await books.control("PUT", "faults", [refused, fault(stale, kind="status", status=500)])
    await books.pay(slow_push, invoice, "pay_slow")
    cures = [await spoil_tokens(books, parked), await spoil_rows(books, crashing)]
    await books.database.execute(
        "INSERT INTO sync.issue (partner_id, account_id, kind, subject_type, subject_id, reason, next_step) "
        "VALUES ($1, $2, 'duplicate_in_freshbooks', 'payment', 'pay_x', 'twice', 'delete one')",
        doubled.partner_id,
        doubled.account_id,
    )
    await watcher.fire(*symptoms)
    await books.control("PUT", "faults", [])
    for cure in cures:
        await cure()
    await books.database.execute("UPDATE sync.issue SET closed_at = now() WHERE subject_id = 'pay_x'")
    await watcher.clear(*symptoms)


async def settings_in_trouble(program: Program, watcher: Watcher, settings: Callable[[str], str]) -> None:
    """Settings that are refused, and settings by which the budget does not suffice."""
    program.configure("[rate]\nburst = 0")
    program.send(signal.SIGHUP)
    await watcher.fire("SyncdReloadFailed")
    program.configure(settings(MORE + "[rate]\ncalls_per_window = 40\nburst = 2"))
    program.send(signal.SIGHUP)
    await watcher.clear("SyncdReloadFailed")
    await watcher.fire("SyncdRateBudgetNearlyExhausted", within_s=150)
    program.configure(settings(MORE))
    program.send(signal.SIGHUP)
    await watcher.clear("SyncdRateBudgetNearlyExhausted")


async def dashboard_is_full(watcher: Watcher) -> None:
    """Every expression of the dashboard returns something."""
    empty = []
    for title, expr in expressions():
        if not (await watcher.ask("query", query=expr))["result"]:
            empty.append(f"{title}: {expr}")
    assert empty == []


def test_every_alert_is_caused_by_the_test_above() -> None:
    caused = set(re.findall(r'"(Syncd\w+)"', Path(__file__).read_text()))
    assert caused == set(ALERTS)
