"""One partner's FreshBooks account: pages, single records and payments, each method one HTTP call (W4, FB API s3)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import anyio.lowlevel
import msgspec
from msgspec import Struct

from daemon.adapters.freshbooks import ledger, wire
from daemon.adapters.freshbooks.calls import Answer, Call, Caller, MaySend
from daemon.adapters.freshbooks.journal import FreshBooksJournal
from daemon.adapters.freshbooks.listing import PATHS, Rows, check_asked, check_rows, params_of, split
from daemon.adapters.freshbooks.pdf import checked_pdf
from daemon.adapters.freshbooks.single import decoded, payment_of, record_of, unreadable, wrong
from daemon.core.backfill import Pass
from daemon.core.errors import FreshBooksAnswerInvalid
from daemon.core.exchange import Page, PaymentDraft, RawItem, Undecodable
from daemon.core.journal import FbJournalEntry, JournalDraft
from daemon.core.markers import MARK
from daemon.core.model import (
    AccountId,
    CustomerId,
    FbCredit,
    FbCustomer,
    FbInvoice,
    FbPayment,
    FbPaymentId,
    InvoiceId,
    LedgerAccount,
    Reading,
    Record,
    Resource,
    VisState,
)

PAGE_SIZE = 100
"""The most that FreshBooks gives (FB API s4.2)."""
LISTING_PAGES_MAX = 50
"""No invoice has 5,000 payments; more pages mean that a filter was ignored."""
BOOKS_PAGES_MAX = 500
"""A payment whose end is unknown may have waited for weeks in busy books: 50,000 payments since are looked through."""


class _Money(Struct):
    amount: str
    code: str


class _NewPayment(Struct):
    invoiceid: int
    amount: _Money
    date: str
    type: str
    note: str
    send_client_notification: bool = False


class _PaymentBody(Struct):
    payment: _NewPayment


class _Deleted(Struct):
    vis_state: int = VisState.DELETED.value


class _Deletion(Struct):
    payment: _Deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshBooksAccount:
    """Fulfils `Accounting` (actors/ports.py) for one account; `token` hands out a valid access token.

    `post_timeout` bounds the one call that creates a payment. Every method may also raise what `token` raises.
    """

    caller: Caller
    account_id: AccountId
    business_uuid: str
    token: Callable[[], Awaitable[str]]
    now: Callable[[], datetime]
    post_timeout: timedelta = timedelta(seconds=30)

    # ---- reading -----------------------------------------------------------------------------------------------------

    async def list_page(
        self, listing: Pass, page: int, page_size: int, answered: Callable[[], bool] = lambda: False
    ) -> Page:
        """Fetch one page of a listing, items undecoded, invoices with their lines; tell once it has been `answered`.

        Raises FilterIgnored when the page is not what was asked for.
        """
        began_at = self.now()
        params = params_of(listing, page, min(page_size, PAGE_SIZE))
        answer = await self._get(PATHS[listing.resource], params)
        reading = Reading(began_at=began_at, finished_at=self.now())
        if answered():
            await anyio.lowlevel.checkpoint()  # whoever asks for the next page does so before this one is read
        rows = split(listing.resource, answer)
        check_rows(listing, page, rows)
        return Page(
            resource=listing.resource,
            page=page,
            pages=rows.pages,
            total=rows.total,
            items=rows.items,
            reading=reading,
        )

    def decode(self, resource: Resource, item: RawItem) -> FbInvoice | FbPayment | FbCustomer | FbCredit | Undecodable:
        """Decode one raw item; pure."""
        return wire.decode(resource, item)

    async def invoice(self, invoice_id: InvoiceId) -> tuple[FbInvoice, Reading]:
        """Fetch one invoice with its lines, whatever its visibility."""
        began_at = self.now()
        answer = await self._get(f"{PATHS[Resource.INVOICES]}/{invoice_id}", [("include[]", "lines")])
        record = record_of(Resource.INVOICES, answer, invoice_id)
        if not isinstance(record, FbInvoice):
            raise wrong(record)
        return record, Reading(began_at=began_at, finished_at=self.now())

    async def customer(self, customer_id: CustomerId) -> tuple[FbCustomer, Reading]:
        """Fetch one client, whatever its visibility."""
        began_at = self.now()
        answer = await self._get(f"{PATHS[Resource.CUSTOMERS]}/{customer_id}")
        record = record_of(Resource.CUSTOMERS, answer, customer_id)
        if not isinstance(record, FbCustomer):
            raise wrong(record)
        return record, Reading(began_at=began_at, finished_at=self.now())

    async def payment(self, payment_id: FbPaymentId) -> FbPayment:
        """Fetch one payment, whatever its visibility."""
        answer = await self._get(f"{PATHS[Resource.PAYMENTS]}/{payment_id}")
        return payment_of(record_of(Resource.PAYMENTS, answer, payment_id))

    async def payments_of_invoice(self, invoice_id: InvoiceId, *, deleted: bool) -> tuple[FbPayment, ...]:
        """List an invoice's payments: the active ones or the deleted ones.

        The one method that may make several calls: a page each, at most `LISTING_PAGES_MAX`.
        """
        listed = Pass(resource=Resource.PAYMENTS, deleted=deleted)
        records = await self._list_of(listed, "invoiceid", invoice_id)
        return tuple(payment_of(record) for record in records)

    async def payments_of_customer(
        self, customer_id: CustomerId, since: date, *, deleted: bool
    ) -> tuple[FbPayment, ...]:
        """List a client's payments updated since a US/Eastern day, active or deleted ones: the look-up of W4."""
        listed = Pass(resource=Resource.PAYMENTS, deleted=deleted, updated_from=since)
        records = await self._list_of(listed, "clientid", customer_id)
        return tuple(payment_of(record) for record in records)

    async def marked_payments(self, since: date, *, deleted: bool) -> tuple[FbPayment, ...]:
        """List all payments with a marker that were updated since a US/Eastern day: wherever one was moved to (W4).

        A record that cannot be read stops it only if it may be one of them.
        """
        listed = Pass(resource=Resource.PAYMENTS, deleted=deleted, updated_from=since)
        found: dict[int, FbPayment] = {}
        async for rows in self._pages(listed, most=BOOKS_PAGES_MAX):
            for item in rows.items:
                record = wire.decode(listed.resource, item)
                if isinstance(record, FbPayment) and MARK in record.note:
                    found[item.id] = record
                elif isinstance(record, Undecodable) and MARK.encode() in record.raw:
                    raise unreadable(record)
        return tuple(found.values())

    async def _list_of(self, listed: Pass, name: str, asked: int) -> tuple[Record, ...]:
        """Read all pages of a listing narrowed to one invoice or client; the last reading of an id counts."""
        found: dict[int, Record] = {}
        async for rows in self._pages(listed, (f"search[{name}]", str(asked))):
            check_asked(name, asked, [getattr(head, name) for head in rows.heads])
            found |= {item.id: decoded(listed.resource, item) for item in rows.items}
        return tuple(found.values())

    async def _pages(self, listed: Pass, *only: tuple[str, str], most: int = LISTING_PAGES_MAX) -> AsyncIterator[Rows]:
        for page in range(1, most + 1):
            params = [*params_of(listed, page, PAGE_SIZE), *only]
            rows = split(listed.resource, await self._get(PATHS[listed.resource], params))
            check_rows(listed, page, rows)
            yield rows
            if page >= rows.pages:
                return
        told = ", ".join(f"{name} {value}" for name, value in only) or f"payments since {listed.updated_from}"
        raise FreshBooksAnswerInvalid(f"FreshBooks lists more than {most} pages for {told}")

    # ---- writing -----------------------------------------------------------------------------------------------------

    async def create_payment(self, draft: PaymentDraft, *, may_send: MaySend) -> FbPayment:
        """Create a payment, once; the caller must already have a committed claim (W4).

        `may_send` is asked right before the request is written; a no raises FreshBooksUnavailable(unsent=True). Every
        other error but FreshBooksRefused and AuthorizationExpired leaves open whether the payment was made.
        """
        body = _PaymentBody(
            payment=_NewPayment(
                invoiceid=draft.invoice_id,
                amount=_Money(amount=format(draft.amount, "f"), code=draft.currency),
                date=draft.paid_on.isoformat(),
                type=draft.type,
                note=draft.note,
            )
        )
        call = self._accounting("POST", PATHS[Resource.PAYMENTS], body=body)
        token = await self.token()
        answer = await self.caller.call(call, token=token, timeout=self.post_timeout, may_send=may_send)
        payment = payment_of(record_of(Resource.PAYMENTS, answer, None))
        if payment.invoice_id != draft.invoice_id:
            raise FreshBooksAnswerInvalid(f"FreshBooks answered a payment on invoice {payment.invoice_id}")
        return payment

    async def delete_payment(self, payment_id: FbPaymentId) -> None:
        """Delete a payment; one that is deleted already stays so (O3)."""
        call = self._accounting("PUT", f"{PATHS[Resource.PAYMENTS]}/{payment_id}", body=_Deletion(payment=_Deleted()))
        record_of(Resource.PAYMENTS, await self.caller.call(call, token=await self.token()), payment_id)

    async def invoice_pdf(self, invoice_id: InvoiceId) -> bytes:
        """Fetch the PDF that FreshBooks makes of an invoice, its type and size checked (O4)."""
        return checked_pdf(await self._get(f"{PATHS[Resource.INVOICES]}/{invoice_id}/pdf"))

    async def create_entry(self, draft: JournalDraft, *, may_send: MaySend) -> str:
        """Write a journal entry, once, and tell its id; errors as of `create_payment` (W6)."""
        return await FreshBooksJournal(account=self).create_entry(draft, may_send=may_send)

    async def entries_between(self, first: date, last: date) -> tuple[FbJournalEntry, ...]:
        """Find the journal entries of some days, all pages: the look-up of W4 for deposits and moves."""
        return await FreshBooksJournal(account=self).entries_between(first, last)

    # ---- the chart of accounts ---------------------------------------------------------------------------------------

    async def ledger_accounts(self) -> tuple[LedgerAccount, ...]:
        """List the chart of accounts (C4)."""
        call = ledger.list_accounts(self.business_uuid)
        return ledger.read_accounts(await self.caller.call(call, token=await self.token()))

    async def create_ledger_account(self, name: str, sub_type: str, parent_id: str) -> LedgerAccount:
        """Create an account, such as "Undeposited Funds" (C4)."""
        call = ledger.create_account(self.business_uuid, name, sub_type, parent_id)
        return ledger.read_account(await self.caller.call(call, token=await self.token()))

    async def _get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        return await self.caller.call(self._accounting("GET", path, params=params), token=await self.token())

    def _accounting(
        self, method: str, path: str, *, params: Sequence[tuple[str, str]] = (), body: Struct | None = None
    ) -> Call:
        return Call(
            method=method,
            path=f"/accounting/account/{self.account_id}/{path}",
            params=params,
            body=None if body is None else msgspec.json.encode(body),
            create=method == "POST",
        )
