"""Callbacks: registration, the handshake, and signed deliveries that can go wrong on purpose (FB API s6)."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections import deque
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from msgspec.structs import replace as changed

from daemon.sandbox.accounts import Account
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.clock import wait_s
from daemon.sandbox.errors import ApiError, not_found
from daemon.sandbox.faults import FaultPlan, Kind
from daemon.sandbox.model import Callback
from daemon.sandbox.stable_ids import stable_hex
from daemon.sandbox.switches import Switches

ANSWER_WITHIN_S = 10
_KEPT_DELIVERIES = 5_000
_NOUNS = (
    "bill", "bill_vendor", "category", "client", "credit_note", "expense", "invoice", "item", "payment", "project",
    "recurring", "service", "tax", "time_entry", "estimate",
)  # fmt: skip
EVENTS = frozenset(
    (
        *_NOUNS,
        *(f"{noun}.{verb}" for noun in _NOUNS for verb in ("create", "update", "delete")),
        "estimate.sendByEmail",
        "invoice.sendByEmail",
    )
)
_ORDERS = (
    ("name", "object_id", "account_id", "business_id", "identity_id", "user_id"),
    ("name", "object_id", "user_id", "identity_id", "business_id", "account_id"),
)


def signature(verifier: str, fields: dict[str, str]) -> str:
    """The `X-FreshBooks-Hmac-SHA256` of a delivery: over the JSON text of its fields in their order (FB API s6.4)."""
    text = json.dumps({key: str(value) for key, value in fields.items()})
    return base64.b64encode(hmac.new(verifier.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _check(body: Body, switches: Switches) -> None:
    problems = []
    if body.get("event") not in EVENTS:
        problems.append(ApiError(422, "Value error, Unrecognized event.", field="event"))
    uri = body.get("uri")
    parts = urlsplit(uri) if isinstance(uri, str) else None
    if parts is None or not parts.netloc or parts.scheme not in ("http", "https"):
        problems.append(ApiError(422, "Input should be a valid URL, relative URL without a base", field="uri"))
    elif parts.scheme == "http" and switches["webhook_https_only"]:
        problems.append(ApiError(422, "Value error, the URL must use https.", field="uri"))
    if problems:
        problems[0].more = problems[1:]
        raise problems[0]


def find_callback(books: Books, key: int) -> Callback:
    """The registration with this id; raises 404."""
    callback = books.callbacks.get(key)
    if callback is None:
        raise not_found("callback", "callbackid", key)
    return callback


def create_callback(books: Books, body: Body, now: datetime) -> Callback:
    """Register an address for an event; it stays silent until its verifier comes back."""
    _check(body, books.switches)
    key = books.sequences.take("callback")
    digest = stable_hex(f"{books.account_id}/callback/{key}")
    callback = Callback(
        id=key,
        event=str(body["event"]),
        uri=str(body["uri"]),
        verifier=digest[:40],
        identity_id=int(body.get("identity_id") or 0),
        updated=now,
    )
    books.callbacks[key] = callback
    return callback


def update_callback(books: Books, key: int, body: Body, now: datetime) -> Callback:
    """Verify with the code that was delivered, or change event and address (which need a new verification)."""
    callback = find_callback(books, key)
    if "verifier" in body:
        if not hmac.compare_digest(str(body["verifier"]), callback.verifier):
            raise ApiError(422, "Value error, Verifier does not match.", field="verifier")
        callback = changed(callback, verified=True, updated=now)
    elif not body.get("resend"):
        wanted = {"event": body.get("event", callback.event), "uri": body.get("uri", callback.uri)}
        _check(wanted, books.switches)
        verified = callback.verified and wanted["uri"] == callback.uri
        callback = changed(callback, event=wanted["event"], uri=wanted["uri"], verified=verified, updated=now)
    books.callbacks[key] = callback
    return callback


def delete_callback(books: Books, key: int) -> None:
    """Remove a registration for good."""
    find_callback(books, key)
    del books.callbacks[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One POST to one address, and how it went; `outcome` is a status, or the error's name."""

    seq: int
    account: str
    callback_id: int
    event: str
    object_id: int
    uri: str
    verifier: str
    fields: dict[str, str]
    attempt: int = 1
    outcome: str = ""
    forged: bool = False

    def as_json(self) -> dict[str, Any]:
        """The delivery for the control API."""
        return asdict(self)


class Courier:
    """Delivers events to verified callbacks; one task for each delivery, so that a slow address delays nobody."""

    def __init__(self, *, faults: FaultPlan, switches: Switches, seed: int, enabled: bool) -> None:
        """Prepare; nothing is sent before `run`."""
        self.enabled = enabled
        self.sent: deque[Delivery] = deque(maxlen=_KEPT_DELIVERIES)
        self.dropped = 0
        self._faults, self._switches = faults, switches
        self._random = random.Random(f"courier/{seed}")  # noqa: S311 - reproducible order, no secret
        self._queue: asyncio.Queue[tuple[Account, Delivery]] = asyncio.Queue()
        self._failures: dict[tuple[str, int], int] = {}
        self._seq = 0

    def offer(self, account: Account, event: str, object_id: int, *, identity_id: int) -> None:
        """Queue a delivery for each verified callback that listens to `event`."""
        if not self.enabled:
            return
        for callback in account.books.callbacks.values():
            if callback.verified and callback.event in (event, event.partition(".")[0]):
                self._enqueue(account, callback, event, object_id, identity_id=identity_id)

    def greet(self, account: Account, callback: Callback) -> None:
        """Queue the handshake of a fresh callback: its verifier travels in the body (FB API s6.2)."""
        if self.enabled:
            self._enqueue(account, callback, "callback.verify", callback.id, identity_id=callback.identity_id)

    def _enqueue(self, account: Account, callback: Callback, event: str, object_id: int, *, identity_id: int) -> None:
        values = {
            "name": event,
            "object_id": str(object_id),
            "account_id": str(account.account_id),
            "business_id": str(account.business_id),
            "identity_id": str(identity_id),
            "user_id": "1",
        }
        fields = {key: values[key] for key in self._random.choice(_ORDERS)}
        if event == "callback.verify":
            fields = {"verifier": callback.verifier, **fields}
        self._seq += 1
        delivery = Delivery(
            seq=self._seq,
            account=str(account.account_id),
            callback_id=callback.id,
            event=event,
            object_id=object_id,
            uri=callback.uri,
            verifier=callback.verifier,
            fields=fields,
        )
        self._queue.put_nowait((account, delivery))

    async def run(self) -> None:
        """Deliver until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            while True:
                account, delivery = await self._queue.get()
                for delay_s, each in self._planned(delivery):
                    group.create_task(self._deliver(session, account, each, delay_s))

    def _planned(self, delivery: Delivery) -> list[tuple[float, Delivery]]:
        """The posts that become of one delivery, each with its delay, once the faults have had their way."""
        delay_s = float(self._switches["webhook_delay_s"])
        plan = [(delay_s, delivery)]
        for action in self._faults.for_event(event=delivery.event, account=delivery.account):
            if action.kind is Kind.WEBHOOK_DROP:
                self.dropped += 1
                return []
            if action.kind is Kind.WEBHOOK_DUPLICATE:
                plan += [(delay_s + self._random.random() * action.seconds, delivery) for _ in range(action.copies)]
            elif action.kind is Kind.WEBHOOK_FORGE:
                forged = replace(delivery, verifier="forged", forged=True)
                plan += [(delay_s, forged) for _ in range(action.copies)]
            elif action.kind is Kind.WEBHOOK_SHUFFLE:
                plan = [(delay + self._random.random() * action.seconds, each) for delay, each in plan]
            else:
                late_s = self._faults.draw_s(action)
                plan = [(delay + late_s, each) for delay, each in plan]
        return plan

    async def _deliver(self, session: aiohttp.ClientSession, account: Account, item: Delivery, delay_s: float) -> None:
        await wait_s(delay_s)
        for attempt in range(1, int(self._switches["webhook_retries"]) + 2):
            outcome = await self._post(session, item)
            self.sent.append(replace(item, attempt=attempt, outcome=outcome))
            if outcome.startswith("2") or item.forged:
                self._failures.pop((item.account, item.callback_id), None)
                return
            await wait_s(float(self._switches["webhook_retry_s"]))
        self._count_failure(account, item)

    async def _post(self, session: aiohttp.ClientSession, item: Delivery) -> str:
        headers = {"X-FreshBooks-Hmac-SHA256": signature(item.verifier, item.fields)}
        try:
            async with session.post(item.uri, data=item.fields, headers=headers, allow_redirects=False) as answer:
                return str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__

    def _count_failure(self, account: Account, item: Delivery) -> None:
        key = (item.account, item.callback_id)
        self._failures[key] = self._failures.get(key, 0) + 1
        limit = self._switches["webhook_disable_after"]
        callback = account.books.callbacks.get(item.callback_id)
        if limit and self._failures[key] >= limit and callback is not None:
            account.books.callbacks[callback.id] = changed(callback, verified=False)
