"""The way out for a daemon that has no network of its own: one unix socket per host, with TLS from end to end."""

import asyncio
import ssl
from pathlib import Path

import aiohttp
import anyio
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.tracing import Trace
from typing_extensions import override


class EgressConnector(aiohttp.BaseConnector):
    """Connects to `HOST.sock` in a directory, behind which something passes the bytes on to HOST and to nowhere else.

    A host without a socket there cannot be reached: whoever makes the sockets decides where the daemon may connect to.
    """

    def __init__(self, directory: Path, *, limit: int, keepalive_timeout: float) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout)
        self._directory = directory
        self._tls = ssl.create_default_context()

    @override
    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        host = req.url.raw_host or ""
        tls, name = (self._tls, host) if req.is_ssl() else (None, None)
        try:
            with anyio.fail_after(timeout.sock_connect):
                _, protocol = await asyncio.get_running_loop().create_unix_connection(
                    self._factory, str(self._directory / f"{host}.sock"), ssl=tls, server_hostname=name
                )
        except TimeoutError:
            raise
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol
