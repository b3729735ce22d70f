"""One partner's supervisor, over the sandbox's books in virtual time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import AuthorizationExpired, FreshBooksUnavailable
from daemon.core.model import InvoiceStatus, IssueKind, PaymentStatus, PushState
from daemon.core.state import Connected, ConnectionStatus, Pending
from tests.actors.stage import PARTNER, ActorStage

SECONDS = timedelta(seconds=1)


@asynccontextmanager
async def running(stage: ActorStage) -> AsyncIterator[None]:
    """Run the root supervisor beside the test, and drain it in the end."""
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        yield
        stage.root.drain()


@asynccontextmanager
async def connected(*sizes: int, **options: object) -> AsyncIterator[ActorStage]:
    """A stage whose first partner is Connected."""
    stage = ActorStage(*sizes, **options)  # type: ignore[arg-type]
    stage.connect()
    async with running(stage):
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        yield stage


def is_post(call: Call) -> bool:
    """Whether a call creates a payment."""
    return call.method == "POST"


def once(wanted: Callable[[Call], bool], error: Exception) -> Callable[[Call], None]:
    """Weather that breaks the first call of a kind."""
    left = [error]

    def break_it(call: Call) -> None:
        if left and wanted(call):
            raise left.pop()

    return break_it


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


# ---- push ------------------------------------------------------------------------------------------------------------


async def test_a_payment_is_recorded_at_initiation_within_seconds() -> None:
    async with connected(5) as stage:
        invoice = stage.bill("250.00")
        stage.pay(invoice, "250.00", method="ach")
        await stage.until(lambda: stage.fb_payments(invoice), 2 * SECONDS)
        (recorded,) = stage.fb_payments(invoice)
        assert (recorded.amount, recorded.type, recorded.send_client_notification) == (Decimal("250.00"), "ACH", False)
        assert recorded.note.endswith("AP:pay_1:1")
        await stage.until(lambda: invoice in stage.rows().invoices and stage.invoice(invoice).amount_due == 0)


async def test_what_we_pushed_is_recognised_when_read_back() -> None:
    async with connected(0) as stage:
        invoice = stage.bill("100.00")
        stage.pay(invoice, "60.00")
        await stage.until(lambda: stage.fb_payments(invoice))
        await anyio.sleep(3 * 3600)
        assert stage.invoice(invoice).amount_due == 40
        assert stage.invoice(invoice).fb_outstanding == 40


async def test_a_lost_answer_is_looked_up_and_never_sent_again() -> None:
    weather = once(is_post, FreshBooksUnavailable("the connection broke"))
    async with connected(5, after=weather) as stage:
        invoice = stage.bill("80.00")
        payment = stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.push(payment).state is PushState.UNCERTAIN, 5 * SECONDS)
        await stage.until(lambda: stage.push(payment).state is PushState.DONE, timedelta(minutes=5))
        assert sum(is_post(call) for call in stage.caller.asked) == 1
    assert len(stage.fb_payments(invoice)) == 1


async def test_a_lost_record_is_found_though_its_invoice_has_another_customer_and_it_was_moved_to_another() -> None:
    """Absence is proven only by what could have shown it: the client that we know of need not be the record's."""
    async with connected(5) as stage:
        other = stage.bill("200.00", customerid=stage.book("client.create", None, {"organization": "Other"}).id)
        invoice = stage.bill("80.00")
        await stage.until(lambda: {invoice, other} <= stage.rows().invoices.keys(), timedelta(hours=2))
        lost = once(is_post, FreshBooksUnavailable("the connection broke"))

        def lose_and_move(call: Call) -> None:
            if is_post(call) and not moved:
                client = stage.book("client.create", None, {"organization": "A third one"})
                stage.book("invoice.update", invoice, {"customerid": client.id})
                moved.extend(stage.fb_payments(invoice))
                stage.book("payment.update", moved[0].id, {"invoiceid": other})
            lost(call)

        moved: list[Any] = []
        object.__setattr__(stage.caller, "after", lose_and_move)
        payment = stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.push(payment).state is PushState.DONE, timedelta(minutes=10))
        assert sum(is_post(call) for call in stage.caller.asked) == 1
        assert stage.push(payment).fb_payment_id == moved[0].id


async def test_an_answer_lost_before_the_commit_is_sent_again_only_after_two_look_ups() -> None:
    weather = once(is_post, FreshBooksUnavailable("no answer in time"))
    async with connected(5, before=weather) as stage:
        invoice = stage.bill("80.00")
        payment = stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.push(payment).state is PushState.DONE, timedelta(minutes=10))
        posts = [index for index, call in enumerate(stage.caller.asked) if is_post(call)]
        between = stage.caller.asked[posts[0] + 1 : posts[1]]
        look_ups = [call for call in between if any(key == "search[clientid]" for key, _ in call.params)]
        assert len(posts) == 2
        assert len(look_ups) >= 4
    assert len(stage.fb_payments(invoice)) == 1


async def test_what_was_provably_unsent_is_sent_again_without_a_person() -> None:
    weather = once(is_post, FreshBooksUnavailable("connection refused", unsent=True))
    async with connected(5, before=weather) as stage:
        invoice = stage.bill("80.00")
        stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.fb_payments(invoice), timedelta(minutes=5))
    assert len(stage.fb_payments(invoice)) == 1


async def test_a_payment_that_fails_after_its_push_stays_in_freshbooks_and_the_invoice_is_due_again() -> None:
    async with connected(0) as stage:
        invoice = stage.bill("100.00")
        payment = stage.pay(invoice, "100.00", method="ach")
        await stage.until(lambda: invoice in stage.rows().invoices and stage.invoice(invoice).is_frozen)
        stage.move(payment, PaymentStatus.FAILED)
        await stage.until(lambda: stage.invoice(invoice).amount_due == 100, 5 * SECONDS)
        assert (IssueKind.REVERT_FAILED_PAYMENT, ("payment", payment)) in stage.rows().issues
        (recorded,) = stage.fb_payments(invoice)
        assert recorded.vis_state == 0
        stage.book("payment.update", recorded.id, {"vis_state": 1})
        await stage.until(lambda: not stage.rows().issues, timedelta(minutes=5))
        assert stage.invoice(invoice).amount_due == 100


@pytest.mark.parametrize("calls", range(1, 16))
async def test_killed_after_any_call_a_payment_stands_exactly_once(calls: int) -> None:
    """Cut the process off after the n-th call since the payment, start it again, and count in FreshBooks' books."""
    stage = ActorStage(0)
    invoice = stage.bill("55.00")
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        stage.pay(invoice, "55.00")
        stage.caller.cut_after(calls, group.cancel_scope.cancel)
        await anyio.sleep(600)
    ActorStage.restarted(stage)
    async with running(stage):
        await stage.until(lambda: stage.push_of("pay_1").state is PushState.DONE, timedelta(minutes=30))
        await stage.until(lambda: stage.invoice(invoice).amount_due == 0, timedelta(minutes=5))
    assert [row.amount for row in stage.fb_payments(invoice)] == [Decimal("55.00")]


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
