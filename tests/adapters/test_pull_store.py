"""What the pull lane stores, on every Postgres that is supported."""

from tests.adapters.postgres_rows import Books
from tests.builders import make_fb_invoice, make_line, usd
from tests.postgres import on_every_postgres


@on_every_postgres
async def test_a_read_of_a_new_invoice_is_stored_with_its_lines(books: Books) -> None:
    invoice = make_fb_invoice(
        lines=(make_line(name="Tab\there", description="two\nlines \\N"), make_line(name="Zwei · 二"))
    )
    assert await books.merge(invoice) == 1
    row = await books.invoice()
    assert (row["total"], row["amount_due"], row["status"], row["not_payable"]) == (
        usd(100),
        usd(100),
        "outstanding",
        None,
    )
    lines = await books.fetch("SELECT position, name, description FROM sync.line_item ORDER BY position")
    assert [tuple(line) for line in lines] == [(0, "Tab\there", "two\nlines \\N"), (1, "Zwei · 二", "Monthly")]
