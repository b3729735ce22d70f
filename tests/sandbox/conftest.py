"""A fresh sandbox for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.serving import Api, sandbox_api


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with sandbox_api() as started:
        yield started
