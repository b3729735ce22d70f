"""One table of operations: what each takes, answers and needs; the routes and the OpenAPI text both come from it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from aiohttp import web

from daemon.adapters.http.api.credentials import Caller, Scope
from daemon.adapters.http.api.messages import Input, NoInput, Output
from daemon.adapters.http.api.ports import ApiDesk, ApiStore
from daemon.adapters.http.api.problems import Problem
from daemon.adapters.http.context import DASHBOARD, Dashboard
from daemon.core.model import PartnerId

ID_MAX = 10**18
"""Above any id of FreshBooks' or ours, and exact as the floating-point number that JSON schemas may be read with."""
PREFIX = "/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the API was given beside the dashboard's ports."""

    desk: ApiDesk
    store: ApiStore


API = web.AppKey("api", Api)


InputT = TypeVar("InputT", bound=Input)
BodyT = TypeVar("BodyT", bound=Input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[InputT, BodyT]):
    """One checked request: who calls, and what it brings."""

    request: web.Request
    caller: Caller
    query: InputT
    body: BodyT

    @property
    def api(self) -> Api:
        """The API's own ports."""
        return self.request.app[API]

    @property
    def dashboard(self) -> Dashboard:
        """The ports shared with the pages."""
        return self.request.app[DASHBOARD]

    @property
    def partner_id(self) -> PartnerId:
        """For whom it is made; no request names another."""
        return self.caller.partner_id

    @property
    def now(self) -> datetime:
        """The wall clock."""
        return self.dashboard.clock.now()

    def named(self, name: str) -> str:
        """A name in the address."""
        return self.request.match_info[name]

    def number(self, name: str) -> int:
        """A number in the address; what is none names nothing."""
        text = self.named(name)
        if not (text.isascii() and text.isdigit() and 0 < int(text) <= ID_MAX):
            raise Problem(404, "There is nothing here, or it is not yours to see.")
        return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a handler answers: a model to be written as JSON, or nothing at all."""

    body: Output | None = None
    status: int = 200


Handler = Callable[[Call[Any, Any]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One verb on one address. `answers` are its successes; `refusals` the statuses it has beside those all have."""

    method: str
    path: str
    name: str
    summary: str
    description: str
    tag: str
    scope: Scope
    query: type[Input]
    body: type[Input]
    answers: Mapping[int, type[Output] | None]
    refusals: frozenset[int]
    handler: Handler = field(repr=False)

    @property
    def takes_body(self) -> bool:
        """Whether it reads a JSON body."""
        return self.body is not NoInput


class Operations:
    """Collects a module's operations."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.all: list[Operation] = []

    def add(
        self,
        method: str,
        path: str,
        scope: Scope,
        answers: Mapping[int, type[Output] | None],
        *,
        query: type[Input] = NoInput,
        body: type[Input] = NoInput,
        refusals: frozenset[int] = frozenset(),
    ) -> Callable[[Handler], Handler]:
        """Make a coroutine the handler of an operation; its docstring is what the OpenAPI text says of it."""

        def register(handler: Handler) -> Handler:
            summary, _, description = (handler.__doc__ or "").strip().partition("\n")
            self.all.append(
                Operation(
                    method=method,
                    path=path,
                    name=handler.__name__,
                    summary=summary.rstrip("."),
                    description=" ".join(description.split()),
                    tag=self._tag,
                    scope=scope,
                    query=query,
                    body=body,
                    answers=answers,
                    refusals=refusals,
                    handler=handler,
                )
            )
            return handler

        return register
