"""One API call: the request, who makes it, and the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Account, Login, Membership
from daemon.sandbox.errors import PARSE_ERROR, ApiError, Family, error_body, forbidden, unauthorized
from daemon.sandbox.oauth import Grant
from daemon.sandbox.request_log import RequestEntry
from daemon.sandbox.sandbox import Sandbox

SANDBOX: web.AppKey[Sandbox] = web.AppKey("sandbox", Sandbox)
DEFAULT_VERSION = "2023-02-20"
_JSON = "application/json"


class Cut(Enum):
    """How an answer is kept from its reader: the connection dies before it, or in the middle of its body."""

    DROPPED = "dropped"
    TORN = "torn"


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a handler answers; `body` is JSON unless `content_type` says otherwise."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)
    cut: Cut | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """One request with what was found out about it."""

    sandbox: Sandbox
    request: web.Request
    family: Family
    entry: RequestEntry
    now: datetime
    grant: Grant | None = None
    account: Account | None = None
    error_format: str | None = None

    @property
    def login(self) -> Login:
        """The person behind the token; raises 401 without one."""
        if self.grant is None:
            raise unauthorized()
        return self.sandbox.directory.identities[self.grant.identity_id]

    async def json(self) -> Any:  # noqa: ANN401 - whatever JSON the caller sent
        """The request's JSON; raises 400 errno 1005 when it is none."""
        try:
            return msgspec.json.decode(await self.request.read() or b"{}")
        except msgspec.DecodeError:
            raise ApiError(400, "The request body could not be parsed as JSON.", errno=PARSE_ERROR) from None

    def member(self, account: Account, scope: str | None, *, write: bool) -> Membership:
        """The caller's membership of `account`; raises for strangers, missing scopes, and clients who write."""
        if self.grant is None:
            raise unauthorized()
        membership = self.login.membership(str(account.account_id))
        if membership is None:
            error = unauthorized()
            error.status = self.sandbox.switches["foreign_account_status"]
            raise error
        wanted = f"user:{scope}:{'write' if write else 'read'}"
        if scope is not None and wanted not in self.grant.scopes:
            raise forbidden(f"The token lacks the scope {wanted}.")
        if write and membership.role == "client":
            raise forbidden()
        self.account = account
        self.entry.account = account.account_id
        return membership

    def error(self, error: ApiError) -> Answer:
        """The family's error answer (FB API s8.1)."""
        switches = self.sandbox.switches
        older = switches["events_error_style"] == "older"
        body = error_body(error, self.family, new_format=self._wants_new_errors(), older_events=older)
        if switches["errors_as_object"] and "response" in body:
            body = {"response": {"errors": body["response"]["errors"][0]}}
        return Answer(status=error.status, body=msgspec.json.encode(body))

    def _wants_new_errors(self) -> bool:
        """Whether accounting errors come in the google.rpc shape (FB API s1, s8)."""
        style = self.error_format or self.sandbox.switches["error_format"]
        if style != "by_version":
            return bool(style == "new")
        version = self.request.headers.get("X-API-VERSION", DEFAULT_VERSION)
        return bool(version >= self.sandbox.switches["new_errors_since"])


Handler = Callable[[Call], Awaitable[Answer]]
