"""FreshBooks' callbacks: register, verify, list and delete where it rings; one HTTP call each (FB API s6.1)."""

from dataclasses import dataclass

import msgspec
from msgspec import Struct

from daemon.adapters.freshbooks.calls import Answer, Call
from daemon.adapters.freshbooks.client import PAGE_SIZE, FreshBooksAccount
from daemon.adapters.freshbooks.envelopes import Accounting, unwrap
from daemon.core.callbacks import FbCallback
from daemon.core.errors import FreshBooksNotFound


class _Callback(Struct, gc=False):
    callbackid: int
    event: str
    uri: str
    verified: bool = False


class _One(Struct, gc=False):
    callback: _Callback


class _Many(Struct, gc=False):
    callbacks: list[_Callback]


class _Body(Struct):
    callback: dict[str, str | bool]


_one_decoder = msgspec.json.Decoder(Accounting[_One])
_many_decoder = msgspec.json.Decoder(Accounting[_Many])


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshBooksCallbacks:
    """The callbacks of one account. Raises of all: as `Accounting` (actors/ports.py)."""

    account: FreshBooksAccount

    async def list(self) -> tuple[FbCallback, ...]:
        """List the account's callbacks: at most a page, which is far more than anyone registers."""
        call = self._call("GET", params=(("page", "1"), ("per_page", str(PAGE_SIZE))))
        return tuple(_callback(wire) for wire in unwrap(await self._send(call), _many_decoder).callbacks)

    async def register(self, event: str, uri: str) -> FbCallback:
        """Register a callback; FreshBooks then posts a verifier to `uri`, maybe before this returns (FB API s6.2)."""
        return await self._write(self._call("POST", body={"event": event, "uri": uri}))

    async def verify(self, callback_id: int, verifier: str) -> FbCallback:
        """Hand the verifier back, so that the callback begins to ring."""
        return await self._write(self._call("PUT", callback_id, body={"verifier": verifier}))

    async def resend(self, callback_id: int) -> FbCallback:
        """Ask for the verifier once more."""
        return await self._write(self._call("PUT", callback_id, body={"resend": True}))

    async def delete(self, callback_id: int) -> None:
        """Delete a callback; one that is gone already is fine."""
        try:
            await self._send(self._call("DELETE", callback_id))
        except FreshBooksNotFound:
            return

    async def _write(self, call: Call) -> FbCallback:
        return _callback(unwrap(await self._send(call), _one_decoder).callback)

    async def _send(self, call: Call) -> Answer:
        return await self.account.caller.call(call, token=await self.account.token())

    def _call(
        self,
        method: str,
        callback_id: int | None = None,
        *,
        params: tuple[tuple[str, str], ...] = (),
        body: dict[str, str | bool] | None = None,
    ) -> Call:
        path = f"/events/account/{self.account.account_id}/events/callbacks"
        return Call(
            method=method,
            path=path if callback_id is None else f"{path}/{callback_id}",
            params=params,
            body=None if body is None else msgspec.json.encode(_Body(callback=body)),
        )


def _callback(wire: _Callback) -> FbCallback:
    return FbCallback(id=wire.callbackid, event=wire.event, uri=wire.uri, verified=wire.verified)
