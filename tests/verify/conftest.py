"""A partner whose books are read, in a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.verify.stand import Stand, standing


@pytest.fixture
async def stand(database: str) -> AsyncIterator[Stand]:
    async with standing(database) as stand:
        yield stand
