"""What a verification of large books costs at FreshBooks' pace: calls, time, and memory (`make verify-load`)."""

import argparse
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import anyio
import click

from daemon.actors.limiter import Limiter, Line
from daemon.adapters.clock import SystemClock
from daemon.adapters.freshbooks.calls import Call
from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.migrate import migrate
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.policy import RatePolicy
from daemon.core.verify import outcome_of
from daemon.sandbox.limits import RateWindows
from daemon.sandbox.options import RateLimits
from tests.verify.stand import PARTNER, Stand, standing

MIB = 1024 * 1024


def resident() -> float:
    """This process' memory now, in MiB: the sandbox and the daemon's side together."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


class Gate:
    """FreshBooks' fixed windows in front of the books: 600 calls a minute, whatever is beyond them is refused."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._windows = RateWindows(RateLimits())
        self.refused = 0

    def __call__(self, _: Call) -> None:
        """Let a call pass; raises FreshBooksUnavailable for one too many."""
        allowance = self._windows.take(PARTNER, self._clock.now(), create=False)
        if allowance.refused:
            self.refused += 1
            wait = timedelta(seconds=allowance.retry_after_s)
            raise FreshBooksUnavailable("too many calls", retry_after=wait, throttled=True)


async def measure(invoices: int) -> None:
    """Read the books, then verify them at FreshBooks' own pace, and print what it took."""
    with tempfile.TemporaryDirectory(prefix="verify-") as place:
        async with EmbeddedPostgres.start(Path(place) / "pg", durable=False) as postgres:
            await migrate(postgres.dsn)
            began = time.process_time()
            async with standing(postgres.dsn, invoices) as stand:
                click.echo(
                    f"{invoices:,} invoices read: {time.process_time() - began:.1f} s of CPU, the sandbox's included"
                )
                await _verify(stand)


async def _verify(stand: Stand) -> None:
    clock, rate, peak = SystemClock(), RatePolicy(), resident()
    gate, before, calls = Gate(clock), peak, len(stand.caller.asked)
    stand.caller.turn(gate)
    line = Line(PARTNER, stand.accounting(), Limiter(clock, rate), stand.notes)
    began, cpu = clock.monotonic(), time.process_time()

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, resident())
            await clock.sleep(0.05)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        report = await stand.verify(line=line)
        group.cancel_scope.cancel()
    took, cpu, made = clock.monotonic() - began, time.process_time() - cpu, len(stand.caller.asked) - calls
    used = (made - rate.burst) / (rate.calls_per_window * took / rate.window.total_seconds())
    click.echo(f"{outcome_of(report)}: {dict(report.read)}, under rules {dict(report.rules)}")
    click.echo(
        f"{made:,} calls in {took / 60:.2f} min: {used:.1%} of {rate.calls_per_window} a minute, "
        f"{gate.refused} refused; {cpu:.1f} s of CPU"
    )
    click.echo(f"memory {before:,.0f} MiB before, {peak:,.0f} MiB at most: {peak - before:+,.0f} MiB")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=100_000)
    anyio.run(measure, parser.parse_args().invoices)


if __name__ == "__main__":
    main()
