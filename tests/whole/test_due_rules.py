"""Each rule of what is due, named as its sentence: the real supervisor, a sandbox over HTTP, a real Postgres."""

import pytest

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import IssueKind, PaymentStatus, PushState, Resource
from tests.whole.rows import Rows
from tests.whole.stage import Site, lines, platform

pytestmark = pytest.mark.timeout(300)


def is_recorded(rows: Rows) -> bool:
    """Whether every payment stands in FreshBooks."""
    return bool(rows.pushes) and all(push.state is PushState.DONE for push in rows.pushes.values())


async def test_p3_partial_payments_and_credits_are_reflected_in_the_amount_due_apart_from_the_total(
    site: Site,
) -> None:
    partner = site.add()
    invoice = partner.bill("100.00")
    today = partner.clock.now().date().isoformat()
    async with partner.connected():
        partner.type_payment(invoice, "30.00")
        client = partner.account().books.invoices.rows[invoice].client_id
        note = partner.book(
            "credit_note.create", None, {"clientid": client, "create_date": today, "lines": lines("25.00")}
        )
        partner.type_payment(invoice, "25.00", type="Credit", creditid=note.id)
        await partner.synced()
        row = await platform(site, partner, invoice)
        assert (row["total"], row["amount_due"], row["status"]) == (100, 45, "outstanding")


async def test_p4_an_invoice_is_paid_exactly_when_nothing_is_due_and_freshbooks_status_alone_never_decides(
    site: Site,
) -> None:
    partner = site.add()
    by_cheque, by_ach, empty = partner.bill("40.00"), partner.bill("60.00"), partner.bill("0.00")
    async with partner.connected():
        partner.type_payment(by_cheque, "40.00")
        partner.pay(by_ach, "60.00", method="ach")
        await partner.shows(
            lambda rows: rows.pushes and partner.push(next(iter(rows.payments))).state is PushState.DONE
        )
        partner.move(next(iter(partner.rows().payments)), PaymentStatus.FAILED)
        await partner.synced()
        assert partner.account().books.invoices.rows[by_ach].outstanding == 0
        found = {key: (await platform(site, partner, key))["status"] for key in (by_cheque, by_ach, empty)}
        assert found == {by_cheque: "paid", by_ach: "outstanding", empty: "outstanding"}


async def test_p5_once_an_invoice_is_paid_later_edits_no_longer_change_it_until_a_counted_payment_fails(
    site: Site,
) -> None:
    partner = site.add()
    invoice = partner.bill("100.00")
    async with partner.connected():
        payment = partner.pay(invoice, "100.00")
        await partner.shows(lambda rows: rows.invoices[invoice].is_frozen)
        partner.book("invoice.update", invoice, {"lines": lines("150.00"), "invoice_number": "N9"})
        await partner.synced()
        row = partner.invoice(invoice)
        assert (row.terms.total, row.amount_due, row.fb_amount) == (100, 0, 150)
        assert (IssueKind.PAID_INVOICE_CHANGED, ("invoice", str(invoice))) in partner.rows().issues
        partner.move(payment, PaymentStatus.FAILED)
        rows = await partner.shows(lambda rows: not rows.invoices[invoice].is_frozen)
        rows = await partner.shows(lambda rows: rows.invoices[invoice].terms.number == "N9")
        assert rows.invoices[invoice].amount_due == 150


async def test_p7_the_amount_due_counts_what_freshbooks_now_shows_of_failed_money_and_what_it_does_not_show_yet(
    site: Site,
) -> None:
    partner = site.add()
    edited, waiting = partner.bill("100.00"), partner.bill("80.00")
    async with partner.connected():
        payment = partner.pay(edited, "100.00")
        await partner.shows(is_recorded)
        (record,) = partner.fb_payments(edited)
        partner.book("payment.update", record.id, {"amount": {"amount": "60.00"}})
        partner.move(payment, PaymentStatus.FAILED)
        await partner.synced()
        assert partner.account().books.invoices.rows[edited].outstanding == 40
        assert partner.invoice(edited).amount_due == 100
        # A payment that FreshBooks cannot take yet is subtracted all the same.
        partner.before = _refuse_creates
        partner.pay(waiting, "80.00", payment_id="pay_2")
        rows = await partner.shows(lambda rows: rows.invoices[waiting].amount_due == 0)
        assert rows.invoices[waiting].fb_outstanding == 80


def _refuse_creates(call: Call) -> None:
    if call.method == "POST":
        raise FreshBooksUnavailable("no answer in time", unsent=True)


async def test_p8_what_we_pushed_is_recognised_and_one_deleted_in_freshbooks_stays_subtracted_and_is_not_pushed_again(
    site: Site,
) -> None:
    partner = site.add()
    invoice = partner.bill("100.00")
    async with partner.connected():
        payment = partner.pay(invoice, "100.00")
        await partner.shows(lambda rows: rows.invoices[invoice].is_frozen)
        await partner.synced()
        assert (partner.invoice(invoice).amount_due, len(partner.fb_payments(invoice))) == (0, 1)
        (record,) = partner.fb_payments(invoice)
        partner.book("payment.update", record.id, {"vis_state": 1})
        await partner.synced()
        issue = partner.rows().issues[IssueKind.OURS_CHANGED, ("payment", payment)]
        assert set(issue.actions) == {"reopen", "record_again", "refund_in_ap"}
        assert partner.invoice(invoice).amount_due == 0
        await partner.synced()
        assert len(partner.fb_payments(invoice)) == 1


async def test_p7_a_payment_deleted_between_the_two_listings_is_seen_once_in_a_snapshot_read_again(site: Site) -> None:
    partner = site.add()
    invoice = partner.bill("100.00")
    async with partner.connected():
        payment = partner.pay(invoice, "40.00")
        partner.move(payment, PaymentStatus.SUCCEEDED)
        await partner.shows(is_recorded)
        (record,) = partner.fb_payments(invoice)

        def delete_it(call: Call) -> None:
            if dict(call.params).get("search[invoiceid]") and record.vis_state == 0:
                partner.book("payment.update", record.id, {"vis_state": 1})

        partner.after = delete_it
        partner.asked.clear()
        partner.ring(Resource.INVOICES, invoice, partner.clock.now())
        await partner.shows(lambda rows: (IssueKind.OURS_CHANGED, ("payment", payment)) in rows.issues)
        listed = [
            dict(call.params).get("search[vis_state]") for call in partner.asked if call.path.endswith("payments")
        ]
        assert listed.count("1") > 1
        assert partner.invoice(invoice).amount_due == 60
        assert not [fact for fact in site.notes.facts if fact[0] == "child_crashed"]


@pytest.mark.parametrize("pushed", [False, True], ids=["before its push", "after it"])
async def test_p11_a_refund_alone_never_changes_what_is_due_and_an_issue_asks_whether_the_customer_still_owes(
    site: Site, pushed: bool
) -> None:
    partner = site.add()
    invoice = partner.bill("100.00")
    async with partner.connected(accounts_chosen=pushed):
        payment = partner.pay(invoice, "100.00")
        if pushed:
            await partner.shows(lambda rows: rows.invoices[invoice].is_frozen)
        else:
            await partner.shows(lambda rows: rows.invoices[invoice].amount_due == 0)
        partner.move(payment, PaymentStatus.REFUNDED)
        rows = await partner.shows(lambda rows: (IssueKind.REFUNDED, ("payment", payment)) in rows.issues)
        assert partner.push(payment).state is (PushState.DONE if pushed else PushState.CANCELLED)
        assert rows.invoices[invoice].amount_due == 0
        assert len(partner.fb_payments(invoice)) == pushed


async def test_p12_the_platform_sees_what_is_payable_since_when_and_has_it_read_again_before_it_charges(
    site: Site,
) -> None:
    partner = site.add()
    sent, draft, gone = partner.bill("40.00"), partner.bill("50.00", status=1), partner.bill("60.00")
    async with partner.connected():
        partner.book("invoice.update", gone, {"vis_state": 1})
        await partner.synced()
        found = {key: await platform(site, partner, key) for key in (sent, draft, gone)}
        assert {key: (row["payable"], row["not_payable_reason"]) for key, row in found.items()} == {
            sent: (True, None),
            draft: (False, "draft"),
            gone: (False, "deleted"),
        }
        assert found[draft]["status"] == "draft"
        asked = partner.clock.now()
        partner.type_payment(sent, "15.00")
        assert await site.desk.read_invoice_again(partner.id, sent, "autopay", asked)
        await partner.shows(lambda rows: rows.invoices[sent].amount_due == 25 and not rows.rereads)
        assert (await platform(site, partner, sent))["amount_due_as_of"] >= asked
