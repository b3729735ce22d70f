"""Journal entries, details and legacy accounts as FreshBooks' JSON (FB API s3.8, s3.9)."""

from collections.abc import Iterable
from typing import Any

from daemon.sandbox.books import Books
from daemon.sandbox.chart import by_number, children
from daemon.sandbox.journal import Detail, Entry
from daemon.sandbox.model import JournalEntry, LedgerAccount
from daemon.sandbox.money import money, plain, total
from daemon.sandbox.postings import causes_of, name_of
from daemon.sandbox.times import eastern_text

Json = dict[str, Any]
_CAUSES = ("categoryid", "clientid", "creditid", "expenseid", "incomeid", "invoiceid", "paymentid")
_DEBIT_TYPES = ("asset", "expense")


def detail_json(books: Books, detail: Detail) -> Json:
    """A row of `journal_entry_details`; `balance` is positive on the account's natural side."""
    sub = by_number(books, detail.posting.account)
    top = books.ledger[str(sub.parent_uuid)]
    code, amount = detail.posting.currency, detail.amount
    natural = amount if sub.type in _DEBIT_TYPES else -amount
    causes = causes_of(detail.entry.source)
    return {
        "account": {
            "account_name": top.name,
            "account_number": top.number,
            "account_type": top.type,
            "accountid": top.legacy_id,
            "accounting_systemid": books.account_id,
            "id": top.legacy_id,
        },
        "accounting_systemid": books.account_id,
        "balance": money(natural, code),
        "credit": money(-amount, code) if amount < 0 else None,
        "debit": money(amount, code) if amount >= 0 else None,
        "description": detail.posting.description,
        "detail_type": detail.posting.detail_type,
        "detailid": detail.id,
        "entry": {
            "accounting_systemid": books.account_id,
            "entryid": detail.entry.id,
            "id": detail.entry.id,
            **{name: causes.get(name) for name in _CAUSES},
        },
        "id": detail.id,
        "name": name_of(detail.entry.source),
        "sub_account": {
            "account_sub_name": sub.name,
            "account_sub_number": sub.number.partition("-")[2],
            "accounting_systemid": books.account_id,
            "id": sub.legacy_id,
            "parentid": top.legacy_id,
            "sub_accountid": sub.legacy_id,
        },
        "user_entered_date": detail.entry.day.isoformat(),
    }


def legacy_entry_json(books: Books, entry: Entry) -> Json:
    """The answer to a legacy create; debit and credit are bare texts, the description stands on each line."""
    source = entry.source
    if not isinstance(source, JournalEntry):
        message = f"Entry {entry.id} was not entered by hand."
        raise TypeError(message)
    details = [
        {
            "categoryid": None,
            "credit": plain(-posting.amount) if posting.amount < 0 else None,
            "currency_code": posting.currency,
            "debit": plain(posting.amount) if posting.amount > 0 else None,
            "description": source.description,
            "detailid": entry.first_detail_id + offset,
            "id": entry.first_detail_id + offset,
            "name": source.name,
            "sub_accountid": by_number(books, posting.account).legacy_id,
            "user_entered_date": source.day.isoformat(),
        }
        for offset, posting in enumerate(source.postings)
    ]
    return {
        "currency_code": source.currency,
        "description": source.description,
        "details": details,
        "entryid": entry.id,
        "id": entry.id,
        "name": source.name,
        "user_entered_date": source.day.isoformat(),
    }


def manual_entry_json(books: Books, entry: Entry) -> Json:
    """An entry of the newer API."""
    source = entry.source
    if not isinstance(source, JournalEntry):
        message = f"Entry {entry.id} was not entered by hand."
        raise TypeError(message)
    return {
        "id": entry_uuid(entry),
        "name": source.name,
        "journalEntryNumber": source.number or str(entry.id),
        "description": source.description,
        "userEnteredDate": {"year": source.day.year, "month": source.day.month, "day": source.day.day},
        "details": [
            {
                "accountId": by_number(books, posting.account).uuid,
                "amount": money(abs(posting.amount), posting.currency),
                "type": "TYPE_DEBIT" if posting.amount > 0 else "TYPE_CREDIT",
            }
            for posting in source.postings
        ],
    }


def entry_uuid(entry: Entry) -> str:
    """The newer API's name for an entry."""
    return f"00000000-0000-4000-8000-{entry.id:012d}"


def _balance(books: Books, kind: str, accounts: Iterable[LedgerAccount]) -> str:
    """What `accounts` hold together in the base currency, on their natural side, as a bare text."""
    amount = total(books.journal.balance(row.number, books.base_currency) for row in accounts)
    return str(amount if kind in _DEBIT_TYPES else -amount) if amount else "0"


def legacy_account_json(books: Books, account: LedgerAccount) -> Json:
    """A top account of `journal_entry_accounts` with its sub-accounts; balances are bare texts."""
    own = [row for row in children(books, account) if row.state == "active"]
    return {
        "account_name": account.name,
        "account_number": account.number,
        "account_type": account.type,
        "accountid": account.legacy_id,
        "balance": _balance(books, account.type, own),
        "created_at": eastern_text(account.created_at),
        "currency_code": books.base_currency,
        "id": account.legacy_id,
        "sub_accounts": [
            {
                "account_sub_name": row.name,
                "account_sub_number": row.number.partition("-")[2],
                "account_type": row.type,
                "balance": _balance(books, row.type, [row]),
                "created_at": eastern_text(row.created_at),
                "currency_code": books.base_currency,
                "custom": not row.auto_created,
                "id": row.legacy_id,
                "parentid": account.legacy_id,
                "sub_accountid": row.legacy_id,
                "transaction_posted": books.journal.balance(row.number, books.base_currency) != 0,
            }
            for row in own
        ],
    }
