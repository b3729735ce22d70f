"""Verification: what is drift, what a rule prescribes, and what has to be looked at again (T1)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from daemon.core.backfill import Cursor, Feed
from daemon.core.deposit_rules import Member, MemberKind, Payout
from daemon.core.invoice_rules import decide_snapshot
from daemon.core.journal import EntryKind, EntryPush, FbJournalEntry, JournalDraft, JournalLine, entry_marker
from daemon.core.model import (
    FbCredit,
    InvoiceContext,
    IssueKind,
    PartnerId,
    PaymentStatus,
    PayoutId,
    PushState,
    Reason,
    Resource,
    Snapshot,
    VisState,
)
from daemon.core.policy import VerifyPolicy
from daemon.core.verify import (
    EXAMPLES_MAX,
    FINDINGS_MAX,
    Drift,
    DriftKind,
    EntryKnowledge,
    HeldInvoice,
    Judgement,
    Mend,
    Outcome,
    Report,
    Rule,
    Ruled,
    absent_here,
    absent_there,
    add,
    judge_entries,
    judge_invoice,
    judge_record,
    next_verification,
    outcome_of,
    seed_of,
    unread_since,
    windows,
    with_read,
)
from tests.builders import (
    CUSTOMER,
    INVOICE,
    NOW,
    make_customer,
    make_done,
    make_fb_invoice,
    make_fb_payment,
    make_line,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    make_reading,
    make_snapshot,
)

LATER = make_reading(NOW + timedelta(hours=1))


def look(snapshot: Snapshot) -> Snapshot:
    """The same picture, read an hour later."""
    return replace(snapshot, reading=LATER)


def held(snapshot: Snapshot, *links: Any, **changes: Any) -> HeldInvoice:
    """What we hold after this snapshot was decided; `changes` are what was done to the row since."""
    context = InvoiceContext(invoice=None, links=tuple(links))
    decision = decide_snapshot(snapshot, context)
    invoice = decision.invoice
    assert invoice is not None
    context = replace(context, invoice=replace(invoice, **changes), applied=decision.applied or ())
    issues = frozenset((issue.kind, issue.subject) for issue in decision.issues)
    return HeldInvoice(context=context, open_issues=issues)


def kinds(judgement: Judgement) -> list[DriftKind]:
    return [drift.kind for drift in judgement.drifts]


def rules(judgement: Judgement) -> list[Rule]:
    return [ruled.rule for ruled in judgement.ruled]


# ---- invoices --------------------------------------------------------------------------------------------------------


def test_an_invoice_as_it_was_read_is_no_difference() -> None:
    snapshot = make_snapshot()
    assert judge_invoice(look(snapshot), held(snapshot), None) == Judgement()


def test_an_invoice_that_changes_while_it_is_compared_is_looked_at_again() -> None:
    snapshot = make_snapshot()
    torn = replace(snapshot, invoice=replace(snapshot.invoice, outstanding=Decimal(1)))
    assert judge_invoice(torn, held(snapshot), None).unsettled
    older = replace(snapshot, reading=make_reading(NOW - timedelta(hours=1)))
    stale = held(snapshot, updated_at=NOW)
    assert judge_invoice(older, stale, None).unsettled
    assert not judge_invoice(older, stale, None).is_clean


def test_an_invoice_that_is_missing_here_is_drift_unless_it_is_new() -> None:
    snapshot = make_snapshot()
    nothing = HeldInvoice(context=InvoiceContext(invoice=None))
    judgement = judge_invoice(snapshot, nothing, None)
    assert kinds(judgement) == [DriftKind.MISSING_HERE]
    assert judgement.drifts[0].mend is Mend.READ_AGAIN
    assert rules(judge_invoice(snapshot, nothing, snapshot.invoice.updated_at)) == [Rule.P1]
    assert kinds(judge_invoice(snapshot, nothing, NOW)) == [DriftKind.MISSING_HERE]


def test_terms_that_differ_are_named_and_taken_anew_unless_they_are_news() -> None:
    snapshot = make_snapshot()
    ours = held(snapshot)
    invoice = ours.context.invoice
    assert invoice is not None
    changed = replace(invoice.terms, total=Decimal(99), number="7")
    wrong = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=changed)))
    judgement = judge_invoice(look(snapshot), wrong, None)
    assert kinds(judgement) == [DriftKind.DIFFERENT]
    assert "number 7 -> 0000812, total 99 -> 100.00" in judgement.drifts[0].detail
    assert judgement.drifts[0].mend is Mend.TAKE_ANEW
    assert rules(judge_invoice(look(snapshot), wrong, snapshot.invoice.updated_at)) == [Rule.P1]


def test_what_waits_to_be_read_again_is_listed_under_p1() -> None:
    snapshot = make_snapshot()
    queued = replace(held(snapshot, amount_due=Decimal(1)), is_queued=True)
    assert rules(judge_invoice(look(snapshot), queued, None)) == [Rule.P1]


def test_lines_that_differ_are_found() -> None:
    snapshot = make_snapshot()
    ours = held(snapshot)
    invoice = ours.context.invoice
    assert invoice is not None
    lines = replace(invoice.terms, lines=(make_line(quantity=Decimal(2)),))
    wrong = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=lines)))
    assert "lines" in judge_invoice(look(snapshot), wrong, None).drifts[0].detail


def test_a_hash_that_does_not_fit_its_content_is_found() -> None:
    snapshot = make_snapshot()
    judgement = judge_invoice(look(snapshot), held(snapshot, terms_hash=7), None)
    assert "its hash is not" in judgement.drifts[0].detail


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("amount_due", Decimal(1), "amount due"),
        ("fb_outstanding", Decimal(1), "outstanding"),
        ("vis_state", VisState.DELETED, "visibility"),
        ("disputed", True, "disputed"),
    ],
)
def test_facts_that_differ_are_found(field: str, value: object, word: str) -> None:
    snapshot = make_snapshot()
    judgement = judge_invoice(look(snapshot), held(snapshot, **{field: value}), None)
    assert kinds(judgement) == [DriftKind.DIFFERENT]
    assert word in judgement.drifts[0].detail
    assert judgement.drifts[0].mend is Mend.READ_AGAIN


def test_an_issue_that_stands_without_a_cause_or_is_missing_is_found() -> None:
    snapshot = make_snapshot()
    ours = held(snapshot)
    about = ("invoice", str(INVOICE))
    stray = replace(ours, open_issues=frozenset({(IssueKind.OVERPAID, about), (IssueKind.OVERPAID, ("invoice", "9"))}))
    assert "the issue overpaid stands here" in judge_invoice(look(snapshot), stray, None).drifts[0].detail
    over = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 130)])
    link = make_link(make_payment(amount=130), make_done(recorded=130))
    silent = replace(held(over, link), open_issues=frozenset())
    assert "the issue overpaid is missing" in judge_invoice(look(over), silent, None).drifts[0].detail


def test_what_freshbooks_shows_of_our_payments_is_compared() -> None:
    snapshot = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40)])
    link = make_link(make_payment(amount=40), make_done(recorded=40))
    ours = held(snapshot, link)
    assert judge_invoice(look(snapshot), ours, None) == Judgement()
    unknown = replace(ours, context=replace(ours.context, applied=()))
    assert "our payments" in judge_invoice(look(snapshot), unknown, None).drifts[0].detail


# ---- paid invoices (P5) ----------------------------------------------------------------------------------------------

PAID = make_snapshot(make_fb_invoice(100), [make_fb_payment(501, 100)])


def test_a_freeze_that_is_lost_or_stale_is_found() -> None:
    lost = judge_invoice(look(PAID), held(PAID, frozen_at=None, frozen_other=None), None)
    assert kinds(lost)[0] is DriftKind.STALE_FREEZE
    assert "is paid, and it is not frozen" in lost.drifts[0].detail
    unpaid = make_snapshot()
    stale = judge_invoice(look(unpaid), held(unpaid, frozen_at=NOW, frozen_other=Decimal(0)), None)
    assert kinds(stale) == [DriftKind.STALE_FREEZE]
    assert "it is not paid" in stale.drifts[0].detail


def test_an_edit_after_it_was_paid_is_listed_under_p5() -> None:
    edited = look(replace(PAID, invoice=replace(PAID.invoice, description="other")))
    ours = held(PAID)
    invoice = decide_snapshot(edited, ours.context).invoice
    assert invoice is not None
    terms = ours.context.invoice.terms if ours.context.invoice else invoice.terms
    known = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=terms)))
    judgement = judge_invoice(replace(edited, reading=make_reading(NOW + timedelta(hours=2))), known, None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.P5])


def test_an_edit_after_it_was_paid_that_changes_what_is_owed_is_listed_once() -> None:
    raised = replace(PAID.invoice, amount=Decimal(120), outstanding=Decimal(20))
    edited = look(replace(PAID, invoice=raised))
    ours = held(PAID)
    decision = decide_snapshot(edited, ours.context)
    assert decision.invoice is not None
    assert ours.context.invoice is not None
    known = HeldInvoice(
        context=replace(ours.context, invoice=replace(decision.invoice, terms=ours.context.invoice.terms)),
        open_issues=frozenset((issue.kind, issue.subject) for issue in decision.issues),
    )
    judgement = judge_invoice(replace(edited, reading=make_reading(NOW + timedelta(hours=2))), known, None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.P5])


def test_frozen_terms_that_were_changed_here_can_be_taken_anew_only_while_freshbooks_still_shows_them() -> None:
    ours = held(PAID)
    invoice = ours.context.invoice
    assert invoice is not None
    terms = replace(invoice.terms, description="changed here")
    wrong = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=terms)))
    judgement = judge_invoice(look(PAID), wrong, None)
    assert [(drift.kind, drift.mend) for drift in judgement.drifts] == [(DriftKind.DIFFERENT, Mend.TAKE_ANEW)]
    edited = look(replace(PAID, invoice=replace(PAID.invoice, number="8")))
    assert judge_invoice(edited, wrong, None).drifts[0].mend is None


# ---- what a rule prescribes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "word"), [(VisState.DELETED, "deleted"), (VisState.ARCHIVED, "archived")])
def test_what_is_deleted_or_archived_in_freshbooks_and_kept_here_is_p6(state: VisState, word: str) -> None:
    snapshot = make_snapshot(make_fb_invoice(vis_state=state))
    judgement = judge_invoice(look(snapshot), held(snapshot), None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.P6])
    assert word in judgement.ruled[0].detail


def test_a_failed_payment_that_still_stands_in_freshbooks_is_w2() -> None:
    snapshot = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40)])
    link = make_link(make_payment(amount=40, status=PaymentStatus.FAILED), make_done(recorded=40))
    judgement = judge_invoice(look(snapshot), held(snapshot, link), None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.W2])


@pytest.mark.parametrize(
    ("push", "rule"),
    [
        (make_push(), Rule.W1),
        (make_push(state=PushState.WAITING, reason=Reason.NO_ACCOUNTS), Rule.W1),
        (make_push(state=PushState.UNCERTAIN), Rule.W4),
    ],
)
def test_payments_on_their_way_are_listed(push: Any, rule: Rule) -> None:
    snapshot = make_snapshot()
    judgement = judge_invoice(look(snapshot), held(snapshot, make_link(make_payment(amount=40), push)), None)
    assert (kinds(judgement), rules(judgement)) == ([], [rule])


def test_a_payment_of_another_invoice_is_listed_there_only() -> None:
    snapshot = make_snapshot()
    elsewhere = make_link(make_payment(amount=40, invoice_id=INVOICE + 1))
    assert judge_invoice(look(snapshot), held(snapshot, elsewhere), None) == Judgement()
    unqueued = replace(make_link(make_payment(amount=40)), pushes=())
    assert judge_invoice(look(snapshot), held(snapshot, unqueued), None).ruled == ()


def test_ours_that_is_gone_or_doubled_is_drift_though_a_person_was_asked() -> None:
    link = make_link(make_payment(amount=40), make_done(recorded=40))
    gone = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40, vis_state=VisState.DELETED)])
    assert kinds(judge_invoice(look(gone), held(gone, link), None)) == [DriftKind.MISSING_THERE]
    twins = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40), make_our_fb_payment(502, 40)])
    assert DriftKind.DOUBLED in kinds(judge_invoice(look(twins), held(twins, link), None))


# ---- records ---------------------------------------------------------------------------------------------------------


def test_records_are_compared_by_content() -> None:
    theirs = make_customer()
    assert judge_record(Resource.CUSTOMERS, replace(theirs, fingerprint=7, updated_at=NOW), theirs, None) == Judgement()
    ours = replace(theirs, email="x", vis_state=VisState.DELETED)
    judgement = judge_record(Resource.CUSTOMERS, ours, theirs, None)
    assert kinds(judgement) == [DriftKind.DIFFERENT]
    assert judgement.drifts[0].detail == "email 'x' here, 'ada@northwind.example' there, status 1 here, 0 there"
    assert rules(judge_record(Resource.CUSTOMERS, ours, theirs, theirs.updated_at)) == [Rule.P1]


def test_a_credit_note_differs_whenever_it_differs_since_freshbooks_dates_none() -> None:
    theirs = FbCredit(
        id=1,
        customer_id=CUSTOMER,
        number="C1",
        credit_type="goodwill",
        amount=Decimal(5),
        currency="USD",
        issued_on=date(2026, 1, 1),
        description="",
        vis_state=VisState.ACTIVE,
    )
    judgement = judge_record(Resource.CREDITS, replace(theirs, amount=Decimal(6)), theirs, NOW - timedelta(days=900))
    assert judgement.drifts[0].mend is Mend.SYNC
    assert absent_here(Resource.CREDITS, theirs, 1, NOW).drifts[0].mend is Mend.SYNC


def test_records_that_are_missing_on_either_side() -> None:
    theirs = make_fb_payment()
    assert absent_here(Resource.PAYMENTS, theirs, 501, None).drifts[0].mend is Mend.READ_AGAIN
    assert rules(absent_here(Resource.PAYMENTS, theirs, 501, theirs.updated_at)) == [Rule.P1]
    assert rules(absent_here(Resource.PAYMENTS, None, 501, None)) == [Rule.P10]
    (drift,) = absent_there(Resource.PAYMENTS, 501).drifts
    assert (drift.kind, drift.mend) == (DriftKind.EXTRA_HERE, None)


# ---- journal entries -------------------------------------------------------------------------------------------------

DAY = date(2026, 3, 2)
DRAFT = JournalDraft(
    name="Payout po_1",
    description="Payout po_1 APO:po_1:1",
    entered_on=DAY,
    currency="USD",
    lines=(
        JournalLine(account_id="b", legacy_id=2, amount=Decimal(38)),
        JournalLine(account_id="f", legacy_id=3, amount=Decimal(2)),
        JournalLine(account_id="p", legacy_id=1, amount=Decimal(-40)),
    ),
)
ENTRY = FbJournalEntry(
    id="5001",
    name=DRAFT.name,
    description=DRAFT.description,
    entered_on=DAY,
    debits=Decimal(40),
    sides=((2, Decimal(38)), (3, Decimal(2)), (1, Decimal(-40))),
)
PAYOUT = Payout(
    id=PayoutId("po_1"),
    status="succeeded",
    currency="USD",
    net=Decimal(38),
    paid_on=DAY,
    members=(
        Member(id="a", kind=MemberKind.PAYMENT, amount=Decimal(40)),
        Member(id="b", kind=MemberKind.FEE, amount=Decimal(-2)),
    ),
)


def entry_push(**changes: Any) -> EntryPush:
    kind, subject = changes.pop("kind", EntryKind.PAYOUT), changes.pop("subject", "po_1")
    generation = changes.pop("generation", 1)
    push = EntryPush(
        kind=kind,
        subject=subject,
        generation=generation,
        state=PushState.DONE,
        marker=entry_marker(kind, subject, generation),
        entry_id="5001",
        draft=DRAFT,
    )
    return replace(push, **changes)


def judged(*shown: FbJournalEntry, push: EntryPush | None = None, payout: Payout = PAYOUT) -> Judgement:
    return judge_entries(shown, EntryKnowledge(pushes=[push or entry_push()], payouts={"po_1": payout}))


def test_a_deposit_as_it_was_written_is_no_difference() -> None:
    assert judged(ENTRY) == Judgement()


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        ([], DriftKind.MISSING_THERE),
        ([ENTRY, replace(ENTRY, id="5002")], DriftKind.DOUBLED),
        ([replace(ENTRY, debits=Decimal(41))], DriftKind.DIFFERENT),
        ([replace(ENTRY, entered_on=DAY + timedelta(days=1))], DriftKind.DIFFERENT),
        ([replace(ENTRY, sides=((9, Decimal(38)), *ENTRY.sides[1:]))], DriftKind.WRONG_ACCOUNT),
        ([ENTRY, replace(ENTRY, id="5009", name="", description="APO:po_9:1")], DriftKind.ORPHAN),
    ],
)
def test_deposits_that_differ_are_named(shown: list[FbJournalEntry], kind: DriftKind) -> None:
    assert kinds(judged(*shown)) == [kind]


def test_accounts_are_not_compared_where_either_side_does_not_tell_them() -> None:
    assert judged(replace(ENTRY, sides=())) == Judgement()
    nameless = replace(DRAFT, lines=tuple(replace(line, legacy_id=None) for line in DRAFT.lines))
    assert judged(replace(ENTRY, sides=((9, Decimal(40)),)), push=entry_push(draft=nameless)) == Judgement()
    assert judged(ENTRY, push=entry_push(draft=None)) == Judgement()


def test_an_entry_that_was_written_meanwhile_is_no_orphan() -> None:
    known = EntryKnowledge(pushes=[])
    assert kinds(judge_entries([ENTRY], known)) == [DriftKind.ORPHAN]
    assert judge_entries([ENTRY], known, ["APO:po_1:1"]) == Judgement()


def test_payouts_whose_sums_differ_are_named() -> None:
    apart = replace(PAYOUT, net=Decimal(37))
    assert "add up to 38" in judged(ENTRY, payout=apart).drifts[0].detail
    raised = replace(PAYOUT, net=Decimal(39), members=(*PAYOUT.members, replace(PAYOUT.members[1], amount=Decimal(1))))
    assert "no such side" in judged(ENTRY, payout=raised).drifts[0].detail


def test_entries_on_their_way_and_payouts_that_failed_since_are_listed() -> None:
    assert rules(judged(push=entry_push(state=PushState.UNCERTAIN))) == [Rule.W4]
    assert judged(push=entry_push(state=PushState.CANCELLED)) == Judgement()
    assert rules(judged(ENTRY, payout=replace(PAYOUT, status="failed"))) == [Rule.W6]


def test_moves_are_named_by_their_direction() -> None:
    for generation, words in ((1, "The move of payment #7 was"), (2, "The move of payment #7 back was")):
        move = entry_push(kind=EntryKind.MOVE, subject="7", generation=generation)
        assert judge_entries([], EntryKnowledge(pushes=[move])).drifts[0].detail.startswith(words)


def test_days_are_gathered_into_weeks_at_most() -> None:
    days = [DAY + timedelta(days=number) for number in (9, 0, 1, 6, 0, 30)]
    spans = [(0, 6), (9, 9), (30, 30)]
    assert windows(days) == tuple((DAY + timedelta(days=a), DAY + timedelta(days=b)) for a, b in spans)
    assert windows([]) == ()


# ---- the report ------------------------------------------------------------------------------------------------------


def test_a_report_counts_everything_and_keeps_the_first_of_each() -> None:
    drift = Drift(kind=DriftKind.DIFFERENT, subject=("invoices", "1"), detail="x")
    ruled = Ruled(rule=Rule.P6, subject=("invoices", "1"), detail="x")
    report = Report()
    for _ in range(FINDINGS_MAX + 3):
        report = add(report, Judgement(drifts=(drift,), ruled=(ruled,)))
    assert (report.drifted, len(report.drifts)) == (FINDINGS_MAX + 3, FINDINGS_MAX)
    assert (report.rules, len(report.examples)) == ({"P6": FINDINGS_MAX + 3}, EXAMPLES_MAX)
    assert with_read(with_read(report, "invoices", 2), "invoices", 3).read == {"invoices": 5}


def test_drift_goes_before_what_could_not_be_compared_and_that_before_equal() -> None:
    drift = Judgement(drifts=(Drift(kind=DriftKind.DIFFERENT, subject=("invoices", "1"), detail="x"),))
    assert outcome_of(Report()) is Outcome.EQUAL
    assert outcome_of(Report(unread=("x",))) is Outcome.UNCHECKED
    assert outcome_of(add(Report(), Judgement(unsettled=True))) is Outcome.UNCHECKED
    assert outcome_of(add(Report(unread=("x",)), drift)) is Outcome.DRIFT


# ---- nights ----------------------------------------------------------------------------------------------------------


def test_nights_are_the_business_own_and_spread_over_the_window() -> None:
    policy = VerifyPolicy(begin_hour=1, spread=timedelta(hours=4))
    since = datetime(2026, 3, 2, 17, tzinfo=UTC)
    turns = {next_verification(PartnerId(f"p{n}"), since, "America/New_York", policy) for n in range(50)}
    first, last = datetime(2026, 3, 3, 6, tzinfo=UTC), datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert all(turn is not None and first <= turn < last for turn in turns)
    assert len(turns) == 50


def test_a_night_follows_the_one_before_and_a_missed_one_lies_in_the_past() -> None:
    policy = VerifyPolicy(begin_hour=1, spread=timedelta(0))
    turn = datetime(2026, 3, 3, 6, tzinfo=UTC)
    partner = PartnerId("p")
    assert next_verification(partner, turn - timedelta(seconds=1), "America/New_York", policy) == turn
    assert next_verification(partner, turn, "America/New_York", policy) == turn + timedelta(days=1)
    assert next_verification(partner, None, "America/New_York", policy) is None
    assert next_verification(partner, turn, "America/New_York", replace(policy, nightly=False)) is None


def test_changes_since_the_last_look_began_may_be_unread() -> None:
    began = NOW - timedelta(minutes=5)
    over = Cursor(feed=Feed.PAYMENTS, began_at=began, finished_at=NOW)
    hour = timedelta(hours=1)
    assert unread_since(over, hour) == began - timedelta(minutes=2)
    assert unread_since(replace(over, finished_at=None), hour) == began - timedelta(minutes=2) - hour
    assert unread_since(Cursor(feed=Feed.PAYMENTS), hour) is None


def test_a_sample_is_drawn_with_a_seed_of_its_own() -> None:
    seeds = {seed_of(PartnerId("p"), NOW + timedelta(seconds=n)) for n in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**62 for seed in seeds)
