"""Each rule of the pull, named as its sentence: the real supervisor, a sandbox over HTTP, a real Postgres."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from daemon.actors.limiter import Limiters, Line
from daemon.actors.reread import read_snapshot
from daemon.adapters.freshbooks.calls import Call
from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import IssueKind, PushState, Resource
from daemon.core.rate_limit import Priority
from tests.whole.pace import FAST
from tests.whole.partner import Partner
from tests.whole.rows import Rows
from tests.whole.stage import Site, lines, platform

pytestmark = pytest.mark.timeout(300)


def kinds(rows: Rows) -> set[IssueKind]:
    return {kind for kind, _ in rows.issues}


def pages_of(partner: Partner, path: str) -> list[dict[str, str]]:
    """The filters of a listing's page requests, in their order; counting asks for pages of one."""
    asked = [dict(call.params) for call in partner.asked if call.path.endswith(path)]
    return [params for params in asked if params.get("per_page") == str(FAST.pull.page_size)]


async def test_c3_pending_until_the_last_12_months_then_all_history_are_in_and_a_closing_pass_found_nothing_new(
    site: Site,
) -> None:
    partner = site.add(30)
    async with partner.connected():
        rows = await partner.refresh()
    books = partner.account().books
    assert rows.invoices.keys() == {row.id for row in books.invoices}
    assert rows.fb_payments.keys() == {row.id for row in books.payments}
    assert rows.customers.keys() == {row.id for row in books.clients}
    assert {row.id: row.outstanding for row in books.invoices} == {
        key: row.amount_due for key, row in rows.invoices.items()
    }
    begins = [page["search[date_min]"] for page in pages_of(partner, "invoices/invoices") if "search[date_min]" in page]
    assert begins == sorted(begins, reverse=True)
    ended = await site.fetch("SELECT feed, changed FROM sync.run WHERE partner_id = $1 ORDER BY run_id", partner.id)
    of_initial_sync = [tuple(row) for row in ended if row["feed"] in {"backfill", "closing"}]
    assert of_initial_sync[0][0] == "backfill"
    assert of_initial_sync[-1] == ("closing", 0)
    percents = [fact[2] for fact in site.notes.named("progress") if fact[1] == partner.id]
    assert percents == sorted(percents)
    assert max(percents) < 100


@pytest.mark.parametrize("size", [0, 1, 100, 101])
async def test_an_account_of_any_size_is_complete_once_connected(site: Site, size: int) -> None:
    """Of 100,000: `make bench BENCH_ONLY=whole_account`."""
    partner = site.add(size)
    async with partner.connected(policy=replace(FAST, pull=replace(FAST.pull, page_size=100))):
        rows = await partner.refresh()
    books = partner.account().books.invoices
    assert len(rows.invoices) == size
    assert {row.id: (row.amount, row.outstanding) for row in books} == {
        key: (row.terms.total, row.amount_due) for key, row in rows.invoices.items()
    }


async def test_p1_everything_works_without_webhooks_because_polling_stays_the_truth(site: Site) -> None:
    partner = site.add()
    invoice = partner.bill("80.00")
    async with partner.connected():
        partner.type_payment(invoice, "30.00")
        client = partner.book("client.create", None, {"organization": "New Firm"})
        await partner.synced()
        assert partner.invoice(invoice).amount_due == 50
        assert partner.rows().customers[client.id][0].organization == "New Firm"
    updated = [page for page in pages_of(partner, "payments/payments") if "search[updated_min]" in page]
    assert {page.get("search[vis_state]") for page in updated} == {None, "1"}
    assert not any("callbacks" in call.path for call in partner.asked)


async def test_p2_changes_to_unpaid_invoices_flow_from_freshbooks_and_never_the_other_way(site: Site) -> None:
    partner = site.add()
    invoice = partner.bill("80.00")
    async with partner.connected():
        other = partner.book("client.create", None, {"organization": "Other"})
        partner.book("invoice.update", invoice, {"lines": lines("120.00", "More work")})
        partner.book("invoice.update", invoice, {"due_offset_days": 30, "invoice_number": "N7", "customerid": other.id})
        await partner.synced()
        terms = partner.invoice(invoice).terms
        books = partner.account().books.invoices.rows[invoice]
        assert (terms.total, terms.number, terms.customer_id) == (120, "N7", other.id)
        assert (terms.due_on, terms.lines[0].name) == (books.due_date, "More work")
    assert {call.method for call in partner.asked} == {"GET"}


async def test_p6_deleted_and_archived_invoices_are_flagged_not_archived_and_archived_by_hand_first_in_freshbooks(
    site: Site,
) -> None:
    partner = site.add()
    gone, put_away = partner.bill("40.00"), partner.bill("60.00")
    async with partner.connected():
        refused = await site.desk.archive(partner.id, gone, "ada", partner.clock.now())
        assert refused == "This invoice is active in FreshBooks. Archive or delete it there first, then here."
        partner.pay(put_away, "60.00")
        await partner.shows(
            lambda rows: rows.pushes and partner.push(next(iter(rows.payments))).state is PushState.DONE
        )
        partner.book("invoice.update", gone, {"vis_state": 1})
        partner.book("invoice.update", put_away, {"vis_state": 2})
        await partner.synced()
        row = await platform(site, partner, gone)
        assert (row["status"], row["payable"], row["deleted_in_freshbooks"]) == ("outstanding", False, True)
        refused = await site.desk.archive(partner.id, put_away, "ada", partner.clock.now())
        assert refused == "A payment of this invoice is still processing. Archive it when the payment is settled."
        assert await site.desk.archive(partner.id, gone, "ada", partner.clock.now()) is None
        assert (await platform(site, partner, gone))["status"] == "archived"


async def test_p9_a_stale_read_never_overwrites_a_newer_one(site: Site) -> None:
    partner = site.add()
    invoice = partner.bill("100.00")
    async with partner.connected():
        world = site.world(partner)
        connection = await site.store.connection(partner.id)
        limiter = Limiters(partner.clock).of(partner.id, FAST.rate)
        line = Line(partner.id, world.account(connection), limiter, site.notes)
        old = await read_snapshot(world, line, invoice, Priority.CHANGES)
        partner.book("invoice.update", invoice, {"lines": lines("150.00")})
        new = await read_snapshot(world, line, invoice, Priority.CHANGES)
        for snapshot in (new, old):
            await site.store.settle(partner.scope(), invoice, partial(decide_snapshot, snapshot), snapshot.payments)
        await partner.refresh()
        assert partner.invoice(invoice).amount_due == 150


async def test_p10_one_bad_record_is_quarantined_the_rest_of_the_page_is_stored_and_it_is_retried(site: Site) -> None:
    partner = site.add()
    bad, good = partner.bill("77.77"), partner.bill("50.00")

    def spoil(call: Call, body: bytes) -> bytes:
        return body.replace(b'"amount":"77.77"', b'"amount":"lots"') if "invoices/invoices" in call.path else body

    partner.spoil = spoil
    async with partner.connected():
        rows = await partner.refresh()
        assert rows.invoices.keys() == {good}
        (issue,) = rows.issues.values()
        assert (issue.kind, issue.subject) == (IssueKind.QUARANTINED, ("invoices", str(bad)))
        payload = await site.value("SELECT payload FROM sync.quarantine WHERE partner_id = $1", partner.id)
        assert b"lots" in payload
        # FreshBooks changes it: it is read by itself.
        partner.book("invoice.update", bad, {"lines": lines("88.00")})
        await partner.synced()
        assert partner.invoice(bad).amount_due == 88
        assert not partner.rows().issues
        assert not partner.rows().quarantine


async def test_p10_a_quarantined_record_is_retried_when_a_person_asks(site: Site) -> None:
    partner = site.add()
    bad = partner.bill("77.77")
    spoilt = [True]

    def spoil(call: Call, body: bytes) -> bytes:
        return body.replace(b'"amount":"77.77"', b'"amount":"lots"') if spoilt and "invoices/" in call.path else body

    partner.spoil = spoil
    async with partner.connected():
        assert not (await partner.refresh()).invoices
        spoilt.clear()
        await partner.read_again("invoices", bad)
        rows = await partner.shows(lambda rows: rows.invoices)
        assert rows.invoices[bad].amount_due == Decimal("77.77")
        assert not rows.issues


async def test_p13_an_invoice_made_in_ap_with_the_number_of_one_in_freshbooks_is_shown_as_such_and_never_linked(
    site: Site,
) -> None:
    partner = site.add()
    invoice = partner.bill("40.00", invoice_number="77")
    async with partner.connected():
        await site.execute(
            "INSERT INTO platform.ap_invoice VALUES ($1, 'ap_1', '77', 40, 'USD', 'outstanding')", partner.id
        )
        await site.execute(
            "INSERT INTO platform.payment (partner_id, payment_id, ap_invoice_id, amount, currency, method, status, "
            "initiated_at) VALUES ($1, 'pay_1', 'ap_1', 40, 'USD', 'card', 'succeeded', now())",
            partner.id,
        )
        await partner.synced()
        row = await platform(site, partner, invoice)
        assert (row["same_number_as_ap_invoice"], row["amount_due"]) == ("ap_1", 40)
        assert not partner.fb_payments(invoice)


async def test_a_ring_for_a_deleted_or_unknown_object_is_served_once(site: Site) -> None:
    partner = site.add()
    invoice = partner.bill("40.00")
    async with partner.connected():
        partner.book("invoice.update", invoice, {"vis_state": 1})
        for resource, key in ((Resource.INVOICES, invoice), (Resource.PAYMENTS, 999_999), (Resource.CUSTOMERS, 888)):
            partner.ring(resource, key, partner.clock.now())
        rows = await partner.shows(lambda rows: not rows.rereads and rows.invoices[invoice].vis_state == 1)
        assert kinds(rows) == set()
