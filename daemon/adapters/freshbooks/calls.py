"""One HTTP call to FreshBooks: a total time-out, a size limit, no retry, every failure as one of the core's errors."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_reqrep import ClientRequest
from typing_extensions import override

from daemon.adapters.freshbooks.egress import EgressConnector
from daemon.adapters.freshbooks.errors import Explain, error_of
from daemon.core.errors import FreshBooksAnswerInvalid, FreshBooksUnavailable

CONNECT_TIMEOUT = timedelta(seconds=5)
KEEPALIVE_S = 30.0
BYTES_MAX = 32 * 1024 * 1024
"""No page of 100 invoices comes near it (about 5 KB each)."""
_BUFFER_BYTES = 1024 * 1024
"""A whole page arrives without its connection being told to pause."""
_REDIRECT, _ERROR = 300, 400

MaySend = Callable[[], bool]
_may_send: ContextVar[MaySend | None] = ContextVar("may_send", default=None)


class _NotSentError(Exception):
    """`may_send` said no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: `create` marks an accounting POST, which draws on FreshBooks' smaller budget (FB API s7)."""

    method: str
    path: str
    params: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] | None = None
    create: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A 2xx answer; its body may still be an error (quirk 13)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Makes single calls over one shared session of `open_session`.

    `timeout` bounds a whole call, `bytes_max` a decoded body. `api_version` selects the accounting family's format of
    errors (FB API s1); a call may name another one.
    """

    session: aiohttp.ClientSession
    base_url: str
    user_agent: str
    api_version: str = "2023-02-20"
    timeout: timedelta = timedelta(seconds=20)
    bytes_max: int = BYTES_MAX

    async def call(
        self,
        call: Call,
        *,
        token: str | None = None,
        timeout: timedelta | None = None,  # noqa: ASYNC109 - aiohttp's own total time-out, told as a core error
        may_send: MaySend | None = None,
        explain: Explain = error_of,
    ) -> Answer:
        """Make one call and hand back its 2xx answer; `explain` turns any other into the error to raise.

        `may_send` is asked in the instant before a request with a body is written; when it says no, nothing is sent and
        FreshBooksUnavailable(unsent=True) is raised (W4). Raises FreshBooksUnavailable, FreshBooksRefused,
        FreshBooksNotFound, FreshBooksAnswerInvalid and AuthorizationExpired.
        """
        guard = _may_send.set(may_send)
        try:
            return await self._send(call, self._headers(call, token), timeout or self.timeout, explain)
        except _NotSentError as error:
            raise FreshBooksUnavailable("the request was not sent: its time had run out", unsent=True) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise FreshBooksUnavailable(f"FreshBooks cannot be reached: {error}", unsent=True) from error
        except TimeoutError as error:
            raise FreshBooksUnavailable("FreshBooks did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise FreshBooksUnavailable(f"the connection to FreshBooks broke: {type(error).__name__}") from error
        finally:
            _may_send.reset(guard)

    def _headers(self, call: Call, token: str | None) -> dict[str, str]:
        headers = {
            "User-Agent": self.user_agent,
            "Accept": "application/json",
            "X-API-VERSION": self.api_version,
            **(call.headers or {}),
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        return headers

    async def _send(self, call: Call, headers: Mapping[str, str], limit: timedelta, explain: Explain) -> Answer:
        total = limit.total_seconds()
        connect = min(CONNECT_TIMEOUT.total_seconds(), total / 2)
        async with self.session.request(
            call.method,
            self.base_url + call.path,
            params=list(call.params),
            data=call.body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=total, connect=connect),
        ) as response:
            body = await _read(response, self.bytes_max)
            if response.status >= _ERROR:
                raise explain(response.status, response.headers, body)
            if response.status >= _REDIRECT:
                raise FreshBooksAnswerInvalid(f"FreshBooks answered {response.status} to {call.method} {call.path}")
            return Answer(status=response.status, headers=response.headers, body=body)


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """Read a body of limited size; the limit counts what is unpacked, so a small packed body cannot grow past it."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > bytes_max:
            response.close()
            raise FreshBooksAnswerInvalid(f"FreshBooks answered more than {bytes_max} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


class _GuardedRequest(ClientRequest):
    """Asks `may_send` at the last point before the first byte: after connecting, which may take as long as it likes."""

    @override
    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: aiohttp.connector.Connection, content_length: int | None = None
    ) -> None:
        may_send = _may_send.get()
        if may_send is not None and not may_send():
            if conn.protocol is not None:
                conn.protocol.set_exception(_NotSentError())
            return
        await super().write_bytes(writer, conn, content_length)


@asynccontextmanager
async def open_session(
    *, connections: int = 100, tracing: Sequence[aiohttp.TraceConfig] = (), egress: Path | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the one session that all partners share: no cookies, no proxies from the environment, guarded requests.

    `tracing` sees every request and its answer, for the metrics. `egress` is the directory of the only ways out, for a
    daemon without a network.
    """
    connector = (
        aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEPALIVE_S)
        if egress is None
        else EgressConnector(egress, limit=connections, keepalive_timeout=KEEPALIVE_S)
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        request_class=_GuardedRequest,
        read_bufsize=_BUFFER_BYTES,
        trace_configs=list(tracing),
    ) as session:
        yield session
