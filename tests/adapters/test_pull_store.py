"""What the pull lane stores: pages, snapshots, quarantine, rereads, the chart of accounts."""

from dataclasses import replace
from datetime import timedelta

from daemon.core.invoice_rules import terms_hash, terms_of
from daemon.core.model import InvoiceId, Resource
from tests.adapters.postgres_rows import SCOPE, Books, make_credit
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


async def row_versions(books: Books) -> list[tuple[object, ...]]:
    """Where every row stands on disk and which transaction wrote or locked it: writing nothing changes nothing."""
    tables = ("invoice", "line_item", "fb_payment", "customer", "credit", "applied", "issue")
    union = " UNION ALL ".join(
        f"SELECT '{table}' AS t, ctid::text, xmin::text, xmax::text FROM sync.{table}"  # noqa: S608
        for table in tables
    )
    return [tuple(row) for row in await books.fetch(f"{union} ORDER BY 1, 2")]


async def test_a_new_invoice_is_stored_with_its_lines(books: Books) -> None:
    lines = (make_line(name="Tab\there", description="two\nlines \\N \x1d\x00."), make_line(name="Zwei · 二"))
    assert await books.merge(make_fb_invoice(lines=lines, description="\r")) == 1
    row = await books.invoice()
    assert (row["total"], row["amount_due"], row["status"], row["description"]) == (
        usd(100),
        usd(100),
        "outstanding",
        "\r",
    )
    stored = await books.fetch("SELECT position, name, description FROM sync.line_item ORDER BY position")
    assert [tuple(line) for line in stored] == [(0, "Tab\there", "two\nlines \\N \x1d."), (1, "Zwei · 二", "Monthly")]


async def test_texts_survive_an_update_as_they_are(books: Books) -> None:
    await books.merge(make_fb_invoice())
    texts = ("\\N", "a\tb\\c", "\r\n", "Zoë · 二 🙂", "")
    for number in texts:
        await books.merge(make_fb_invoice(number=number, description=number, updated_at=NOW, due_on=None))
        row = await books.invoice()
        assert (row["number"], row["description"], row["due_on"]) == (number, number, None)


async def test_an_edited_invoice_has_its_row_and_lines_replaced(books: Books) -> None:
    await books.merge(make_fb_invoice(100, lines=(make_line(), make_line(), make_line())))
    edited = make_fb_invoice(80, updated_at=NOW, due_on=None, lines=(make_line(name="Other"), make_line()))
    assert await books.merge(edited) == 1
    row = await books.invoice()
    assert (row["total"], row["amount_due"], row["due_on"]) == (usd(80), usd(80), None)
    names = await books.fetch("SELECT position, name FROM sync.line_item ORDER BY position")
    assert [tuple(line) for line in names] == [(0, "Other"), (1, "Managed support")]
    (entry,) = await books.fetch("SELECT what, ignored FROM sync.invoice_history")
    assert tuple(entry) == ("edited in FreshBooks", False)


async def test_a_changed_balance_leaves_the_lines_alone(books: Books) -> None:
    await books.merge(make_fb_invoice(100))
    before = await books.fetch("SELECT ctid::text FROM sync.line_item")
    await books.merge(make_fb_invoice(100, 30, updated_at=NOW))
    assert (await books.invoice())["amount_due"] == usd(30)
    assert await books.fetch("SELECT ctid::text FROM sync.line_item") == before


async def test_what_did_not_change_is_not_written(books: Books) -> None:
    await books.merge(make_fb_invoice())
    await books.pay()
    await books.snapshot(make_fb_invoice(), (make_our_fb_payment(amount=60),))
    await books.store.merge_customers(SCOPE, [make_customer(fingerprint=1)], make_reading(books.clock))
    before = await row_versions(books)
    assert before
    await books.decide()
    reading = make_reading(books.clock + MINUTE)
    assert await books.store.merge_customers(SCOPE, [make_customer(fingerprint=1)], reading) == 0
    payments = [make_our_fb_payment(amount=60)]
    assert (await books.store.merge_payments(SCOPE, payments, reading)).changed == 0
    assert await row_versions(books) == before


async def test_the_fingerprints_of_what_is_stored_are_told(books: Books) -> None:
    await books.merge(make_fb_invoice(fingerprint=5))
    reading = make_reading()
    await books.store.merge_customers(SCOPE, [make_customer(fingerprint=6)], reading)
    await books.store.merge_payments(SCOPE, [make_fb_payment(fingerprint=2**63 - 1)], reading)
    await books.store.merge_credits(SCOPE, [make_credit(fingerprint=8)], reading)
    told = {
        resource: await books.store.fingerprints(SCOPE, resource, [INVOICE, CUSTOMER, 501, 61, 999])
        for resource in Resource
    }
    assert told == {
        Resource.INVOICES: {INVOICE: 5},
        Resource.CUSTOMERS: {CUSTOMER: 6},
        Resource.PAYMENTS: {501: 2**63 - 1},
        Resource.CREDITS: {61: 8},
    }


async def test_one_invoice_on_two_pages_of_a_batch_is_stored_as_it_was_read_last(books: Books) -> None:
    first = books.read(make_fb_invoice(100, lines=(make_line(), make_line())))
    second = books.read(make_fb_invoice(70, updated_at=NOW, lines=(make_line(name="Last"),)))
    report = await books.store.merge_invoices(SCOPE, [first, second])
    assert report.changed == 1
    assert (await books.invoice())["total"] == usd(70)
    assert [row[0] for row in await books.fetch("SELECT name FROM sync.line_item")] == ["Last"]


async def test_a_stale_read_writes_nothing(books: Books) -> None:
    late = books.read(make_fb_invoice(80, updated_at=NOW), began_at=NOW)
    early = books.read(make_fb_invoice(100), began_at=NOW - timedelta(seconds=1))
    await books.store.merge_invoices(SCOPE, [late])
    assert (await books.store.merge_invoices(SCOPE, [early])).changed == 0
    assert (await books.invoice())["total"] == usd(80)


async def test_an_invoice_with_a_payment_of_ours_is_left_to_a_snapshot(books: Books) -> None:
    await books.pay()
    report = await books.store.merge_invoices(SCOPE, [books.read(make_fb_invoice())])
    assert (report.changed, report.rereads) == (0, (INVOICE,))
    assert await books.rereads() == {("invoices", INVOICE): "decide"}


async def test_a_thousand_invoices_are_stored_at_once(books: Books) -> None:
    many = [make_fb_invoice(number, id=InvoiceId(number), lines=(make_line(),) * 4) for number in range(1, 1001)]
    assert await books.merge(*many) == 1000
    assert await books.value("SELECT sum(amount_due) FROM sync.invoice") == usd(500500)
    assert await books.value("SELECT count(*) FROM sync.line_item") == 4000
    again = [replace(invoice, outstanding=usd(1), updated_at=NOW, fingerprint=1) for invoice in many]
    assert await books.merge(*again) == 1000
    assert await books.value("SELECT sum(amount_due) FROM sync.invoice") == usd(1000)


async def test_a_frozen_invoice_keeps_its_terms_and_lines(books: Books) -> None:
    await books.merge(make_fb_invoice(100, 0, lines=(make_line(name="Paid"),)))
    assert (await books.invoice())["frozen_at"] is not None
    await books.merge(make_fb_invoice(150, 50, updated_at=NOW, lines=(make_line(name="Edited"),)))
    row = await books.invoice()
    assert (row["total"], row["fb_amount"], row["status"], row["amount_due"]) == (usd(100), usd(150), "paid", usd(0))
    assert row["terms_hash"] == terms_hash(terms_of(make_fb_invoice(100, 0, lines=(make_line(name="Paid"),))))
    assert [line[0] for line in await books.fetch("SELECT name FROM sync.line_item")] == ["Paid"]
    assert await books.open_issues() == {("paid_invoice_changed", "invoice", str(INVOICE))}
