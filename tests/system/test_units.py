"""The systemd units: systemd's own checkers find nothing, and they name what the program has."""

import re
import subprocess
from pathlib import Path

import pytest

from daemon.settings.load import keys
from tests.requirements import needs_root_systemd

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
EXPOSURE_TENTHS_MAX = 11


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with programs that exist here in place of the installed ones."""
    for unit in UNITS.iterdir():
        text = re.sub(r"/opt/freshbooks-syncd/bin/[a-z-]+", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@needs_root_systemd
@pytest.mark.parametrize("unit", [unit.name for unit in sorted(UNITS.iterdir())])
def test_systemd_finds_nothing_wrong_with_the_unit(unit: str, units: Path) -> None:
    found = analyze("verify", "--recursive-errors=no", "--man=no", f"./{unit}", cwd=units)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@needs_root_systemd
def test_a_misspelt_key_in_the_unit_would_be_found(units: Path) -> None:
    unit = units / "freshbooks-syncd.service"
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecc"))
    found = analyze("verify", "--recursive-errors=no", "--man=no", f"./{unit.name}", cwd=units)
    assert found.returncode != 0


@needs_root_systemd
def test_the_service_is_exposed_no_more_than_the_best_of_debian_s(units: Path) -> None:
    offline = ("security", "--offline=true", f"--threshold={EXPOSURE_TENTHS_MAX}", "./freshbooks-syncd.service")
    found = analyze(*offline, cwd=units)
    assert found.returncode == 0, found.stdout


def test_the_unit_hands_over_credentials_that_are_settings() -> None:
    unit = (UNITS / "freshbooks-syncd.service").read_text()
    names = re.findall(r"^LoadCredential=([^:]+):", unit, re.MULTILINE)
    assert names
    assert set(names) <= {".".join(key) for key, _ in keys()}


def test_the_socket_has_the_name_that_the_public_listener_looks_for() -> None:
    assert "FileDescriptorName=public\n" in (UNITS / "freshbooks-syncd.socket").read_text()


def test_the_unit_s_commands_are_the_program_s() -> None:
    unit = (UNITS / "freshbooks-syncd.service").read_text()
    assert re.search(r"^ExecStart=.* -m daemon run --config /etc/freshbooks-syncd/daemon\.toml$", unit, re.MULTILINE)
    assert re.search(r"^ExecReload=.* check-config --config /etc/freshbooks-syncd/daemon\.toml$", unit, re.MULTILINE)
