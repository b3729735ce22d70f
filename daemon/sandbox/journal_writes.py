"""Manual journal entries: the legacy body and the newer one, both balanced or refused (FB API s3.9)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from daemon.sandbox import bodies
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.errors import ApiError, invalid, not_found, required
from daemon.sandbox.journal import Entry
from daemon.sandbox.model import JournalEntry, LedgerAccount, Posting
from daemon.sandbox.money import ZERO, cents, parse_decimal

_THING = "journal_entry"
_SIDES = {"TYPE_DEBIT": 1, "TYPE_CREDIT": -1}


def create_legacy(books: Books, body: Body, now: datetime) -> Entry:
    """Enter `{"name","currency_code","user_entered_date","details":[{"sub_accountid","debit"|"credit"}]}`.

    Raises 500 without a currency (as recorded), 422 when a field is missing or the sides do not balance.
    """
    if not body.get("currency_code"):
        raise ApiError(500, "There was an error accessing your account data.", errno=500)
    for field in ("name", "user_entered_date", "details"):
        if not body.get(field):
            raise required(_THING, field)
    code = bodies.currency(body, "currency_code", _THING, books.base_currency)
    description = bodies.text(body, "description", _THING)
    rows = body["details"] if isinstance(body["details"], list) else []
    postings = tuple(_legacy_side(books, row, code, description) for row in rows)
    return _enter(books, body, bodies.day(body, "user_entered_date", _THING), postings, now)


def _legacy_side(books: Books, row: Any, code: str, description: str) -> Posting:  # noqa: ANN401 - unread JSON
    given: Body = row if isinstance(row, dict) else {}
    if given.get("sub_accountid") is None:
        raise required(_THING, "sub_accountid")
    account = legacy_account(books, bodies.whole_number(given, "sub_accountid", _THING))
    debit, credit = (parse_decimal(given.get(side)) or ZERO for side in ("debit", "credit"))
    if (debit > 0) == (credit > 0) or debit < 0 or credit < 0:
        raise invalid(_THING, "details", None, "Each detail needs either a debit or a credit.")
    return Posting(
        account=account.number,
        amount=cents(debit - credit),
        currency=code,
        detail_type="adjustment",
        description=description,
    )


def legacy_account(books: Books, key: int) -> LedgerAccount:
    """The sub-account with this legacy id (`jesa_id`); raises 422 errno 1012."""
    for account in books.ledger.values():
        if account.legacy_id == key and account.parent_uuid is not None and account.state == "active":
            return account
    raise not_found("sub_account", "sub_accountid", key, status=422)


def create_manual(books: Books, body: Body, now: datetime) -> Entry:
    """Enter the newer body, whose accounts are uuids and whose sides are `TYPE_DEBIT` and `TYPE_CREDIT`; raises 400."""
    missing = [name for name in ("name", "userEnteredDate", "details") if not body.get(name)]
    if missing:
        error = ApiError(400, "This field is required.", field=missing[0])
        error.more = [ApiError(400, "This field is required.", field=name) for name in missing[1:]]
        raise error
    description = str(body.get("description") or "")
    rows = body["details"] if isinstance(body["details"], list) else []
    postings = tuple(_manual_side(books, row, description) for row in rows)
    return _enter(books, body, _manual_day(body["userEnteredDate"]), postings, now, status=400)


def _manual_side(books: Books, row: Any, description: str) -> Posting:  # noqa: ANN401 - unread JSON
    given: Body = row if isinstance(row, dict) else {}
    account = books.ledger.get(str(given.get("accountId")))
    if account is None or account.parent_uuid is None or account.state != "active":
        raise ApiError(400, "Account not found.", field="accountId")
    sign = _SIDES.get(str(given.get("type")))
    money = given.get("amount")
    number = parse_decimal(money.get("amount")) if isinstance(money, dict) else None
    code = str(money.get("code") or books.base_currency) if isinstance(money, dict) else ""
    if sign is None:
        raise ApiError(400, "Value must be TYPE_DEBIT or TYPE_CREDIT.", field="type")
    if number is None or number <= 0 or code not in bodies.CURRENCIES:
        raise ApiError(400, "A positive amount with a currency code is required.", field="amount")
    return Posting(
        account=account.number,
        amount=cents(number) * sign,
        currency=code,
        detail_type="adjustment",
        description=description,
    )


def _manual_day(value: Any) -> date:  # noqa: ANN401 - unread JSON
    try:
        return date(int(value["year"]), int(value["month"]), int(value["day"]))
    except (KeyError, TypeError, ValueError):
        raise ApiError(400, "A date with year, month and day is required.", field="userEnteredDate") from None


def _enter(
    books: Books, body: Body, day: date, postings: tuple[Posting, ...], now: datetime, *, status: int = 422
) -> Entry:
    balance = sum((posting.amount for posting in postings), Decimal(0))
    single_currency = len({posting.currency for posting in postings}) == 1
    if len(postings) < 2 or balance != 0 or not single_currency:  # noqa: PLR2004 - a debit and a credit
        message = "Debits and credits must be equal, in one currency."
        raise ApiError(status, message, errno=1004, field="details", thing=_THING)
    entry = JournalEntry(
        name=str(body["name"]),
        description=str(body.get("description") or ""),
        day=day,
        currency=postings[0].currency,
        postings=postings,
        number=str(body.get("journalEntryNumber") or ""),
        created_at=now,
    )
    return books.journal.enter(entry)
