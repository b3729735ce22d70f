"""Remembers the latest requests and counts all of them, for tests, demonstrations and benches to read."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(slots=True, kw_only=True)
class RequestEntry:
    """One served request; `committed` says that a write took effect, whatever the caller got to see."""

    seq: int
    at: datetime
    method: str
    path: str
    query: str
    account: str | None = None
    status: int = 0
    committed: bool = False
    latency_s: float = 0.0
    fault: str | None = None
    body: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry for the control API."""
        return {**asdict(self), "at": self.at.isoformat(), "latency_s": round(self.latency_s, 6)}


class RequestLog:
    """A bounded ring of entries and unbounded counters."""

    def __init__(self, size: int) -> None:
        """Keep the last `size` entries."""
        self._entries: deque[RequestEntry] = deque(maxlen=size)
        self._seq = 0
        self.by_status: Counter[str] = Counter()
        self.by_call: Counter[str] = Counter()
        self.by_account: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.committed = 0

    def open(self, *, at: datetime, method: str, path: str, query: str) -> RequestEntry:
        """Note a request that just came in."""
        self._seq += 1
        entry = RequestEntry(seq=self._seq, at=at, method=method, path=path, query=query)
        self._entries.append(entry)
        return entry

    def close(self, entry: RequestEntry, *, call: str) -> None:
        """Count a request whose outcome is known; `call` is its method and path without ids."""
        self.by_status[str(entry.status)] += 1
        self.by_call[call] += 1
        self.committed += entry.committed
        if entry.account:
            self.by_account[entry.account] += 1
        if entry.fault:
            self.faults[entry.fault] += 1

    def since(self, seq: int, account: str | None) -> list[RequestEntry]:
        """Entries after `seq`, of one account when asked."""
        return [e for e in self._entries if e.seq > seq and (account is None or e.account == account)]

    def counters(self) -> dict[str, Any]:
        """All counts since the start."""
        return {
            "requests": self._seq,
            "committed": self.committed,
            "by_status": dict(self.by_status),
            "by_call": dict(self.by_call),
            "by_account": dict(self.by_account),
            "faults": dict(self.faults),
        }
