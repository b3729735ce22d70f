"""FreshBooks without a network: the real client over the sandbox's real books, in one process and in virtual time."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import anyio.lowlevel
import msgspec
from multidict import MultiDict
from typing_extensions import override

from daemon.adapters.freshbooks.calls import Answer, Call, Caller, MaySend
from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.adapters.freshbooks.errors import Explain, error_of
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import AccountId
from daemon.sandbox.accounts import Account
from daemon.sandbox.clock import Clock as SandboxClock
from daemon.sandbox.errors import ApiError, Family, error_body
from daemon.sandbox.listing import Context, ListQuery, list_page, parse_query
from daemon.sandbox.options import SandboxOptions
from daemon.sandbox.rendering import page_bytes, single
from daemon.sandbox.resources import RESOURCES, Resource
from daemon.sandbox.sandbox import Sandbox
from daemon.sandbox.wire import ledger_json
from daemon.sandbox.wire_journal import detail_json, legacy_entry_json

Weather = Callable[[Call], None]
"""Asked before and after each call's work; may raise what a broken network would."""


class VirtualSandboxClock(SandboxClock):
    """The sandbox's clock, read off the test's."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(start=now(), rate=1.0)
        self._virtual = now

    @override
    def now(self) -> datetime:
        return self._virtual()


def make_sandbox(now: Callable[[], datetime], sizes: tuple[int, ...] = (0,), **options: Any) -> Sandbox:
    """Build a sandbox on the test's clock, with books of these sizes."""
    return Sandbox(SandboxOptions(invoices=sizes, webhooks=False, **options), clock=VirtualSandboxClock(now))


def account_of(sandbox: Sandbox, index: int = 0) -> Account:
    """The n-th partner's own account."""
    owned = [
        member.account
        for login in sandbox.directory.logins.values()
        for member in login.memberships
        if member.role == "owner" and member.account.account_id
    ]
    return owned[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """Stands where the HTTP session would."""


class DirectCaller(Caller):
    """Answers calls from the sandbox's books; `before` and `after` are the weather on the way there and back."""

    sandbox: Sandbox
    before: Weather
    after: Weather
    asked: list[Call]
    shown: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[tuple[object, ...], bytes]]

    @staticmethod
    def over(sandbox: Sandbox, before: Weather = lambda _: None, after: Weather = lambda _: None) -> "DirectCaller":
        caller = DirectCaller(session=_Session(), base_url="", user_agent="test")  # type: ignore[arg-type]
        for name, value in (("sandbox", sandbox), ("before", before), ("after", after), ("asked", []), ("shown", {})):
            object.__setattr__(caller, name, value)
        return caller

    def turn(self, weather: Weather) -> None:
        """Change the weather on the way to FreshBooks."""
        object.__setattr__(self, "before", weather)

    def cut_after(self, calls: int, cut: Callable[[], None]) -> None:
        """Have the process cut off once so many more calls were answered; the last answer never arrives."""
        left = [calls]

        def count(_: Call) -> None:
            left[0] -= 1
            if left[0] == 0:
                cut()

        object.__setattr__(self, "after", count)

    @override
    async def call(
        self,
        call: Call,
        *,
        token: str | None = None,
        timeout: timedelta | None = None,
        may_send: MaySend | None = None,
        explain: Explain = error_of,
    ) -> Answer:
        if may_send is not None and not may_send():
            raise FreshBooksUnavailable("the request was not sent: its time had run out", unsent=True)
        self.asked.append(call)
        self.before(call)
        try:
            body = self._answer(call)
        except ApiError as error:
            raise explain(error.status, {}, json.dumps(error_body(error, Family.ACCOUNTING)).encode()) from error
        self.after(call)
        # A cut-off process gets no answer, whatever FreshBooks did: give the cancellation its chance to arrive first.
        await anyio.lowlevel.checkpoint()
        return Answer(status=200, headers={}, body=body)

    def _answer(self, call: Call) -> bytes:
        parts = call.path.strip("/").split("/")
        if parts[1] == "businesses":
            books = next(a.books for a in self.sandbox.directory.accounts.values() if a.business_uuid == parts[2])
            return msgspec.json.encode({"data": [ledger_json(books, row) for row in books.ledger.values()]})
        account = self.sandbox.directory.accounts[parts[2]]
        if parts[3] == "journal_entries":
            return self._journal(account, call)
        resource, key = _RESOURCES[f"{parts[3]}/{parts[4]}"], int(parts[5]) if len(parts) > LIST_PARTS else None
        if call.method == "GET":
            return self._shown(account, call, resource, key)
        query = _read_query(tuple(call.params))
        operation = f"{resource.singular}.{'create' if call.method == 'POST' else 'update'}"
        body = msgspec.json.decode(call.body or b"{}")[resource.singular]
        row = self.sandbox.write(account, operation, key, body)
        return single(resource.singular, resource.render(self.sandbox.view(account, query.includes), row))

    def _shown(self, account: Account, call: Call, resource: Resource, key: int | None) -> bytes:
        """What a read shows, made anew only when the books, the day or a switch have changed since."""
        books, asked = account.books, (call.path, tuple(call.params))
        query = _read_query(asked[1])
        view = self.sandbox.view(account, query.includes)
        shelves = (books.clients, books.invoices, books.payments, books.credits, books.incomes)
        state = (view.today, *(shelf.version for shelf in shelves), *books.switches.as_dict().values())
        known = self.shown.get(asked)
        if known is not None and known[0] == state:
            return known[1]
        if len(self.shown) >= SHOWN_MAX:
            self.shown.clear()
        if key is None:
            context = Context(books=books, today=view.today)
            page = list_page(resource.path, resource.listing, context, query, account.selections)
            body = page_bytes(resource.plural, [resource.render(view, row) for row in page.rows], page)
        else:
            body = single(resource.singular, resource.render(view, resource.find(books, key)))
        self.shown[asked] = (state, body)
        return body

    def _journal(self, account: Account, call: Call) -> bytes:
        if call.method == "POST":
            body = msgspec.json.decode(call.body or b"{}")["journal_entry"]
            entry = self.sandbox.write(account, "journal_entry.create", None, body)
            result: dict[str, Any] = {"journal_entry": legacy_entry_json(account.books, entry)}
        else:
            days = dict(call.params)
            wanted = (days["search[start_date]"], days["search[end_date]"])
            rows = [row for row in account.books.journal.details() if wanted[0] <= str(row.entry.day) <= wanted[1]]
            listed = [detail_json(account.books, row) for row in rows]
            result = {"journal_entry_details": listed, "page": 1, "pages": 1, "per_page": 100, "total": len(rows)}
        return msgspec.json.encode({"response": {"result": result}})


LIST_PARTS = 5
SHOWN_MAX = 300
_RESOURCES = {resource.path: resource for resource in RESOURCES}


@lru_cache(maxsize=1000)
def _read_query(params: tuple[tuple[str, str], ...]) -> ListQuery:
    """Read a call's parameters; the daemon asks the same again and again."""
    return parse_query(MultiDict(params))


def direct_account(caller: Caller, account: Account, now: Callable[[], datetime]) -> FreshBooksAccount:
    """The real client for one account of the sandbox."""

    async def token() -> str:
        return "token"

    return FreshBooksAccount(
        caller=caller,
        account_id=AccountId(str(account.account_id)),
        business_uuid=account.business_uuid,
        token=token,
        now=now,
    )


EPOCH = datetime(2026, 3, 2, 12, tzinfo=UTC)


def is_post(call: Call) -> bool:
    """Whether a call creates a payment."""
    return call.method == "POST"


def once(wanted: Callable[[Call], bool], error: Exception) -> Weather:
    """Weather that breaks the first call of a kind."""
    left = [error]

    def break_it(call: Call) -> None:
        if left and wanted(call):
            raise left.pop()

    return break_it
