"""Runs one daemon process from its settings to its exit code: logs, event loop, signals."""

import importlib.util
import os
import platform
import signal
from importlib.metadata import version

import anyio
import structlog
from structlog.stdlib import BoundLogger

from daemon.adapters.logs import set_up_logging
from daemon.app.daemon import Daemon
from daemon.app.errors import PartLost, StartRefused
from daemon.app.launch import Launch
from daemon.core.errors import SettingsError, StoreUnavailable

EXPECTED = (SettingsError, StartRefused, PartLost, StoreUnavailable)


def run_daemon(launch: Launch) -> int:
    """Run until stopped by a signal; tell the exit code.

    Raises SettingsError, StartRefused, PartLost or StoreUnavailable, each a sentence for the operator.
    """
    set_up_logging(launch.settings.log.level, launch.settings.log.format)
    uvloop = importlib.util.find_spec("uvloop") is not None
    try:
        return anyio.run(_main, launch, backend_options={"use_uvloop": uvloop})
    except BaseExceptionGroup as group:
        cause = _expected_in(group)
        if cause is None:
            raise
        raise cause from None


async def _main(launch: Launch) -> int:
    log: BoundLogger = structlog.get_logger("daemon")
    log.info("starting", version=version("freshbooks-syncd"), python_version=platform.python_version(), pid=os.getpid())
    daemon = Daemon(launch, os.environ, log)
    # From before the start on: SIGHUP would end a process that does not listen for it.
    with anyio.open_signal_receiver(signal.SIGHUP, signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as group:

            async def follow() -> None:
                async for received in signals:
                    log.info("signal_received", signal=received.name)
                    if received is signal.SIGHUP:
                        daemon.ask_reload()
                    else:
                        daemon.stop()

            group.start_soon(follow)
            await daemon.run()
            group.cancel_scope.cancel()
    log.info("stopped")
    return 0


def _expected_in(group: BaseExceptionGroup[BaseException]) -> Exception | None:
    """The first expected failure of a group that holds nothing else; a fault of ours among them must be seen whole."""
    expected, unexpected = group.split(EXPECTED)
    if expected is None or unexpected is not None:
        return None
    found: BaseException = expected
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, Exception) else None
