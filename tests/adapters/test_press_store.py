"""What people press on the pages, as it is stored and audited (T2)."""

from datetime import timedelta

import pytest

from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.core.desk import InvoiceQuery, IssueQuery
from daemon.core.exchange import Undecodable
from daemon.core.model import (
    InvoiceId,
    InvoiceStatus,
    NotPayable,
    PartnerId,
    PaymentStatus,
    Resource,
    VisState,
)
from tests.adapters.postgres_rows import ACCOUNT, PARTNER, SCOPE, Books
from tests.builders import (
    INVOICE,
    NOW,
    make_fb_invoice,
    make_fb_payment,
    make_line,
    usd,
)
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres
MINUTE = timedelta(minutes=1)
NOBODY = PartnerId("nobody")


async def test_sync_now_wakes_the_supervisor_of_a_connected_partner(books: Books, desk: DeskActions) -> None:
    assert not await desk.ask_sync(NOBODY, "ada", NOW)
    async with books.wakes() as wakes:
        assert await desk.ask_sync(PARTNER, "ada", NOW)
        assert await anext(wakes) == (PARTNER, "connection")
    assert (await books.store.connection(PARTNER)).sync_asked_at == NOW
    await books.end(PARTNER)
    assert not await desk.ask_sync(PARTNER, "ada", NOW)


async def test_a_pause_is_stored_once(books: Books, desk: DeskActions) -> None:
    assert await desk.pause(PARTNER, "ada", paused=True)
    assert not await desk.pause(PARTNER, "ada", paused=True)
    assert (await books.store.connection(PARTNER)).paused


async def test_an_issue_s_action_is_a_choice_and_audited(books: Books, desk: DeskActions) -> None:
    await books.pay(status="refunded")
    await books.snapshot()
    (issue,) = (await desk.issues(PARTNER, IssueQuery())).rows
    assert not await desk.act_on_issue(PARTNER, issue.issue_id, "post_anyway", None, "ada", NOW)
    assert not await desk.act_on_issue(NOBODY, issue.issue_id, "still_owes", None, "ada", NOW)
    assert await desk.act_on_issue(PARTNER, issue.issue_id, "still_owes", None, "ada", NOW)
    await books.decide()
    assert (await books.invoice())["amount_due"] == usd(100)
    assert not await desk.act_on_issue(PARTNER, issue.issue_id, "still_owes", None, "ada", NOW)
    assert (await desk.issues(PARTNER, IssueQuery())).rows == ()
    (closed,) = (await desk.issues(PARTNER, IssueQuery(closed=True, subject=("payment", "pay_1")))).rows
    assert (closed.issue_id, closed.closed_by) == (issue.issue_id, "freshbooks-syncd")


async def test_freshbooks_version_of_a_paid_invoice_is_taken_by_a_person(books: Books, desk: DeskActions) -> None:
    await books.merge(make_fb_invoice(100, 0))
    await books.merge(make_fb_invoice(150, 50, updated_at=NOW))
    (issue,) = (await desk.issues(PARTNER, IssueQuery(kind="paid_invoice_changed"))).rows
    assert await desk.act_on_issue(PARTNER, issue.issue_id, "take_freshbooks_version", None, "ada", NOW)
    assert (await books.invoice())["frozen_at"] is None
    assert await books.rereads() == {("invoices", INVOICE): "decide"}
    lines = [make_line(name="Fresh")]
    await books.snapshot(make_fb_invoice(150, updated_at=NOW, lines=tuple(lines)), (make_fb_payment(1, 100),))
    row = await books.invoice()
    assert (row["total"], row["amount_due"]) == (usd(150), usd(50))
    assert [line[0] for line in await books.fetch("SELECT name FROM sync.line_item")] == ["Fresh"]
    assert [line.what for line in (await desk.audit(PARTNER)).rows] == ["took FreshBooks' version"]


async def test_a_quarantined_record_is_read_again_when_asked(books: Books, desk: DeskActions) -> None:
    bad = Undecodable(resource=Resource.PAYMENTS, id=9, fingerprint=1, reason="no amount", raw=b"{}")
    await books.store.quarantine(SCOPE, [bad])
    (issue,) = (await desk.issues(PARTNER, IssueQuery())).rows
    assert await desk.act_on_issue(PARTNER, issue.issue_id, "read_again", None, "ada", NOW)
    assert await books.rereads() == {("payments", 9): "asked"}


async def test_an_invoice_is_archived_here_only_after_freshbooks(books: Books, desk: DeskActions) -> None:
    await books.merge(make_fb_invoice())
    with pytest.raises(LookupError):
        await desk.archive(PARTNER, InvoiceId(9), "ada", NOW)
    assert "active in FreshBooks" in (await desk.archive(PARTNER, INVOICE, "ada", NOW) or "")
    await books.merge(make_fb_invoice(vis_state=VisState.ARCHIVED, updated_at=NOW))
    await books.pay()
    assert "processing" in (await desk.archive(PARTNER, INVOICE, "ada", NOW) or "")
    await books.set_status("pay_1", PaymentStatus.FAILED)
    assert await desk.archive(PARTNER, INVOICE, "ada", NOW) is None
    assert await desk.archive(PARTNER, INVOICE, "ada", NOW) is None
    detail = await desk.invoice(PARTNER, INVOICE)
    assert detail is not None
    assert (detail.row.archived_at, detail.row.not_payable, detail.row.status) == (
        NOW,
        NotPayable.ARCHIVED,
        InvoiceStatus.OUTSTANDING,
    )
    (seen,) = await books.fetch("SELECT status, payable, not_payable_reason FROM platform.invoice")
    assert tuple(seen) == ("archived", False, "archived")
    await desk.unarchive(PARTNER, INVOICE, "ada")
    assert await books.value("SELECT status FROM platform.invoice") == "outstanding"
    assert [line.what for line in (await desk.audit(PARTNER)).rows] == [
        "brought the invoice back",
        "archived the invoice",
    ]


async def test_an_equal_number_of_a_platform_invoice_is_shown(books: Books, desk: DeskActions) -> None:
    await books.merge(make_fb_invoice(number="77"))
    await books.execute("INSERT INTO platform.ap_invoice VALUES ($1, 'ap_1', '77', 5, 'USD', 'outstanding')", PARTNER)
    (row,) = (await desk.invoices(PARTNER, InvoiceQuery())).rows
    assert row.same_number_as_ap_invoice == "ap_1"
    assert await books.value("SELECT same_number_as_ap_invoice FROM platform.invoice") == "ap_1"
    assert await books.value("SELECT account_id FROM platform.invoice") == ACCOUNT
