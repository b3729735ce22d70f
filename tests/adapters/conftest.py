"""A store over a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.store import PostgresStore
from daemon.adapters.postgres.token_store import TokenStore
from tests.adapters.postgres_rows import Books


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
