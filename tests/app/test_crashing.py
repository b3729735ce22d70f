"""The crash points' variable: read once, and never where real books are written."""

import pytest

from daemon.actors.crash_points import CrashPoint, pass_by
from daemon.app.crashing import VARIABLE, crash_points
from daemon.app.errors import StartRefused

LOCAL = "http://127.0.0.1:8090"


def test_without_the_variable_nothing_ends_the_process() -> None:
    assert crash_points({}, "https://api.freshbooks.com") is pass_by


@pytest.mark.parametrize("url", ["https://api.freshbooks.com", "http://10.0.0.7:8090", "http://localhost.example"])
def test_no_daemon_that_writes_to_a_freshbooks_elsewhere_starts_with_crash_points(url: str) -> None:
    with pytest.raises(StartRefused, match="not on this machine: unset it"):
        crash_points({VARIABLE: "fenced"}, url)


def test_an_unknown_point_is_named_with_those_that_are_known() -> None:
    with pytest.raises(StartRefused, match=r"'fence'.*claimed, looked_up, checked, fenced"):
        crash_points({VARIABLE: "fence"}, LOCAL)


def test_only_the_named_point_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    reached = crash_points({VARIABLE: "fenced"}, LOCAL)
    for point in CrashPoint:
        reached(point)
    assert ended == [137]
