"""Whatever a bookkeeper and an app do, the books stay whole."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sandbox.books import Books
from daemon.sandbox.credits import credit_left
from daemon.sandbox.errors import ApiError
from daemon.sandbox.model import DELETED
from daemon.sandbox.money import total
from daemon.sandbox.operations import OPERATIONS
from daemon.sandbox.seeding import SITUATIONS, Seeder
from daemon.sandbox.switches import Switches

NOON = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)
AMOUNTS = st.integers(0, 40_000).map(lambda n: f"{n // 100}.{n % 100:02d}")
STATES = st.sampled_from([0, 1, 2])
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "qty": st.sampled_from(["1", "2", "0.5", "3"]),
            "unit_cost": AMOUNTS.map(lambda text: {"amount": text}),
            "taxAmount1": st.sampled_from([None, "13", "8.25"]),
        }
    ),
    max_size=3,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("invoice.create"), LINES, st.sampled_from([1, 2, 3])),
        st.tuples(st.just("invoice.update"), LINES, st.integers(0, 5)),
        st.tuples(st.just("invoice.state"), STATES, st.integers(0, 5)),
        st.tuples(st.just("payment.create"), AMOUNTS, st.integers(0, 5)),
        st.tuples(st.just("payment.amount"), AMOUNTS, st.integers(0, 8)),
        st.tuples(st.just("payment.move"), st.integers(0, 5), st.integers(0, 8)),
        st.tuples(st.just("payment.state"), STATES, st.integers(0, 8)),
        st.tuples(st.just("credit.create"), AMOUNTS, st.integers(0, 1)),
        st.tuples(st.just("credit.apply"), AMOUNTS, st.integers(0, 5)),
        st.tuples(st.just("credit.state"), STATES, st.integers(0, 3)),
        st.tuples(st.just("journal.read"), st.none(), st.none()),
    ),
    max_size=25,
)


def empty_books(**switches: Any) -> Books:
    turned = Switches()
    for name, value in switches.items():
        turned.set(name, value)
    books = Books(account_id="ABC123", base_currency="USD", switches=turned)
    Seeder(books, seed=1, size=0, now=NOON).fill()
    for name in ("One", "Two"):
        OPERATIONS["client.create"](books, None, {"organization": name}, NOON)
    return books


def at(shelf: Any, position: int) -> int:
    """The id of the record at a position that is taken round the shelf; an unknown id when it is empty."""
    keys = list(shelf.rows)
    return keys[position % len(keys)] if keys else 1


class Bookkeeper:
    """Performs steps on books and counts the money that was handed over."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.now = NOON

    def plan(self, kind: str, first: Any, second: Any) -> tuple[str, int | None, dict[str, Any]]:
        """The write that a step stands for."""
        books, day = self.books, "2026-03-10"
        thing, _, verb = kind.partition(".")
        if kind == "invoice.create":
            client = at(books.clients, second)
            return kind, None, {"customerid": client, "create_date": day, "status": second, "lines": first}
        if kind == "credit.create":
            body = {"clientid": at(books.clients, second), "create_date": day, "amount": {"amount": first}}
            return "credit_note.create", None, body
        if kind in ("payment.create", "credit.apply"):
            body = {"invoiceid": at(books.invoices, second), "amount": {"amount": first}, "date": day}
            return "payment.create", None, {**body, "type": "Cash" if thing == "payment" else "Credit"}
        shelves = {"invoice": books.invoices, "payment": books.payments, "credit": books.credits}
        bodies: dict[str, dict[str, Any]] = {
            "update": {"lines": first},
            "state": {"vis_state": first},
            "amount": {"amount": {"amount": first}},
            "move": {"invoiceid": at(books.invoices, first) if verb == "move" else 0},
        }
        operation = "credit_note.update" if thing == "credit" else f"{thing}.update"
        return operation, at(shelves[thing], second), bodies[verb]

    def perform(self, step: tuple[str, Any, Any]) -> None:
        self.now += timedelta(minutes=7)
        books = self.books
        if step[0] == "journal.read":
            books.journal.page(1, 100)
            return
        operation, key, body = self.plan(*step)
        before = dict(books.invoices.rows), dict(books.payments.rows), dict(books.credits.rows)
        try:
            OPERATIONS[operation](books, key, body, self.now)
        except ApiError:
            assert before == (books.invoices.rows, books.payments.rows, books.credits.rows), "a refusal wrote"


def check_books(books: Books) -> None:
    """amount = paid + outstanding, paid = the live payments, the journal balanced, no credit overdrawn by payments."""
    for invoice in books.invoices:
        live = [p.amount for p in books.payments.children("invoice_id", invoice.id) if p.vis_state != DELETED]
        assert invoice.paid == total(live)
        assert invoice.amount == invoice.paid + invoice.outstanding
    sums: Counter[tuple[str, int]] = Counter()
    held: Counter[str] = Counter()
    for detail in books.journal.details():
        sums[detail.posting.currency, detail.entry.id] += detail.amount  # type: ignore[assignment]
        held[detail.posting.account] += detail.amount  # type: ignore[assignment]
    assert not any(sums.values())
    assert held == Counter({number: books.journal.balance(number, "USD") for number in held})
    owed = total(i.outstanding for i in books.invoices if i.vis_state != DELETED and i.status != 1)
    stray = total(
        p.amount
        for p in books.payments
        if p.vis_state != DELETED and ((i := books.invoices.rows[p.invoice_id]).vis_state == DELETED or i.status == 1)
    )
    assert held["1200-1"] == owed - stray


@settings(max_examples=250, deadline=None)
@given(STEPS)
def test_any_sequence_keeps_invoices_payments_credits_and_the_journal_whole(steps: list[tuple[str, Any, Any]]) -> None:
    books = empty_books()
    keeper = Bookkeeper(books)
    for step in steps:
        keeper.perform(step)
    check_books(books)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=8))
def test_overpayments_are_conserved(pairs: list[tuple[str, str]]) -> None:
    books = empty_books()
    for cost, amount in pairs:
        line = {"qty": "1", "unit_cost": {"amount": cost}}
        body = {"customerid": 30_001, "create_date": "2026-03-10", "status": 2, "lines": [line]}
        invoice = OPERATIONS["invoice.create"](books, None, body, NOON)
        paid = {"invoiceid": invoice.id, "amount": amount, "date": "2026-03-10", "type": "Cash"}
        credits_before = total(credit.amount for credit in books.credits)
        payment = OPERATIONS["payment.create"](books, None, paid, NOON)
        excess = total(credit.amount for credit in books.credits) - credits_before
        assert payment.amount + excess == Decimal(amount)
        assert (payment.overpayment_id == payment.id + 1) == (excess > 0)
    handed_over = total(Decimal(amount) for _, amount in pairs)
    assert books.journal.balance("1000-1", "USD") == handed_over


@pytest.mark.parametrize("steps", [0, 3])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(1, 10_000), size=st.integers(0, 60))
def test_generated_books_are_whole_from_any_seed(steps: int, seed: int, size: int) -> None:
    books = Books(account_id="ABC123", base_currency="USD", switches=Switches())
    Seeder(books, seed=seed, size=size, now=NOON).fill()
    keeper = Bookkeeper(books)
    for position in range(steps):
        keeper.perform(("payment.create", "12.00", position))
    for invoice in books.invoices:
        live = [p.amount for p in books.payments.children("invoice_id", invoice.id) if p.vis_state != DELETED]
        assert invoice.paid == total(live)
        assert invoice.outstanding >= 0
    assert all(credit_left(books, credit) >= 0 for credit in books.credits)
    sums: dict[tuple[int, str], Decimal] = {}
    for detail in books.journal.details():
        key = (detail.entry.id, detail.posting.currency)
        sums[key] = sums.get(key, Decimal(0)) + detail.amount
    assert not any(sums.values())


def test_thirteen_invoices_show_every_situation() -> None:
    books = Books(account_id="ABC123", base_currency="USD", switches=Switches())
    Seeder(books, seed=5, size=len(SITUATIONS), now=NOON).fill()
    invoices = list(books.invoices)
    assert {i.vis_state for i in invoices} == {0, 1, 2}
    assert {i.status for i in invoices} == {0, 1, 2, 3}
    assert any(i.amount == 0 for i in invoices)
    assert any(0 < i.paid < i.amount for i in invoices)
    assert {c.credit_type for c in books.credits} >= {"overpayment"}
    assert any(p.credit_id is not None for p in books.payments)


def test_large_books_span_five_years_and_several_currencies() -> None:
    books = Books(account_id="ABC123", base_currency="USD", switches=Switches())
    Seeder(books, seed=2, size=3_000, now=NOON).fill()
    days = [(invoice.create_date - NOON.date()).days for invoice in books.invoices]
    assert min(days) < -1_800
    assert 0 < max(days) <= 7
    assert {invoice.currency for invoice in books.invoices} == {"USD", "CAD", "EUR", "GBP", "KES"}
