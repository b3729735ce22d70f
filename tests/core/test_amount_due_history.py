"""Whatever happens in whatever order, what is due is what the cash says."""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.choices import NotOffered, apply_choice
from daemon.core.model import Choice, FbPaymentId, Issue, IssueKind, PaymentId, PaymentStatus, PushState
from daemon.core.payment_rules import place
from tests.core.books import Record
from tests.core.cash import Cash
from tests.core.story import Answer, Story, story

AMOUNTS = (100, 60, 40)
ANSWERS: tuple[Answer, ...] = ("ok", "ok", "lost", "never", "unsent", "refused")
NEXT_STATUS = {
    PaymentStatus.PROCESSING: (PaymentStatus.SUCCEEDED, PaymentStatus.FAILED, PaymentStatus.FAILED),
    PaymentStatus.SUCCEEDED: (PaymentStatus.CHARGEBACK, PaymentStatus.REFUNDED, PaymentStatus.FAILED),
    PaymentStatus.CHARGEBACK: (PaymentStatus.SUCCEEDED,),
    PaymentStatus.FAILED: (PaymentStatus.SUCCEEDED,),
    PaymentStatus.REFUNDED: (),
}
PAYMENTS_MAX = 3
OPEN = {PushState.READY, PushState.UNCERTAIN, PushState.WAITING}
NAMING = {Choice.SETTLED_BY_HAND, Choice.STAND_IN}


class History:
    """One random history. A step takes two numbers, and tells whether it found anything to do."""

    def __init__(self) -> None:
        self.story: Story = story(100)
        self.cash = Cash(self.story)
        self.unlanded: list[str] = []

    def do(self, k: int, a: int, b: int) -> None:
        """Do the k-th thing that can happen, or the next one that is possible."""
        any(STEPS[(k + skipped) % len(STEPS)](self, a, b) for skipped in range(len(STEPS)))
        self.cash.watch()

    # ---- the platform ------------------------------------------------------------------------------------------------

    def pay(self, a: int, _b: int) -> bool:
        count = len(self.story.payments)
        if count < PAYMENTS_MAX:
            self.story.pay(f"pay_{count + 1}", AMOUNTS[a % 3])
        return count < PAYMENTS_MAX

    def change_status(self, a: int, b: int) -> bool:
        movable = [payment for payment in self.story.payments.values() if NEXT_STATUS[payment.status]]
        for payment in movable[a % len(movable) :][:1] if movable else []:
            following = NEXT_STATUS[payment.status]
            self.story.status(payment.id, following[b % len(following)])
        return bool(movable)

    def choose(self, a: int, b: int) -> bool:
        offered = sorted((payment_id, choice) for issue in self.story.issues for payment_id, choice in _choices(issue))
        for payment_id, choice in offered[a % len(offered) :][:1] if offered else []:
            self._choose(payment_id, choice, self._name(choice, b) if choice in NAMING else None)
        return bool(offered)

    # ---- the daemon --------------------------------------------------------------------------------------------------

    def send(self, a: int, b: int) -> bool:
        due = [payment_id for payment_id in self.story.payments if self.story.push(payment_id).state in OPEN]
        for payment_id in due[a % len(due) :][:1] if due else []:
            attempts = self.story.push(payment_id).attempts
            answer = ANSWERS[b % len(ANSWERS)]
            self.story.send(payment_id, answer)
            if answer == "never" and self.story.push(payment_id).attempts > attempts:
                self.unlanded.append(payment_id)
        return bool(due)

    def read(self, _a: int, _b: int) -> bool:
        self.story.read()
        return True

    def check(self, _a: int = 0, _b: int = 0) -> bool:
        self.story.settle()
        self.cash.watch()
        assert self.story.due == self.cash.due()
        assert self.story.is_frozen() or not self.cash.is_settled()
        for payment_id in self.story.payments:
            assert place(self.story.link(payment_id), self.story.issues).why
        return True

    # ---- FreshBooks --------------------------------------------------------------------------------------------------

    def land_late(self, a: int, _b: int) -> bool:
        if not self.unlanded:
            return False
        payment_id = self.unlanded.pop(a % len(self.unlanded))
        self.story.books.land(self.story.payments[payment_id], self.story.push(payment_id))
        return True

    def type_payment(self, a: int, _b: int) -> bool:
        self.story.books.type_payment(AMOUNTS[a % 3])
        return True

    def edit_invoice(self, a: int, b: int) -> bool:
        self.story.books.edit_invoice((100, 150, 80)[a % 3], number=str(b))
        return True

    def edit_record(self, a: int, b: int) -> bool:
        def edit(record: Record) -> None:
            room = max(self.story.books.outstanding, Decimal(0)) + record.amount
            self.story.books.edit(record.id, str(min(room, Decimal(AMOUNTS[b % 3]))))

        return self._touch(a, edit, self._is_known)

    def delete_record(self, a: int, _b: int) -> bool:
        return self._touch(a, lambda record: self.story.books.delete(record.id), lambda record: record.is_live)

    def restore_record(self, a: int, _b: int) -> bool:
        return self._touch(a, lambda record: self.story.books.restore(record.id), lambda record: not record.is_live)

    def move_record(self, a: int, _b: int) -> bool:
        return self._touch(a, lambda record: self.story.books.move(record.id), lambda record: record.counts)

    def delete_credit(self, a: int, _b: int) -> bool:
        return self._touch(
            a, lambda record: self.story.books.delete_credit(record.id), lambda record: record.credit_is_live
        )

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _touch(self, a: int, touch: Callable[[Record], None], fits: Callable[[Record], bool]) -> bool:
        fitting = [record for record in self.story.books.records if fits(record)]
        if fitting:
            touch(fitting[a % len(fitting)])
        return bool(fitting)

    def _is_known(self, record: Record) -> bool:
        """A split that is edited before anybody has seen its record cannot be told from FreshBooks any more."""
        return not record.split or record.maker is None or self.story.push(record.maker).state is PushState.DONE

    def _name(self, choice: Choice, b: int) -> int:
        if choice is Choice.STAND_IN:
            return int(dict(self.story.issue(IssueKind.REVERT_FAILED_PAYMENT).data)["fb_payment_ids"].split(",")[0])
        typed = [record.id for record in self.story.books.records if record.counts and record.maker is None]
        return typed[b % len(typed)] if typed else 0

    def _choose(self, payment_id: str, choice: Choice, named: int | None) -> None:
        # What was read last may be history in the books by now: then the choice is refused, and nothing changes.
        fb_payment_id = FbPaymentId(named) if named is not None else None
        chosen = apply_choice(self.story.context(), PaymentId(payment_id), choice, fb_payment_id)
        if not isinstance(chosen, NotOffered) and named != 0:
            self.story.choose(payment_id, choice, named)


def _choices(issue: Issue) -> list[tuple[str, Choice]]:
    if issue.subject[0] != "payment":
        return []
    waiting = dict(issue.data).get("stand_in", "").split(",")
    return [
        (payment_id, Choice(action))
        for action in issue.actions
        for payment_id in (waiting if action == Choice.STAND_IN else [issue.subject[1]])
    ]


STEPS: tuple[Callable[[History, int, int], bool], ...] = (
    History.pay,
    History.send,
    History.choose,
    History.change_status,
    History.check,
    History.edit_record,
    History.send,
    History.delete_record,
    History.choose,
    History.change_status,
    History.type_payment,
    History.move_record,
    History.check,
    History.land_late,
    History.restore_record,
    History.delete_credit,
    History.read,
    History.edit_invoice,
)
"""What can happen; a step that finds nothing to do gives way to the next one."""
step = st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 5), st.integers(0, 5))


@settings(deadline=None)
@given(st.integers(0, 2), st.lists(step, min_size=1, max_size=14))
def test_in_every_history_the_amount_due_is_what_the_cash_says(first: int, steps: list[tuple[int, int, int]]) -> None:
    history = History()
    history.pay(first, 0)
    for k, a, b in steps:
        history.do(k, a, b)
    assert history.check()
