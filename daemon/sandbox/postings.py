"""What a record posts to the ledger: balanced sides of invoices, payments, credits and income (FB API s3.9)."""

from datetime import date
from decimal import Decimal

from daemon.sandbox.model import DELETED, DRAFT, CreditNote, Invoice, JournalEntry, OtherIncome, Payment, Posting
from daemon.sandbox.money import ZERO
from daemon.sandbox.totals import invoice_totals, line_amount

PETTY_CASH, RECEIVABLE, TAX_PAYABLE, CUSTOMER_CREDIT = "1000-1", "1200-1", "2003-1", "2004-1"
SALES, DISCOUNTS, OTHER_INCOME = "4000-1", "4000-2", "4000-3"

Source = Invoice | Payment | CreditNote | OtherIncome | JournalEntry


def sides(source: Source, *, draft_line: bool = False) -> tuple[Posting, ...]:
    """The postings of `source`, summing to zero; none for what is deleted, and for a draft unless switched."""
    if isinstance(source, JournalEntry):
        return source.postings
    if source.vis_state == DELETED:
        return ()
    if isinstance(source, Invoice):
        return _invoice_sides(source, draft_line=draft_line)
    if isinstance(source, Payment):
        return _payment_sides(source)
    if isinstance(source, CreditNote):
        return _credit_sides(source)
    return _pair(PETTY_CASH, OTHER_INCOME, source.amount, source.currency, "other_income", source.source)


def _invoice_sides(invoice: Invoice, *, draft_line: bool) -> tuple[Posting, ...]:
    if invoice.status == DRAFT:
        if not draft_line:
            return ()
        return (Posting(account=RECEIVABLE, amount=ZERO, currency=invoice.currency, detail_type="total"),)
    sums = invoice_totals(invoice.lines, invoice.discount_percent)
    found = [_side(RECEIVABLE, sums.amount, invoice.currency, "total", "")]
    found += [_side(SALES, -line_amount(n), invoice.currency, "sales", n.description or n.name) for n in invoice.lines]
    if sums.discount:
        found.append(_side(DISCOUNTS, -sums.discount, invoice.currency, "discount", "Discount"))
    if sums.tax:
        found.append(_side(TAX_PAYABLE, -sums.tax, invoice.currency, "tax", "Tax"))
    return tuple(found)


def _payment_sides(payment: Payment) -> tuple[Posting, ...]:
    """Money lands in Petty Cash, the clearing account (FB API s3.10); a credit is taken from what the client had."""
    source = PETTY_CASH if payment.credit_id is None else CUSTOMER_CREDIT
    return _pair(source, RECEIVABLE, payment.amount, payment.currency, "payment", payment.note)


def _credit_sides(credit: CreditNote) -> tuple[Posting, ...]:
    """Goodwill costs revenue; a prepayment or an overpayment is money that came in."""
    source = DISCOUNTS if credit.credit_type == "goodwill" else PETTY_CASH
    title = credit.texts.get("description", "")
    return _pair(source, CUSTOMER_CREDIT, credit.amount, credit.currency, "credit", title)


def _pair(debit: str, credit: str, amount: Decimal, currency: str, kind: str, text: str) -> tuple[Posting, ...]:
    return _side(debit, amount, currency, kind, text), _side(credit, -amount, currency, kind, text)


def _side(account: str, amount: Decimal, currency: str, kind: str, text: str) -> Posting:
    return Posting(account=account, amount=amount, currency=currency, detail_type=kind, description=text)


def day_of(source: Source) -> date:
    """The day a source is entered under."""
    if isinstance(source, JournalEntry):
        return source.day
    return source.create_date if isinstance(source, Invoice | CreditNote) else source.date


def name_of(source: Source) -> str:
    """The title of a source's entry, such as `Invoice 0000027`."""
    if isinstance(source, JournalEntry):
        return source.name
    if isinstance(source, Invoice):
        return f"Invoice {source.number}"
    if isinstance(source, Payment):
        return f"Payment {source.id}"
    return f"Credit {source.number}" if isinstance(source, CreditNote) else f"Other income {source.id}"


def causes_of(source: Source) -> dict[str, int]:
    """The ids that a journal detail names as its entry's causes."""
    if isinstance(source, Invoice):
        return {"invoiceid": source.id, "clientid": source.client_id}
    if isinstance(source, Payment):
        used = {"creditid": source.credit_id} if source.credit_id is not None else {}
        return {"paymentid": source.id, "invoiceid": source.invoice_id, "clientid": source.client_id, **used}
    if isinstance(source, CreditNote):
        return {"creditid": source.id, "clientid": source.client_id}
    return {"incomeid": source.id} if isinstance(source, OtherIncome) else {}
