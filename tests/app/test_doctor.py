"""`doctor` on broken set-ups: each names its fault and its cure, and a good set-up has none."""

import base64
import importlib.util
import re
import socket
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from typing_extensions import override

from daemon.adapters.clock import SystemClock
from daemon.adapters.crypto import KeyRing
from daemon.app.doctor import Finding, Outcome, examine
from daemon.app.doctor.database import judge_clock, judge_version
from daemon.app.doctor.settings import check_addresses
from daemon.settings import Settings, load
from tests.adapters.freshbooks_servers import a_sandbox, answering, told
from tests.system.program import settings_text

OTHER_KEY = base64.b64encode(b"x" * 32).decode()


class Bench:
    """A set-up that works, to be broken in one place."""

    def __init__(self, directory: Path, dsn: str, freshbooks: dict[str, Any], url: str) -> None:
        self.directory, self.dsn = directory, dsn
        self.text = settings_text(dsn, freshbooks=url)
        self.swap('client_id = "id"', f'client_id = "{freshbooks["client_id"]}"')
        self.swap('client_secret = "canary-client-secret"', f'client_secret = "{freshbooks["client_secret"]}"')
        self.mode = 0o640
        self.clock = SystemClock()
        self.written = True
        self.environ: dict[str, str] = {}

    def swap(self, old: str, new: str) -> None:
        assert old in self.text, old
        self.text = self.text.replace(old, new)

    async def execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def examine(self) -> tuple[Finding, ...]:
        path = self.directory / "daemon.toml"
        if self.written:
            path.write_text(self.text)
            path.chmod(self.mode)
        return await examine(path, lambda: load(path, environ={}), self.environ, self.clock)

    async def fault(self) -> Finding:
        """The one fault it has."""
        found = await self.examine()
        faults = [finding for finding in found if finding.outcome is Outcome.FAULT]
        assert len(faults) == 1, found
        assert faults[0].cure
        return faults[0]


@pytest.fixture
async def bench(database: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with a_sandbox(invoices=(1,)) as sandbox:
        made = Bench(tmp_path, database, sandbox.greeting, sandbox.base_url)
        await made.execute("INSERT INTO platform.partner (partner_id, name) VALUES ('acme', 'Acme')")
        yield made


async def test_a_good_set_up_has_no_fault(bench: Bench) -> None:
    found = await bench.examine()
    assert {finding.outcome for finding in found} <= {Outcome.OK, Outcome.SKIPPED}, found
    checks = [finding.check for finding in found]
    assert len(checks) == len(set(checks)) >= 14
    assert not any("canary" in finding.detail for finding in found)


# ---- broken in the settings ------------------------------------------------------------------------------------------


def absent(bench: Bench) -> None:
    bench.written = False


def misspelt(bench: Bench) -> None:
    bench.swap("client_id", "client_idd")


def torn(bench: Bench) -> None:
    bench.swap("[freshbooks]", "[freshbooks")


def incomplete(bench: Bench) -> None:
    bench.swap("client_secret", "#client_secret")


def open_to_all(bench: Bench) -> None:
    bench.mode = 0o644


def unlinked(bench: Bench) -> None:
    bench.swap("link_keys", "#link_keys")


SETTINGS = [
    (absent, "settings file", "there is no settings file", "give its path with --config, or create it"),
    (misspelt, "settings file", "no key freshbooks.client_idd", "did you mean client_id?"),
    (torn, "settings file", "not valid TOML", "correct that line"),
    (incomplete, "settings complete", "freshbooks.client_secret is not set", "SYNCD_FRESHBOOKS__CLIENT_SECRET"),
    (unlinked, "settings complete", "public.link_keys is not set", "openssl rand -hex 32"),
    (open_to_all, "settings private", "every user of this machine may read it", "chmod 640"),
]


@pytest.mark.parametrize(("break_it", "check", "detail", "cure"), SETTINGS, ids=[row[0].__name__ for row in SETTINGS])
async def test_broken_settings(
    break_it: Callable[[Bench], None], check: str, detail: str, cure: str, bench: Bench
) -> None:
    break_it(bench)
    found = await bench.fault()
    assert found.check == check
    assert detail in found.detail
    assert cure in found.cure or cure in found.detail


def test_addresses_that_neither_browsers_nor_freshbooks_can_use() -> None:
    found = {row.check: row for row in check_addresses(Settings(freshbooks={"client_id": "x"}))}  # type: ignore[arg-type]
    assert found["public address"].outcome is found["redirect address"].outcome is Outcome.FAULT
    assert "set public.base_url" in found["public address"].cure
    assert "register it" in found["redirect address"].cure
    elsewhere = {"redirect_uri": "https://old.example/cb"}
    told_off = Settings(public={"base_url": "https://books.example"}, freshbooks=elsewhere)  # type: ignore[arg-type]
    found = {row.check: row for row in check_addresses(told_off)}
    assert found["public address"].outcome is Outcome.OK
    assert found["redirect address"].outcome is Outcome.WARNING
    assert "leave freshbooks.redirect_uri unset" in found["redirect address"].cure


# ---- broken on the machine -------------------------------------------------------------------------------------------


async def test_a_busy_port(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        bench.text = bench.text.replace('listen = "127.0.0.1:0"', f'listen = "127.0.0.1:{port}"', 1)
        found = await bench.fault()
    assert found.check == "public.listen"
    assert found.cure == "stop that one, or choose another address"


async def test_a_port_that_the_running_daemon_holds_is_no_fault(bench: Bench) -> None:
    async with answering([told("syncd_build_info 1")]) as daemon:
        bench.swap('[internal]\nlisten = "127.0.0.1:0"', f'[internal]\nlisten = "{urlsplit(daemon.base_url).netloc}"')
        found = await bench.examine()
    (own,) = [finding for finding in found if finding.check == "internal.listen"]
    assert own.outcome is Outcome.OK
    assert "the running daemon's" in own.detail


async def test_no_dsn_and_no_postgres_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.swap(bench.dsn, "")
    bench.swap('state_dir = ""', f'state_dir = "{bench.directory}"')
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    found = await bench.fault()
    assert found.check == "own postgres"
    assert "pip install 'freshbooks-syncd[embedded]'" in found.cure


async def test_a_state_directory_that_cannot_be_made(bench: Bench) -> None:
    bench.swap(bench.dsn, "")
    bench.swap('state_dir = ""', 'state_dir = "/dev/null/syncd"')
    found = await bench.fault()
    assert found.check == "state directory"
    assert "mkdir -p /dev/null/syncd" in found.cure


async def test_a_clock_that_is_wrong(bench: Bench) -> None:
    class Slow(SystemClock):
        @override
        def now(self) -> datetime:
            return super().now() - timedelta(minutes=5)

    bench.clock = Slow()
    faults = [finding for finding in await bench.examine() if finding.outcome is Outcome.FAULT]
    assert [finding.check for finding in faults] == ["clock", "freshbooks clock"]
    assert all(re.search(r"is (299|300|301) s behind", finding.detail) for finding in faults)
    assert {finding.cure for finding in faults} == {"timedatectl set-ntp true"}


# ---- broken in Postgres ----------------------------------------------------------------------------------------------


def renamed(dsn: str, **parts: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(**parts))


async def test_a_postgres_that_does_not_run(bench: Bench) -> None:
    bench.swap(bench.dsn, "postgresql://u:canary@127.0.0.1:9/x")
    found = await bench.fault()
    assert found.check == "postgres"
    assert "systemctl start postgresql" in found.cure
    assert "canary" not in found.detail + found.cure


async def test_a_database_that_is_not_there(bench: Bench) -> None:
    bench.swap(bench.dsn, renamed(bench.dsn, path="/nowhere"))
    found = await bench.fault()
    assert 'database "nowhere" does not exist' in found.detail
    assert "createdb --owner postgres nowhere" in found.cure


async def test_a_user_whom_the_server_does_not_know(bench: Bench) -> None:
    bench.swap(bench.dsn, bench.dsn.replace("postgres@", "stranger@"))
    found = await bench.fault()
    assert "stranger" in found.detail
    assert "createuser --pwprompt stranger" in found.cure


async def test_a_user_without_grants(bench: Bench) -> None:
    await bench.execute("DROP ROLE IF EXISTS doctor_test", "CREATE ROLE doctor_test LOGIN")
    bench.swap(bench.dsn, bench.dsn.replace("postgres@", "doctor_test@"))
    try:
        found = await bench.fault()
        assert found.check == "grants"
        assert "doctor_test may not use platform." in found.detail
        assert "GRANT syncd TO doctor_test" in found.cure
        await bench.execute("GRANT syncd TO doctor_test")
        assert not [row for row in await bench.examine() if row.outcome is Outcome.FAULT]
    finally:
        await bench.execute("DROP ROLE doctor_test")


async def test_a_schema_that_is_behind(bench: Bench) -> None:
    await bench.execute("DELETE FROM sync.migration WHERE revision = (SELECT max(revision) FROM sync.migration)")
    found = await bench.fault()
    assert found.check == "schema"
    assert "has not run" in found.detail
    assert "freshbooks-syncd migrate" in found.detail + found.cure


async def test_a_schema_of_a_newer_version(bench: Bench) -> None:
    await bench.execute("INSERT INTO sync.migration (revision, name, sha256) VALUES ('9999', 'x', 'x')")
    found = await bench.fault()
    assert found.check == "schema"
    assert found.cure == "run the newer version"


async def test_keys_that_do_not_open_what_is_stored(bench: Bench) -> None:
    ring = KeyRing.from_base64({"lost": OTHER_KEY})
    sealed = ring.encrypt("x", partner_id="acme", field="access_token").hex()
    await bench.execute(
        f"INSERT INTO sync.token VALUES ('acme', 1, '\\x{sealed}', '\\x{sealed}', now())"  # noqa: S608 -- our own bytes
    )
    found = await bench.fault()
    assert found.check == "stored secrets"
    assert "the key lost, which is not configured" in found.detail
    assert found.cure == "add that key"


def test_a_postgres_that_is_too_old_and_a_clock_at_the_edge() -> None:
    assert "install Postgres 15" in judge_version(14, "Postgres 14.9").cure
    assert judge_version(15, "Postgres 15.0").outcome is Outcome.OK
    assert judge_clock("clock", -30.0, "x").outcome is Outcome.OK
    assert "31 s ahead of" in judge_clock("clock", -31.0, "x").detail


# ---- broken at FreshBooks --------------------------------------------------------------------------------------------


async def test_a_wrong_client_secret(bench: Bench) -> None:
    bench.swap("sandbox-client-secret", "another-secret")
    found = await bench.fault()
    assert found.check == "application"
    assert "copy both from the application's page" in found.cure
    assert "another-secret" not in found.detail + found.cure


async def test_a_freshbooks_that_cannot_be_reached(bench: Bench) -> None:
    url = next(line for line in bench.text.splitlines() if line.startswith("api_url")).split('"')[1]
    bench.swap(f'api_url = "{url}"', 'api_url = "http://127.0.0.1:9"')
    found = await bench.fault()
    assert found.check == "freshbooks"
    assert "curl -sS http://127.0.0.1:9" in found.cure
