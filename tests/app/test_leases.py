"""Where the settings have leases agreed on: what is checked before, and what a daemon without the extra can do."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.adapters.nats.lease_store import NatsLeaseStore
from daemon.adapters.postgres.lease_store import LeaseStore
from daemon.app.database import Database
from daemon.app.doctor import Finding, Outcome
from daemon.app.doctor.leases import check_leases
from daemon.app.leases import lease_store, require_coordinator
from daemon.core.errors import SettingsError
from daemon.settings import Settings
from tests.nats_server import nats_server
from tests.system.program import run, settings_text

DSN = "postgresql://syncd@db/platform"


def settings(nats: str, dsn: str = DSN) -> Settings:
    given: dict[str, Any] = {"postgres": {"dsn": dsn}, "leases": {"nats": nats, "bucket": "b"}}
    return Settings(**given)


def test_leases_are_in_nats_where_the_settings_name_one_and_else_in_postgres() -> None:
    database = Database(dsn=DSN)
    assert isinstance(lease_store(settings("nats://a:4222, tls://b:4222"), database, "x:1"), NatsLeaseStore)
    assert isinstance(lease_store(settings(""), database, "x:1"), LeaseStore)


def test_one_that_is_alone_by_construction_needs_no_nats() -> None:
    with pytest.raises(SettingsError, match=r"a daemon with a Postgres of its own is alone: set postgres\.dsn"):
        require_coordinator(settings("nats://a:4222", dsn=""))


def test_nobody_runs_on_nats_without_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"not installed: pip install 'freshbooks-syncd\[nats\]'"):
        require_coordinator(settings("nats://a:4222"))
    require_coordinator(settings(""))


def test_the_program_works_where_the_client_of_nats_is_not_installed() -> None:
    hide = "import sys; sys.modules['nats'] = None; import daemon.app.run, daemon.app.doctor, daemon.cli.commands as c"
    done = subprocess.run(
        [sys.executable, "-c", f"{hide}; c.main(['--help'])"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "check-config" in done.stdout


async def test_check_config_refuses_leases_that_cannot_be_kept(tmp_path: Path) -> None:
    config = tmp_path / "daemon.toml"
    config.write_text(settings_text(more='[leases]\nnats = "nats://127.0.0.1:9"'))
    ended = await run("check-config", "--config", str(config))
    assert ended.code == 2
    assert "set postgres.dsn, or leave leases.nats empty" in ended.sentence


# ---- doctor ----------------------------------------------------------------------------------------------------------


async def found(nats: str, dsn: str = DSN) -> Finding:
    (finding,) = await check_leases(settings(nats, dsn))
    return finding


async def test_doctor_says_nothing_of_leases_in_postgres() -> None:
    assert await check_leases(settings("")) == []


async def test_doctor_finds_nats_and_its_version() -> None:
    with nats_server() as server:
        finding = await found(server.url)
    assert finding.outcome is Outcome.OK
    assert finding.detail.startswith("agreed on in NATS 2.")


async def test_doctor_says_what_is_wrong_with_nats() -> None:
    with nats_server("--addr", "127.0.0.1") as plain, nats_server("--jetstream", "--auth", "canary") as closed:
        findings = [
            await found("nats://127.0.0.1:9"),
            await found(plain.url),
            await found(closed.url),
            await found("nats://127.0.0.1:9", dsn=""),
        ]
    assert {finding.outcome for finding in findings} == {Outcome.FAULT}
    assert [finding.cure for finding in findings] == [
        "start nats-server, or correct leases.nats",
        "start nats-server with --jetstream, or wait for its election",
        "correct the name and password, or the token, in leases.nats, or leases.credentials",
        "set postgres.dsn, or leave leases.nats empty",
    ]
