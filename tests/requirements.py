"""What some tests need of the machine; without it they are skipped by name, and in CI they fail.

@needs_chromium
async def test_the_module_shows_pending(...): ...
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

SYSTEM_POSTGRES_BINARIES: Final = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Something of the machine's, how to see that it is there, and how to get it."""

    is_met: Callable[[], bool]
    remedy: str


def _has(*programs: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(program) for program in programs)


def _can_boot_systemd() -> bool:
    programs = ("unshare", "nsenter", "pivot_root", "findmnt", "ip", "curl", "systemd-analyze")
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    has_cgroup = any(mount[2] == "cgroup2" and os.access(mount[1], os.W_OK) for mount in mounts)
    return os.geteuid() == 0 and has_cgroup and Path("/lib/systemd/systemd").exists() and _has(*programs)()


REQUIREMENTS: Final[Mapping[str, Requirement]] = {
    "chromium": Requirement(is_met=_has("chromium"), remedy="sudo apt-get install chromium"),
    "prometheus": Requirement(is_met=_has("prometheus", "promtool"), remedy="sudo apt-get install prometheus"),
    "root_systemd": Requirement(
        is_met=_can_boot_systemd,
        remedy="sudo apt-get install systemd dbus util-linux iproute2 curl, and run the tests as root, with cgroup2",
    ),
    "system_postgres": Requirement(
        is_met=(SYSTEM_POSTGRES_BINARIES / "postgres").exists, remedy="sudo apt-get install postgresql-15"
    ),
    "root": Requirement(is_met=lambda: os.geteuid() == 0, remedy="sudo make test"),
}

needs_chromium = pytest.mark.needs("chromium")
needs_prometheus = pytest.mark.needs("prometheus")
needs_root = pytest.mark.needs("root")
needs_root_systemd = pytest.mark.needs("root_systemd")
needs_system_postgres = pytest.mark.needs("system_postgres")


def check_requirements(item: pytest.Item) -> None:
    """Skip the test whose needs are not met, saying what would meet them; in CI, fail it."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            requirement = REQUIREMENTS[name]
            if not requirement.is_met():
                message = f"needs {name.replace('_', ' ')}: {requirement.remedy}"
                if os.environ.get("CI"):
                    pytest.fail(message, pytrace=False)
                pytest.skip(message)
