"""Simulates fleets by seed and prints one line of JSON last; exit code 1 when anything was wrong.

A seed replays exactly: `make simulate SEEDS=1 FROM=<seed>` prints what happened in it. PYTHONHASHSEED must be 0 then,
as make has it: the order of a set of words is a part of what happens.
"""

import argparse
import gc
import json
import os
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from daemon.adapters.clock import SystemClock
from tests.simulation.plans import SHORT, STRETCHED, YEAR
from tests.simulation.simulation import Outcome, simulate
from tests.simulation.watching import untold

PLANS = {"short": SHORT, "year": YEAR, "stretched": STRETCHED}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--from", dest="first", type=int, default=1)
    parser.add_argument("--plan", choices=PLANS, default="short", help="short histories, or whole partner-years")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def report(outcome: Outcome, *, whole: bool) -> None:
    """Say what was wrong with a seed, and how to see it again."""
    if outcome.faults:
        print(f"seed {outcome.seed}: replay it with: make simulate SEEDS=1 FROM={outcome.seed}")
    if outcome.faults or whole:
        print("\n".join(outcome.told if whole else outcome.told[-12:]))
        print("\n".join(f"  wrong: {fault}" for fault in outcome.faults))


def tell(line: str) -> None:
    """Say how far a long run has come, beside its result."""
    print(line, file=sys.stderr, flush=True)


def collect_seldom() -> None:
    """Let a seed's own garbage be collected, and what was imported not be walked for it each time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def main() -> int:
    asked, clock = arguments(), SystemClock()
    began = clock.monotonic()
    seeds = range(asked.first, asked.first + asked.seeds)
    totals = {"virtual_days": 0.0, "steps": 0, "violations": 0, "kills": 0, "freezes": 0, "outages": 0}
    failing: list[int] = []
    with ProcessPoolExecutor(asked.jobs, initializer=collect_seldom) as pool:
        play = partial(simulate, plan=PLANS[asked.plan], progress=tell if asked.seeds == 1 else untold)
        for outcome in pool.map(play, seeds):
            if PLANS[asked.plan].days:
                tell(f"seed {outcome.seed}: {outcome.days:.0f} days, {outcome.steps:,} steps")
            report(outcome, whole=asked.seeds == 1)
            totals["virtual_days"] += outcome.days
            totals["steps"] += outcome.steps
            totals["violations"] += len(outcome.faults)
            for fate in ("kill", "freeze", "outage"):
                totals[f"{fate}s"] += outcome.fates.get(fate, 0)
            if outcome.faults:
                failing.append(outcome.seed)
    seconds = clock.monotonic() - began
    totals["virtual_days"] = round(totals["virtual_days"], 1)
    figures = {"seeds": asked.seeds, **totals, "failing": failing, "seconds": round(seconds, 1)}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures["processor_s"] = round(used.ru_utime + used.ru_stime, 1)
    print(json.dumps({**figures, "steps_per_s": round(totals["steps"] / seconds)}))
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
