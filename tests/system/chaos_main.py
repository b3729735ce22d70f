"""How a chaos is played from the command line: on a database of its own, line by line, its figures as JSON last."""

import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import anyio
import msgspec

from tests.postgres import postgres_servers

Say = Callable[[str], None]


class Figures(Protocol):
    """What came of it: a dataclass that knows whether it is as it must be."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was doubled, lost or left different."""
        ...


def played(chaos: Callable[[str, Path, Say], Awaitable[Figures]]) -> int:
    """Play it on a migrated, empty database; gives the exit code."""

    async def play() -> int:
        with (
            postgres_servers() as servers,
            servers.database(template=servers.migrated_template()) as dsn,
            tempfile.TemporaryDirectory(prefix="chaos-") as place,
        ):
            figures = await chaos(dsn, Path(place), _say)
        _say(msgspec.json.encode(figures).decode())
        return 0 if figures.is_clean else 1

    return anyio.run(play)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
