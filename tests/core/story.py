"""One invoice and everything that happens to it: books, platform and our rows, driven as the daemon does."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from daemon.core.choices import NotOffered, apply_choice
from daemon.core.generations import wake
from daemon.core.invoice_rules import decide_snapshot, decide_unfreeze, decide_without_read
from daemon.core.model import (
    HOLDS_MONEY,
    LOST_MONEY,
    Applied,
    AppliedElsewhere,
    Choice,
    FbPaymentId,
    HistoryEntry,
    Invoice,
    InvoiceContext,
    InvoiceDecision,
    Issue,
    IssueKind,
    Link,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reason,
)
from daemon.core.payment_rules import (
    Absent,
    Failure,
    Post,
    after_failure,
    after_guard,
    after_lookup,
    after_post,
    guard,
    lookup,
)
from daemon.core.policy import PushPolicy
from tests.builders import INVOICE, make_fb_invoice, make_payment, make_push
from tests.core.books import Books

Answer = Literal["ok", "lost", "never", "unsent", "refused"]
"""What a POST meets: an answer; one lost after FreshBooks wrote; one lost before; a proven no-send; a refusal."""
_POLICY = PushPolicy()
_OPEN = frozenset({PushState.READY, PushState.WAITING, PushState.UNCERTAIN})
_FAILURES = {"unsent": Failure.UNSENT, "refused": Failure.REFUSED}


@dataclass
class Story:
    """The platform's payments on one invoice, and our rows of both sides."""

    books: Books = field(default_factory=Books)
    payments: dict[str, Payment] = field(default_factory=dict)
    pushes: dict[str, tuple[Push, ...]] = field(default_factory=dict)
    row: Invoice | None = None
    applied: tuple[Applied, ...] = ()
    issues: frozenset[Issue] = frozenset()
    history: list[HistoryEntry] = field(default_factory=list)
    choices: dict[tuple[str, int], Choice] = field(default_factory=dict)

    # ---- what the platform does --------------------------------------------------------------------------------------

    def pay(self, payment_id: str, amount: str | int, currency: str = "USD") -> None:
        now = self.books.tick()
        self.payments[payment_id] = make_payment(payment_id, amount, currency=currency, initiated_at=now)
        self.pushes[payment_id] = (make_push(payment_id),)
        self._decide_without_read()

    def status(self, payment_id: str, status: PaymentStatus) -> None:
        self.books.tick()
        self.payments[payment_id] = replace(self.payments[payment_id], status=status)
        push = self.push(payment_id)
        if status not in HOLDS_MONEY and push.state in {PushState.READY, PushState.WAITING}:
            reason = Reason.FAILED_BEFORE_PUSH if status in LOST_MONEY else Reason.REFUNDED_BEFORE_PUSH
            self._put(replace(push, state=PushState.CANCELLED, reason=reason))
        self._decide_without_read()

    def choose(self, payment_id: str, choice: Choice, named: int | None = None) -> None:
        fb_payment_id = FbPaymentId(named) if named is not None else None
        chosen = apply_choice(self.context(), PaymentId(payment_id), choice, fb_payment_id)
        assert not isinstance(chosen, NotOffered), chosen.why
        self.choices[payment_id, self.push(payment_id).generation] = choice
        self._put(chosen.changed)
        if chosen.opened is not None:
            self._put(chosen.opened)
        self._decide_without_read()

    def take_freshbooks_version(self) -> None:
        self._store(decide_unfreeze(self.context()))

    # ---- what the daemon does ----------------------------------------------------------------------------------------

    def read(self) -> InvoiceDecision:
        """Read a snapshot, decide it, store the decision."""
        self.books.tick()
        return self._store(decide_snapshot(self.books.snapshot(), self.context()))

    def send(self, payment_id: str, answer: Answer = "ok") -> None:
        """Claim a push and work on it once, as the push lane does."""
        now = self.books.tick()
        push, payment = self.push(payment_id), self.payments[payment_id]
        if push.claimed_at is not None:
            verdict = lookup(push, payment, self.books.payments(), push.claimed_at)
            if push.state is PushState.UNCERTAIN or not isinstance(verdict, Absent):
                self._record(after_lookup(push, payment, verdict, now, _POLICY))
                return
        snapshot = self.books.snapshot()
        judged = guard(payment, push, snapshot, self.context().links, _POLICY)
        if isinstance(judged, Post):
            self._post(push, payment, answer)
        else:
            self._put(after_guard(push, payment, judged, now, _POLICY))
            self._store(decide_snapshot(snapshot, self.context()))

    def settle(self) -> None:
        """Let the daemon work until nothing more happens by itself."""
        before: object = None
        for _ in range(12):
            self.read()
            for payment_id in self.payments:
                if self.push(payment_id).state in _OPEN:
                    self.send(payment_id)
            now = (dict(self.pushes), self.row and self.row.amount_due, self.applied, self.issues)
            if _timeless(now) == before:
                return
            before = _timeless(now)
        raise AssertionError("the daemon never came to rest")

    # ---- what can be seen --------------------------------------------------------------------------------------------

    @property
    def due(self) -> Decimal | None:
        assert self.row is not None
        return self.row.amount_due

    @property
    def shown_outstanding(self) -> Decimal:
        """What FreshBooks showed outstanding when it was last read."""
        assert self.row is not None
        return self.row.fb_outstanding

    def is_frozen(self) -> bool:
        return self.row is not None and self.row.is_frozen

    def push(self, payment_id: str) -> Push:
        return self.pushes[payment_id][-1]

    def record_of(self, payment_id: str) -> int:
        return next(record.id for record in self.books.records if record.maker == payment_id)

    def kinds(self) -> set[IssueKind]:
        return {issue.kind for issue in self.issues}

    def issue(self, kind: IssueKind) -> Issue:
        return next(issue for issue in self.issues if issue.kind is kind)

    def context(self) -> InvoiceContext:
        return InvoiceContext(invoice=self.row, links=tuple(map(self.link, self.payments)), applied=self.applied)

    def link(self, payment_id: str) -> Link:
        mine = [record for record in self.books.records if record.maker == payment_id]
        moved = tuple(
            AppliedElsewhere(
                invoice_id=record.invoice_id,
                fb_payment_id=FbPaymentId(record.id),
                amount=record.amount,
                currency=record.currency,
            )
            for record in mine
            if record.is_live and record.invoice_id != INVOICE
        )
        credit = any(record.credit_is_live for record in mine)
        payment, pushes = self.payments[payment_id], self.pushes[payment_id]
        return Link(payment=payment, pushes=pushes, credit_is_live=credit, elsewhere=moved)

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _post(self, push: Push, payment: Payment, answer: Answer) -> None:
        now = self.books.now
        sending = replace(
            push,
            state=PushState.SENDING,
            attempts=push.attempts + 1,
            claimed_at=push.claimed_at or now,
            deadline_at=now,
            checked_absent=0,
        )
        self._put(sending)
        landed = self.books.land(payment, push) if answer in {"ok", "lost"} else None
        if answer == "ok":
            answered = next(fb for fb in self.books.payments() if fb.id == landed)
            self._record(after_post(sending, payment, answered))
        else:
            failure = _FAILURES.get(answer, Failure.MAYBE_LANDED)
            self._record(after_failure(sending, payment, failure, self.books.now, _POLICY, "The answer was no."))

    def _record(self, push: Push) -> None:
        self._put(push)
        self._decide_without_read()

    def _decide_without_read(self) -> None:
        self._store(decide_without_read(self.context()))

    def _store(self, decision: InvoiceDecision) -> InvoiceDecision:
        self.row = decision.invoice or self.row
        self.applied = self.applied if decision.applied is None else decision.applied
        self.issues = decision.issues
        self.history += decision.history
        for push in (*decision.changed, *decision.opened):
            self._put(push)
        for payment_id in decision.woken:
            self._put(wake(self.pushes[payment_id])[-1])
        return decision

    def _put(self, push: Push) -> None:
        older = tuple(other for other in self.pushes[push.payment_id] if other.generation < push.generation)
        self.pushes[push.payment_id] = (*older, push)


def story(total: int | str = 100, **changes: Any) -> Story:
    """Begin with a sent invoice that has been read once."""
    begun = Story(books=Books(invoice=make_fb_invoice(total, **changes)))
    begun.read()
    return begun


def paid_by_cheque(total: int = 100) -> Story:
    """Begin with an invoice that is frozen: a bookkeeper's payment settled it."""
    told = story(total)
    told.books.type_payment(total)
    told.read()
    assert told.is_frozen()
    return told


def paid_by_platform(total: int = 100) -> Story:
    """Begin with an invoice that is frozen: a payment of ours settled it."""
    told = story(total)
    told.pay("A", total)
    told.settle()
    assert told.is_frozen()
    return told


def _timeless(seen: tuple[dict[str, tuple[Push, ...]], object, object, object]) -> object:
    pushes = {
        payment_id: [replace(push, not_before=None, deadline_at=None) for push in generations]
        for payment_id, generations in seen[0].items()
    }
    return (pushes, *seen[1:])


def expect(told: Story, due: int | None, *kinds: IssueKind) -> None:
    """Assert what is due, and exactly which kinds of issues stand."""
    assert told.due == due
    assert told.kinds() == set(kinds)


def stands(told: Story, payment_id: str, state: PushState, reason: Reason | None = None) -> None:
    """Assert where a payment's push stands, and why."""
    push = told.push(payment_id)
    assert push.state is state
    assert push.reason is reason
