"""The accounting-business family over HTTP: the chart of accounts by business uuid (FB API s3.8)."""

import msgspec
from aiohttp import web

from daemon.sandbox import chart
from daemon.sandbox.accounts import Account
from daemon.sandbox.call import Answer, Call
from daemon.sandbox.course import endpoint
from daemon.sandbox.errors import ApiError, Family
from daemon.sandbox.wire import ledger_json

encode = msgspec.json.encode


def business_of(call: Call, *, write: bool, scope: str | None = None) -> Account:
    """The account of the path's business uuid, for a member; a wrong kind of identifier is a bare 404."""
    account = call.sandbox.directory.by_business_uuid.get(call.request.match_info["business"])
    if account is None or account.account_id is None:
        raise ApiError(404, "Not found.")
    call.member(account, scope, write=write)
    return account


async def _list(call: Call) -> Answer:
    books = business_of(call, write=False).books
    return Answer(body=encode({"data": [ledger_json(books, row) for row in books.ledger.values()]}))


async def _get(call: Call) -> Answer:
    books = business_of(call, write=False).books
    row = chart.find_account(books, call.request.match_info["key"])
    return Answer(body=encode({"data": ledger_json(books, row)}))


async def _create(call: Call) -> Answer:
    account = business_of(call, write=True)
    row = call.sandbox.write(account, "account.create", None, await call.json(), by=call.login.identity_id)
    call.entry.committed = True
    return Answer(status=201, body=encode({"data": ledger_json(account.books, row)}))


async def _update(call: Call) -> Answer:
    account = business_of(call, write=True)
    key = call.request.match_info["key"]
    row = call.sandbox.write(account, "account.update", key, await call.json(), by=call.login.identity_id)
    call.entry.committed = True
    return Answer(body=encode({"data": ledger_json(account.books, row)}))


async def _sub_types(call: Call) -> Answer:
    call.login  # noqa: B018 - raises without a token
    return Answer(body=encode({"data": chart.sub_types()}))


async def _types(call: Call) -> Answer:
    call.login  # noqa: B018 - raises without a token
    return Answer(body=encode({"data": list(chart.TYPES)}))


def add_routes(app: web.Application) -> None:
    """Serve the ledger accounts and their lookup lists."""
    path = "/accounting/businesses/{business}/ledger_accounts/accounts"
    app.router.add_get(path, endpoint(Family.BUSINESS, _list))
    app.router.add_post(path, endpoint(Family.BUSINESS, _create))
    app.router.add_get(path + "/{key}", endpoint(Family.BUSINESS, _get))
    app.router.add_put(path + "/{key}", endpoint(Family.BUSINESS, _update))
    app.router.add_get("/accounting/ledger_accounts/types", endpoint(Family.BUSINESS, _types))
    app.router.add_get("/accounting/ledger_accounts/sub_types", endpoint(Family.BUSINESS, _sub_types))
