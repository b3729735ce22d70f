"""P2's fields of an invoice: taken from a read, hashed by content, and compared."""

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from daemon.core.model import FbInvoice, LineItem, Terms


def terms_of(fb: FbInvoice) -> Terms:
    """Take the fields that flow from FreshBooks while an invoice is unpaid (P2)."""
    return Terms(
        customer_id=fb.customer_id,
        number=fb.number,
        issued_on=fb.issued_on,
        due_on=fb.due_on,
        currency=fb.currency,
        total=fb.amount,
        description=fb.description,
        lines=fb.lines,
    )


def terms_hash(terms: Terms) -> int:
    """Hash the content to 63 bits, equal on every machine and for every spelling of a number (P5: compared by content).

    Runs once per invoice of a backfill, so it stays in a few microseconds.
    """
    texts = [
        str(terms.customer_id),
        terms.number,
        terms.issued_on.isoformat(),
        terms.due_on.isoformat() if terms.due_on else "",
        terms.currency,
        _plain(terms.total),
        terms.description,
    ]
    for line in terms.lines:
        texts += _line_texts(line)
    # No text holds a NUL: a record with one is set aside (P10). So it parts them, and no two invoices look alike.
    digest = blake2b("\0".join(texts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def changed_terms(ours: Terms, theirs: Terms) -> tuple[str, ...]:
    """Name what differs, in a bookkeeper's words; only "lines" when nothing else does, since ours are not loaded."""
    valued = (
        ("number", ours.number, theirs.number),
        ("issue date", ours.issued_on, theirs.issued_on),
        ("due date", ours.due_on, theirs.due_on),
        ("currency", ours.currency, theirs.currency),
        ("total", ours.total, theirs.total),
    )
    named = [f"{name} {_told(old)} -> {_told(new)}" for name, old, new in valued if old != new]
    named += ["customer"] if ours.customer_id != theirs.customer_id else []
    named += ["description"] if ours.description != theirs.description else []
    return tuple(named) or ("lines",)


def _told(value: object) -> str:
    return "none" if value is None else str(value)


def _line_texts(line: LineItem) -> tuple[str, ...]:
    return (
        line.name,
        line.description,
        _plain(line.quantity),
        _plain(line.unit_cost),
        _plain(line.amount),
        line.tax_name1,
        _plain(line.tax_percent1),
        line.tax_name2,
        _plain(line.tax_percent2),
    )


@lru_cache(maxsize=8192)
def _plain(number: Decimal) -> str:
    return str(number.normalize())
