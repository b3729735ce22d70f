"""What every test may ask for."""

import os
import sys
from collections.abc import Iterator

import pytest

from tests import postgres, requirements
from tests.postgres import PostgresKind, PostgresServers

# Where this is set, each of the hundreds of programs that the tests start compiles all that it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what one worker must do alone, and with what is slow: at the end, the others would wait for it."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("xdist_group", "slow")])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Let three workers share two cores: half of what the tests of whole processes take is waiting."""
    return max(2, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_runtest_setup(item: pytest.Item) -> None:
    requirements.check_requirements(item)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[PostgresServers]:
    with postgres.postgres_servers() as servers:
        yield servers


@pytest.fixture
def postgres_kind() -> PostgresKind:
    """Which Postgres the test runs on; `tests.postgres.on_every_postgres` runs it on each."""
    return "embedded"


@pytest.fixture
def empty_database(postgres_servers: PostgresServers, postgres_kind: PostgresKind) -> Iterator[str]:
    """The DSN of a database without anything in it."""
    with postgres_servers.database(postgres_kind) as dsn:
        yield dsn


@pytest.fixture
def migrated_template(postgres_servers: PostgresServers, postgres_kind: PostgresKind) -> str:
    """The name of a database with our schema in it; `CREATE DATABASE ... TEMPLATE` copies it."""
    return postgres_servers.migrated_template(postgres_kind)


@pytest.fixture
def database(postgres_servers: PostgresServers, postgres_kind: PostgresKind, migrated_template: str) -> Iterator[str]:
    """The DSN of a database of the test's own, with our schema and no rows."""
    with postgres_servers.database(postgres_kind, template=migrated_template) as dsn:
        yield dsn
