"""FreshBooks' journal: write an entry, and find what was entered on some days (W6, FB API s3.9)."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

import msgspec
from msgspec import Struct, field

from daemon.adapters.freshbooks.amounts import ZERO, Number, read_day, read_decimal
from daemon.adapters.freshbooks.calls import Answer, Call, Caller, MaySend
from daemon.adapters.freshbooks.envelopes import Accounting, parse, unwrap
from daemon.core.errors import FilterIgnored, FreshBooksAnswerInvalid
from daemon.core.journal import FbJournalEntry, JournalDraft
from daemon.core.model import AccountId

PAGE_SIZE = 100
JOURNAL_PAGES_MAX = 500
"""No books have 50,000 journal lines on a day or two; more pages mean that a filter was ignored."""
NEWER_VERSION = "2023-09-25"
"""The first X-API-VERSION that has manual journal entries by ledger account."""


class _LegacySide(Struct, omit_defaults=True):
    sub_accountid: int
    debit: str | None = None
    credit: str | None = None


class _LegacyEntry(Struct):
    name: str
    description: str
    user_entered_date: str
    currency_code: str
    details: list[_LegacySide]


class _LegacyBody(Struct):
    journal_entry: _LegacyEntry


class _Money(Struct):
    amount: str
    code: str


class _Side(Struct, rename="camel"):
    account_id: str
    amount: _Money
    type: str


class _Day(Struct):
    year: int
    month: int
    day: int


class _Entry(Struct, rename="camel"):
    name: str
    description: str
    user_entered_date: _Day
    details: list[_Side]


class _Body(Struct):
    entry: _Entry = field(name="manualJournalEntry")


class _MadeLegacy(Struct, gc=False):
    entryid: int


class _MadeLegacyResult(Struct, gc=False):
    journal_entry: _MadeLegacy


class _Made(Struct, gc=False):
    id: str | int


class _MadeData(Struct, gc=False):
    entry: _Made = field(name="manualJournalEntry")


class _MadeAnswer(Struct, gc=False):
    data: _MadeData


class _DetailMoney(Struct, gc=False):
    amount: Number = None


class _DetailEntry(Struct, gc=False):
    entryid: int


class _DetailAccount(Struct, gc=False):
    sub_accountid: int | None = None


class _Detail(Struct, gc=False):
    entry: _DetailEntry
    user_entered_date: str
    name: str | None = None
    description: str | None = None
    debit: _DetailMoney | None = None
    credit: _DetailMoney | None = None
    sub_account: _DetailAccount | None = None


class _Details(Struct, gc=False):
    journal_entry_details: list[_Detail]
    page: int
    pages: int


_legacy_decoder = msgspec.json.Decoder(Accounting[_MadeLegacyResult])
_newer_decoder = msgspec.json.Decoder(_MadeAnswer)
_details_decoder = msgspec.json.Decoder(Accounting[_Details])


class Account(Protocol):
    """What is needed of an account: FreshBooksAccount has it."""

    @property
    def caller(self) -> Caller:
        """Makes the calls."""
        ...

    @property
    def account_id(self) -> AccountId:
        """The accounting account."""
        ...

    @property
    def business_uuid(self) -> str:
        """The business of the newer calls."""
        ...

    @property
    def token(self) -> Callable[[], Awaitable[str]]:
        """Hands out a valid access token."""
        ...

    @property
    def post_timeout(self) -> timedelta:
        """How long a call that creates may take."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshBooksJournal:
    """The journal of one account. Raises of all: as `Accounting` (actors/ports.py)."""

    account: Account

    async def create_entry(self, draft: JournalDraft, *, may_send: MaySend) -> str:
        """Write an entry, once, and tell its id; the caller must already have a committed claim (W4).

        The legacy call is used where every account has a legacy id, else the newer one. Errors leave open whether the
        entry was made exactly as with `create_payment`. Raises ValueError for a draft that is not balanced.
        """
        if not draft.is_balanced:
            raise ValueError(f"the journal entry {draft.name} is not balanced")
        if all(line.legacy_id is not None for line in draft.lines):
            answer = await self._post(self._legacy(draft), may_send)
            return str(unwrap(answer, _legacy_decoder).journal_entry.entryid)
        return str(parse(await self._post(self._newer(draft), may_send), _newer_decoder).data.entry.id)

    async def entries_between(self, first: date, last: date) -> tuple[FbJournalEntry, ...]:
        """Find the entries of some days from the journal's lines, all pages: the look-up of W4 for deposits.

        Entries themselves cannot be listed (quirk 4). Raises FilterIgnored when the days were not heeded.
        """
        found: dict[int, list[_Detail]] = {}
        days = [("search[start_date]", first.isoformat()), ("search[end_date]", last.isoformat())]
        for page in range(1, JOURNAL_PAGES_MAX + 1):
            details = await self._details([("page", str(page)), ("per_page", str(PAGE_SIZE)), *days])
            for row in details.journal_entry_details:
                if not first <= _day_of(row) <= last:
                    message = f"FreshBooks ignored the days asked of the journal: got {row.user_entered_date}"
                    raise FilterIgnored(message, filter_name="start_date")
                found.setdefault(row.entry.entryid, []).append(row)
            if page >= details.pages:
                return tuple(_entry(key, rows) for key, rows in found.items())
        raise FreshBooksAnswerInvalid(f"FreshBooks lists more than {JOURNAL_PAGES_MAX} pages of journal lines")

    async def _details(self, params: Sequence[tuple[str, str]]) -> _Details:
        path = f"/accounting/account/{self.account.account_id}/journal_entries/journal_entry_details"
        call = Call(method="GET", path=path, params=params)
        return unwrap(await self.account.caller.call(call, token=await self.account.token()), _details_decoder)

    async def _post(self, call: Call, may_send: MaySend) -> Answer:
        account = self.account
        token = await account.token()
        return await account.caller.call(call, token=token, timeout=account.post_timeout, may_send=may_send)

    def _legacy(self, draft: JournalDraft) -> Call:
        sides = [
            _LegacySide(
                sub_accountid=line.legacy_id or 0,
                debit=_text(line.amount) if line.amount > 0 else None,
                credit=_text(-line.amount) if line.amount < 0 else None,
            )
            for line in draft.lines
        ]
        entry = _LegacyEntry(
            name=draft.name,
            description=draft.description,
            user_entered_date=draft.entered_on.isoformat(),
            currency_code=draft.currency,
            details=sides,
        )
        path = f"/accounting/account/{self.account.account_id}/journal_entries/journal_entries"
        return Call(method="POST", path=path, body=msgspec.json.encode(_LegacyBody(journal_entry=entry)), create=True)

    def _newer(self, draft: JournalDraft) -> Call:
        day = draft.entered_on
        entry = _Entry(
            name=draft.name,
            description=draft.description,
            user_entered_date=_Day(year=day.year, month=day.month, day=day.day),
            details=[
                _Side(
                    account_id=line.account_id,
                    amount=_Money(amount=_text(abs(line.amount)), code=draft.currency),
                    type="TYPE_DEBIT" if line.amount > 0 else "TYPE_CREDIT",
                )
                for line in draft.lines
            ],
        )
        return Call(
            method="POST",
            path=f"/accounting/businesses/{self.account.business_uuid}/journal_entries",
            body=msgspec.json.encode(_Body(entry=entry)),
            headers={"X-API-VERSION": NEWER_VERSION},
            create=True,
        )


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _day_of(row: _Detail) -> date:
    try:
        return read_day(row.user_entered_date)
    except ValueError as error:
        raise FreshBooksAnswerInvalid(f"a journal line has no day: {row.user_entered_date[:40]!r}") from error


def _entry(key: int, rows: Sequence[_Detail]) -> FbJournalEntry:
    first = rows[0]
    try:
        debits = sum((read_decimal(row.debit.amount) for row in rows if row.debit is not None), ZERO)
        sides = tuple(_sides(rows))
    except ValueError as error:
        raise FreshBooksAnswerInvalid(f"a line of journal entry {key} has {error}") from error
    return FbJournalEntry(
        id=str(key),
        name=first.name or "",
        description=first.description or "",
        entered_on=_day_of(first),
        debits=debits,
        sides=sides if len(sides) == len(rows) else (),
    )


def _sides(rows: Sequence[_Detail]) -> Iterator[tuple[int, Decimal]]:
    """Tell the account and signed amount of each line that names its account."""
    for row in rows:
        account = row.sub_account.sub_accountid if row.sub_account is not None else None
        if account is not None:
            debit = read_decimal(row.debit.amount) if row.debit is not None else ZERO
            credit = read_decimal(row.credit.amount) if row.credit is not None else ZERO
            yield account, debit - credit
