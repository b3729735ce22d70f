"""The actors' tests run in virtual time: hours of waiting cost nothing, and nothing depends on the machine's speed."""

import pytest

from tests.virtual_time import VIRTUAL_BACKEND, VirtualLoop


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, type[VirtualLoop]]]:
    return VIRTUAL_BACKEND
