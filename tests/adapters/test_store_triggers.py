"""What a change on the platform sets in motion, in the platform's own transaction."""

import asyncpg
import pytest

from daemon.core.markers import marker
from daemon.core.model import Issue, IssueKind, PaymentId, PaymentStatus
from tests.adapters.postgres_rows import ACCOUNT, PARTNER, Books
from tests.builders import INVOICE, make_fb_invoice, usd
from tests.postgres import on_every_postgres


@on_every_postgres
async def test_a_payment_has_its_push_with_the_marker_the_core_spells(books: Books) -> None:
    await books.pay("pay_a.B-1")
    row = await books.push("pay_a.B-1")
    assert (row["state"], row["reason"], row["fence"], row["invoice_id"]) == ("ready", None, 0, INVOICE)
    assert row["marker"] == marker(PaymentId("pay_a.B-1"), 1)
    for generation in (1, 2, 10):
        spelled = await books.value("SELECT sync.payment_marker('pay_7', $1)", generation)
        assert spelled == marker(PaymentId("pay_7"), generation)


async def test_a_payment_and_its_push_are_one_transaction(books: Books) -> None:
    async with books.pool.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO platform.payment"
            " (partner_id, payment_id, account_id, invoice_id, amount, currency, method, status)"
            " VALUES ($1, 'pay_1', $2, 812, 100, 'USD', 'card', 'processing')",
            PARTNER,
            ACCOUNT,
        )
        assert await connection.fetchval("SELECT count(*) FROM sync.push") == 1
        await transaction.rollback()
    assert await books.value("SELECT count(*) FROM sync.push") == 0


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("failed", "failed_before_push"),
        ("chargeback", "failed_before_push"),
        ("refunded", "refunded_before_push"),
    ],
)
async def test_a_payment_that_arrives_lost_is_never_pushed(books: Books, status: str, reason: str) -> None:
    await books.pay(status=status)
    row = await books.push()
    assert (row["state"], row["reason"]) == ("cancelled", reason)


async def test_a_payment_on_an_invoice_made_on_the_platform_is_never_pushed(books: Books) -> None:
    await books.pay(invoice_id=None)
    row = await books.push()
    assert (row["state"], row["reason"]) == ("cancelled", "made_on_platform")
    assert await books.rereads() == {}


async def test_a_new_payment_has_its_invoice_decided_from_stored_facts(books: Books) -> None:
    await books.pay()
    assert await books.rereads() == {("invoices", INVOICE): "platform"}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (PaymentStatus.FAILED, "failed_before_push"),
        (PaymentStatus.CHARGEBACK, "failed_before_push"),
        (PaymentStatus.REFUNDED, "refunded_before_push"),
    ],
)
@pytest.mark.parametrize("state", ["ready", "waiting"])
async def test_a_payment_lost_before_its_push_is_cancelled(
    books: Books, state: str, status: PaymentStatus, reason: str
) -> None:
    await books.pay()
    await books.execute("UPDATE sync.push SET state = $1", state)
    await books.set_status("pay_1", status)
    row = await books.push()
    assert (row["state"], row["reason"], row["fence"]) == ("cancelled", reason, 1)


@pytest.mark.parametrize("state", ["sending", "uncertain", "done", "needs_person"])
async def test_a_push_that_may_stand_in_freshbooks_is_not_cancelled(books: Books, state: str) -> None:
    await books.pay()
    await books.execute("UPDATE sync.push SET state = $1", state)
    await books.set_status("pay_1", PaymentStatus.FAILED)
    row = await books.push()
    assert (row["state"], row["fence"]) == (state, 0)


async def test_every_change_of_status_has_the_invoice_decided_anew(books: Books) -> None:
    await books.pay()
    await books.execute("DELETE FROM sync.reread")
    await books.set_status("pay_1", PaymentStatus.SUCCEEDED)
    assert await books.rereads() == {("invoices", INVOICE): "platform"}
    assert (await books.push())["state"] == "ready"


async def test_a_status_written_again_asks_for_nothing(books: Books) -> None:
    await books.pay()
    await books.execute("DELETE FROM sync.reread")
    await books.set_status("pay_1", PaymentStatus.PROCESSING)
    assert await books.rereads() == {}


async def test_a_doorbell_that_waits_is_not_turned_into_less(books: Books) -> None:
    await books.execute(
        "INSERT INTO sync.reread VALUES ($1, $2, 'invoices', $3, 'webhook', now() + interval '5 s')",
        PARTNER,
        ACCOUNT,
        INVOICE,
    )
    await books.pay()
    (row,) = await books.fetch("SELECT reason, asked, due_at < now() AS due FROM sync.reread")
    assert tuple(row) == ("webhook", 2, True)


@pytest.mark.parametrize(
    "change", ["amount = 5", "currency = 'CAD'", "invoice_id = 5", "account_id = 'x'", "payment_id = 'pay_2'"]
)
async def test_a_payment_may_change_its_status_alone(books: Books, change: str) -> None:
    await books.pay()
    with pytest.raises(asyncpg.CheckViolationError, match="status alone"):
        await books.execute(f"UPDATE platform.payment SET {change}")  # noqa: S608


@pytest.mark.parametrize(
    "columns",
    [
        {"amount": usd(0)},
        {"amount": usd(-1)},
        {"surcharge": usd(-1)},
        {"status": "lost"},
        {"payment_id": "pay:1"},
        {"payment_id": ""},
        {"ap_invoice_id": "ap_1"},
        {"account_id": None},
        {"invoice_id": None, "ap_invoice_id": None},
    ],
)
async def test_a_payment_that_makes_no_sense_is_refused(books: Books, columns: dict[str, object]) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await books.pay(**columns)  # type: ignore[arg-type]


async def test_a_payout_has_its_push_once_it_succeeded(books: Books) -> None:
    await books.execute(
        "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net)"
        " VALUES ($1, 'po_1', 'pending', 'USD', 5)",
        PARTNER,
    )
    assert await books.value("SELECT count(*) FROM sync.push") == 0
    for status in ("succeeded", "failed", "succeeded"):
        await books.execute("UPDATE platform.payout SET status = $1", status)
    (row,) = await books.fetch("SELECT kind, subject, state, account_id, marker FROM sync.push")
    assert tuple(row) == ("payout", "po_1", "ready", ACCOUNT, "APO:po_1:1")


@pytest.mark.parametrize("kind", IssueKind)
async def test_whatever_a_partner_must_do_reaches_the_platform_s_events(kind: IssueKind, books: Books) -> None:
    issue = Issue(kind=kind, subject=("thing", "7"), reason="It happened.", next_step="Do this.", actions=("accept",))
    await books.store.raise_issue(books.scope, issue)
    (event,) = await books.fetch("SELECT kind, subject, data FROM platform.event")
    assert (event["kind"], event["subject"]) == ("issue_opened", "thing/7")
    assert event["data"] | {"issue_id": "1"} == {
        "issue_id": "1",
        "kind": kind.value,
        "reason": "It happened.",
        "next_step": "Do this.",
        "actions": "accept",
    }


async def test_the_audit_log_cannot_be_changed(books: Books) -> None:
    await books.execute("INSERT INTO sync.audit (partner_id, who, what, subject) VALUES ($1, 'a', 'b', 'c')", PARTNER)
    for statement in ("UPDATE sync.audit SET who = 'x'", "DELETE FROM sync.audit", "TRUNCATE sync.audit"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await books.execute(statement)


async def test_a_change_on_the_platform_wakes_the_supervisor_when_it_commits(books: Books) -> None:
    async with books.wakes() as wakes:
        await books.pay()
        heard = {await anext(wakes), await anext(wakes)}
    assert heard == {(PARTNER, "push"), (PARTNER, "reread")}


async def test_every_column_that_the_platform_sees_is_explained(books: Books) -> None:
    unexplained = await books.fetch(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'platform'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0"
        " AND col_description(c.oid, a.attnum) IS NULL"
    )
    assert unexplained == []


@on_every_postgres
async def test_what_is_due_falls_when_a_payment_is_made_and_rises_when_it_fails(books: Books) -> None:
    await books.merge(make_fb_invoice())
    await books.pay(amount=30)
    await books.decide()
    seen = await books.fetch("SELECT amount_due, payable, status FROM platform.invoice")
    assert [tuple(row) for row in seen] == [(usd(70), True, "outstanding")]
    await books.set_status("pay_1", PaymentStatus.FAILED)
    await books.decide()
    assert await books.value("SELECT amount_due FROM platform.invoice") == usd(100)
