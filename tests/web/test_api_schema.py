"""The API's description: served, committed as it is served, and true of every answer that a fuzzer gets."""

import re
import sys
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from daemon.adapters.http.api.app import OPERATIONS
from daemon.adapters.http.api.openapi import describe
from daemon.core.policy import RatePolicy
from tests.web.api_site import serving_api
from tests.web.fakes import StillClock

COMMITTED = Path(__file__).parents[2] / "config" / "openapi.json"
UNLIMITED = RatePolicy(calls_per_window=10**6, burst=10**5)


class PassingClock(StillClock):
    """A clock that moves by itself while something waits."""

    @override
    async def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))
        await super().sleep(seconds)


def test_the_committed_description_is_the_served_one() -> None:
    assert COMMITTED.read_text() == describe(OPERATIONS) + "\n", "run: make openapi"


def test_every_operation_says_what_it_does_in_a_sentence() -> None:
    for operation in OPERATIONS:
        assert re.fullmatch(r"[A-Z].{10,}", operation.summary), operation.name
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_request_gets_an_answer_that_is_not_described(database: str) -> None:
    async with serving_api(database, UNLIMITED, PassingClock()) as api:
        command = [
            str(Path(sys.executable).with_name("st")),
            *("run", f"{api.site.url}/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {api.jwt()}"),
            *("--phases", "coverage,fuzzing", "--max-examples", "4", "--seed", "1"),
            *("--exclude-path", "/v1/events/stream", "--no-color"),
            # Cursors and accounts have a form that no schema tells, so what fits the schema may still be refused.
            *("--exclude-checks", "positive_data_acceptance"),
        ]
        finished = await anyio.run_process(command, check=False)
    told = finished.stdout.decode() + finished.stderr.decode()
    assert finished.returncode == 0, told
    assert f"Tested: {len(OPERATIONS)}" in told
