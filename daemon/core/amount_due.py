"""The amount due, computed from what FreshBooks shows and what the platform holds, never guessed (P7)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from daemon.core.markers import markers_in
from daemon.core.model import (
    LOST_MONEY,
    Applied,
    Choice,
    FbPayment,
    FbPaymentId,
    InvoiceId,
    Link,
    PaymentId,
    PaymentStatus,
    PushState,
    Reason,
)

ZERO: Final = Decimal(0)
NAMES_A_RECORD: Final = frozenset({Choice.SETTLED_BY_HAND, Choice.STAND_IN})
"""Choices that come with the FreshBooks payment which this payment is said to be."""
RETURNED: Final = frozenset({Choice.STILL_OWES, Choice.REFUND_IN_AP})
"""Choices after which a refunded payment pays nothing any more (P11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one platform payment does to one invoice's amount due.

    `shown`: what FreshBooks counts of it here. `counted`: the part of `shown` that does not stand for money which pays
    this invoice by FreshBooks' own word: all of it, except for a payment of another invoice that a bookkeeper moved
    here. `held`: what the platform has, or is collecting, for this invoice. `currencies` are those of whatever counts.
    """

    link: Link
    rows: tuple[Applied, ...]
    shown: Decimal
    counted: Decimal
    held: Decimal
    currencies: frozenset[str]

    @property
    def delta(self) -> Decimal:
        """What this payment adds to FreshBooks' outstanding: shown but lost (F) minus held but not shown (W)."""
        return self.counted - self.held

    @property
    def is_lost_but_shown(self) -> bool:
        """Whether FreshBooks shows the invoice paid by money that never came or went back."""
        return self.link.payment.status in LOST_MONEY and self.shown > ZERO


def shares_of(links: Sequence[Link], rows: Iterable[Applied], invoice_id: InvoiceId) -> tuple[Share, ...]:
    """Give each linked payment its part in the amount due of this invoice."""
    if not links:
        return ()
    owned: dict[PaymentId, list[Applied]] = {}
    for row in rows:
        owned.setdefault(row.payment_id, []).append(row)
    return tuple(_share(link, tuple(owned.get(link.payment.id, ())), invoice_id) for link in links)


def due_of(base: Decimal, currency: str, shares: Sequence[Share]) -> Decimal | None:
    """Add the shares to a base in `currency`; None when two currencies would have to be summed (P7)."""
    if not shares:
        return base
    if any(share.currencies - {currency} for share in shares):
        return None
    return base + sum((share.delta for share in shares), ZERO)


def frozen_due(total: Decimal, other: Decimal, currency: str, shares: Sequence[Share]) -> Decimal | None:
    """Tell what is due on frozen terms: FreshBooks' later edits no longer count, the platform's money does (P5)."""
    held = [share for share in shares if share.held]
    if any(share.link.payment.currency != currency for share in held):
        return None
    return total - other - sum((share.held for share in held), ZERO)


def attribute(payments: Iterable[FbPayment], links: Sequence[Link], invoice_id: InvoiceId) -> tuple[Applied, ...]:
    """Recognise our payments among an invoice's FreshBooks payments, by stored id of any generation or by marker (P8).

    A record that is deleted, or no longer on this invoice, becomes a row of 0: seen, and gone. Credits are never ours.
    """
    owners = owners_by_id(links)
    known = {link.payment.id: link for link in links}
    rows: list[Applied] = []
    for fb in payments:
        owner = owners.get(fb.id) or _owner_by_marker(fb.note, known)
        if owner is None or fb.from_credit:
            continue
        counts = fb.is_live and fb.invoice_id == invoice_id
        amount = _ours_of(fb, owner) if counts else ZERO
        rows.append(
            Applied(
                fb_payment_id=fb.id,
                payment_id=owner.payment.id,
                amount=amount,
                currency=fb.currency,
                is_all_credit=counts and not amount,
            )
        )
    return tuple(rows)


def reassign(rows: Iterable[Applied], links: Sequence[Link]) -> tuple[Applied, ...]:
    """Give stored rows to the payment that a person named for their record since (stand-in, settled by hand)."""
    owners = owners_by_id(links)
    return tuple(
        replace(row, payment_id=owners[row.fb_payment_id].payment.id) if row.fb_payment_id in owners else row
        for row in rows
    )


def owners_by_id(links: Sequence[Link]) -> dict[FbPaymentId, Link]:
    """Map each stored FreshBooks id to the payment it stands for: the one that a person named comes first.

    A name that no snapshot has confirmed yet changes nothing.
    """
    recorded = [(push, link) for link in links for push in link.pushes if push.recorded_amount is not None]
    held = [pair for pair in recorded if pair[0].reason is not Reason.REPLACED]
    held.sort(key=lambda pair: pair[0].choice in NAMES_A_RECORD)
    return {push.fb_payment_id: link for push, link in held if push.fb_payment_id is not None}


def full_hold(link: Link) -> Decimal:
    """Tell what a payment is worth on its invoice: what FreshBooks recorded of it, or all of it until then."""
    push = link.push
    if push is not None and push.state is PushState.DONE and push.recorded_amount is not None:
        return min(push.recorded_amount, link.payment.amount)
    return link.payment.amount


def pays_nothing(link: Link) -> bool:
    """Tell whether a payment's money never came, or went back for good, so that its record must go (W2)."""
    choice = link.push.choice if link.push else None
    refunded = link.payment.status is PaymentStatus.REFUNDED and choice in RETURNED
    return refunded or link.payment.status in LOST_MONEY


def _share(link: Link, rows: tuple[Applied, ...], invoice_id: InvoiceId) -> Share:
    shown = sum((row.amount for row in rows), ZERO)
    counted = _counted(link, rows, shown, invoice_id)
    held = _held(link, shown) if link.payment.invoice_id == invoice_id else ZERO
    return Share(
        link=link,
        rows=rows,
        shown=shown,
        counted=counted,
        held=held,
        currencies=frozenset(_currencies(link, rows, counted, held)),
    )


def _held(link: Link, shown: Decimal) -> Decimal:
    if pays_nothing(link):
        return ZERO
    full = full_hold(link)
    # Reopened: a person let go of what FreshBooks no longer shows, and of nothing else.
    return min(full, shown) if link.push and link.push.choice is Choice.REOPEN else full


def _counted(link: Link, rows: Iterable[Applied], shown: Decimal, invoice_id: InvoiceId) -> Decimal:
    if link.payment.invoice_id == invoice_id or pays_nothing(link):
        return shown
    # Moved here from its own invoice: FreshBooks is right that this money pays here, unless it is recorded there as
    # well.
    return sum((row.amount for row in rows if _is_superseded(link, row)), ZERO)


def _is_superseded(link: Link, row: Applied) -> bool:
    own_invoice = link.payment.invoice_id
    # This very record cannot stand there as well: what the last read of that invoice showed is older than the move.
    at_home = any(
        other.invoice_id == own_invoice and other.amount > ZERO and other.fb_payment_id != row.fb_payment_id
        for other in link.elsewhere
    )
    holders = [push.generation for push in link.pushes if push.fb_payment_id == row.fb_payment_id]
    # A newer generation may have adopted the record of an older one that came back: then it is the one that counts.
    older = bool(holders) and holders[-1] != link.pushes[-1].generation
    return at_home or older


def _currencies(link: Link, rows: Iterable[Applied], counted: Decimal, held: Decimal) -> Iterator[str]:
    if counted:
        yield from (row.currency for row in rows if row.amount)
    if held:
        yield link.payment.currency


def _owner_by_marker(note: str, known: dict[PaymentId, Link]) -> Link | None:
    ours = sorted(found for found in markers_in(note) if found[0] in known)
    return known[ours[0][0]] if ours else None


def _ours_of(fb: FbPayment, owner: Link) -> Decimal:
    # A record without a marker was typed by a bookkeeper and named by a person: what exceeds the payment is other
    # money.
    return fb.amount if markers_in(fb.note) else min(fb.amount, owner.payment.amount)
