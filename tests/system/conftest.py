"""What the tests of the whole program share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.migrate import migrate


@pytest.fixture(scope="session")
def finished_state() -> Iterator[Path]:
    """A state directory whose Postgres is made and migrated: making one anew takes seconds of the disk's time."""

    async def make(directory: Path) -> None:
        async with EmbeddedPostgres.start(directory / "postgres", durable=False) as postgres:
            await migrate(postgres.dsn)

    with tempfile.TemporaryDirectory(prefix="state-") as name:
        anyio.run(make, Path(name))
        yield Path(name)


@pytest.fixture
def state_dir(finished_state: Path, tmp_path: Path) -> Path:
    """A state directory of the test's own, ready to be used."""
    return shutil.copytree(finished_state, tmp_path / "state")
