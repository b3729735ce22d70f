"""Keeps a sandbox across restarts: an append-only file of what happened, played back over the generated books."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec
from msgspec import Struct

_FILE = "operations.jsonl"


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """The first line: what the books were generated from."""

    at: datetime
    seed: int
    invoices: tuple[int, ...]


class Written(Struct, frozen=True, kw_only=True, tag="written"):
    """One committed write to an account's books; performing it again at `at` gives the same records."""

    at: datetime
    account: str
    operation: str
    key: int | str | None
    body: Any


class Issued(Struct, frozen=True, kw_only=True, tag="issued"):
    """A pair of tokens that went out, with the number of secrets made so far."""

    grant: int
    identity: int
    scopes: list[str]
    access: str
    refresh: str
    expires_at: datetime
    counter: int


class Ended(Struct, frozen=True, kw_only=True, tag="ended"):
    """A chain of tokens that was revoked."""

    grant: int


class Joined(Struct, frozen=True, kw_only=True, tag="joined"):
    """A login and account made at run time."""

    name: str
    email: str
    invoices: int
    seed: int
    currency: str
    at: datetime


class Switched(Struct, frozen=True, kw_only=True, tag="switched"):
    """A switch that was turned."""

    name: str
    value: Any


class Clocked(Struct, frozen=True, kw_only=True, tag="clocked"):
    """The clock was moved: it showed `at` at the real moment `real_at`, and ran at `rate` from then on."""

    at: datetime
    real_at: datetime
    rate: float


Fact = Opened | Written | Issued | Ended | Joined | Switched | Clocked


class Store:
    """Appends facts to a file in `folder`; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        """Open the file, creating the folder when it is missing."""
        self._path = folder / _FILE if folder is not None else None
        self._file: TextIO | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def read(self) -> Iterator[Fact]:
        """The facts of earlier runs, oldest first; a last line that was cut off by a kill is left out."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield msgspec.json.decode(line, type=Fact)

    def append(self, fact: Fact) -> None:
        """Write one fact through to the operating system, so that a kill of this process loses nothing."""
        if self._path is None:
            return
        if self._file is None:
            self._mend()
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(msgspec.json.encode(fact).decode() + "\n")
        self._file.flush()

    def _mend(self) -> None:
        """Cut off a torn last line, so that the next fact starts on a line of its own."""
        if self._path is not None and self._path.exists():
            data = self._path.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) != len(data):
                self._path.write_bytes(whole)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
