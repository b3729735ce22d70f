"""What the pages read, and what people press there."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.consent import AccountChoice
from daemon.core.desk import InvoiceQuery, PaymentQuery
from daemon.core.model import (
    CustomerId,
    InvoiceId,
    IssueKind,
    LedgerAccount,
    PartnerId,
    PaymentId,
    PaymentStatus,
    PushState,
    Reason,
    Resource,
    VisState,
)
from daemon.core.state import ConnectionStatus
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import (
    CUSTOMER,
    INVOICE,
    NOW,
    make_customer,
    make_fb_invoice,
    make_fb_payment,
    make_line,
    make_our_fb_payment,
    make_reading,
    usd,
)
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres
MINUTE = timedelta(minutes=1)
NOBODY = PartnerId("nobody")


async def choose_accounts(books: Books) -> None:
    await ConsentStore(books.pool).save_account_choice(PARTNER, AccountChoice(payments="u", deposits="b"), "ada", NOW)


async def test_the_module_of_an_unknown_partner_is_nothing(desk: DeskActions) -> None:
    assert await desk.module(NOBODY) is None


async def test_the_module_of_a_partner_who_never_connected_says_so(books: Books, desk: DeskActions) -> None:
    await books.add_partner("fresh", None)
    module = await desk.module(PartnerId("fresh"))
    assert module is not None
    assert (module.status, module.account_id, module.feeds, module.accounts_chosen) == (
        ConnectionStatus.NOT_CONNECTED,
        None,
        (),
        False,
    )


async def test_the_module_shows_progress_and_counts(books: Books, desk: DeskActions) -> None:
    await books.merge(
        make_fb_invoice(), make_fb_invoice(50, 0, id=InvoiceId(2)), make_fb_invoice(id=InvoiceId(3), status=1)
    )
    await books.store.merge_customers(SCOPE, [make_customer()], make_reading())
    await books.pay(invoice_id=InvoiceId(77))
    queue = (Pass(resource=Resource.INVOICES, deleted=True),)
    cursor = Cursor(feed=Feed.BACKFILL, queue=queue, percent=40, pages_done=4, pages_expected=10, began_at=NOW)
    await books.store.save_cursor(SCOPE, cursor)
    module = await desk.module(PARTNER)
    assert module is not None
    (feed,) = module.feeds
    assert (feed.percent, feed.pages_done, feed.stage) == (40, 4, "invoices, deleted")
    counts = module.counts
    assert (counts.customers, counts.invoices, counts.outstanding, counts.paid, counts.drafts) == (1, 3, 1, 1, 1)
    assert counts.pushes == ((PushState.WAITING, 1),)
    await choose_accounts(books)
    module = await desk.module(PARTNER)
    assert module is not None
    assert (module.accounts_chosen, module.counts.pushes) == (True, ((PushState.READY, 1),))


async def test_invoices_are_listed_newest_first_page_by_page(books: Books, desk: DeskActions) -> None:
    many = [
        make_fb_invoice(id=InvoiceId(number), issued_on=date(2025, 1, 1 + number // 3), number=f"N{number}")
        for number in range(1, 26)
    ]
    await books.merge(*many)
    seen: list[int] = []
    after: str | None = None
    for _ in range(3):
        listed = await desk.invoices(PARTNER, InvoiceQuery(after=after, limit=10))
        seen += [row.id for row in listed.rows]
        after = listed.after
    assert after is None
    assert seen == [invoice.id for invoice in sorted(many, key=lambda i: (i.issued_on, i.id), reverse=True)]
    assert (await desk.invoices(NOBODY, InvoiceQuery())).rows == ()


async def test_nonsense_is_refused_or_not_found(desk: DeskActions) -> None:
    for after in ("x", "2025-01-01", "2025-13-01|4", "2025-01-01|four", f"2025-01-01|{2**70}"):
        with pytest.raises(ValueError):  # noqa: PT011 -- each says something else
            await desk.invoices(PARTNER, InvoiceQuery(after=after))
    for after in ("x", "2025-11-11", "yesterday|pay_1"):
        with pytest.raises(ValueError):  # noqa: PT011
            await desk.payments(PARTNER, PaymentQuery(after=after))
    with pytest.raises(ValueError, match="invalid"):
        await desk.invoices(PARTNER, InvoiceQuery(search="\x00"))
    assert await desk.invoice(PARTNER, InvoiceId(2**70)) is None
    assert await desk.issue(PARTNER, 2**70) is None
    assert not await desk.act_on_issue(PARTNER, 2**70, "accept", None, "ada", NOW)


async def test_invoices_are_filtered_and_searched(books: Books, desk: DeskActions) -> None:
    await books.store.merge_customers(
        SCOPE,
        [make_customer(), make_customer(id=CustomerId(5), organization="Zoë's 100% Café", fingerprint=2)],
        make_reading(),
    )
    await books.merge(
        make_fb_invoice(id=InvoiceId(1), number="A-1", due_on=date(2025, 11, 1)),
        make_fb_invoice(50, 0, id=InvoiceId(2), number="A-2", customer_id=CustomerId(5)),
        make_fb_invoice(id=InvoiceId(3), number="B-3", status=1),
        make_fb_invoice(id=InvoiceId(4), number="B-4", vis_state=VisState.DELETED, due_on=date(2025, 11, 1)),
        make_fb_invoice(id=InvoiceId(5), number="B-5", vis_state=VisState.ARCHIVED),
        make_fb_invoice(20, -10, id=InvoiceId(6), number="C-6"),
    )
    await books.pay(status="refunded", invoice_id=InvoiceId(3))
    await books.decide(InvoiceId(3))

    async def found(**query: object) -> list[int]:
        listed = await desk.invoices(PARTNER, InvoiceQuery(today=date(2025, 11, 12), **query))  # type: ignore[arg-type]
        return sorted(row.id for row in listed.rows)

    assert await found(status="outstanding") == [1, 4, 5]
    assert await found(status="paid") == [2, 6]
    assert await found(status="draft") == [3]
    assert await found(flag="deleted") == [4]
    assert await found(flag="archived_in_freshbooks") == [5]
    assert await found(flag="payable") == [1, 5]
    assert await found(flag="not_payable") == [2, 3, 4, 6]
    assert await found(flag="overpaid") == [6]
    assert await found(flag="overdue") == [1]
    assert await found(flag="issue") == [3, 6]
    assert await found(search="a-") == [1, 2]
    assert await found(search="100% c") == [2]
    assert await found(search="zoë") == [2]
    assert await found(search="northwind", status="draft") == [3]
    assert await found(customer_id=CUSTOMER) == [1, 3, 4, 5, 6]
    assert await found(search="%") == [2]


async def test_one_invoice_is_shown_with_all_that_stands_beside_it(books: Books, desk: DeskActions) -> None:
    await books.store.merge_customers(SCOPE, [make_customer()], make_reading())
    await books.merge(make_fb_invoice(90))
    await books.pay(amount=60)
    await books.pay("pay_2", amount=10, status="refunded")
    ours = make_our_fb_payment(501, 60)
    lines = (make_line(name="One"), make_line(name="Two"))
    await books.snapshot(make_fb_invoice(100, lines=lines, updated_at=NOW), (ours, make_fb_payment(502, 5)))
    detail = await desk.invoice(PARTNER, INVOICE)
    assert detail is not None
    assert (detail.row.customer_name, detail.row.amount_due, detail.fb_outstanding) == (
        "Northwind Dental",
        usd(25),
        usd(35),
    )
    assert [line.name for line in detail.lines] == ["One", "Two"]
    assert [(payment.payment_id, payment.status) for payment in detail.payments] == [
        ("pay_1", PaymentStatus.PROCESSING),
        ("pay_2", PaymentStatus.REFUNDED),
    ]
    assert [(payment.id, payment.payment_id) for payment in detail.fb_payments] == [(501, "pay_1"), (502, None)]
    assert [entry.what for entry in detail.history] == ["edited in FreshBooks"]
    assert [issue.kind for issue in detail.issues] == [IssueKind.REFUNDED]
    assert await desk.invoice(NOBODY, INVOICE) is None


async def test_a_payment_stands_in_one_place(books: Books, desk: DeskActions) -> None:
    await books.pay("pay_1")
    await books.pay("pay_2", invoice_id=None)
    payment = await desk.payment(PARTNER, PaymentId("pay_1"))
    assert payment is not None
    assert payment.place is not None
    assert (payment.place.state, payment.place.reason) == (PushState.WAITING, Reason.NO_ACCOUNTS)
    await choose_accounts(books)
    payment = await desk.payment(PARTNER, PaymentId("pay_1"))
    assert payment is not None
    assert payment.place is not None
    assert (payment.place.state, payment.place.reason, payment.generations) == (PushState.READY, None, 1)
    ready = await desk.payments(PARTNER, PaymentQuery(place="ready"))
    assert [row.payment_id for row in ready.rows] == ["pay_1"]
    cancelled = await desk.payments(PARTNER, PaymentQuery(place="cancelled", status="processing", search="PAY_"))
    assert [row.payment_id for row in cancelled.rows] == ["pay_2"]
    assert await desk.payment(NOBODY, PaymentId("pay_1")) is None


async def test_payments_are_listed_newest_first_page_by_page(books: Books, desk: DeskActions) -> None:
    for number in range(5):
        await books.pay(f"pay_{number}", initiated_at=NOW + (number // 2) * MINUTE)
    first = await desk.payments(PARTNER, PaymentQuery(limit=3))
    rest = await desk.payments(PARTNER, PaymentQuery(limit=3, after=first.after))
    assert [row.payment_id for row in (*first.rows, *rest.rows)] == ["pay_4", "pay_3", "pay_2", "pay_1", "pay_0"]
    assert rest.after is None


async def test_payouts_are_listed_with_their_signed_members(books: Books, desk: DeskActions) -> None:
    await books.execute(
        "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net, arrival_date)"
        " VALUES ($1, 'po_1', 'succeeded', 'USD', 91, '2025-11-14'), ($1, 'po_2', 'pending', 'USD', 5, NULL)",
        PARTNER,
    )
    await books.execute(
        "INSERT INTO platform.payout_member"
        " VALUES ($1, 'po_1', 'm1', 'payment', 'pay_1', 100), ($1, 'po_1', 'm2', 'fee', NULL, -9)",
        PARTNER,
    )
    listed = await desk.payouts(PARTNER)
    assert [row.payout_id for row in listed.rows] == ["po_2", "po_1"]
    payout = listed.rows[1]
    assert [(member.kind, member.amount) for member in payout.members] == [("payment", usd(100)), ("fee", usd(-9))]
    assert payout.place is not None
    assert listed.rows[0].place is None
    page = await desk.payouts(PARTNER, limit=1)
    assert [row.payout_id for row in (await desk.payouts(PARTNER, page.after)).rows] == ["po_1"]


async def test_customers_are_listed_by_name_with_what_they_owe(books: Books, desk: DeskActions) -> None:
    customers = [make_customer(), make_customer(id=CustomerId(5), organization="", fingerprint=2)]
    await books.store.merge_customers(SCOPE, customers, make_reading())
    await books.merge(make_fb_invoice(), make_fb_invoice(50, currency="CAD", id=InvoiceId(9)))
    first = await desk.customers(PARTNER, limit=1)
    assert [(row.name, row.invoices, row.owes) for row in first.rows] == [("Ada Brook", 0, ())]
    second = await desk.customers(PARTNER, after=first.after)
    assert [(row.name, row.invoices, row.owes) for row in second.rows] == [
        ("Northwind Dental", 2, (("CAD", usd(50)), ("USD", usd(100))))
    ]
    assert [row.id for row in (await desk.customers(PARTNER, search="BROOK")).rows] == [5]


async def test_the_ledger_runs_audit_and_events_are_listed(books: Books, desk: DeskActions) -> None:
    account = LedgerAccount(
        id="u", name="Undeposited Funds", number="1", type="asset", sub_type="x", legacy_id=None, parent_id="p"
    )
    await books.store.store_ledger_accounts(SCOPE, [account, replace(account, id="v", is_active=False)])
    assert await desk.ledger_accounts(PARTNER) == (account,)
    for minute in range(3):
        ended = Cursor(feed=Feed.PAYMENTS, began_at=NOW, finished_at=NOW + minute * MINUTE, pages_done=minute)
        await books.store.finish_run(SCOPE, Feed.PAYMENTS, ended, "complete")
    page = await desk.runs(PARTNER, limit=2)
    assert [run.pages for run in (*page.rows, *(await desk.runs(PARTNER, page.after)).rows)] == [2, 1, 0]
    await choose_accounts(books)
    assert [line.what for line in (await desk.audit(PARTNER)).rows] == ["set up accounts"]
    await books.store.park(SCOPE, "revoked", NOW)
    events = await desk.events(PARTNER)
    assert [event.kind for event in events] == ["issue_opened", "reconnect_needed"]
    assert [event.kind for event in await desk.events(PARTNER, events[0].event_id)] == ["reconnect_needed"]
