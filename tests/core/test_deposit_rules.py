"""W6: payouts are recorded as deposits, each a balanced entry, or the reason why not."""

from dataclasses import replace
from datetime import date

import pytest

from daemon.core.book_accounts import BookAccounts, line
from daemon.core.deposit_rules import Enter, Payout, plan_deposit
from daemon.core.model import Choice, PushState, Reason
from daemon.core.push_guard import Cancel, Stop, Wait
from tests.builders import usd
from tests.core.ledger import (
    BANK,
    DAY,
    FEES,
    PETTY,
    PLATFORM,
    UNDEPOSITED,
    accounts,
    chosen,
    draft,
    entry,
    member,
    payout,
    sides,
    without,
)

PAID = member(100)
FEE = member(-3, "fee")


def test_a_payout_of_300_less_a_charge_back_of_100_its_fee_of_15_and_fees_of_9_is_a_deposit_of_176() -> None:
    members = (member(300), member(-100, "chargeback"), member(-15, "fee"), member(-9, "fee", None))
    assert sides(plan_deposit(entry(), payout(*members, net=176), accounts())) == [
        (BANK.id, usd(176)),
        (FEES.id, usd(24)),
        (UNDEPOSITED.id, usd(100)),
        (UNDEPOSITED.id, usd(-300)),
    ]


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        (payout(PAID), [("Bank", 100), ("Undeposited", -100)]),
        (payout(PAID, FEE), [("Bank", 97), ("Fees", 3), ("Undeposited", -100)]),
        (payout(PAID, member(50), FEE), [("Bank", 147), ("Fees", 3), ("Undeposited", -150)]),
        (payout(PAID, member(-40, "refund")), [("Bank", 60), ("Undeposited", 40), ("Undeposited", -100)]),
        (payout(member(-40, "refund")), [("Bank", -40), ("Undeposited", 40)]),
        (payout(member(-100, "chargeback"), FEE), [("Bank", -103), ("Fees", 3), ("Undeposited", 100)]),
        (payout(PAID, member(-100, "refund")), [("Undeposited", 100), ("Undeposited", -100)]),
        (payout(member(3, "fee"), member(-3, "refund")), [("Fees", -3), ("Undeposited", 3)]),
    ],
    ids=[
        "plain",
        "fees",
        "two payments",
        "refund",
        "negative net",
        "negative net with fees",
        "net of 0",
        "fee given back",
    ],
)
def test_a_payout_debits_the_bank_its_fees_and_what_was_returned_and_credits_the_payments_account_gross(
    paid: Payout, expected: list[tuple[str, int]]
) -> None:
    assert sides(plan_deposit(entry(), paid, accounts())) == [(name, usd(amount)) for name, amount in expected]


def test_a_deposit_is_entered_on_the_day_it_arrives_with_its_marker() -> None:
    verdict = plan_deposit(entry(), payout(PAID), accounts())
    assert isinstance(verdict, Enter)
    assert (verdict.draft.name, verdict.draft.entered_on, verdict.draft.currency) == ("Payout po_1", DAY, "USD")
    assert verdict.draft.description.endswith(" APO:po_1:1")


def test_a_deposit_that_is_sent_again_keeps_its_day() -> None:
    sent = draft((BANK, 100), (UNDEPOSITED, -100), day=date(2025, 11, 3))
    verdict = plan_deposit(entry(draft=sent), payout(PAID), accounts())
    assert isinstance(verdict, Enter)
    assert verdict.draft.entered_on == date(2025, 11, 3)


def test_a_payment_is_taken_from_the_account_it_was_moved_to_whatever_is_chosen_now() -> None:
    old = member(100, held_in=line(UNDEPOSITED, usd(100)))
    returned = member(-10, "refund", held_in=line(UNDEPOSITED, usd(30)))
    verdict = plan_deposit(entry(), payout(old, returned, member(50)), chosen(payments=PETTY.id))
    assert sides(verdict) == [
        (BANK.id, usd(140)),
        (UNDEPOSITED.id, usd(10)),
        (UNDEPOSITED.id, usd(-100)),
        (PETTY.id, usd(-50)),
    ]


@pytest.mark.parametrize(
    ("paid", "books", "reason", "detail"),
    [
        (payout(PAID), accounts(None), Reason.NO_ACCOUNTS, ""),
        (payout(PAID), chosen(record_deposits=False), Reason.DEPOSITS_OFF, ""),
        (payout(PAID, FEE), chosen(fees=None), Reason.NO_FEES_ACCOUNT, ""),
        (payout(PAID, status="processing"), accounts(), Reason.NOT_SUCCEEDED, "It is processing."),
        (
            payout(PAID, member(20, payment_id="pay_2", on_platform_invoice=True)),
            accounts(),
            Reason.NO_PLATFORM_ACCOUNT,
            "Payment pay_2 was made on such an invoice.",
        ),
        (payout(PAID), without(BANK), Reason.ACCOUNT_GONE, "The account Bank is not in FreshBooks' books."),
        (
            payout(PAID),
            without(UNDEPOSITED),
            Reason.ACCOUNT_GONE,
            "The account Undeposited is not in FreshBooks' books.",
        ),
        (payout(PAID, FEE), without(FEES), Reason.ACCOUNT_GONE, "The account Fees is not in FreshBooks' books."),
        (payout(PAID), chosen(payments="never"), Reason.ACCOUNT_GONE, "The account never is not in FreshBooks' books."),
        (
            payout(PAID, member(20, on_platform_invoice=True)),
            without(PLATFORM, platform_invoices=PLATFORM.id),
            Reason.ACCOUNT_GONE,
            "The account Platform sales is not in FreshBooks' books.",
        ),
    ],
    ids=[
        "waiting for accounts",
        "deposits off",
        "waiting for fees account",
        "not succeeded",
        "on a platform invoice",
        "bank gone",
        "payments account gone",
        "fees account gone",
        "account never known",
        "platform account gone",
    ],
)
def test_a_payout_waits_and_says_for_what(paid: Payout, books: BookAccounts, reason: Reason, detail: str) -> None:
    assert plan_deposit(entry(), paid, books) == Wait(reason=reason, detail=detail)


@pytest.mark.parametrize(
    ("paid", "books"),
    [
        (payout(PAID), chosen(fees=None)),
        (payout(PAID), without(FEES)),
        (payout(member(20, on_platform_invoice=True)), without(UNDEPOSITED, platform_invoices=PLATFORM.id)),
        (payout(member(20, held_in=line(PETTY, usd(20)))), without(UNDEPOSITED)),
    ],
    ids=["no fees", "fees account gone, no fees", "nothing through the payments account", "held elsewhere"],
)
def test_an_account_that_is_not_needed_may_be_missing(paid: Payout, books: BookAccounts) -> None:
    assert isinstance(plan_deposit(entry(), paid, books), Enter)


def test_a_member_on_a_platform_invoice_goes_to_the_account_chosen_for_such() -> None:
    members = (PAID, member(50, on_platform_invoice=True), member(-20, "refund", on_platform_invoice=True), FEE)
    verdict = plan_deposit(entry(), payout(*members), chosen(platform_invoices=PLATFORM.id))
    assert sides(verdict) == [
        (BANK.id, usd(127)),
        (FEES.id, usd(3)),
        (PLATFORM.id, usd(20)),
        (PLATFORM.id, usd(-50)),
        (UNDEPOSITED.id, usd(-100)),
    ]


def test_sums_that_do_not_add_up_are_refused_with_both_figures() -> None:
    verdict = plan_deposit(entry(), payout(PAID, FEE, net=98), accounts())
    assert verdict == Stop(
        reason=Reason.SUMS_DIFFER, detail="Its parts add up to 97.00 USD, but 98.00 USD was paid out."
    )


def test_a_payout_without_members_does_not_add_up() -> None:
    assert isinstance(plan_deposit(entry(), payout(net=5), accounts()), Stop)


def test_mixed_currencies_are_refused() -> None:
    verdict = plan_deposit(entry(), payout(PAID, member(5, currency="CAD"), member(5, currency="EUR")), accounts())
    assert verdict == Stop(reason=Reason.MIXED_CURRENCIES, detail="The payout is in USD, with payments in CAD and EUR.")


def test_off_comes_before_what_is_wrong_so_that_nobody_is_asked_in_vain() -> None:
    verdict = plan_deposit(entry(), payout(PAID, net=1), chosen(record_deposits=False))
    assert verdict == Wait(reason=Reason.DEPOSITS_OFF)


def test_a_payout_of_nothing_needs_no_entry() -> None:
    assert plan_deposit(entry(), payout(), accounts()) == Cancel(reason=Reason.NOTHING_TO_RECORD)


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_payout_that_failed_before_it_was_recorded_is_never_recorded(status: str) -> None:
    assert plan_deposit(entry(), payout(PAID, status=status), accounts()) == Cancel(reason=Reason.PAYOUT_FAILED)


def test_a_payout_that_failed_after_it_was_recorded_is_an_issue() -> None:
    verdict = plan_deposit(entry(generation=2), payout(PAID, status="failed"), accounts())
    assert verdict == Stop(reason=Reason.PAYOUT_FAILED)


def test_a_payout_that_succeeded_after_all_needs_nobody() -> None:
    verdict = plan_deposit(entry(generation=2), payout(PAID), accounts())
    assert verdict == Cancel(reason=Reason.PAYOUT_RECOVERED)


def test_a_payout_that_was_entered_by_hand_is_settled() -> None:
    stopped = entry(state=PushState.READY, choice=Choice.ACCEPT)
    assert plan_deposit(stopped, payout(PAID, net=1), accounts()) == Cancel(reason=Reason.SETTLED_BY_HAND)


def test_petty_cash_is_known_by_its_number_and_else_by_its_name() -> None:
    renamed = replace(PETTY, name="Till")
    other = replace(BANK, name="petty cash ")
    assert accounts(ledger=(other, renamed)).clearing == renamed
    assert accounts(ledger=(BANK, other)).clearing == other
    assert accounts(ledger=(BANK, replace(PETTY, is_active=False))).clearing is None
