"""What nobody has established about FreshBooks, the other way round, over HTTP and Postgres.

Every other test runs with the defaults; here each switch of the sandbox is turned at least once.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.core.callbacks import EVENTS
from daemon.core.model import IssueKind, PushState, Reason
from daemon.core.policy import RatePolicy
from daemon.sandbox.options import RateLimits
from daemon.sandbox.switches import RULES
from tests.adapters.freshbooks_servers import a_sandbox
from tests.adapters.test_freshbooks_oauth import VERIFIER, consent, oauth_at
from tests.polling import eventually
from tests.postgres import PostgresServers
from tests.system.books import opened_books
from tests.system.program import running
from tests.system.test_demo import free_ports
from tests.system.test_webhooks import is_due, is_gone, is_ringing, settings
from tests.whole.history_run import play_together
from tests.whole.pace import FAST
from tests.whole.stage import Site, opened_site

pytestmark = pytest.mark.timeout(300)

THROTTLED: tuple[dict[str, Any], ...] = (
    {"rate_limit_body": "google", "rate_limit_scope": "account"},
    {"rate_limit_body": "text", "rate_limit_scope": "app"},
    {"rate_limit_body": "empty", "rate_limit_scope": "ip", "rate_limit_retry_after": False},
)
BY_OAUTH = ("id_token", "pkce_enforced", "refresh_revokes_access", "second_consent_revokes")
BY_WEBHOOK: dict[str, Any] = {
    "webhook_retries": 3,
    "webhook_retry_s": 0.1,
    "webhook_disable_after": 2,
    "webhook_delay_s": 0.3,
    "callback_delete_answer": 200,
    "callback_time_style": "sql",
    "events_error_style": "older",
}
NO_WEBHOOK = "webhook_https_only"
REFUSING: dict[str, Any] = {"note_max_length": 20, "number_max_length": 3, "client_limit": 1}
NOT_ASKED_FOR: dict[str, Any] = {
    "invoice_delete_verb": "refuse",
    "other_income_delete": "put",
    "sort_by_create_date": False,
    "draft_journal_line": True,
    "payment_options_gateways": "names",
    "payment_stores_ids": True,
    "max_bound": "inclusive",
}
"""What the daemon leaves alone, or must not notice: turned all at once."""
NEW_ERRORS = {"new_errors_since": "2020-01-01"}
APART = {*THROTTLED[-1], *BY_OAUTH, *BY_WEBHOOK, NO_WEBHOOK, *REFUSING, *NOT_ASKED_FOR, *NEW_ERRORS}


def others(name: str) -> list[Any]:
    """Everything else that a switch may be."""
    return [value for value in RULES[name].choices or () if value != RULES[name].default]


TURNED: list[dict[str, Any]] = [
    *({name: value} for name, rule in RULES.items() if name not in APART for value in others(name)),
    NOT_ASKED_FOR,
    NEW_ERRORS,
]
SEEDS = range(9001, 9003)
HASTY = replace(FAST, rate=RatePolicy(calls_per_window=40, creates_per_window=20, window=timedelta(seconds=1)))
"""Five times what the narrow FreshBooks allows."""


def _name(switches: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in switches.items())


@contextmanager
def turned(site: Site, switches: dict[str, Any]) -> Iterator[None]:
    """Let FreshBooks be so for a while."""
    sandbox = site.sandbox.sandbox
    for name, value in switches.items():
        sandbox.turn_switch(name, value)
    try:
        yield
    finally:
        for name in switches:
            sandbox.turn_switch(name, RULES[name].default)


@pytest.mark.parametrize("switches", TURNED, ids=_name)
async def test_the_tables_equal_the_books_and_the_due_is_what_the_cash_says_whichever_way_freshbooks_turns_out_to_be(
    site: Site, switches: dict[str, Any]
) -> None:
    with turned(site, switches):
        told = await play_together(site, SEEDS, lambda seed: f"seed {seed} with {_name(switches)}")
    assert not told, "\n\n".join(told)


async def test_what_freshbooks_finds_too_long_is_an_issue_and_nothing_is_recorded(site: Site) -> None:
    partner = site.add()
    invoice = partner.bill("60.00")
    with turned(site, REFUSING):
        async with partner.connected():
            await partner.shows(lambda rows: invoice in rows.invoices)
            payment = partner.pay(invoice, "60.00")
            await partner.shows(lambda rows: rows.pushes and partner.push(payment).state is PushState.NEEDS_PERSON)
            assert partner.push(payment).reason is Reason.REFUSED_BY_FRESHBOOKS
            assert (IssueKind.PUSH_STOPPED, ("payment", payment)) in partner.rows().issues
            assert partner.invoice(invoice).amount_due == 0
    assert not partner.fb_payments(invoice)


# ---- 429 -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def narrow(postgres_servers: PostgresServers) -> AsyncIterator[Site]:
    """A FreshBooks that allows fewer calls than it is asked for."""
    with postgres_servers.database(template=postgres_servers.migrated_template()) as dsn:
        async with opened_site(dsn, rate_limits=RateLimits(calls=8, creates=4, window_s=1)) as opened:
            yield opened


@pytest.mark.parametrize("switches", THROTTLED, ids=_name)
async def test_a_429_of_any_shape_and_scope_slows_the_calls_and_loses_nothing(
    narrow: Site, switches: dict[str, Any]
) -> None:
    partner = narrow.add(60)
    before = len(narrow.notes.named("throttled"))
    with turned(narrow, switches):
        async with partner.connected(policy=HASTY):
            invoice = partner.bill("60.00")
            partner.touch(sync_asked_at=partner.clock.now())
            await partner.shows(lambda rows: invoice in rows.invoices)
            payment = partner.pay(invoice, "60.00")
            await partner.shows(lambda rows: rows.pushes and partner.push(payment).state is PushState.DONE)
    books, rows = partner.account().books, partner.rows()
    assert rows.invoices.keys() == {row.id for row in books.invoices}
    assert len(partner.fb_payments(invoice)) == 1
    assert len(narrow.notes.named("throttled")) > before


# ---- consent and webhooks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_OAUTH)
async def test_a_consent_gives_tokens_that_work_and_are_refreshed_whichever_way_freshbooks_turns_out_to_be(
    name: str,
) -> None:
    (value,) = others(name)
    async with a_sandbox(switches=((name, value),)) as started, oauth_at(started.base_url) as oauth:
        for _ in range(2):
            code = (await consent(started, oauth))["code"]
            pair = await oauth.exchange(code, VERIFIER)
            pair = await oauth.refresh(pair.refresh_token)
            identity = await oauth.identity(pair.access_token)
            assert identity.email == started.greeting["logins"][0]["email"]


async def test_webhooks_of_other_manners_are_registered_believed_and_removed(database: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with opened_books(database, webhooks=True) as books:
        await books.control("PUT", "switches", BY_WEBHOOK)
        partner = await books.add(10)
        async with running(tmp_path, settings(books, port)) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await eventually(partial(is_ringing, books, partner), within_s=60)
            (invoice,) = await books.unpaid(partner)
            await books.control("POST", f"books/{partner.account_id}/invoices/{invoice}/pay", {})
            await eventually(lambda: is_due(books, partner, invoice, "0.00"), within_s=20)
            assert await program.metric('syncd_webhooks_total{outcome="rang"}') > 0
            await books.database.execute("UPDATE sync.connection SET disconnecting = true")
            await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:connection")
            await eventually(lambda: is_gone(books, partner), within_s=20)
            gone = [row for row in await books.requests(partner) if row["method"] == "DELETE"]
            assert [row["status"] for row in gone] == [200] * len(EVENTS)


async def test_where_freshbooks_refuses_our_callback_address_polling_brings_every_change(
    database: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    async with opened_books(database, webhooks=True) as books:
        await books.control("PUT", "switches", {NO_WEBHOOK: True})
        partner = await books.add(10)
        async with running(tmp_path, settings(books, port)) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await program.line("call_failed")
            (invoice,) = await books.unpaid(partner)
            await books.control("POST", f"books/{partner.account_id}/invoices/{invoice}/pay", {})
            await books.database.execute("UPDATE sync.connection SET sync_asked_at = now()")
            await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:connection")
            await eventually(lambda: is_due(books, partner, invoice, "0.00"), within_s=20)
            assert not await books.database.fetchval("SELECT count(*) FROM sync.callback WHERE trusted_at IS NOT NULL")


def test_no_switch_of_the_sandbox_is_left_out() -> None:
    assert set(RULES) == APART | {name for switches in TURNED for name in switches}
