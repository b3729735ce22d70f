"""Measures ours beside the peers and prints the table; `--quick` takes under three minutes, on smaller books.

    make bench          make bench-quick          make bench BENCH_ONLY=latency,budget

With BENCH_JSON=path in the environment the rows are written there, too.
"""

import argparse
import json
import logging
import os
from pathlib import Path

import anyio

from tests.bench import environments, live_rows, pull_rows, push_rows, scale_rows, web_rows
from tests.bench.rows import Row, table
from tests.bench.scale import FULL, QUICK, Scale
from tests.bench.stand import opened_stand

MEASURES = (*pull_rows.MEASURES, *live_rows.MEASURES, *push_rows.MEASURES)
"""Every measure of either scale: `async (Stand) -> list[Row]`, run in this order. Add a module's own here."""
FULL_ONLY = (*pull_rows.FULL_ONLY, *web_rows.MEASURES, *scale_rows.MEASURES)
"""Measures that take minutes at any scale: run last, and not by `--quick` unless asked for by name."""
_log = logging.getLogger("bench")


async def measured(scale: Scale, only: frozenset[str]) -> list[Row]:
    rows: list[Row] = []
    async with opened_stand(scale) as stand:
        for measure in MEASURES if scale.name == "quick" and not only else (*MEASURES, *FULL_ONLY):
            if not only or measure.__name__ in only:
                _log.info("%s: %s", measure.__name__, " ".join((measure.__doc__ or "").split()))
                rows += await measure(stand)
    return rows


def main() -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help=", ".join(measure.__name__ for measure in (*MEASURES, *FULL_ONLY)))
    given = parser.parse_args()
    scale = QUICK if given.quick else FULL
    fresh = [peer.name for peer in scale.peers if not environments.is_made(peer)]
    _log.info(
        "%s: %s invoices, %d processors, load %.1f%s",
        scale.name,
        f"{scale.invoices:,}",
        os.cpu_count() or 1,
        os.getloadavg()[0],
        f"; first the environments of {', '.join(fresh)} are made in {environments.cache()}" if fresh else "",
    )
    for peer in scale.peers:
        environments.make(peer)
    rows = anyio.run(measured, scale, frozenset(filter(None, given.only.split(","))))
    print(table(rows))
    if path := os.environ.get("BENCH_JSON"):
        Path(path).write_text(json.dumps({"rows": [row.as_json() for row in rows]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
