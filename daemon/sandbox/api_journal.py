"""Journal entries over HTTP: the legacy create, its details and accounts, and the newer API (FB API s3.8, s3.9)."""

from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Account
from daemon.sandbox.api_accounting import account_of
from daemon.sandbox.api_business import business_of
from daemon.sandbox.bodies import wrapped
from daemon.sandbox.call import DEFAULT_VERSION, Answer, Call
from daemon.sandbox.course import endpoint
from daemon.sandbox.errors import ApiError, Family
from daemon.sandbox.journal import Detail
from daemon.sandbox.journal_writes import legacy_account
from daemon.sandbox.listing import ListQuery, parse_query
from daemon.sandbox.model import JournalEntry
from daemon.sandbox.times import parse_day
from daemon.sandbox.wire_journal import detail_json, legacy_account_json, legacy_entry_json, manual_entry_json

encode = msgspec.json.encode
_SCOPE = "journal_entries"
_SINCE = "2023-09-25"


def _open(call: Call, *, write: bool) -> Account:
    account = account_of(call)
    call.member(account, _SCOPE, write=write)
    return account


async def _create(call: Call) -> Answer:
    account = _open(call, write=True)
    body = wrapped(await call.json(), "journal_entry", needs="name")
    entry = call.sandbox.write(account, "journal_entry.create", None, body, by=call.login.identity_id)
    call.entry.committed = True
    result = {"journal_entry": legacy_entry_json(account.books, entry)}
    return Answer(body=encode({"response": {"result": result}}))


def _wanted(account: Account, query: ListQuery) -> list[Detail] | None:
    """The details a filter picks, or None when none of the working filters is given."""
    start, end, sub = (query.search.get(name, ("",))[-1] for name in ("start_date", "end_date", "sub_accountid"))
    first, last = parse_day(start), parse_day(end)
    if not (first or last or sub):
        return None
    number = legacy_account(account.books, int(sub)).number if sub.isdigit() else None
    return [
        row
        for row in account.books.journal.details()
        if (first is None or row.entry.day >= first)
        and (last is None or row.entry.day <= last)
        and (number is None or row.posting.account == number)
    ]


async def _details(call: Call) -> Answer:
    account = _open(call, write=False)
    query = parse_query(call.request.query)
    picked = _wanted(account, query)
    if picked is None:
        rows, total = account.books.journal.page(query.page, query.per_page)
    else:
        start = (query.page - 1) * query.per_page
        rows, total = picked[start : start + query.per_page], len(picked)
    return _list("journal_entry_details", [detail_json(account.books, row) for row in rows], query, total)


def _list(name: str, rows: list[dict[str, Any]], query: ListQuery, total: int) -> Answer:
    pages = -(-total // query.per_page)
    result = {name: rows, "page": query.page, "pages": pages, "per_page": query.per_page, "total": total}
    return Answer(body=encode({"response": {"result": result}}))


async def _accounts(call: Call) -> Answer:
    """All top accounts on one page whatever is asked: no filter works here (FB API s4.3)."""
    account = _open(call, write=False)
    books = account.books
    rows = [legacy_account_json(books, row) for row in books.ledger.values() if row.parent_uuid is None]
    count = len(rows)
    result = {"journal_entry_accounts": rows, "page": 1, "pages": 1, "per_page": count, "total": count}
    return Answer(body=encode({"response": {"result": result}}))


def _business(call: Call, *, write: bool) -> Account:
    """The account, if the call asks for the API version that has this resource; else 404."""
    if call.request.headers.get("X-API-VERSION", DEFAULT_VERSION) < _SINCE:
        raise ApiError(404, "Not found.")
    return business_of(call, write=write, scope=_SCOPE)


async def _create_manual(call: Call) -> Answer:
    account = _business(call, write=True)
    given = await call.json()
    body = given.get("manualJournalEntry") if isinstance(given, dict) else None
    if not isinstance(body, dict):
        raise ApiError(400, "This field is required.", field="manualJournalEntry")
    entry = call.sandbox.write(account, "manual_journal_entry.create", None, body, by=call.login.identity_id)
    call.entry.committed = True
    return Answer(body=encode({"data": {"manualJournalEntry": manual_entry_json(account.books, entry)}}))


def _page_number(call: Call, name: str, default: int) -> int:
    text = call.request.query.get(name, "")
    return max(1, int(text)) if text.isdigit() else default


async def _list_manual(call: Call) -> Answer:
    books = _business(call, write=False).books
    books.journal.page(1, 1)
    entries = [row for row in reversed(books.journal.entries) if isinstance(row.source, JournalEntry)]
    page, size = _page_number(call, "page_number", 1), min(100, _page_number(call, "page_size", 30))
    rows = [manual_entry_json(books, row) for row in entries[(page - 1) * size : page * size]]
    data = {"manualJournalEntries": rows, "pageNumber": page, "pageSize": size, "total": len(entries)}
    return Answer(body=encode({"data": data}))


def add_routes(app: web.Application) -> None:
    """Serve both generations of journal entries."""
    base = "/accounting/account/{account}"
    app.router.add_post(f"{base}/journal_entries/journal_entries", endpoint(Family.ACCOUNTING, _create))
    app.router.add_get(f"{base}/journal_entries/journal_entry_details", endpoint(Family.ACCOUNTING, _details))
    app.router.add_get(f"{base}/journal_entry_accounts/journal_entry_accounts", endpoint(Family.ACCOUNTING, _accounts))
    newer = "/accounting/businesses/{business}/journal_entries"
    app.router.add_post(newer, endpoint(Family.BUSINESS, _create_manual))
    app.router.add_get(newer, endpoint(Family.BUSINESS, _list_manual))
