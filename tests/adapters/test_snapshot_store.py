"""What the pull lane stores of a snapshot: payments, links, credits, issues and generations."""

from dataclasses import replace

from daemon.core.model import InvoiceContext, InvoiceDecision, PaymentStatus, VisState
from tests.adapters.postgres_rows import ACCOUNT, LONG_AGO, PARTNER, SCOPE, Books, make_credit
from tests.builders import INVOICE, NOW, OTHER_INVOICE, make_fb_invoice, make_fb_payment, make_our_fb_payment, usd
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres


async def test_a_snapshot_stores_its_payments_and_what_it_shows_of_ours(books: Books) -> None:
    await books.pay(amount=60)
    await books.snapshot(make_fb_invoice(), (make_our_fb_payment(501, 60), make_fb_payment(502, 10)))
    row = await books.invoice()
    assert (row["fb_outstanding"], row["amount_due"]) == (usd(30), usd(30))
    applied = await books.fetch("SELECT fb_payment_id, payment_id, amount FROM sync.applied")
    assert [tuple(found) for found in applied] == [(501, "pay_1", usd(60))]
    assert await books.value("SELECT count(*) FROM sync.fb_payment") == 2


async def test_whoever_s_record_a_snapshot_shows_is_linked(books: Books) -> None:
    await books.pay("pay_marked", invoice_id=OTHER_INVOICE)
    await books.pay("pay_stored", invoice_id=OTHER_INVOICE)
    await books.pay("pay_none", invoice_id=OTHER_INVOICE)
    await books.execute("UPDATE sync.push SET fb_payment_id = 502 WHERE subject = 'pay_stored'")
    seen: list[InvoiceContext] = []

    def look(context: InvoiceContext) -> InvoiceDecision:
        seen.append(context)
        return InvoiceDecision(invoice=None)

    shown = (make_our_fb_payment(501, payment_id="pay_marked"), make_fb_payment(502))
    await books.store.settle(SCOPE, INVOICE, look, shown)
    assert {link.payment.id for link in seen[0].links} == {"pay_marked", "pay_stored"}


async def test_a_record_moved_to_another_invoice_is_known_on_both(books: Books) -> None:
    await books.pay()
    ours = make_our_fb_payment(501, 100)
    await books.snapshot(make_fb_invoice(), (ours,))
    moved = replace(ours, invoice_id=OTHER_INVOICE, updated_at=NOW, fingerprint=9)
    report = await books.store.merge_payments(SCOPE, [moved], books.reading())
    assert report.rereads == (INVOICE,)
    await books.merge(make_fb_invoice(id=OTHER_INVOICE))
    await books.snapshot(make_fb_invoice(id=OTHER_INVOICE), (moved,))
    seen: list[InvoiceContext] = []

    def look(context: InvoiceContext) -> InvoiceDecision:
        seen.append(context)
        return InvoiceDecision(invoice=None)

    await books.store.settle(SCOPE, INVOICE, look, None)
    (elsewhere,) = seen[0].links[0].elsewhere
    assert (elsewhere.invoice_id, elsewhere.amount) == (OTHER_INVOICE, usd(100))


async def test_the_credit_of_an_overpayment_is_seen_until_it_is_gone(books: Books) -> None:
    await books.merge(make_fb_invoice(60))
    await books.pay(amount=100)
    await books.execute(
        "UPDATE sync.push SET state = 'done', fb_payment_id = 501, recorded_amount = 60, deadline_at = $1", NOW
    )
    ours = make_our_fb_payment(501, 60, overpayment_id=502)
    await books.snapshot(make_fb_invoice(60, updated_at=NOW), (ours,))
    live: list[bool] = []

    def look(context: InvoiceContext) -> InvoiceDecision:
        live.append(context.links[0].credit_is_live)
        return InvoiceDecision(invoice=None)

    await books.store.settle(SCOPE, INVOICE, look, None)
    await books.execute("DELETE FROM sync.reread")
    await books.store.merge_credits(SCOPE, [make_credit(amount=usd(40))], books.reading())
    assert await books.rereads() == {("invoices", INVOICE): "platform"}
    await books.store.settle(SCOPE, INVOICE, look, None)
    gone = make_credit(amount=usd(40), vis_state=VisState.DELETED, fingerprint=2)
    await books.store.merge_credits(SCOPE, [gone], books.reading())
    await books.store.settle(SCOPE, INVOICE, look, None)
    assert live == [False, True, False]


async def test_a_credit_note_that_goes_or_comes_back_has_the_invoices_it_paid_read_again(books: Books) -> None:
    note = make_credit(credit_type="goodwill")
    await books.merge(make_fb_invoice(60), make_fb_invoice(id=OTHER_INVOICE))
    await books.store.merge_payments(
        SCOPE, [make_fb_payment(501, credit_id=note.id, from_credit=True)], books.reading()
    )
    await books.store.merge_credits(SCOPE, [note], books.reading())
    for number, state in ((2, VisState.DELETED), (3, VisState.ACTIVE)):
        await books.execute("DELETE FROM sync.reread")
        changed = replace(note, vis_state=state, fingerprint=number)
        await books.store.merge_credits(SCOPE, [changed], books.reading())
        assert await books.rereads() == {("invoices", INVOICE): "a credit note changed"}


async def test_issues_open_while_they_stand_and_close_by_themselves(books: Books) -> None:
    await books.pay()
    await books.set_status("pay_1", PaymentStatus.REFUNDED)
    await books.merge(make_fb_invoice(id=OTHER_INVOICE))
    await books.snapshot()
    assert await books.open_issues() == {("refunded", "payment", "pay_1")}
    opened = await books.fetch("SELECT kind, subject, data->>'kind' FROM platform.event")
    assert [tuple(event) for event in opened] == [("issue_opened", "payment/pay_1", "refunded")]
    await books.decide()
    await books.execute("UPDATE sync.push SET choice = 'owes_nothing'")
    await books.decide()
    assert await books.open_issues() == set()
    kinds = await books.fetch("SELECT kind FROM platform.event ORDER BY event_id")
    assert [event[0] for event in kinds] == ["issue_opened", "issue_closed"]


async def test_an_issue_of_another_kind_on_the_same_subject_stays(books: Books) -> None:
    await books.execute(
        "INSERT INTO sync.issue (partner_id, account_id, kind, subject_type, subject_id, reason, next_step)"
        " VALUES ($1, $2, 'account_gone', 'invoice', $3, 'r', 'n'), ($1, $2, 'overpaid', 'invoice', $3, 'r', 'n')",
        PARTNER,
        ACCOUNT,
        str(INVOICE),
    )
    await books.snapshot()
    await books.snapshot(make_fb_invoice(90, updated_at=NOW))
    assert await books.open_issues() == {("account_gone", "invoice", str(INVOICE))}


async def test_a_new_generation_is_opened_once_and_wakes_the_push_lane(books: Books) -> None:
    await books.pay()
    await books.execute(
        "UPDATE sync.push SET state = 'done', fb_payment_id = 501, recorded_amount = 100, deadline_at = $1", NOW
    )
    ours = make_our_fb_payment(501, 100)
    await books.snapshot(make_fb_invoice(), (ours,))
    await books.set_status("pay_1", PaymentStatus.CHARGEBACK)
    await books.decide()
    gone = replace(ours, vis_state=VisState.DELETED, updated_at=NOW, fingerprint=2)
    await books.snapshot(make_fb_invoice(updated_at=NOW), (gone,))
    assert ((await books.push())["state"], (await books.push())["reason"]) == ("cancelled", "chargeback_reverted")
    await books.set_status("pay_1", PaymentStatus.SUCCEEDED)
    await books.decide()
    await books.decide()
    second = await books.push(generation=2)
    assert (second["state"], second["marker"], second["invoice_id"], second["fence"]) == (
        "ready",
        "AP:pay_1:2",
        INVOICE,
        0,
    )
    assert await books.store.next_push_at(SCOPE, NOW) == LONG_AGO
