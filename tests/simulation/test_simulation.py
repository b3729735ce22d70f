"""Whatever happens to a fleet, nothing is lost or doubled; and what would lose or double something is found."""

import json
import os
import sys

import pytest

from daemon.adapters.clock import SystemClock
from tests.simulation.planted import PLANTED
from tests.simulation.simulation import simulate
from tests.system.program import run

SEEDS = 12
FIRST = int(os.environ.get("SYNCD_SIMULATE_FROM", SystemClock().now().toordinal() % 1000 * SEEDS))
"""Other seeds every day: a thousand of them in a quarter of a year of runs."""
PLANTED_SEEDS_MAX = 60
DRAWER = ("due, the cash says", "settled and did not freeze", "unpaid again and still frozen")
"""What the histories judge by their own seeds: money rules need no fleet."""
pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, 4))
def test_a_fleet_in_bad_weather_loses_and_doubles_nothing(first: int) -> None:
    for seed in range(first, first + 4):
        faults = [fault for fault in simulate(seed).faults if not any(words in fault for words in DRAWER)]
        assert not faults, f"make simulate SEEDS=1 FROM={seed}:\n" + "\n".join(faults)


@pytest.mark.parametrize("name", PLANTED)
def test_a_mistake_planted_in_the_real_code_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, plan, words = PLANTED[name]
    plant(monkeypatch)
    found = (
        seed for seed in range(1, PLANTED_SEEDS_MAX) if any(words in fault for fault in simulate(seed, plan).faults)
    )
    assert next(found, None) is not None, f"{name} went unseen in {PLANTED_SEEDS_MAX} seeds"


async def test_a_seed_replays_exactly_in_another_process() -> None:
    program = (sys.executable, "-m", "tests.simulation", "--seeds", "1", "--from", "7", "--jobs", "1")
    first, second = [await run(program=program, env={"PYTHONHASHSEED": "0"}) for _ in range(2)]
    *told, last = first.output.splitlines()
    assert told == second.output.splitlines()[:-1]
    assert len(told) > 5
    figures = json.loads(last)
    assert figures["steps"] == json.loads(second.output.splitlines()[-1])["steps"] > 0
    assert {"seeds", "virtual_days", "steps", "violations", "steps_per_s"} <= figures.keys()
