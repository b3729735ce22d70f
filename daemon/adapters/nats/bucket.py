"""A key-value bucket of NATS JetStream, in the few words that leases need, and with the core's errors."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import anyio
from nats.aio.client import Client, RawCredentials
from nats.errors import AuthorizationError, Error
from nats.js import JetStreamContext
from nats.js.api import Header, KeyValueConfig, StorageType, StreamInfo
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError, ServiceUnavailableError

from daemon.core.errors import StoreUnavailable

COMMAND_TIMEOUT_S: Final = 4.0
"""For all that one act asks, its connection included: less than a lease lives."""
CALL_TIMEOUT_S: Final = 1.5
CLOSE_TIMEOUT_S: Final = 0.5
_WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
_NO_JETSTREAM: Final = frozenset({10039, 10076})
_REFUSED: Final = ("authorization", "authentication")
_UNAVAILABLE: Final = (Error, OSError)  # TimeoutError is an OSError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands under a key: its value, and the revision that wrote it."""

    value: bytes
    revision: int


class Bucket:
    """One bucket, made where there is none, over one connection, made anew whenever it failed.

    So nothing is sent later than it was asked for.
    """

    def __init__(self, servers: Sequence[str], name: str, *, replicas: int = 1, credentials: str = "") -> None:
        self.name = name
        self._servers = tuple(servers)
        self._replicas = replicas
        self._credentials = credentials
        self._stream = f"KV_{name}"
        self._client: Client | None = None
        self._context: JetStreamContext | None = None

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[None]:
        """Let the other methods be called within: all of it in bounded time. Raises StoreUnavailable."""
        try:
            with anyio.fail_after(COMMAND_TIMEOUT_S):
                if self._client is None or not self._client.is_connected:
                    await self.close()
                    await self._connect()
                yield
        except _UNAVAILABLE as error:
            await self.close()
            # One that answers may still be without its cluster.
            self._servers = (*self._servers[1:], *self._servers[:1])
            raise StoreUnavailable(_explain(error)) from error

    async def made_at_us(self) -> int:
        """Tell when the bucket was made, in microseconds since 1970."""
        return _made_at_us(await self._jetstream.stream_info(self._stream))

    async def put(self, key: str, value: bytes, *, last: int | None = None, ttl: timedelta | None = None) -> int | None:
        """Write, and tell the revision; None when another than `last` stands there (0: nothing does).

        What has a `ttl`, rounded up to whole seconds, is gone after it.
        """
        headers = None if last is None else {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(last)}
        seconds = None if ttl is None else -(ttl // timedelta(seconds=-1))
        try:
            done = await self._jetstream.publish(self._subject(key), value, headers=headers, msg_ttl=seconds)
        except APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                return None
            raise
        return done.seq

    async def get(self, key: str) -> Entry | None:
        """Read what stands under a key."""
        try:
            found = await self._jetstream.get_last_msg(self._stream, self._subject(key))
        except NotFoundError:
            return None
        return Entry(value=found.data or b"", revision=found.seq or 0)

    async def keys(self, pattern: str) -> frozenset[str]:
        """List the keys that match: one call, whose answer is the stream's own."""
        info = await self._jetstream.stream_info(self._stream, subjects_filter=self._subject(pattern))
        return frozenset(subject.removeprefix(self._subject("")) for subject in info.state.subjects or ())

    async def remove(self, pattern: str) -> None:
        """Leave nothing of the keys that match."""
        await self._jetstream.purge_stream(self._stream, subject=self._subject(pattern))

    async def close(self) -> None:
        """Close the connection, whatever state it is in."""
        client, self._client, self._context = self._client, None, None
        if client is not None:
            await _closed(client)

    @property
    def _jetstream(self) -> JetStreamContext:
        if self._context is None:
            raise StoreUnavailable("the connection to NATS is not open")
        return self._context

    def _subject(self, key: str) -> str:
        return f"$KV.{self.name}.{key}"

    async def _connect(self) -> None:
        self._client = await connected(self._servers, self._credentials)
        self._context = self._client.jetstream(timeout=CALL_TIMEOUT_S)
        try:
            await self._context.stream_info(self._stream)
        except NotFoundError:
            await self._context.create_key_value(
                KeyValueConfig(bucket=self.name, history=1, storage=StorageType.FILE, replicas=self._replicas)
            )


async def connected(servers: Sequence[str], credentials: str = "") -> Client:
    """Connect to the first server that answers. Raises what the last one failed with.

    `credentials` is the text of a .creds file, or an nkey's seed; without, the addresses hold all that is asked.
    """
    signs = (
        {"user_credentials": RawCredentials(credentials)} if "\n" in credentials else {"nkeys_seed_str": credentials}
    )
    failed: Exception = ConnectionError("no server is named")
    for server in servers:
        client, opening = Client(), True

        async def hear(error: Exception) -> None:
            # Else it would try again by itself; once it is connected, whichever call fails raises.
            if opening:  # noqa: B023 -- of this turn
                raise error

        try:
            await client.connect(
                server,
                name="freshbooks-syncd",
                error_cb=hear,
                allow_reconnect=False,
                connect_timeout=1,
                **(signs if credentials else {}),
                tls=ssl.create_default_context() if server.startswith("tls://") else None,
            )
        except _UNAVAILABLE as error:
            failed = error
        else:
            return client
        finally:
            opening = False
            if not client.is_connected:
                await _closed(client)
    raise failed


async def _closed(client: Client) -> None:
    """Close a connection in bounded time, whatever state it is in."""
    with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
        await client.close()


async def probe(servers: Sequence[str], credentials: str = "") -> tuple[int, int]:
    """Tell the version of the NATS that answers, asked whether it keeps streams for us. Raises StoreUnavailable."""
    try:
        with anyio.fail_after(COMMAND_TIMEOUT_S):
            client = await connected(servers, credentials)
            try:
                await client.jetstream(timeout=CALL_TIMEOUT_S).account_info()
                version = client.connected_server_version
                return version.major, version.minor
            finally:
                await _closed(client)
    except _UNAVAILABLE as error:
        raise StoreUnavailable(_explain(error)) from error


def _made_at_us(info: StreamInfo) -> int:
    if info.created is None or not info.config.allow_msg_ttl:
        raise StoreUnavailable(
            f"NATS keeps no life times in the stream {info.config.name}: let nats-server be 2.11 or newer, "
            "and leases.bucket a name that nothing else uses"
        )
    whole = int(info.created.timestamp())
    return whole * 1_000_000 + info.created.microsecond


def _explain(error: Exception) -> str:
    code = error.err_code if isinstance(error, APIError) else None
    if isinstance(error, NoStreamResponseError | ServiceUnavailableError) or code in _NO_JETSTREAM:
        return "NATS keeps no streams now (JetStream): start nats-server with --jetstream, or wait for its election"
    if isinstance(error, AuthorizationError) or any(word in str(error).lower() for word in _REFUSED):
        return (
            "NATS refuses this user: correct the name and password, or the token, in leases.nats, or leases.credentials"
        )
    what = "it did not answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return f"NATS cannot be used for leases now ({what}): start nats-server, or correct leases.nats"
