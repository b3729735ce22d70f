"""What the tests of payouts and moves put into the database, and short words for what happens to them."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from daemon.actors.store_ports import Store
from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.core.consent import AccountChoice
from daemon.core.deposit_rules import Enter, Payout, plan_deposit
from daemon.core.entry_outcomes import TRY_AGAIN_AFTER, after_entry, after_plan
from daemon.core.errors import FenceLost
from daemon.core.exchange import EntryClaim
from daemon.core.journal import EntryKind, EntryPush
from daemon.core.model import FbPaymentId, LedgerAccount, PushState, Reason, Scope, VisState
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import NOW, make_fb_invoice, make_our_fb_payment, make_reading, usd
from tests.core.ledger import BANK, CHOICE, LEDGER, PETTY, UNDEPOSITED, draft

MINUTE = timedelta(minutes=1)
PAYMENT_RECORD = FbPaymentId(501)


async def set_up(books: Books, choice: AccountChoice = CHOICE, ledger: tuple[LedgerAccount, ...] = LEDGER) -> None:
    """A partner with these accounts who has set them up."""
    await books.store.store_ledger_accounts(SCOPE, ledger)
    await ConsentStore(books.pool).save_account_choice(PARTNER, choice, "Ann", NOW)


async def pay_out(
    books: Books, *members: tuple[str, str | int], net: str | int = 100, status: str = "succeeded"
) -> None:
    """Insert a payout as the platform does: the payout first, then its members."""
    await books.execute(
        "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net, arrival_date)"
        " VALUES ($1, 'po_1', $2, 'USD', $3, '2025-11-12')",
        PARTNER,
        status,
        Decimal(net),
    )
    for number, (kind, amount) in enumerate(members or [("payment", 100)], start=1):
        await books.execute(
            "INSERT INTO platform.payout_member VALUES ($1, 'po_1', $2, $3, $4, $5)",
            PARTNER,
            f"m{number}",
            kind,
            "pay_1" if kind != "fee" else None,
            Decimal(amount),
        )


async def set_status(books: Books, status: str) -> None:
    await books.execute("UPDATE platform.payout SET status = $1", status)


async def claim(books: Books, after: timedelta = timedelta(0)) -> EntryClaim:
    found = await books.store.claim_entry(SCOPE, NOW + after, NOW + after + MINUTE)
    assert found is not None
    return found


async def nothing_due(books: Books, after: timedelta = timedelta(0)) -> bool:
    return await books.store.claim_entry(SCOPE, NOW + after, NOW + after + MINUTE) is None


async def finish(books: Books, push_id: str = "77", after: timedelta = timedelta(0)) -> EntryClaim:
    """Claim, send and record the oldest due entry."""
    taken = await claim(books, after)
    sent = await books.store.begin_entry(taken, draft((UNDEPOSITED, 100), (PETTY, -100)), NOW + after + 2 * MINUTE)
    await books.store.record_entry(taken, after_entry(sent, push_id))
    return taken


def planned(taken: EntryClaim, now: datetime = NOW) -> EntryPush:
    """What the plan of a claimed payout makes of it."""
    assert isinstance(taken.about, Payout)
    return after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), now)


async def listed_anew_while_one_looks(store: Store, scope: Scope, now: datetime, *, looked_before: bool) -> None:
    """Have a due payout looked at without the bank account, and begun if the listing that comes meanwhile lets it go.

    What is looked at once a day must not be put off by a look that saw less than what has just woken it.
    """

    async def claimed(at: datetime) -> EntryClaim:
        found = await store.claim_entry(scope, at, at + MINUTE)
        assert found is not None
        return found

    await store.store_ledger_accounts(scope, [row for row in LEDGER if row != BANK])
    look = await claimed(now)
    if looked_before:
        await store.record_entry(look, planned(look, now))
        look = await claimed(now + TRY_AGAIN_AFTER)
    assert planned(look).reason is Reason.ACCOUNT_GONE
    await store.store_ledger_accounts(scope, LEDGER)
    with pytest.raises(FenceLost):
        await store.record_entry(look, planned(look, now))
    again = await claimed(now)
    await store.store_ledger_accounts(scope, LEDGER)  # shows nothing new, and takes no claim
    assert isinstance(again.about, Payout)
    verdict = plan_deposit(again.push, again.about, again.accounts)
    assert isinstance(verdict, Enter)
    await store.begin_entry(again, verdict.draft, now + 2 * MINUTE)


async def pushes(books: Books, kind: EntryKind) -> list[tuple[int, str, str | None]]:
    rows = await books.fetch(
        "SELECT generation, state, reason FROM sync.push WHERE kind = $1 ORDER BY generation", kind.value
    )
    return [tuple(row) for row in rows]


async def record_payment(books: Books) -> None:
    """A payment that is recorded in FreshBooks as #501."""
    await books.merge(make_fb_invoice())
    await books.pay()
    taken = await books.store.claim(SCOPE, NOW, NOW + MINUTE)
    assert taken is not None
    done = replace(taken.push, state=PushState.DONE, fb_payment_id=PAYMENT_RECORD, recorded_amount=usd(100))
    await books.store.record(taken, done)


async def show(books: Books, vis_state: VisState, minutes: int) -> None:
    """FreshBooks shows our payment, live or deleted, in a later reading."""
    seen = make_our_fb_payment(501, vis_state=vis_state, updated_at=NOW + minutes * MINUTE, fingerprint=minutes)
    await books.store.merge_payments(SCOPE, [seen], make_reading(NOW + minutes * MINUTE))
