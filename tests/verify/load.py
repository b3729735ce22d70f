"""How much a verification of large books costs: calls, CPU time, and how little memory (`make verify-load`)."""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import anyio
import click

from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.migrate import migrate
from daemon.core.policy import RatePolicy
from daemon.core.verify import outcome_of
from tests.verify.stand import standing

MIB = 1024 * 1024


def resident() -> float:
    """This process' memory now, in MiB: the sandbox and the daemon's side together."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


async def measure(invoices: int) -> None:
    """Read the books, then verify them, and print what it took."""
    with tempfile.TemporaryDirectory(prefix="verify-") as place:
        async with EmbeddedPostgres.start(Path(place) / "pg", durable=False) as postgres:
            await migrate(postgres.dsn)
            began = time.process_time()
            async with standing(postgres.dsn, invoices) as stand:
                click.echo(
                    f"{invoices:,} invoices read: {time.process_time() - began:.1f} s of CPU, the sandbox's included"
                )
                peak = before = resident()
                calls, began = len(stand.caller.asked), time.process_time()

                async def watch() -> None:
                    nonlocal peak
                    while True:
                        peak = max(peak, resident())
                        await anyio.sleep(0.05)  # noqa: TID251 -- a measurement, on the real clock

                async with anyio.create_task_group() as group:
                    group.start_soon(watch)
                    report = await stand.verify()
                    group.cancel_scope.cancel()
                cpu, made = time.process_time() - began, len(stand.caller.asked) - calls
                rate = RatePolicy()
                minutes = made / rate.calls_per_window * rate.window.total_seconds() / 60
                click.echo(f"{outcome_of(report)}: {dict(report.read)}, under rules {dict(report.rules)}")
                click.echo(f"{made:,} calls, {minutes:.1f} min at {rate.calls_per_window} a minute; {cpu:.1f} s of CPU")
                click.echo(f"memory {before:,.0f} MiB before, {peak:,.0f} MiB at most: {peak - before:+,.0f} MiB")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=100_000)
    anyio.run(measure, parser.parse_args().invoices)


if __name__ == "__main__":
    main()
