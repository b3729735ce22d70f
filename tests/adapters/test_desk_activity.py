"""What the Activity page reads, the options, and the counts that are kept beside the rows (T2, T3, O1-O4)."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.core.backfill import Cursor, Feed
from daemon.core.consent import Capability, Finding
from daemon.core.desk import CHART_DAYS, InvoiceQuery
from daemon.core.model import CustomerId, InvoiceId, PartnerId, VisState
from daemon.core.options import Option
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import NOW, make_customer, make_fb_invoice, make_fb_payment, make_reading
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres
MINUTE = timedelta(minutes=1)


async def _run(books: Books, finished_at: object, outcome: str = "complete", changed: int = 0) -> None:
    await books.execute(
        "INSERT INTO sync.run (partner_id, account_id, feed, stage, began_at, finished_at, outcome, pages, changed) "
        "VALUES ($1, $2, 'invoices', '', $3, $3, $4, 6, $5)",
        PARTNER,
        SCOPE.account_id,
        finished_at,
        outcome,
        changed,
    )


async def _recorded(books: Books, payment_id: str, amount: str, currency: str = "USD") -> None:
    await books.execute(
        "INSERT INTO sync.audit (partner_id, who, what, subject, after) "
        "VALUES ($1, 'freshbooks-syncd', 'payment recorded in FreshBooks', 'payment/' || $2, $3)",
        PARTNER,
        payment_id,
        {"amount": amount, "currency": currency},
    )


async def test_runs_and_audit_lines_are_narrowed(books: Books, desk: DeskActions) -> None:
    for outcome, changed in (("complete", 0), ("complete", 3), ("call_failed", 0)):
        await _run(books, NOW, outcome, changed)
    assert [run.changed for run in (await desk.runs(PARTNER, only="changed")).rows] == [3]
    assert [run.outcome for run in (await desk.runs(PARTNER, only="failed")).rows] == ["call_failed"]
    assert len((await desk.runs(PARTNER)).rows) == 3
    await _recorded(books, "pay_1", "5")
    await desk.ask_sync(PARTNER, "ada", NOW)
    assert [line.who for line in (await desk.audit(PARTNER, only="people")).rows] == ["ada"]
    assert [line.who for line in (await desk.audit(PARTNER, only="daemon")).rows] == ["freshbooks-syncd"]


async def test_the_runs_of_a_day_are_those_of_the_partners_own_day(books: Books, desk: DeskActions) -> None:
    await _run(books, NOW, changed=4)
    await _run(books, NOW - timedelta(days=1), "call_failed")
    await _run(books, NOW - timedelta(days=40), changed=99)
    # On Kiritimati it is already the next day.
    for zone, today in (("UTC", NOW.date()), ("Pacific/Kiritimati", (NOW + timedelta(hours=14)).date())):
        days = await desk.figures(PARTNER, zone, today)
        assert len(days) == CHART_DAYS
        assert days[-1].day == today
        assert (days[-1].runs, days[-1].pages, days[-1].changed, days[-1].failed_runs) == (1, 6, 4, 0)
        assert (days[-2].runs, days[-2].failed_runs, days[-2].recorded, days[-2].median_s) == (1, 1, (), None)
        assert sum(day.changed for day in days) == 4


async def test_what_was_recorded_is_summed_by_currency_and_timed_from_its_initiation(
    books: Books, desk: DeskActions
) -> None:
    # The log's own clock is the database's.
    now = await books.value("SELECT now()")
    for payment_id, minutes in (("pay_1", 1), ("pay_2", 3), ("pay_3", 9)):
        await books.pay(payment_id, 10, initiated_at=now - minutes * MINUTE)
        await _recorded(books, payment_id, "10.50", "CAD" if payment_id == "pay_3" else "USD")
    # Whatever the hour, one of these zones is far from midnight.
    for zone in ("Etc/GMT+6", "Etc/GMT-6"):
        (day,) = [
            day for day in await desk.figures(PARTNER, zone, now.astimezone(ZoneInfo(zone)).date()) if day.recorded
        ]
        assert [(row.currency, row.payments, str(row.amount)) for row in day.recorded] == [
            ("CAD", 1, "10.50"),
            ("USD", 2, "21.00"),
        ]
        assert day.median_s == pytest.approx(180, abs=30)
        assert day.slowest_s == pytest.approx(540, abs=30)


async def test_another_partners_figures_are_none(books: Books, desk: DeskActions) -> None:
    await _run(books, NOW, changed=4)
    days = await desk.figures(PartnerId("nobody"), "UTC", NOW.date())
    assert not any(day.runs for day in days)


# ---- options ---------------------------------------------------------------------------------------------------------


async def test_an_option_is_stored_beside_the_others_and_audited(books: Books, desk: DeskActions) -> None:
    assert await desk.set_option(PARTNER, Option.PDF_INVOICES, "ada", on=True)
    assert await desk.set_option(PARTNER, Option.MIRROR_INVOICES, "ada", on=True)
    assert await desk.set_option(PARTNER, Option.PDF_INVOICES, "ada", on=False)
    assert await desk.set_option(PARTNER, Option.PDF_INVOICES, "ada", on=False)
    module = await desk.module(PARTNER)
    assert module is not None
    assert module.options == {"pdf_invoices": False, "mirror_invoices": True}
    lines = (await desk.audit(PARTNER)).rows
    assert [(line.who, line.what) for line in lines] == [
        ("ada", "switched off the option pdf_invoices"),
        ("ada", "switched on the option mirror_invoices"),
        ("ada", "switched on the option pdf_invoices"),
    ]
    assert lines[1].before == {"pdf_invoices": True}


async def test_an_option_of_nobody_is_not_stored(books: Books, desk: DeskActions) -> None:
    assert not await desk.set_option(PartnerId("nobody"), Option.PDF_INVOICES, "ada", on=True)
    await books.end(PARTNER)
    assert not await desk.set_option(PARTNER, Option.PDF_INVOICES, "ada", on=True)


async def test_the_findings_of_the_consent_are_told_with_the_module(books: Books, desk: DeskActions) -> None:
    finding = {"capability": "record_deposits", "allowed": None, "sentence": "Only FreshBooks will tell."}
    await books.execute("UPDATE sync.connection SET findings = $1", [finding])
    module = await desk.module(PARTNER)
    assert module is not None
    assert module.findings == (
        Finding(capability=Capability.RECORD_DEPOSITS, allowed=None, sentence="Only FreshBooks will tell."),
    )


# ---- counts ----------------------------------------------------------------------------------------------------------


async def _tally_is_right(books: Books) -> bool:
    """Whether the counts kept beside the rows are those of the rows."""
    (kept,) = await books.fetch("SELECT * FROM sync.tally WHERE partner_id = $1", PARTNER)
    (counted,) = await books.fetch(
        "SELECT (SELECT count(*) FROM sync.customer WHERE partner_id = $1), count(*), "
        "count(*) FILTER (WHERE status = 'outstanding'), count(*) FILTER (WHERE status = 'paid'), "
        "count(*) FILTER (WHERE status = 'draft'), count(*) FILTER (WHERE vis_state = 1), "
        "(SELECT count(*) FROM sync.fb_payment WHERE partner_id = $1) FROM sync.invoice WHERE partner_id = $1",
        PARTNER,
    )
    return tuple(kept)[2:] == tuple(counted)


async def test_the_counts_beside_the_rows_follow_every_change_of_them(books: Books, desk: DeskActions) -> None:
    await books.store.merge_customers(SCOPE, [make_customer(), make_customer(id=CustomerId(9))], make_reading())
    invoices = [make_fb_invoice(100 + n, id=InvoiceId(n)) for n in range(1, 6)]
    await books.merge(*invoices)
    assert await _tally_is_right(books)
    await books.merge(
        make_fb_invoice(101, id=InvoiceId(1), vis_state=VisState.DELETED), make_fb_invoice(id=InvoiceId(7))
    )
    await books.snapshot(make_fb_invoice(102, 0, id=InvoiceId(2)), (make_fb_payment(5, 102, invoice_id=InvoiceId(2)),))
    assert await _tally_is_right(books)
    module = await desk.module(PARTNER)
    assert module is not None
    assert (module.counts.invoices, module.counts.deleted_in_freshbooks, module.counts.paid) == (6, 1, 1)
    await books.execute("UPDATE sync.invoice SET number = number || '-x'")
    await books.execute("DELETE FROM sync.invoice WHERE invoice_id = 2")
    await books.execute("DELETE FROM sync.customer WHERE customer_id = 9")
    await books.execute("DELETE FROM sync.fb_payment")
    assert await _tally_is_right(books)


async def test_without_counts_a_module_tells_its_open_issues_alone(books: Books, desk: DeskActions) -> None:
    await books.merge(make_fb_invoice())
    await books.pay(status="refunded")
    await books.snapshot()
    module = await desk.module(PARTNER, counted=False)
    assert module is not None
    assert (module.counts.issues, module.counts.invoices) == (1, 0)


# ---- search ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("INV-1", ["inv-1x", "INV-10"]),
        ("inv-10", ["INV-10"]),
        ("1X", ["inv-1x"]),
        ("0", ["INV-10"]),
        ("northwind", ["%_\\9", "inv-1x", "INV-10"]),
        ("%", ["%_\\9"]),
        ("_", []),
        ("\\9", ["%_\\9"]),
        ("nv", []),
        ("nothing", []),
    ],
)
async def test_a_search_finds_how_numbers_begin_and_end_and_what_names_hold(
    books: Books, desk: DeskActions, search: str, found: list[str]
) -> None:
    await books.store.merge_customers(SCOPE, [make_customer(organization="The Northwind Dental")], make_reading())
    for at, number in enumerate(("INV-10", "inv-1x", "%_\\9")):
        await books.merge(make_fb_invoice(id=InvoiceId(at + 1), number=number, issued_on=date(2026, 3, 1 + at)))
    page = await desk.invoices(PARTNER, InvoiceQuery(search=search))
    assert [row.number for row in page.rows] == found


async def test_a_search_that_finds_very_many_is_answered_from_the_newest_on(
    books: Books, desk: DeskActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.adapters.postgres.desk_store._FOUND_MAX", 2)
    await books.store.merge_customers(SCOPE, [make_customer()], make_reading())
    for n in range(1, 6):
        await books.merge(make_fb_invoice(id=InvoiceId(n), number=f"A{n}", issued_on=date(2026, 3, n)))
    first = await desk.invoices(PARTNER, InvoiceQuery(search="a", limit=3))
    assert [row.number for row in first.rows] == ["A5", "A4", "A3"]
    second = await desk.invoices(PARTNER, InvoiceQuery(search="a", limit=3, after=first.after))
    assert [row.number for row in second.rows] == ["A2", "A1"]


async def test_the_sync_history_names_how_a_run_ended(books: Books, desk: DeskActions) -> None:
    ended = Cursor(feed=Feed.PAYMENTS, began_at=NOW, finished_at=NOW, pages_done=2)
    await books.store.finish_run(SCOPE, Feed.PAYMENTS, ended, "complete")
    assert [run.outcome for run in (await desk.runs(PARTNER)).rows] == ["complete"]
