"""Whatever both sides, the network and the process do in whatever order: at rest our rows are what the cash says."""

import os

import pytest

from tests.actors.history_run import play

HISTORIES = int(os.environ.get("SYNCD_HISTORIES", "150"))
FIRST = int(os.environ.get("SYNCD_HISTORIES_FROM", "1"))
PER_TEST = 10


@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES, PER_TEST))
def test_at_rest_the_tables_equal_the_books_and_the_amount_due_is_what_the_cash_says(first: int) -> None:
    for seed in range(first, min(first + PER_TEST, FIRST + HISTORIES)):
        faults = play(seed)
        assert not faults, f"history {seed}:\n" + "\n".join(faults)
