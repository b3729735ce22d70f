"""What ExecReload= runs: hands new credentials to the daemon, signals it, and waits for its answer.

systemd reads LoadCredential= at a start only, and a signal carries neither an answer nor an error. Both go through
files in the daemon's runtime directory.
"""

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import anyio

from daemon.actors.ports import Clock
from daemon.adapters.systemd import RELOAD_ANSWER, put_in_place, runtime_directory
from daemon.app.errors import StartRefused
from daemon.core.errors import SettingsError
from daemon.settings import HANDED_OVER, read_credentials

PATIENCE_S: Final = 30.0
LOOK_EVERY_S: Final = 0.02


async def request_reload(environ: Mapping[str, str], credentials: Path | None, clock: Clock) -> None:
    """Hand over the files in `credentials`, signal this unit's daemon, and wait until the settings are in force.

    Raises SettingsError with the daemon's own sentence when it refused, StartRefused when it did not answer.
    """
    pid, runtime = environ.get("MAINPID", ""), runtime_directory(environ)
    if not pid or runtime is None:
        raise StartRefused("this command is for ExecReload= of the unit: run: systemctl reload freshbooks-syncd")
    handed_over = None if credentials is None else json.dumps(read_credentials(credentials))
    with _inside(runtime):
        _become_owner_of(Path("/proc", pid))
        if handed_over is not None:
            put_in_place(Path(HANDED_OVER), handed_over)
        asked = clock.monotonic()
        os.kill(int(pid), signal.SIGHUP)
        refusal = (await _answer(asked, clock))["refusal"]
    if refusal is not None:
        raise SettingsError(f"{refusal} (the daemon goes on with the former settings)")


async def _answer(asked: float, clock: Clock) -> dict[str, Any]:
    """Wait for the answer to a reload that began after `asked`: an earlier one may have read the former files."""
    while clock.monotonic() < asked + PATIENCE_S:
        with contextlib.suppress(FileNotFoundError):
            answer: dict[str, Any] = json.loads(await anyio.Path(RELOAD_ANSWER).read_text())
            if answer["began"] >= asked:
                return answer
        await clock.sleep(LOOK_EVERY_S)
    raise StartRefused(f"the daemon did not answer within {PATIENCE_S:.0f} s: look at its log")


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    """Work in a directory that the user we become may not be able to reach by its path."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.chdir(before)


def _become_owner_of(process: Path) -> None:
    """Give up root for good: we write into a directory of the daemon's user, who must not be able to trick us."""
    if os.geteuid() == 0:
        owner = process.stat()
        os.setgroups([])
        os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
        os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
