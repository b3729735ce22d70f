"""A worker in a process of its own that ends at a crash point: by exit, by signal, or from outside."""

import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from multiprocessing.context import ForkServerContext
from typing import Any, Final

import anyio
import anyio.to_thread
import psutil

from daemon.actors.crash_points import CrashPoint
from daemon.core.model import AccountId, Scope
from tests.polling import eventually
from tests.push_world import PARTNER, Reach, SteppedClock, push_all, reached_world

CRASHED: Final = 137


def crash_server() -> ForkServerContext:
    """A process that has imported everything, so that a worker costs a fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crash_child"])
    return context


async def run_until(
    context: ForkServerContext,
    reach: Reach,
    point: CrashPoint | None,
    how: str = "exit",
    kill_when: Callable[[], object] | None = None,
    meanwhile: Callable[[], Awaitable[object]] | None = None,
) -> int:
    """Let a worker push until it ends at `point`, or is killed from outside; tell its exit code.

    With `how` "freeze" it stops there, and goes on when what happens `meanwhile` is over.
    """
    process: Any = context.Process(target=_work, args=(reach, point, how), daemon=True)
    process.start()
    if kill_when is not None:
        await eventually(kill_when, within_s=20)
        process.kill()
    if meanwhile is not None:
        await eventually(lambda: _is_stopped(process.pid), within_s=20)
        await meanwhile()
        os.kill(process.pid, signal.SIGCONT)
    await anyio.to_thread.run_sync(process.join, 30)
    code: int = process.exitcode
    process.close()
    return code


def _is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def _work(reach: Reach, point: CrashPoint | None, how: str) -> None:
    def end(reached: CrashPoint) -> None:
        if reached == point:
            if how == "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)
                return
            if how == "signal":
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(CRASHED)

    async def work() -> None:
        clock = SteppedClock()
        clock.ahead = reach.ahead
        scope = Scope(partner_id=PARTNER, account_id=AccountId(reach.account_id))
        async with reached_world(reach, clock, end) as (world, line, _):
            await push_all(world, line, scope, reach.policy)

    anyio.run(work)
