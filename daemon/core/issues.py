"""The sync issues in words: what happened and what to do next, one function per kind."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from daemon.core.backfill import Feed
from daemon.core.model import (
    Choice,
    FbPaymentId,
    Invoice,
    InvoiceId,
    Issue,
    IssueKind,
    Link,
    Payment,
    PaymentStatus,
    Push,
    Resource,
)
from daemon.core.push_sentences import money, payment_name, stop_of

STANDING_KINDS: Final = frozenset(
    {
        IssueKind.OVERPAID,
        IssueKind.OTHER_CURRENCY,
        IssueKind.PAID_INVOICE_CHANGED,
        IssueKind.REVERT_FAILED_PAYMENT,
        IssueKind.OURS_CHANGED,
        IssueKind.DUPLICATE,
        IssueKind.REFUNDED,
        IssueKind.AMOUNT_DIFFERS,
        IssueKind.PUSH_STOPPED,
        IssueKind.DEPOSIT_STOPPED,
        IssueKind.MOVE_STOPPED,
        IssueKind.PAYOUT_FAILED,
    }
)
"""The kinds that a decision about its subject opens and clears: what it does not name no longer stands."""

LISTING: Final = "listing"
"""The subject of an issue about what FreshBooks lists."""

TAKE_FRESHBOOKS_VERSION: Final = "take_freshbooks_version"
"""The action that ends a freeze by a person's wish (P5)."""


def about_invoice(invoice_id: InvoiceId) -> tuple[str, str]:
    """Spell the subject of an issue about an invoice."""
    return ("invoice", str(invoice_id))


def about_payment(payment: Payment) -> tuple[str, str]:
    """Spell the subject of an issue about a payment."""
    return ("payment", payment.id)


# ---- about an invoice ------------------------------------------------------------------------------------------------


def overpaid(invoice: Invoice, by: Decimal) -> Issue:
    """The amount due is negative (P7)."""
    return Issue(
        kind=IssueKind.OVERPAID,
        subject=about_invoice(invoice.id),
        reason=f"Invoice {invoice.terms.number} is overpaid by {money(by, invoice.terms.currency)}.",
        next_step="Refund a payment on the platform, or correct the invoice or its payments in FreshBooks.",
        data=(("overpaid_by", str(by)),),
    )


def other_currency(invoice: Invoice, currencies: Sequence[str]) -> Issue:
    """Two currencies would have to be summed, so the amount due is unknown (P7)."""
    theirs, number = " and ".join(currencies), invoice.terms.number
    return Issue(
        kind=IssueKind.OTHER_CURRENCY,
        subject=about_invoice(invoice.id),
        reason=f"Invoice {number} is in {invoice.terms.currency} with payments in {theirs}: what is due is unknown.",
        next_step="Set the invoice's currency back in FreshBooks, or refund the payments on the platform.",
    )


def paid_invoice_changed(invoice: Invoice, theirs: Decimal | None) -> Issue:
    """FreshBooks would have something else due on an invoice that is frozen because it was paid (P5)."""
    due = (
        f"has {money(theirs, invoice.fb_currency)} due on it"
        if theirs is not None
        else f"shows it in {invoice.fb_currency}"
    )
    return Issue(
        kind=IssueKind.PAID_INVOICE_CHANGED,
        subject=about_invoice(invoice.id),
        reason=f"Invoice {invoice.terms.number} was changed in FreshBooks after it was paid: FreshBooks now {due}.",
        next_step="Undo the change in FreshBooks, or take FreshBooks' version if it is right.",
        actions=(TAKE_FRESHBOOKS_VERSION,),
    )


# ---- about a payment -------------------------------------------------------------------------------------------------


def revert_failed_payment(link: Link, where: str, records: Sequence[FbPaymentId], stand_in: Sequence[Payment]) -> Issue:
    """Money that never came, or went back, still stands in FreshBooks (W2); `stand_in` could take the record over."""
    payment = link.payment
    happened = {
        PaymentStatus.CHARGEBACK: "was charged back",
        PaymentStatus.REFUNDED: "was refunded and the customer still owes",
    }.get(payment.status, "failed")
    names = _records(records)
    credit = " and the credit that it made" if link.credit_is_live else ""
    offer = f" Or let its record stand for {payment_name(stand_in[0])}." if stand_in else ""
    return Issue(
        kind=IssueKind.REVERT_FAILED_PAYMENT,
        subject=about_payment(payment),
        reason=f"{_capital(payment_name(payment))} on {where} {happened}, but FreshBooks still shows it.",
        next_step=f"Delete {names}{credit} in FreshBooks; this clears by itself.{offer}",
        actions=(Choice.STAND_IN,) if stand_in else (),
        data=(*_record_data(records), *((("stand_in", ",".join(other.id for other in stand_in)),) if stand_in else ())),
    )


def ours_changed(link: Link, where: str, change: str, actions: Sequence[Choice]) -> Issue:
    """A record of ours was deleted, moved or edited in FreshBooks while the platform holds the money (P8)."""
    payment = link.payment
    return Issue(
        kind=IssueKind.OURS_CHANGED,
        subject=about_payment(payment),
        reason=f"{_capital(payment_name(payment))} on {where} was paid, but its record in FreshBooks {change}.",
        next_step="Undo the change in FreshBooks and this clears by itself, or choose what is right.",
        actions=tuple(actions),
    )


def duplicate(link: Link, where: str, records: Sequence[FbPaymentId], spare: Sequence[FbPaymentId] = ()) -> Issue:
    """One payment stands in FreshBooks more than once (W4); of `spare` it applied nothing and made a credit."""
    others = f"delete {_records(spare)} with the credit that it made" if spare else "delete the others"
    return Issue(
        kind=IssueKind.DUPLICATE,
        subject=about_payment(link.payment),
        reason=f"{_capital(payment_name(link.payment))} on {where} stands in FreshBooks {len(records)} times.",
        next_step=f"Keep one of {_records(records)} and {others} in FreshBooks; this clears by itself.",
        data=_record_data(records),
    )


def refunded(link: Link, where: str) -> Issue:
    """A refund alone does not say whether the customer still owes (P11)."""
    return Issue(
        kind=IssueKind.REFUNDED,
        subject=about_payment(link.payment),
        reason=f"{_capital(payment_name(link.payment))} on {where} was refunded. The amount due has not changed.",
        next_step="Say whether the customer still owes this amount.",
        actions=(Choice.STILL_OWES, Choice.OWES_NOTHING),
    )


def amount_differs(link: Link, where: str, recorded: Decimal) -> Issue:
    """FreshBooks applied another amount than was sent, and made a credit of the rest (W5)."""
    payment = link.payment
    name = _capital(payment_name(payment))
    applied, rest = money(recorded, payment.currency), money(payment.amount - recorded, payment.currency)
    return Issue(
        kind=IssueKind.AMOUNT_DIFFERS,
        subject=about_payment(payment),
        reason=f"{name}: FreshBooks applied {applied} on {where}, and kept {rest} as a credit of the customer.",
        next_step="Use the credit in FreshBooks, or refund the payment. Accept it when that is settled.",
        actions=(Choice.ACCEPT, Choice.REFUND_IN_AP),
        data=(("recorded", str(recorded)), ("sent", str(payment.amount))),
    )


def push_stopped(link: Link, push: Push, where: str, outstanding: Decimal | None) -> Issue:
    """A payment was not recorded; only a person can say what is right (W5). `outstanding` gives the split of a POST."""
    stop = stop_of(push)
    data = (("candidates", ",".join(str(fb_id) for fb_id in push.candidates)),) if push.candidates else ()
    if outstanding is not None and Choice.POST_ANYWAY in stop.actions:
        applied = max(min(outstanding, link.payment.amount), Decimal(0))
        data = (*data, ("applied", str(applied)), ("credit", str(link.payment.amount - applied)))
    return Issue(
        kind=IssueKind.PUSH_STOPPED,
        subject=about_payment(link.payment),
        reason=f"{_capital(payment_name(link.payment))} on {where}: {stop.why}",
        next_step=stop.next_step,
        actions=stop.actions,
        data=data,
    )


# ---- about the connection --------------------------------------------------------------------------------------------


def quarantined(resource: Resource, record_id: int, why: str) -> Issue:
    """One record of FreshBooks cannot be read (P10)."""
    return Issue(
        kind=IssueKind.QUARANTINED,
        subject=(resource.value, str(record_id)),
        reason=f"FreshBooks' record {record_id} in {resource.value} cannot be read: {why}",
        next_step="Correct the record in FreshBooks and it is read again by itself, or ask to read it again.",
        actions=("read_again",),
    )


def reconnect(why: str) -> Issue:
    """Only the partner can mend the connection (C7)."""
    return Issue(
        kind=IssueKind.RECONNECT,
        subject=("connection", ""),
        reason=f"FreshBooks no longer lets us in: {why}",
        next_step="Press Reconnect and allow access. Everything goes on exactly where it stopped.",
        actions=("reconnect",),
    )


def account_gone(role: str, name: str) -> Issue:
    """An account that was chosen in Set Up Accounts is no longer in the books (C4)."""
    return Issue(
        kind=IssueKind.ACCOUNT_GONE,
        subject=("account", role),
        reason=f"The account {name} is no longer in FreshBooks' books; what needs it waits.",
        next_step="Choose another account in Set Up Accounts.",
        actions=("set_up_accounts",),
    )


def filter_ignored(feed: Feed, resource: Resource, what: str) -> Issue:
    """FreshBooks answered with other records than were asked for, so this feed's run cannot end (FB API s10, 1)."""
    return Issue(
        kind=IssueKind.FILTER_IGNORED,
        subject=(LISTING, _listing(feed, resource)),
        reason=f"FreshBooks ignored the filter {what} on {resource.value}: changes may arrive late.",
        next_step="Nothing is lost: the full comparison still finds every change. Tell the operator.",
    )


ABOUT_BOOKS: Final = ("books", "")
"""The subject of what a verification of all books found."""


def books_differ(count: int, examples: Sequence[str]) -> Issue:
    """A verification found differences that no rule prescribes (T1)."""
    things = "1 difference" if count == 1 else f"{count:,} differences"
    return Issue(
        kind=IssueKind.DRIFT,
        subject=ABOUT_BOOKS,
        reason=f"A comparison with FreshBooks found {things}: {' '.join(examples)}",
        next_step="Look at the comparison on the Verification page. What differs on our side can be read again there.",
        data=(("differences", str(count)),),
    )


def listings_of(feed: Feed) -> tuple[str, ...]:
    """Name the listings that a complete run of a feed proves to be answered as asked: their issues are over."""
    return tuple(_listing(feed, resource) for resource in Resource)


def _listing(feed: Feed, resource: Resource) -> str:
    return f"{feed.value} {resource.value}"


def _records(ids: Sequence[FbPaymentId]) -> str:
    return "payment " + ", ".join(f"#{fb_id}" for fb_id in ids) if ids else "its payment"


def _record_data(ids: Sequence[FbPaymentId]) -> tuple[tuple[str, str], ...]:
    return (("fb_payment_ids", ",".join(str(fb_id) for fb_id in ids)),) if ids else ()


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
