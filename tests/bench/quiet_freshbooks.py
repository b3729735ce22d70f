"""A FreshBooks that answers every listing at once with "nothing new"; prints its address and serves until it is killed.

Only enough of HTTP for our client's GETs over kept connections: its own cost must not weigh on what is measured.
"""

import asyncio
import sys
from typing import Final

from typing_extensions import override

_ENDPOINTS: Final = ("clients", "invoices", "payments", "credit_notes")
_ACCOUNTS: Final = b'{"data":[]}'


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _empty(rows: str) -> bytes:
    return f'{{"response":{{"result":{{"{rows}":[],"page":1,"pages":0,"per_page":100,"total":0}}}}}}'.encode()


_LISTINGS: Final = {f"/{rows}".encode(): _answer(_empty(rows)) for rows in _ENDPOINTS}
_LEDGER: Final = _answer(_ACCOUNTS)


class Quiet(asyncio.Protocol):
    def __init__(self) -> None:
        self._heard = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        *requests, self._heard = (self._heard + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1].partition(b"?")[0]
            self._transport.write(_LISTINGS.get(path[path.rfind(b"/") :], _LEDGER))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Quiet, "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
