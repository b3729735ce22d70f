"""Whatever happens in whatever order, what is due is what the cash says."""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.choices import NotOffered, apply_choice
from daemon.core.model import Choice, FbPaymentId, Issue, IssueKind, PaymentId, PaymentStatus, PushState
from daemon.core.payment_rules import place
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
NAMING = {Choice.SETTLED_BY_HAND, Choice.STAND_IN}


class History:
    """One random history: each step takes two numbers and does what is possible with them."""

    def __init__(self) -> None:
        self.story: Story = story(100)
        self.cash = Cash(self.story)
        self.unlanded: list[str] = []
        self.landed_late: list[str] = []

    def pay(self, a: int, _b: int) -> None:
        if len(self.story.payments) < 3:
            self.story.pay(f"pay_{len(self.story.payments) + 1}", AMOUNTS[a % 3])

    def send(self, a: int, b: int) -> None:
        payment_id = self._payment(a)
        if payment_id and self.story.push(payment_id).state in {
            PushState.READY,
            PushState.UNCERTAIN,
            PushState.WAITING,
        }:
            answer = ANSWERS[b % len(ANSWERS)]
            was = self.story.push(payment_id)
            self.story.send(payment_id, answer)
            if answer == "never" and self.story.push(payment_id).attempts > was.attempts:
                self.unlanded.append(payment_id)

    def land_late(self, a: int, _b: int) -> None:
        if self.unlanded:
            payment_id = self.unlanded.pop(a % len(self.unlanded))
            self.landed_late.append(payment_id)
            self.story.books.land(self.story.payments[payment_id], self.story.push(payment_id))

    def change_status(self, a: int, b: int) -> None:
        payment_id = self._payment(a)
        if payment_id:
            following = NEXT_STATUS[self.story.payments[payment_id].status]
            if following:
                self.story.status(payment_id, following[b % len(following)])

    def type_payment(self, a: int, _b: int) -> None:
        self.story.books.type_payment(AMOUNTS[a % 3])

    def edit_record(self, a: int, b: int) -> None:
        record = self._record(a)
        if record is not None and self._is_known(record):
            room = max(self.story.books.outstanding, Decimal(0)) + self.story.books.record(record).amount
            self.story.books.edit(record, str(min(room, Decimal(AMOUNTS[b % 3]))))

    def delete_record(self, a: int, _b: int) -> None:
        record = self._record(a)
        if record is not None:
            self.story.books.delete(record)

    def restore_record(self, a: int, _b: int) -> None:
        record = self._record(a)
        if record is not None:
            self.story.books.restore(record)

    def move_record(self, a: int, _b: int) -> None:
        record = self._record(a)
        if record is not None:
            self.story.books.move(record)

    def delete_credit(self, a: int, _b: int) -> None:
        record = self._record(a)
        if record is not None:
            self.story.books.delete_credit(record)

    def edit_invoice(self, a: int, b: int) -> None:
        self.story.books.edit_invoice((100, 150, 80)[a % 3], number=str(b))

    def choose(self, a: int, b: int) -> None:
        offered = sorted(
            (issue.kind, payment_id, choice)
            for issue in self.story.issues
            for payment_id, choice in _choices(issue)
            if payment_id in self.story.payments
        )
        if not offered:
            return
        _, payment_id, choice = offered[a % len(offered)]
        if choice in NAMING:
            self._name(payment_id, choice, b)
        else:
            self._choose(payment_id, choice, None)

    def read(self, _a: int, _b: int) -> None:
        self.story.read()

    def check(self, _a: int = 0, _b: int = 0) -> None:
        self.story.settle()
        self.cash.watch()
        assert self.story.due == self.cash.due()
        self._check_places()

    def _check_places(self) -> None:
        for payment_id in self.story.payments:
            where = place(self.story.link(payment_id), self.story.issues)
            assert where.why

    def _name(self, payment_id: str, choice: Choice, b: int) -> None:
        if choice is Choice.STAND_IN:
            issue = self.story.issue(IssueKind.REVERT_FAILED_PAYMENT)
            self._choose(payment_id, choice, int(dict(issue.data)["fb_payment_ids"].split(",")[0]))
            return
        taken = {push.fb_payment_id for pushes in self.story.pushes.values() for push in pushes}
        free = [r.id for r in self.story.books.records if r.counts and r.maker is None and r.id not in taken]
        if free:
            self._choose(payment_id, choice, free[b % len(free)])

    def _choose(self, payment_id: str, choice: Choice, named: int | None) -> None:
        # What was read last may be history in the books by now: then the choice is refused, and nothing changes.
        fb_payment_id = FbPaymentId(named) if named is not None else None
        chosen = apply_choice(self.story.context(), PaymentId(payment_id), choice, fb_payment_id)
        if not isinstance(chosen, NotOffered):
            self.story.choose(payment_id, choice, named)

    def _is_known(self, record_id: int) -> bool:
        """A split that is edited before anybody has seen its record cannot be told from FreshBooks any more."""
        record = self.story.books.record(record_id)
        return not record.split or record.maker is None or self.story.push(record.maker).state is PushState.DONE

    def _payment(self, a: int) -> str | None:
        ids = list(self.story.payments)
        return ids[a % len(ids)] if ids else None

    def _record(self, a: int) -> int | None:
        records = self.story.books.records
        return records[a % len(records)].id if records else None


def _choices(issue: Issue) -> list[tuple[str, Choice]]:
    if issue.subject[0] != "payment":
        return []
    waiting = dict(issue.data).get("stand_in", "").split(",")
    return [
        (payment_id, Choice(action))
        for action in issue.actions
        for payment_id in (waiting if action == Choice.STAND_IN else [issue.subject[1]])
    ]


STEPS: tuple[Callable[[History, int, int], None], ...] = (
    History.pay,
    History.pay,
    History.send,
    History.send,
    History.send,
    History.change_status,
    History.change_status,
    History.type_payment,
    History.edit_record,
    History.delete_record,
    History.restore_record,
    History.move_record,
    History.delete_credit,
    History.edit_invoice,
    History.land_late,
    History.choose,
    History.choose,
    History.read,
    History.check,
    History.check,
)
step = st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.integers(0, 5))


@settings(deadline=None)
@given(st.lists(step, min_size=1, max_size=14))
def test_in_every_history_the_amount_due_is_what_the_cash_says(
    steps: list[tuple[Callable[[History, int, int], None], int, int]],
) -> None:
    history = History()
    for do, a, b in steps:
        do(history, a, b)
        history.cash.watch()
    history.check()
