"""The accounting family over HTTP: list, get, create, update and delete of every resource in the table."""

from collections.abc import Callable

from aiohttp import web

from daemon.sandbox.accounts import Account, Membership
from daemon.sandbox.bodies import wrapped
from daemon.sandbox.call import Answer, Call
from daemon.sandbox.course import endpoint
from daemon.sandbox.errors import ApiError, Family, not_found
from daemon.sandbox.listing import Context, Row, list_page, parse_query
from daemon.sandbox.rendering import page_bytes, single
from daemon.sandbox.resources import RESOURCES, Resource
from daemon.sandbox.times import eastern_day


def account_of(call: Call) -> Account:
    """The account of the path; a wrong kind of identifier is a bare 404 (FB API s1)."""
    account = call.sandbox.directory.accounts.get(call.request.match_info["account"])
    if account is None:
        raise ApiError(404, "Requested resource could not be found.", errno=404)
    return account


def key_of(call: Call, thing: str) -> int:
    """The id of the path; raises 404 errno 1012 when it is no number."""
    text = call.request.match_info["key"]
    if not text.isascii() or not text.isdigit():
        raise not_found(thing, "id", text)
    return int(text[:18])


def _only(resource: Resource, member: Membership) -> Callable[[Row], bool] | None:
    """What a member with the role `client` may see: their own documents, while `total` counts all (FB API s10.14)."""
    if member.role != "client":
        return None
    return lambda row: getattr(row, resource.owner_field, None) == member.client_id


class _Endpoints:
    """The five handlers of one resource."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def _open(self, call: Call, *, write: bool) -> tuple[Account, Membership]:
        account = account_of(call)
        return account, call.member(account, self._resource.scope, write=write)

    async def list(self, call: Call) -> Answer:
        resource = self._resource
        account, member = self._open(call, write=False)
        query = parse_query(call.request.query)
        context = Context(books=account.books, today=eastern_day(call.now))
        only = _only(resource, member)
        page = list_page(resource.path, resource.listing, context, query, account.selections, only)
        view = call.sandbox.view(account, query.includes)
        return Answer(body=page_bytes(resource.plural, [resource.render(view, row) for row in page.rows], page))

    async def get(self, call: Call) -> Answer:
        account, member = self._open(call, write=False)
        row = self._resource.find(account.books, key_of(call, self._resource.singular))
        only = _only(self._resource, member)
        if only is not None and not only(row):
            raise not_found(self._resource.singular, "id", row.id)
        return self._one(call, account, row)

    async def create(self, call: Call) -> Answer:
        account, _ = self._open(call, write=True)
        return await self._write(call, account, "create", None)

    async def update(self, call: Call) -> Answer:
        account, _ = self._open(call, write=True)
        return await self._write(call, account, "update", key_of(call, self._resource.singular))

    async def delete(self, call: Call) -> Answer:
        account, _ = self._open(call, write=True)
        operation = f"{self._resource.singular}.delete"
        call.sandbox.write(account, operation, key_of(call, self._resource.singular), {}, by=call.login.identity_id)
        call.entry.committed = True
        return Answer(body=b'{"response":{}}')

    async def _write(self, call: Call, account: Account, verb: str, key: int | None) -> Answer:
        resource = self._resource
        body = wrapped(await call.json(), resource.singular, needs=resource.first_required)
        operation = f"{resource.singular}.{verb}"
        row = call.sandbox.write(account, operation, key, body, by=call.login.identity_id)
        call.entry.committed = True
        return self._one(call, account, row)

    def _one(self, call: Call, account: Account, row: Row) -> Answer:
        includes = parse_query(call.request.query).includes
        view = call.sandbox.view(account, includes)
        return Answer(body=single(self._resource.singular, self._resource.render(view, row)))


def add_routes(app: web.Application) -> None:
    """Serve every resource of the table under `/accounting/account/{account}/`."""
    router = app.router
    for resource in RESOURCES:
        path = f"/accounting/account/{{account}}/{resource.path}"
        own = _Endpoints(resource)
        router.add_get(path, endpoint(Family.ACCOUNTING, own.list))
        router.add_get(path + "/{key}", endpoint(Family.ACCOUNTING, own.get))
        if resource.create is not None:
            router.add_post(path, endpoint(Family.ACCOUNTING, own.create))
        if resource.update is not None:
            router.add_put(path + "/{key}", endpoint(Family.ACCOUNTING, own.update))
        if resource.delete is not None:
            router.add_delete(path + "/{key}", endpoint(Family.ACCOUNTING, own.delete))
