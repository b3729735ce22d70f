"""The events family over HTTP: callbacks (FB API s6.1), with its own error shapes."""

from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Account
from daemon.sandbox.api_accounting import account_of, key_of
from daemon.sandbox.call import Answer, Call
from daemon.sandbox.course import endpoint
from daemon.sandbox.errors import ApiError, Family, forbidden
from daemon.sandbox.listing import parse_query
from daemon.sandbox.model import Callback
from daemon.sandbox.webhooks import find_callback
from daemon.sandbox.wire import callback_json

encode = msgspec.json.encode
_SCOPES = {
    "client": "clients", "invoice": "invoices", "recurring": "invoices", "payment": "payments",
    "credit_note": "credit_notes", "expense": "expenses", "category": "expenses", "estimate": "estimates",
    "bill": "bills", "bill_vendor": "bill_vendors", "item": "billable_items", "service": "billable_items",
    "project": "projects", "tax": "taxes", "time_entry": "time_entries",
}  # fmt: skip


def _open(call: Call) -> Account:
    account = account_of(call)
    call.member(account, None, write=call.request.method != "GET")
    return account


def _one(call: Call, callback: Callback) -> Answer:
    row = callback_json(callback, time_style=call.sandbox.switches["callback_time_style"])
    return Answer(body=encode({"response": {"result": {"callback": row}}}))


async def _body(call: Call) -> dict[str, Any]:
    body = await call.json()
    inner = body.get("callback") if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        raise ApiError(422, "Field required", field="callback")
    return inner


def _check_scope(call: Call, event: object) -> None:
    """A callback needs the read scope of its event's resource (FB API s2.7)."""
    scope = _SCOPES.get(str(event).partition(".")[0])
    if scope is not None and call.grant is not None and f"user:{scope}:read" not in call.grant.scopes:
        raise forbidden(f"The token lacks the scope user:{scope}:read.")


async def _list(call: Call) -> Answer:
    account = _open(call)
    query = parse_query(call.request.query)
    wanted = query.search.get("event", ())
    rows = [row for row in account.books.callbacks.values() if not wanted or row.event == wanted[-1]]
    rows.sort(key=lambda row: row.id, reverse=True)
    start = (query.page - 1) * query.per_page
    style = call.sandbox.switches["callback_time_style"]
    result = {
        "callbacks": [callback_json(row, time_style=style) for row in rows[start : start + query.per_page]],
        "page": query.page,
        "pages": -(-len(rows) // query.per_page),
        "per_page": query.per_page,
        "total": len(rows),
    }
    return Answer(body=encode({"response": {"result": result}}))


async def _get(call: Call) -> Answer:
    return _one(call, find_callback(_open(call).books, key_of(call, "callback")))


async def _create(call: Call) -> Answer:
    account = _open(call)
    body = await _body(call)
    _check_scope(call, body.get("event"))
    identity_id = call.login.identity_id
    given = {**body, "identity_id": identity_id}
    callback = call.sandbox.write(account, "callback.create", None, given, by=identity_id)
    call.entry.committed = True
    call.sandbox.courier.greet(account, callback)
    return _one(call, callback)


async def _update(call: Call) -> Answer:
    account = _open(call)
    body, key = await _body(call), key_of(call, "callback")
    _check_scope(call, body.get("event", ""))
    before = find_callback(account.books, key)
    callback = call.sandbox.write(account, "callback.update", key, body, by=call.login.identity_id)
    call.entry.committed = True
    if body.get("resend") or callback.uri != before.uri:
        call.sandbox.courier.greet(account, callback)
    return _one(call, callback)


async def _delete(call: Call) -> Answer:
    account = _open(call)
    call.sandbox.write(account, "callback.delete", key_of(call, "callback"), {}, by=call.login.identity_id)
    call.entry.committed = True
    if call.sandbox.switches["callback_delete_answer"] == 200:  # noqa: PLR2004 - a status
        return Answer(body=b'{"response":{}}')
    return Answer(status=204, body=b"")


def add_routes(app: web.Application) -> None:
    """Serve the callbacks."""
    path = "/events/account/{account}/events/callbacks"
    app.router.add_get(path, endpoint(Family.EVENTS, _list))
    app.router.add_post(path, endpoint(Family.EVENTS, _create))
    app.router.add_get(path + "/{key}", endpoint(Family.EVENTS, _get))
    app.router.add_put(path + "/{key}", endpoint(Family.EVENTS, _update))
    app.router.add_delete(path + "/{key}", endpoint(Family.EVENTS, _delete))
