"""The systemd units: systemd's own checkers find nothing, and they name what the program has."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.settings.load import keys
from tests.requirements import needs_root_systemd

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
SERVICE = "freshbooks-syncd.service"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as they are installed, but with programs that exist here; templates as an instance of theirs."""
    for unit in UNITS.glob("freshbooks-syncd*"):
        text = re.sub(r"/opt/freshbooks-syncd/bin/[a-z-]+", "/bin/true", unit.read_text())
        (tmp_path / unit.name.replace("@.", "@example.")).write_text(text)
    return tmp_path


def analyze(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def add_drop_in(units: Path, name: str) -> None:
    place = units / f"{SERVICE}.d"
    place.mkdir()
    shutil.copy(UNITS / "drop-ins" / name, place)


@needs_root_systemd
@pytest.mark.parametrize("unit", [unit.name for unit in sorted(UNITS.glob("freshbooks-syncd*"))])
def test_systemd_finds_nothing_wrong_with_the_unit(unit: str, units: Path) -> None:
    name = unit.replace("@.", "@example.")
    found = analyze("verify", "--recursive-errors=no", "--man=no", f"./{name}", cwd=units)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@needs_root_systemd
def test_systemd_finds_nothing_wrong_with_the_unit_without_a_network(units: Path) -> None:
    add_drop_in(units, "private-network.conf")
    found = analyze("verify", "--recursive-errors=no", "--man=no", f"./{SERVICE}", cwd=units)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_the_drop_in_for_newer_systemds_changes_the_type_and_nothing_else() -> None:
    lines = (UNITS / "drop-ins" / "notify-reload.conf").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == ["[Service]", "Type=notify-reload"]


@needs_root_systemd
def test_a_misspelt_key_in_the_unit_would_be_found(units: Path) -> None:
    unit = units / SERVICE
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecc"))
    found = analyze("verify", "--recursive-errors=no", "--man=no", f"./{unit.name}", cwd=units)
    assert found.returncode != 0


@needs_root_systemd
@pytest.mark.parametrize(
    ("unit", "drop_in", "tenths"),
    [
        (SERVICE, "", 11),
        (SERVICE, "private-network.conf", 2),
        ("freshbooks-syncd@example.service", "", 11),
        ("freshbooks-syncd-egress@example.service", "", 20),
    ],
    ids=["ordinary", "no network", "instance", "way out"],
)
def test_the_service_is_exposed_no_more_than_the_best_of_debian_s(
    unit: str, drop_in: str, tenths: int, units: Path
) -> None:
    if drop_in:
        add_drop_in(units, drop_in)
    found = analyze("security", "--offline=true", f"--threshold={tenths}", f"./{unit}", cwd=units)
    assert found.returncode == 0, found.stdout


def test_an_instance_is_the_service_word_for_word_but_for_its_name() -> None:
    service, instance = (
        (UNITS / name).read_text().partition("[Unit]")[2] for name in (SERVICE, "freshbooks-syncd@.service")
    )
    changes = {
        "for Alternative Payments": "for Alternative Payments, instance %i",
        "/daemon.toml": "/%i.toml",
        "RuntimeDirectory=freshbooks-syncd": "RuntimeDirectory=freshbooks-syncd-%i",
    }
    for plain, of_instance in changes.items():
        service = service.replace(plain, of_instance)
    assert instance == service


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
    check, reload = re.findall(r"^ExecReload=\+/opt/freshbooks-syncd/bin/freshbooks-syncd (.*)$", unit, re.MULTILINE)
    assert check.startswith("check-config --config /etc/freshbooks-syncd/daemon.toml --credentials ")
    assert reload.startswith("reload --credentials ")
