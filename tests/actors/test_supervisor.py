"""One partner's supervisor, over the sandbox's books in virtual time."""

from datetime import timedelta

import anyio

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import AuthorizationExpired, FreshBooksUnavailable
from daemon.core.model import InvoiceStatus, PushState
from daemon.core.state import Connected, ConnectionStatus, Pending
from tests.actors.stage import PARTNER, ActorStage, connected, running
from tests.direct_freshbooks import is_post, once

SECONDS = timedelta(seconds=1)


# ---- open pages -----------------------------------------------------------------------------------------------------


async def test_a_run_that_finds_nothing_is_told_to_open_pages_too_once_it_is_stored() -> None:
    async with connected(3) as stage:
        told, pages = len(stage.notes.named("run_noted")), len(stage.notes.named("page_stored"))
        await stage.until(lambda: len(stage.notes.named("run_noted")) >= told + 4)
        assert not any(changed for *_, changed in stage.notes.named("page_stored")[pages:])


# ---- connect ---------------------------------------------------------------------------------------------------------


async def test_pending_until_the_initial_sync_is_complete_then_connected() -> None:
    stage = ActorStage(230)
    stage.connect()
    async with running(stage):
        await stage.until(lambda: stage.rows().invoices)
        assert stage.status() is ConnectionStatus.PENDING
        assert isinstance(stage.root.views()[0].state, Pending)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        assert isinstance(stage.root.views()[0].state, Connected)
    books = stage.account().books
    assert stage.rows().invoices.keys() == {row.id for row in books.invoices}
    assert stage.rows().fb_payments.keys() == {row.id for row in books.payments}
    assert stage.rows().customers.keys() == {row.id for row in books.clients}
    assert {key: row.fb_outstanding for key, row in stage.rows().invoices.items()} == {
        row.id: row.outstanding for row in books.invoices
    }


async def test_the_last_12_months_come_before_all_history() -> None:
    async with connected(230) as stage:
        pages = [dict(call.params) for call in stage.caller.asked if call.path.endswith("invoices/invoices")]
    full = [page for page in pages if page["per_page"] == "100"]
    assert "search[date_min]" in full[0]
    assert "search[date_max]" not in full[0]
    recent = full[0]["search[date_min]"]
    history = [page for page in full if "search[date_max]" in page]
    assert history
    assert full.index(history[0]) > max(i for i, page in enumerate(full) if page.get("search[date_min]") == recent)


async def test_progress_is_a_percentage_that_never_goes_back() -> None:
    async with connected(640) as stage:
        seen = [fact[2] for fact in stage.notes.named("progress")]
    assert len(set(seen)) > 4
    assert seen == sorted(seen)
    assert seen[-1] < 100


async def test_a_backfill_that_is_killed_anywhere_continues_at_its_page() -> None:
    """Cut the whole process off after every n-th call: each start goes on from the stored cursor."""
    stage = ActorStage(420)
    stage.connect()
    stops = 0
    while stage.status() is not ConnectionStatus.CONNECTED:
        stops += 1
        assert stops < 60
        async with anyio.create_task_group() as group:
            await group.start(ActorStage.restarted(stage).run)
            stage.caller.cut_after(7, group.cancel_scope.cancel)
            await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
            group.cancel_scope.cancel()
    assert stops > 3
    assert stage.rows().invoices.keys() == {row.id for row in stage.account().books.invoices}
    pages = [tuple(call.params) for call in stage.caller.asked if ("per_page", "100") in call.params]
    repeated = len(pages) - len(set(pages))
    assert repeated <= stops * (stage.policy.pull.pages_in_flight + 1)


async def test_a_spent_token_parks_the_partner_and_reconnecting_resumes_exactly_there() -> None:
    async with connected(20) as stage:
        stage.keys.lost = "the refresh token was spent"
        stage.touch(token_expires_at=stage.clock.now() + SECONDS, epoch=2)
        await stage.until(lambda: stage.store.connections[PARTNER].parked)
        invoice = stage.bill("40.00")
        payment = stage.pay(invoice, "40.00")
        calls = len(stage.caller.asked)
        await anyio.sleep(7200)
        assert len(stage.caller.asked) == calls
        assert stage.push(payment).state is PushState.READY
        stage.keys.lost = ""
        stage.touch(parked=None, epoch=3, token_expires_at=stage.clock.now() + timedelta(hours=12))
        await stage.until(lambda: stage.fb_payments(invoice), 10 * SECONDS)
    assert len(stage.fb_payments(invoice)) == 1


async def test_a_rejected_access_token_is_refreshed_and_the_work_goes_on() -> None:
    weather = once(is_post, AuthorizationExpired("expired"))
    async with connected(5, before=weather) as stage:
        invoice = stage.bill("40.00")
        stage.pay(invoice, "40.00")
        await stage.until(lambda: stage.fb_payments(invoice), timedelta(minutes=2))
        assert stage.keys.refreshed == 1
    assert len(stage.fb_payments(invoice)) == 1


async def test_disconnect_revokes_the_token_stops_the_supervisor_and_keeps_the_data() -> None:
    async with connected(30) as stage:
        stage.touch(disconnecting=True)
        await stage.until(lambda: not stage.root.views())
        calls = len(stage.caller.asked)
        await anyio.sleep(7200)
        assert len(stage.caller.asked) == calls
        assert stage.keys.revoked == 1
        assert stage.status() is ConnectionStatus.NOT_CONNECTED
        assert len(stage.rows().invoices) == len(list(stage.account().books.invoices))


async def test_payments_wait_until_accounts_are_set_up_and_are_pushed_once() -> None:
    stage = ActorStage(5)
    stage.connect(accounts_chosen=False)
    async with running(stage):
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        invoice = stage.bill("75.00")
        payment = stage.pay(invoice, "75.00")
        await anyio.sleep(3600)
        assert stage.push(payment).state is PushState.READY
        assert not stage.fb_payments(invoice)
        assert stage.invoice(invoice).amount_due == 0
        stage.touch(accounts_chosen=True)
        await stage.until(lambda: stage.fb_payments(invoice), 5 * SECONDS)
        await anyio.sleep(3600)
    assert len(stage.fb_payments(invoice)) == 1


# ---- pull ------------------------------------------------------------------------------------------------------------


async def test_payments_are_pulled_every_few_minutes_and_invoices_hourly() -> None:
    async with connected(5) as stage:
        before = len(stage.caller.asked)
        await anyio.sleep(2 * 3600)
        asked = stage.caller.asked[before:]
    payments = [call for call in asked if call.path.endswith("payments/payments")]
    invoices = [call for call in asked if call.path.endswith("invoices/invoices")]
    assert 2 * 38 <= len(payments) <= 2 * 42
    assert 2 * 2 <= len(invoices) <= 2 * 3


async def test_sync_now_reads_at_once_what_would_be_read_later() -> None:
    async with connected(5) as stage:
        invoice = stage.bill("10.00")
        stage.touch(sync_asked_at=stage.clock.now())
        await stage.until(lambda: invoice in stage.rows().invoices, 5 * SECONDS)
        assert stage.invoice(invoice).amount_due == 10


async def test_a_payment_recorded_in_freshbooks_is_seen_within_minutes() -> None:
    async with connected(0) as stage:
        invoice = stage.bill("90.00")
        stage.touch(sync_asked_at=stage.clock.now())
        await stage.until(lambda: invoice in stage.rows().invoices)
        body = {"invoiceid": invoice, "amount": {"amount": "30.00"}, "date": "2026-03-02", "type": "Check"}
        stage.book("payment.create", None, body)
        await stage.until(lambda: stage.invoice(invoice).amount_due == 60, timedelta(minutes=4))
        stage.book("payment.create", None, {**body, "amount": {"amount": "60.00"}})
        await stage.until(lambda: stage.invoice(invoice).status is InvoiceStatus.PAID, timedelta(minutes=4))
        assert stage.invoice(invoice).is_frozen


async def test_a_run_that_fails_is_in_the_history_once_and_then_as_complete() -> None:
    stage = ActorStage(5)
    down = [True]

    def weather(call: Call) -> None:
        if down[0] and "payments/payments" in call.path:
            raise FreshBooksUnavailable("503")

    stage.caller.turn(weather)
    stage.connect()
    async with running(stage):
        await stage.until(lambda: len(stage.rows().runs) > 0, timedelta(minutes=30))
        await stage.clock.sleep(540)
        assert [outcome for _, _, outcome in stage.rows().runs] == ["failed"]
        down[0] = False
        await stage.until(lambda: stage.rows().runs[-1][2] == "complete", timedelta(minutes=30))
