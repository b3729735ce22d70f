"""The locks hold what pyproject.toml asks for, pinned by hash, and name no registry."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).resolve().parents[1]
PIN: Final = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def _project() -> Mapping[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def _pins(name: str) -> dict[str, Version]:
    return {canonicalize_name(package): Version(version) for package, version in PIN.findall(_lock(name))}


def _group(name: str) -> list[str]:
    wanted: list[str] = []
    for entry in _project()["dependency-groups"][name]:
        wanted += _group(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return wanted


def _wanted(*extras: str) -> list[str]:
    project = _project()["project"]
    return [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("runtime", [*_wanted("embedded", "speed"), *_group("build")]),
        ("dev", [*_wanted(*_project()["project"]["optional-dependencies"]), *_group("dev")]),
    ],
)
def test_a_lock_holds_every_declared_dependency_in_a_version_that_fits(lock: str, wanted: list[str]) -> None:
    pins = _pins(lock)
    for line in wanted:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), f"{line}: run make lock"


def test_the_runtime_lock_is_part_of_the_other() -> None:
    assert _pins("runtime").items() <= _pins("dev").items()


@pytest.mark.parametrize("lock", ["runtime", "dev", "semgrep"])
def test_every_package_is_pinned_by_hash_and_no_registry_is_named(lock: str) -> None:
    text = _lock(lock)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_no_import_of_the_daemon_hangs_on_a_package_of_the_tests() -> None:
    assert {"pytest", "hypothesis", "playwright", "mypy", "ruff"}.isdisjoint(_pins("runtime"))
