"""A store over a database of the test's own; metrics and a log of the test's own."""

import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from daemon.actors.ports import Telemetry
from daemon.adapters.clock import SystemClock
from daemon.adapters.metrics import Metrics, StructlogTelemetry
from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.store import PostgresStore
from daemon.adapters.postgres.token_store import TokenStore
from tests.adapters.members import Kind, Members, opened
from tests.adapters.postgres_rows import Books
from tests.nats_server import nats_server


@pytest.fixture
async def books(database: str) -> AsyncIterator[Books]:
    """A connected partner without any rows."""
    async with Pool.open(database) as pool:
        books = Books(pool, PostgresStore(pool, SystemClock().sleep))
        await books.add_partner()
        yield books


@pytest.fixture
def consent(books: Books) -> ConsentStore:
    return ConsentStore(books.pool)


@pytest.fixture
def tokens(books: Books) -> TokenStore:
    return TokenStore(books.pool)


@pytest.fixture
def desk(books: Books) -> DeskActions:
    return DeskActions(books.pool)


@pytest.fixture(scope="session")
def nats_address() -> Iterator[str]:
    """Where a NATS server of this session's listens."""
    with nats_server() as server:
        yield server.url


@pytest.fixture(params=["Postgres", "NATS"])
def coordinator(request: pytest.FixtureRequest) -> Kind:
    """Where leases are agreed on: what is true of them is true in each place."""
    kind: Kind = request.param
    return kind


@pytest.fixture
async def members(coordinator: Kind, database: str, request: pytest.FixtureRequest) -> AsyncIterator[Members]:
    async for made in opened(coordinator, database, request):
        yield made


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def logged() -> Iterator[list[dict[str, object]]]:
    lines: list[dict[str, object]] = []

    def keep(_logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        lines.append({"level": method, **event})
        raise structlog.DropEvent

    yield lines_of(lines, keep)
    structlog.reset_defaults()


def lines_of(lines: list[dict[str, object]], keep: structlog.typing.Processor) -> list[dict[str, object]]:
    structlog.configure(processors=[keep], wrapper_class=structlog.stdlib.BoundLogger)
    logging.getLogger("daemon").setLevel(logging.DEBUG)
    return lines


@pytest.fixture
def telemetry(metrics: Metrics, logged: list[dict[str, object]]) -> Telemetry:
    del logged
    return StructlogTelemetry(metrics, structlog.get_logger("daemon"))


@pytest.fixture
def place() -> Iterator[Path]:
    """Where a Postgres server of the test's own lives."""
    # pytest's own temporary directories are closed to nobody, and nearly too long for a socket.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
