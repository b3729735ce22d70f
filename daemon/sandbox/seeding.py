"""Generates an account's books from a seed: the same seed, size and day always give the same books."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from msgspec.structs import replace

from daemon.sandbox import seed_words as words
from daemon.sandbox.books import Books
from daemon.sandbox.chart import open_chart
from daemon.sandbox.clients import snapshot
from daemon.sandbox.credits import create_credit
from daemon.sandbox.model import ARCHIVED, DELETED, DISPUTED, DRAFT, SENT, VIEWED, Client, Invoice, Line, Payment
from daemon.sandbox.money import ZERO, cents
from daemon.sandbox.payments import create_payment
from daemon.sandbox.stable_ids import uuid_text
from daemon.sandbox.times import EASTERN, eastern_day
from daemon.sandbox.totals import Totals, invoice_totals

_DAYS_BACK, _DAYS_AHEAD = 1_825, 4
_CLIENTS_PER_INVOICE, _CLIENTS_MAX = 1 / 40, 20_000
_BUNDLES_MAX = 4_000
_NOTHING: dict[str, object] = {}
_NETS = (0, 14, 15, 30, 30, 30, 45, 60)
# The newest invoices of every set of books stand for one situation each, so that small books have them all.
SITUATIONS = (
    "draft", "sent", "viewed", "partial", "overdue", "paid", "paid_twice", "credited", "overpaid", "disputed", "zero",
    "deleted", "archived",
)  # fmt: skip
_COMMON = ("paid", "paid_twice", "partial", "overdue", "draft", "credited", "overpaid", "disputed", "zero", "deleted",
           "archived", "viewed", "sent")  # fmt: skip
_WEIGHTS_OLD = (72, 10, 3, 3, 1, 2, 1, 1, 1, 3, 3, 0, 0)
_WEIGHTS_NEW = (30, 4, 9, 0, 10, 1, 1, 1, 1, 2, 1, 16, 24)
_RECENT_DAYS = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bundle:
    lines: tuple[Line, ...]
    totals: Totals
    discount: Decimal


class Seeder:
    """Fills one set of books."""

    def __init__(self, books: Books, *, seed: int, size: int, now: datetime) -> None:
        """Prepare to make `size` invoices as of `now`."""
        self._books, self._size, self._now = books, size, now
        self._random = random.Random(f"books/{seed}")  # noqa: S311 - reproducible data, no secret
        self._today = eastern_day(now)
        self._clients: list[Client] = []
        self._snapshots: dict[int, dict[str, object]] = {}
        self._bundles: dict[str, list[_Bundle]] = {}

    def fill(self) -> None:
        """Make the chart of accounts, the clients, and invoices with their payments and credits, oldest first."""
        opened = self._moment(self._today - timedelta(days=_DAYS_BACK + 30))
        open_chart(self._books, opened)
        if self._size:
            self._make_clients(min(_CLIENTS_MAX, 3 + int(self._size**0.5 + self._size * _CLIENTS_PER_INVOICE)), opened)
        situations = self._situations()
        for index, situation in enumerate(situations):
            self._make_invoice(index, situation)
        self._books.events.clear()
        self._books.close_opening()

    def _situations(self) -> Iterator[str]:
        chances = self._random
        old = self._size - min(self._size, len(SITUATIONS))
        recent_from = int(self._size * (1 - _RECENT_DAYS / (_DAYS_BACK + _DAYS_AHEAD)))
        for index in range(old):
            weights = _WEIGHTS_NEW if index >= recent_from else _WEIGHTS_OLD
            yield chances.choices(_COMMON, weights)[0]
        yield from SITUATIONS[: self._size - old]

    def _moment(self, day: date) -> datetime:
        """A working-hours moment on the Eastern `day`, never after now."""
        seconds = self._random.randrange(8 * 3600, 18 * 3600)
        start = datetime.combine(day, time(), EASTERN).astimezone(UTC)
        return min(start + timedelta(seconds=seconds, microseconds=self._random.randrange(1_000_000)), self._now)

    def _make_clients(self, count: int, opened: datetime) -> None:
        for _ in range(count):
            pick = self._random.choice
            name = f"{pick(words.COMPANIES)} {pick(words.TRADES)}"
            key = self._books.sequences.take("client")
            city, province, code, country = pick(words.PLACES)
            foreign = self._random.random() < 0.2  # noqa: PLR2004 - a share
            at = opened + timedelta(seconds=key % 86_400)
            client = Client(
                id=key,
                organization=name,
                fname=pick(words.FIRST_NAMES),
                lname=pick(words.LAST_NAMES),
                email="" if key % 17 == 0 else f"accounts@{name.lower().replace(' ', '-')}-{key}.example",
                currency=pick(words.CURRENCIES) if foreign else self._books.base_currency,
                texts={
                    "p_street": f"{self._random.randrange(1, 400)} {pick(words.STREETS)}",
                    "p_city": city,
                    "p_province": province,
                    "p_code": code,
                    "p_country": country,
                    "bus_phone": f"416555{key % 10_000:04d}",
                },
                uuid=self._uuid(),
                username=f"{self._random.getrandbits(40):010x}",
                created_at=at,
                updated=at,
            )
            self._clients.append(self._books.put_client(client))
            self._snapshots[key] = snapshot(client)
            if key % 97 == 0:
                self._books.put_client(replace(client, vis_state=DELETED if key % 2 else ARCHIVED))

    def _uuid(self) -> str:
        return uuid_text(f"{self._random.getrandbits(128):032x}")

    def _bundle(self, province: str) -> _Bundle:
        """One of a few thousand ready sets of lines; invoices share them, which keeps a million invoices small."""
        known = self._bundles.setdefault(province, [])
        limit = min(_BUNDLES_MAX, self._size) // 4 + 1
        if len(known) < limit:
            known.append(self._make_bundle(province))
            return known[-1]
        return known[int(self._random.random() * limit)]

    def _make_bundle(self, province: str) -> _Bundle:
        chances = self._random
        tax, percent = words.TAXES.get(province, (None, None))
        goods = chances.sample(words.GOODS, chances.choices((1, 2, 3, 4, 5, 6, 8), (1, 2, 4, 5, 4, 2, 1))[0])
        lines = tuple(
            Line(
                lineid=n,
                name=name,
                description=description,
                qty=Decimal(chances.choice((1, 1, 1, 2, 3, 5, 8, 12, "1.5", "0.25"))),
                unit_cost=cost,
                tax_name1=tax,
                tax_percent1=percent,
            )
            for n, (name, description, cost) in enumerate(goods, start=1)
        )
        discount = Decimal(10) if chances.random() < 0.05 else Decimal(0)  # noqa: PLR2004 - a share
        return _Bundle(lines=lines, totals=invoice_totals(lines, discount), discount=discount)

    def _make_invoice(self, index: int, situation: str) -> None:
        chances = self._random
        client = self._clients[int(chances.random() ** 1.5 * len(self._clients))]
        share = (index + 1) / self._size
        offset = round(share * (_DAYS_BACK + _DAYS_AHEAD)) - _DAYS_BACK
        net = chances.choice(_NETS)
        if situation == "overdue":
            offset = min(offset, -net - 1 - int(chances.random() * 20))
        create_date = self._today + timedelta(days=offset)
        at = self._moment(min(create_date, self._today))
        bundle = self._bundle(str(client.texts["p_province"]))
        empty = situation == "zero"
        key = self._books.sequences.take("invoice")
        status = {"draft": DRAFT, "viewed": VIEWED, "disputed": DISPUTED}.get(situation, SENT)
        code = client.currency if chances.random() > 0.02 else "USD"  # noqa: PLR2004 - a share
        invoice = Invoice(
            id=key,
            number=f"{self._books.sequences.take('invoice_number'):07d}",
            client_id=client.id,
            create_date=create_date,
            due_offset_days=net,
            currency=code,
            lines=() if empty else bundle.lines,
            discount_percent=Decimal(0) if empty else bundle.discount,
            amount=ZERO if empty else bundle.totals.amount,
            discount_total=ZERO if empty else bundle.totals.discount,
            paid=ZERO,
            status=status,
            display_status={DRAFT: "draft", VIEWED: "viewed"}.get(status, "sent"),
            client_texts=self._snapshots[client.id],
            texts=_NOTHING,
            fulfillment_date=None if status == DRAFT else min(create_date, self._today),
            uuid=self._uuid(),
            created_at=at,
            updated=at,
            vis_state={"deleted": DELETED, "archived": ARCHIVED}.get(situation, 0),
        )
        self._settle(invoice, situation, at)

    def _settle(self, invoice: Invoice, situation: str, at: datetime) -> None:
        """Store the invoice with the payments its situation asks for."""
        if situation in ("credited", "overpaid"):
            self._books.put_invoice(invoice)
            self._settle_by_rules(invoice, situation, at)
            return
        parts = self._parts(invoice.amount, situation)
        last = at
        for part in parts:
            last = min(self._now, last + timedelta(days=self._random.random() * 25, seconds=61))
            self._pay(invoice, part, last)
        if parts:
            paid = sum(parts, ZERO)
            date_paid = eastern_day(last) if paid >= invoice.amount else None
            invoice = replace(invoice, paid=paid, date_paid=date_paid, updated=last)
        self._books.put_invoice(invoice)

    def _parts(self, amount: Decimal, situation: str) -> list[Decimal]:
        if situation in ("paid", "archived"):
            return [amount]
        first = cents(amount * int(20 + self._random.random() * 60) / 100)
        if situation == "paid_twice":
            return [first, amount - first]
        return [first] if situation == "partial" else []

    def _pay(self, invoice: Invoice, amount: Decimal, at: datetime) -> Payment:
        kind = self._random.choice(words.PAYMENT_TYPES)
        payment = Payment(
            id=self._books.sequences.take("payment"),
            invoice_id=invoice.id,
            client_id=invoice.client_id,
            amount=amount,
            currency=invoice.currency,
            date=eastern_day(at),
            type=kind,
            note="" if self._random.random() < 0.7 else f"Ref {self._random.randrange(10_000, 99_999)}",  # noqa: PLR2004
            gateway="fbpay" if kind == "VISA" else None,
            updated=at,
        )
        return self._books.put_payment(payment)

    def _settle_by_rules(self, invoice: Invoice, situation: str, at: datetime) -> None:
        """Credits and overpayments are made by the rules themselves, at a moment in the past."""
        later = min(self._now, at + timedelta(days=3))
        day = eastern_day(later).isoformat()
        common = {"invoiceid": invoice.id, "date": day}
        if situation == "overpaid":
            body = {**common, "amount": {"amount": str(invoice.amount + 25)}, "type": "Check"}
            create_payment(self._books, body, later)
            return
        worth = cents(invoice.amount / 2)
        credit = create_credit(
            self._books,
            {
                "clientid": invoice.client_id,
                "create_date": day,
                "currency_code": invoice.currency,
                "credit_type": self._random.choice(("goodwill", "prepayment")),
                "lines": [{"name": "Credit", "description": "Credit", "qty": "1", "unit_cost": {"amount": str(worth)}}],
            },
            later,
        )
        body = {**common, "amount": {"amount": str(worth)}, "type": "Credit", "creditid": credit.id}
        create_payment(self._books, body, later)
