"""What is due by cash facts alone: who paid what, what was returned, what people declared. Knows no term of P7.

due = total - money that did not come through the platform - money that the platform received and has not returned
"""

from dataclasses import dataclass, field
from decimal import Decimal

from daemon.core.model import Choice, PaymentStatus, PushState
from tests.core.books import Record
from tests.core.story import Story

ZERO = Decimal(0)
GONE = {PaymentStatus.FAILED, PaymentStatus.CHARGEBACK}


@dataclass
class Cash:
    """The drawer: watches a story and counts. A freeze and people's choices are taken as given, as the rules say."""

    story: Story
    frozen_total: Decimal | None = None
    frozen_cheques: dict[int, Decimal] = field(default_factory=dict)
    frozen_at: object = None
    named_amounts: dict[tuple[str, int], Decimal] = field(default_factory=dict)

    def watch(self) -> None:
        """Note what was in the drawer when the invoice froze: later edits in FreshBooks change neither (P5)."""
        for record_id, owner in self._named().items():
            record, payment = self.story.books.record(record_id), self.story.payments[owner]
            if (owner, record_id) not in self.named_amounts:
                # Whoever named it has looked at the invoice's payments: what is in the drawer is counted anew.
                self.named_amounts[owner, record_id] = min(record.amount, payment.amount)
                self._count_cheques()
        row = self.story.row
        at = row.frozen_at if row is not None else None
        if at != self.frozen_at:
            self.frozen_at = at
            self.frozen_total = self.story.books.invoice.amount if at is not None else None
            self._count_cheques()

    def _count_cheques(self) -> None:
        self.frozen_cheques = {record.id: record.amount for record in self._cheques()}

    def due(self) -> Decimal:
        """Count the drawer."""
        if self.frozen_total is None:
            total, other = self.story.books.invoice.amount, sum(map(self._other, self._cheques()), ZERO)
        else:
            total, other = self.frozen_total, sum(map(self._frozen_other, self.frozen_cheques), ZERO)
        return total - other - sum(map(self._received, self.story.payments), ZERO)

    def is_settled(self) -> bool:
        """Tell whether the invoice must be frozen by now: FreshBooks shows it paid, and by money that is real (P5)."""
        books = self.story.books
        dead = [record for record in books.records if record.counts and self._is_dead(record)]
        return books.invoice.amount > ZERO and books.outstanding == ZERO and self.due() <= ZERO and not dead

    def _is_dead(self, record: Record) -> bool:
        owner = self._named().get(record.id, record.maker)
        return owner is not None and self.story.payments[owner].status in GONE

    def _received(self, payment_id: str) -> Decimal:
        payment, choice = self.story.payments[payment_id], self._choice(payment_id)
        if payment.status in GONE:
            return ZERO
        if payment.status is PaymentStatus.REFUNDED and choice in {Choice.STILL_OWES, Choice.REFUND_IN_AP}:
            return ZERO
        here = payment.amount - self._put_aside(payment_id)
        return min(here, self._shown(payment_id)) if choice is Choice.REOPEN else here

    def _put_aside(self, payment_id: str) -> Decimal:
        """Tell what FreshBooks kept as the customer's credit instead of applying it here."""
        push = self.story.push(payment_id)
        if push.state is not PushState.DONE or push.fb_payment_id is None:
            return ZERO
        record = self.story.books.record(push.fb_payment_id)
        if record.maker is None:
            return self.story.payments[payment_id].amount - self.named_amounts[payment_id, record.id]
        return record.split if record.maker == payment_id else ZERO

    def _shown(self, payment_id: str) -> Decimal:
        named = self._named()
        amount = self.story.payments[payment_id].amount
        mine = (record for record in self.story.books.records if record.counts)
        return sum(
            (
                record.amount if record.maker else min(record.amount, amount)
                for record in mine
                if named.get(record.id, record.maker) == payment_id
            ),
            ZERO,
        )

    def _other(self, record: Record) -> Decimal:
        """Tell what a typed payment brought that is not a platform payment by someone's word."""
        owner = self._named().get(record.id)
        return record.amount - (min(record.amount, self.story.payments[owner].amount) if owner else ZERO)

    def _frozen_other(self, record_id: int) -> Decimal:
        owner = self._named().get(record_id)
        counted = self.frozen_cheques[record_id]
        return counted - (min(counted, self.story.payments[owner].amount) if owner else ZERO)

    def _cheques(self) -> list[Record]:
        return [record for record in self.story.books.records if record.counts and record.maker is None]

    def _named(self) -> dict[int, str]:
        """Map the records that a person named to the payment that they are said to be.

        One that was gone before the daemon could look says nothing.
        """
        return {
            push.fb_payment_id: payment_id
            for payment_id, generations in self.story.pushes.items()
            for push in generations
            if push.fb_payment_id is not None
            and push.recorded_amount is not None
            and self.story.books.record(push.fb_payment_id).maker != payment_id
        }

    def _choice(self, payment_id: str) -> Choice | None:
        return self.story.choices.get((payment_id, self.story.push(payment_id).generation))
