"""The control API's books: read an account's raw books, and act in them as its bookkeeper would."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Account
from daemon.sandbox.books import Books
from daemon.sandbox.call import SANDBOX
from daemon.sandbox.control import answer, read_json
from daemon.sandbox.credits import credit_left
from daemon.sandbox.errors import ApiError, Family, error_body
from daemon.sandbox.listing import Row, parse_query
from daemon.sandbox.model import ACTIVE, ARCHIVED, DELETED, Invoice
from daemon.sandbox.money import total
from daemon.sandbox.operations import Key
from daemon.sandbox.resources import BY_SINGULAR
from daemon.sandbox.sandbox import Sandbox
from daemon.sandbox.wire import ledger_json
from daemon.sandbox.wire_journal import detail_json, legacy_entry_json

Json = dict[str, Any]
_KINDS = {
    "clients": "client",
    "invoices": "invoice",
    "payments": "payment",
    "credits": "credit_note",
    "incomes": "other_income",
}
_STATES = {"delete": DELETED, "undelete": ACTIVE, "archive": ARCHIVED}


def _account(request: web.Request) -> Account:
    account = request.app[SANDBOX].directory.accounts.get(request.match_info["account"])
    if account is None:
        raise web.HTTPNotFound(text=f"No account {request.match_info['account']}.")
    return account


def _kind(request: web.Request) -> str:
    kind = _KINDS.get(request.match_info["kind"])
    if kind is None:
        raise web.HTTPNotFound(text=f"There are: {', '.join(_KINDS)}, accounts, summary.")
    return kind


def _rendered(sandbox: Sandbox, account: Account, kind: str, row: Row) -> Json:
    view = sandbox.view(account, frozenset({"lines"}))
    body: Json = msgspec.json.decode(BY_SINGULAR[kind].render(view, row))
    if kind == "credit_note":
        body["left"] = str(credit_left(account.books, row))
    return body


async def list_records(request: web.Request) -> web.Response:
    """All records of a kind, deleted ones included, oldest first."""
    sandbox, account, kind = request.app[SANDBOX], _account(request), _kind(request)
    shelf = BY_SINGULAR[kind].listing.shelf(account.books)
    return answer({request.match_info["kind"]: [_rendered(sandbox, account, kind, row) for row in shelf]})


async def get_record(request: web.Request) -> web.Response:
    """One record."""
    sandbox, account, kind = request.app[SANDBOX], _account(request), _kind(request)
    row = BY_SINGULAR[kind].listing.shelf(account.books).find(int(request.match_info["key"]))
    if row is None:
        raise web.HTTPNotFound(text=f"No {kind} {request.match_info['key']}.")
    return answer(_rendered(sandbox, account, kind, row))


async def list_accounts(request: web.Request) -> web.Response:
    """The chart of accounts."""
    books = _account(request).books
    return answer({"accounts": [ledger_json(books, row) for row in books.ledger.values()]})


async def create_account(request: web.Request) -> web.Response:
    """Add a ledger account: `name`, `sub_type`, `parent_account` (a uuid)."""
    return await _perform(request, "account.create", None, await read_json(request), ledger_json)


async def edit_account(request: web.Request) -> web.Response:
    """Edit a ledger account; `{"state": "archived"}` makes it disappear."""
    key = request.match_info["uuid"]
    return await _perform(request, "account.update", key, await read_json(request), ledger_json)


async def list_journal(request: web.Request) -> web.Response:
    """Journal details, newest first; `page` and `per_page` as in the API."""
    books, query = _account(request).books, parse_query(request.query)
    rows, total_rows = books.journal.page(query.page, query.per_page)
    return answer({"journal": [detail_json(books, row) for row in rows], "total": total_rows})


async def create_entry(request: web.Request) -> web.Response:
    """Enter a journal entry; the body is what the legacy API takes inside its wrapper."""
    return await _perform(request, "journal_entry.create", None, await read_json(request), legacy_entry_json)


def _summary(account: Account, invoice: Invoice) -> Json:
    payments = account.books.payments.children("invoice_id", invoice.id)
    live = [row for row in payments if row.vis_state != DELETED]
    return {
        "invoiceid": invoice.id,
        "number": invoice.number,
        "vis_state": invoice.vis_state,
        "currency": invoice.currency,
        "amount": str(invoice.amount),
        "paid": str(invoice.paid),
        "outstanding": str(invoice.outstanding),
        "payments": len(payments),
        "payments_live": len(live),
        "payments_amount": str(total(row.amount for row in payments)),
        "payments_live_amount": str(total(row.amount for row in live)),
        "notes": [row.note for row in payments],
    }


async def get_summary(request: web.Request) -> web.Response:
    """Per invoice the count and sum of its payments, deleted ones included, with their notes; the judge of doubles."""
    account = _account(request)
    books = account.books
    wanted = request.query.get("paid_only") == "1"
    rows = [_summary(account, row) for row in books.invoices if not wanted or row.paid or row.outstanding != row.amount]
    counts = {name: len(BY_SINGULAR[kind].listing.shelf(books)) for name, kind in _KINDS.items()}
    return answer({"account": account.account_id, "counts": counts, "invoices": rows})


async def _perform(
    request: web.Request,
    operation: str,
    key: Key,
    body: Json,
    render: Callable[[Books, Row], Json] | None = None,
) -> web.Response:
    """Perform a write and answer with the record; a refusal is answered as the API would."""
    sandbox, account = request.app[SANDBOX], _account(request)
    try:
        row = sandbox.write(account, operation, key, body)
    except ApiError as error:
        return answer(error_body(error, Family.ACCOUNTING), status=error.status)
    if render is not None:
        return answer(render(account.books, row))
    return answer(_rendered(sandbox, account, operation.partition(".")[0], row))


async def create_record(request: web.Request) -> web.Response:
    """Create a client, invoice, payment, credit or income; the body is what the API takes inside its wrapper."""
    return await _perform(request, f"{_kind(request)}.create", None, await read_json(request))


async def edit_record(request: web.Request) -> web.Response:
    """Edit a record; the body is what the API takes inside its wrapper."""
    key = int(request.match_info["key"])
    return await _perform(request, f"{_kind(request)}.update", key, await read_json(request))


async def act(request: web.Request) -> web.Response:
    """Delete, undelete or archive a record; on an invoice also `pay` and `apply_credit`, on a draft `send`."""
    key, verb = int(request.match_info["key"]), request.match_info["verb"]
    kind = _kind(request)
    if verb in _STATES:
        return await _perform(request, f"{kind}.update", key, {"vis_state": _STATES[verb]})
    if kind != "invoice" or verb not in ("pay", "apply_credit", "send"):
        raise web.HTTPNotFound(text=f"A {kind} cannot be told to '{verb}'.")
    if verb == "send":
        return await _perform(request, "invoice.update", key, {"action_mark_as_sent": True})
    return await _perform(request, "payment.create", None, _payment(request, key, verb, await read_json(request)))


def _payment(request: web.Request, key: int, verb: str, given: Json) -> Json:
    """A payment body from what was given: all that is outstanding, today, by cheque, unless said otherwise."""
    sandbox, account = request.app[SANDBOX], _account(request)
    invoice = account.books.invoices.find(key)
    body = {
        "invoiceid": key,
        "amount": {"amount": str(invoice.outstanding if invoice else 0)},
        "date": sandbox.view(account).today.isoformat(),
        "type": "Credit" if verb == "apply_credit" else "Check",
        **given,
    }
    if not isinstance(body["amount"], dict):
        body["amount"] = {"amount": str(body["amount"])}
    return body


def add_routes(app: web.Application) -> None:
    """Serve the books."""
    base = "/_sandbox/books/{account}"
    app.router.add_get(f"{base}/summary", get_summary)
    app.router.add_get(f"{base}/accounts", list_accounts)
    app.router.add_post(f"{base}/accounts", create_account)
    app.router.add_put(base + "/accounts/{uuid}", edit_account)
    app.router.add_get(f"{base}/journal", list_journal)
    app.router.add_post(f"{base}/journal", create_entry)
    app.router.add_get(base + "/{kind}", list_records)
    app.router.add_post(base + "/{kind}", create_record)
    app.router.add_get(base + "/{kind}/{key:\\d+}", get_record)
    app.router.add_put(base + "/{kind}/{key:\\d+}", edit_record)
    app.router.add_post(base + "/{kind}/{key:\\d+}/{verb}", act)
