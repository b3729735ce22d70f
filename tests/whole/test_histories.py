"""Random histories on the real adapters: HTTP, Postgres, real time; several partners of one sandbox side by side."""

import os

import pytest

from tests.whole.history_run import play_together
from tests.whole.stage import Site

HISTORIES = int(os.environ.get("WHOLE_HISTORIES", "100"))
FIRST = int(os.environ.get("WHOLE_HISTORIES_FROM", "1"))
PER_TEST = 25


def replay(seed: int) -> str:
    return f"WHOLE_HISTORIES_FROM={seed} WHOLE_HISTORIES=1"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES, PER_TEST))
async def test_at_rest_the_real_tables_equal_the_books_and_the_amount_due_is_what_the_cash_says(
    site: Site, first: int
) -> None:
    told = await play_together(site, range(first, min(first + PER_TEST, FIRST + HISTORIES)), replay)
    assert not told, "\n\n".join(told)
