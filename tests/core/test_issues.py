"""The sync issues say in a bookkeeper's words what happened and what to do next."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from daemon.core import issues
from daemon.core.backfill import Feed
from daemon.core.invoice_rules import decide_without_read
from daemon.core.model import (
    Choice,
    FbPayment,
    FbPaymentId,
    Issue,
    IssueKind,
    Link,
    PaymentStatus,
    PushState,
    Reason,
    Resource,
    VisState,
)
from tests.builders import (
    NOW,
    make_applied,
    make_context,
    make_done,
    make_elsewhere,
    make_invoice,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    usd,
)
from tests.core.deciding import decide

FAILED = make_payment(status=PaymentStatus.FAILED)
REFUNDED = make_payment(status=PaymentStatus.REFUNDED)
OURS = make_our_fb_payment()
GONE = make_our_fb_payment(vis_state=VisState.DELETED)
JARGON = re.compile(r"\b(push|snapshot|marker|generation|enum|None|Decimal|null|AP|FB|API|P\d+|W\d+)\b")


def only(links: Sequence[Link], seen: Sequence[FbPayment] = (), **invoice: Any) -> Issue:
    (issue,) = decide(links, seen, **invoice).issues
    return issue


def stopped(reason: Reason, **push: Any) -> Link:
    return make_link(make_payment(), make_push(state=PushState.NEEDS_PERSON, reason=reason, **push))


EVERY = {
    "overpaid": only([make_link(make_payment(amount=130))]),
    "other currency": only([make_link(make_payment(currency="CAD"))]),
    "failed": only([make_link(FAILED, make_done())], [OURS]),
    "charged back": only([make_link(make_payment(status=PaymentStatus.CHARGEBACK), make_done())], [OURS]),
    "still owes": only([make_link(REFUNDED, make_done(choice=Choice.STILL_OWES))], [OURS]),
    "credit stays": only([make_link(FAILED, make_done(), credit_is_live=True)], [GONE]),
    "deleted": only([make_link(make_payment(), make_done())], [GONE]),
    "edited": only([make_link(make_payment(), make_done())], [make_our_fb_payment(amount=60)]),
    "raised": only([make_link(make_payment(), make_done())], [make_our_fb_payment(amount=130)], amount=130),
    "moved": only([make_link(make_payment(), make_done(), elsewhere=(make_elsewhere(),))]),
    "lost sight of": only([make_link(make_payment(), make_done())]),
    "twice": only([make_link(make_payment(), make_done())], [OURS, make_our_fb_payment(502)], amount=200),
    "refunded": only([make_link(REFUNDED, make_done())], [OURS]),
    "split": only([make_link(make_payment(), make_done(recorded=60))], [make_our_fb_payment(amount=60)]),
    "draft": only([stopped(Reason.INVOICE_DRAFT)], status=1),
    "already paid": only([stopped(Reason.ALREADY_PAID)], status=1),
    "deleted invoice": only([stopped(Reason.INVOICE_DELETED)], vis_state=VisState.DELETED),
    "is this it": only([stopped(Reason.IS_THIS_IT, candidates=(FbPaymentId(7), FbPaymentId(8)))], status=1),
    "ambiguous": only([stopped(Reason.AMBIGUOUS_LOOKUP)]),
    "refused": only([stopped(Reason.REFUSED_BY_FRESHBOOKS, detail="Invoice is locked.")]),
    "exhausted": only([stopped(Reason.ATTEMPTS_EXHAUSTED)]),
    "named gone": only([stopped(Reason.NAMED_PAYMENT_GONE)]),
    "stranded": only(
        [make_link(make_payment(), make_push(state=PushState.CANCELLED, reason=Reason.FAILED_BEFORE_PUSH))]
    ),
    "changed after paid": issues.paid_invoice_changed(make_invoice(), usd(50)),
    "quarantined": issues.quarantined(Resource.INVOICES, 812, "the total is missing."),
    "reconnect": issues.reconnect("access was withdrawn."),
    "account gone": issues.account_gone("payments", "Undeposited Funds"),
    "books differ": issues.books_differ(3, ["Invoice 7 is missing."]),
    "filter ignored": issues.filter_ignored(Feed.PAYMENTS, Resource.PAYMENTS, "updated since"),
}


@pytest.mark.parametrize("name", EVERY)
def test_an_issue_says_what_happened_and_what_to_do_next(name: str) -> None:
    issue = EVERY[name]
    assert issue.reason[0].isupper()
    assert issue.reason.endswith(".")
    assert issue.next_step.endswith(".")
    assert not JARGON.search(issue.reason)
    assert not JARGON.search(issue.next_step)
    assert len(dict(issue.data)) == len(issue.data)


def test_every_kind_that_an_invoice_decides_is_a_standing_kind() -> None:
    about_books = {issue.kind for issue in EVERY.values() if issue.subject[0] in {"invoice", "payment"}}
    assert about_books <= issues.STANDING_KINDS
    apart = {
        IssueKind.QUARANTINED,
        IssueKind.RECONNECT,
        IssueKind.ACCOUNT_GONE,
        IssueKind.FILTER_IGNORED,
        IssueKind.DRIFT,
    }
    assert not apart & issues.STANDING_KINDS


@pytest.mark.parametrize(
    ("name", "kind", "words", "actions"),
    [
        ("failed", IssueKind.REVERT_FAILED_PAYMENT, "failed, but FreshBooks still shows it", set()),
        ("charged back", IssueKind.REVERT_FAILED_PAYMENT, "was charged back", set()),
        ("still owes", IssueKind.REVERT_FAILED_PAYMENT, "was refunded and the customer still owes", set()),
        ("deleted", IssueKind.OURS_CHANGED, "was deleted", {"reopen", "record_again", "refund_in_ap"}),
        ("moved", IssueKind.OURS_CHANGED, "was moved to invoice #813", {"reopen", "record_again", "refund_in_ap"}),
        ("lost sight of", IssueKind.OURS_CHANGED, "no longer on", {"reopen", "record_again", "refund_in_ap"}),
        ("edited", IssueKind.OURS_CHANGED, "now says 60.00 USD", {"reopen", "refund_in_ap"}),
        ("raised", IssueKind.OURS_CHANGED, "now says 130.00 USD", set()),
        ("twice", IssueKind.DUPLICATE, "2 times", set()),
        ("refunded", IssueKind.REFUNDED, "was refunded", {"still_owes", "owes_nothing"}),
        ("split", IssueKind.AMOUNT_DIFFERS, "applied 60.00 USD", {"accept", "refund_in_ap"}),
        ("is this it", IssueKind.PUSH_STOPPED, "same amount", {"settled_by_hand", "not_this", "refund_in_ap"}),
        ("stranded", IssueKind.PUSH_STOPPED, "counts again", {"record_again", "refund_in_ap", "reopen"}),
        ("refused", IssueKind.PUSH_STOPPED, "Invoice is locked.", {"retry", "settled_by_hand", "refund_in_ap"}),
    ],
)
def test_an_issue_offers_what_its_rule_names(name: str, kind: IssueKind, words: str, actions: set[str]) -> None:
    issue = EVERY[name]
    assert issue.kind is kind
    assert words in issue.reason
    assert set(issue.actions) == actions


def test_post_anyway_shows_the_split_that_freshbooks_will_make() -> None:
    less = stopped(Reason.LESS_OUTSTANDING)
    decision = decide_without_read(make_context(make_invoice(fb_outstanding=usd(60)), [less]))
    (issue,) = (issue for issue in decision.issues if issue.kind is IssueKind.PUSH_STOPPED)
    assert dict(issue.data) == {"applied": "60.00", "credit": "40.00"}


def test_a_look_alike_is_named_for_who_has_to_judge_it() -> None:
    assert dict(EVERY["is this it"].data) == {"candidates": "7,8"}


def test_a_revert_names_the_records_and_the_credit_to_delete() -> None:
    assert dict(EVERY["failed"].data) == {"fb_payment_ids": "501"}
    assert EVERY["failed"].next_step.startswith("Delete payment #501 in FreshBooks")
    assert "and the credit that it made" in EVERY["credit stays"].next_step


def test_a_failed_payment_that_nobody_has_a_number_for_is_still_named() -> None:
    bare = make_link(FAILED, make_push(), credit_is_live=True)
    assert "Delete its payment and the credit" in only([bare]).next_step


def test_an_answered_refund_asks_nothing_more() -> None:
    for choice in (Choice.OWES_NOTHING, Choice.REOPEN):
        assert decide([make_link(REFUNDED, make_done(choice=choice))], [OURS]).issues == frozenset()
    assert decide([make_link(REFUNDED, make_done(choice=Choice.REFUND_IN_AP))], [GONE]).issues == frozenset()


def test_an_expected_difference_is_no_issue() -> None:
    for choice in (Choice.POST_ANYWAY, Choice.ACCEPT, Choice.SETTLED_BY_HAND, Choice.REFUND_IN_AP):
        split = make_link(make_payment(), make_done(recorded=60, choice=choice))
        assert decide([split], [make_our_fb_payment(amount=60)]).issues == frozenset()


def test_a_record_that_no_read_could_have_seen_yet_is_not_missed() -> None:
    fresh = make_link(make_payment(), make_done(deadline_at=NOW.replace(hour=16)))
    assert decide([fresh]).issues == frozenset()
    undated = make_link(make_payment(), make_done(deadline_at=None))
    assert {issue.kind for issue in decide([undated]).issues} == {IssueKind.OURS_CHANGED}


def test_a_person_who_let_go_of_a_record_is_not_asked_again() -> None:
    for choice in (Choice.REOPEN, Choice.REFUND_IN_AP):
        assert decide([make_link(make_payment(), make_done(choice=choice))], [GONE]).issues == frozenset()
        stranded = make_push(state=PushState.CANCELLED, reason=Reason.FAILED_BEFORE_PUSH, choice=choice)
        assert decide([make_link(make_payment(), stranded)]).issues == frozenset()


def test_a_failed_record_offers_to_stand_only_for_a_payment_that_waits_for_it() -> None:
    failed = make_link(make_payment("pay_2", status=PaymentStatus.FAILED), make_done("pay_2"))
    rows = [make_applied(payment_id="pay_2")]

    def offered(amount: int, state: PushState, reason: Reason) -> tuple[str, ...]:
        other = make_link(make_payment(amount=amount), make_push(state=state, reason=reason))
        decision = decide_without_read(make_context(make_invoice(), [other, failed], rows))
        (issue,) = (issue for issue in decision.issues if issue.kind is IssueKind.REVERT_FAILED_PAYMENT)
        return issue.actions

    assert offered(100, PushState.WAITING, Reason.UNTIL_REVERTED) == (Choice.STAND_IN,)
    assert offered(60, PushState.WAITING, Reason.UNTIL_REVERTED) == ()
    assert offered(100, PushState.WAITING, Reason.RETRY_LATER) == ()
    assert offered(100, PushState.READY, Reason.UNTIL_REVERTED) == ()
