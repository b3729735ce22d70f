"""What ExecReload= runs: hands over credentials, signals, and tells what the daemon made of it."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from daemon.adapters.systemd import RELOAD_ANSWER, SystemdNotifier
from daemon.app import reload_request
from daemon.app.errors import StartRefused
from daemon.app.reload_request import PATIENCE_S, request_reload
from daemon.core.errors import SettingsError
from daemon.settings import HANDED_OVER, load
from tests.app.test_parts import HandClock


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    runtime = tmp_path / "run"
    runtime.mkdir()
    return {"MAINPID": str(os.getpid()), "RUNTIME_DIRECTORY": str(runtime)}


@pytest.fixture
def on_signal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Let a test play the daemon: called instead of SIGHUP, as the user who owns the directory already."""
    monkeypatch.setattr(reload_request, "_become_owner_of", lambda _: None)

    def play(daemon: Callable[[], None]) -> None:
        def kill(pid: int, number: int) -> None:
            assert (pid, number) == (os.getpid(), signal.SIGHUP)
            daemon()

        monkeypatch.setattr(os, "kill", kill)

    return play


async def test_an_accepted_reload_returns_and_the_credentials_were_there_before_the_signal(
    environ: dict[str, str], tmp_path: Path, on_signal: Callable[[Callable[[], None]], None]
) -> None:
    clock, notifier, seen = HandClock(), SystemdNotifier(environ), list[str]()
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "freshbooks.client_secret").write_text("of today\n")

    def daemon() -> None:
        seen.append(load(None, environ=environ).freshbooks.client_secret.get_secret_value())
        notifier.answer_reload(clock.monotonic(), None)

    on_signal(daemon)
    await request_reload(environ, tmp_path / "credentials", clock)
    assert seen == ["of today"]
    assert (tmp_path / "run" / HANDED_OVER).stat().st_mode & 0o777 == 0o600


async def test_a_refusal_is_told_in_the_daemon_s_own_words(
    environ: dict[str, str], on_signal: Callable[[Callable[[], None]], None]
) -> None:
    clock, notifier = HandClock(), SystemdNotifier(environ)
    on_signal(lambda: notifier.answer_reload(clock.monotonic(), "rate.burst: it is wrong"))
    with pytest.raises(SettingsError, match=r"^rate\.burst: it is wrong \(the daemon goes on"):
        await request_reload(environ, None, clock)


async def test_the_answer_to_an_earlier_reload_is_not_taken_for_this_one_s(
    environ: dict[str, str], tmp_path: Path, on_signal: Callable[[Callable[[], None]], None]
) -> None:
    clock, notifier = HandClock(), SystemdNotifier(environ)
    notifier.answer_reload(clock.monotonic() - 1, None)
    on_signal(lambda: None)
    with pytest.raises(StartRefused, match=f"did not answer within {PATIENCE_S:.0f} s"):
        await request_reload(environ, None, clock)
    assert json.loads((tmp_path / "run" / RELOAD_ANSWER).read_text())["refusal"] is None


async def test_outside_of_a_unit_it_says_what_to_run_instead() -> None:
    with pytest.raises(StartRefused, match="run: systemctl reload freshbooks-syncd"):
        await request_reload({}, None, HandClock())


async def test_a_credential_that_cannot_be_read_is_named_before_anything_is_sent(
    environ: dict[str, str], tmp_path: Path, on_signal: Callable[[Callable[[], None]], None]
) -> None:
    on_signal(lambda: pytest.fail("it was signalled"))
    with pytest.raises(SettingsError, match="nowhere cannot be read"):
        await request_reload(environ, tmp_path / "nowhere", HandClock())
    await anyio.lowlevel.checkpoint()
