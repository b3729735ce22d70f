"""The demo's stage: a Postgres, a FreshBooks sandbox and the daemon, real processes that end when it is left."""

import contextlib
import json
import secrets
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import asyncpg
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.pages_connect import CALLBACK_PATH
from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.migrate import migrate
from daemon.core.errors import SettingsError

READY_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 15.0
PARTNERS = (("pt_hale", "Hale Managed IT"), ("pt_whitlock", "Whitlock Networks"))
"""The two partners of the demo; their books are the sandbox's first two accounts, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions:
    """How the stage is set: `invoices` per partner's books, the ports, how often the daemon looks at FreshBooks."""

    directory: Path
    invoices: tuple[int, ...] = (1500, 120)
    port: int = 8080
    sandbox_port: int = 8090
    internal_port: int = 9464
    interval_s: float = 5.0
    log_level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The running parts and how to reach them. `sandbox` is the line that the sandbox printed when it started."""

    public_url: str
    internal_url: str
    dsn: str
    sandbox: dict[str, Any]
    daemon: Process

    @property
    def control_url(self) -> str:
        """The sandbox's control API, which acts as the partner's bookkeeper."""
        return f"{self.sandbox['base_url']}/_sandbox"


@contextlib.asynccontextmanager
async def set_stage(options: StageOptions) -> AsyncIterator[Stage]:
    """Start everything, in order, and stop it in reverse. Raises SettingsError when a part does not start."""
    public_url = f"http://127.0.0.1:{options.port}"
    internal_url = f"http://127.0.0.1:{options.internal_port}"
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            EmbeddedPostgres.start(options.directory / "postgres", durable=False)
        )
        await migrate(database.dsn)
        await _add_partners(database.dsn)
        sandbox = await stack.enter_async_context(_sandbox(options, public_url))
        config = options.directory / "daemon.toml"
        await anyio.Path(config).write_text(_config(options, public_url, database.dsn, sandbox))
        daemon = await stack.enter_async_context(_process("run", "--demo", "--config", str(config), shown=True))
        await _wait_until_ready(daemon, internal_url)
        yield Stage(public_url=public_url, internal_url=internal_url, dsn=database.dsn, sandbox=sandbox, daemon=daemon)


@contextlib.asynccontextmanager
async def _sandbox(options: StageOptions, public_url: str) -> AsyncIterator[dict[str, Any]]:
    arguments = [
        "sandbox",
        *("--port", str(options.sandbox_port)),
        *("--invoices", ",".join(map(str, options.invoices))),
        *("--redirect-uri", f"{public_url}{CALLBACK_PATH}"),
        "--allow-http-redirects",
    ]
    async with _process(*arguments, shown=False) as process:
        if process.stdout is None:
            raise SettingsError("the sandbox gave no output to read its address from")
        lines = TextReceiveStream(process.stdout)
        text = ""
        with anyio.move_on_after(READY_TIMEOUT_S):
            with contextlib.suppress(anyio.EndOfStream):
                while "\n" not in text:
                    text += await lines.receive()
        if "\n" not in text:
            raise SettingsError(
                f"the FreshBooks sandbox did not start on port {options.sandbox_port}: choose another --sandbox-port"
            )
        started: dict[str, Any] = json.loads(text.partition("\n")[0])
        yield started


@contextlib.asynccontextmanager
async def _process(*arguments: str, shown: bool) -> AsyncIterator[Process]:
    """Run a command of this program as a process of its own; it ends, one way or another, with the context."""
    command = [sys.executable, "-m", "daemon", *arguments]
    output = None if shown else -1
    process = await anyio.open_process(command, stdin=-3, stdout=output, stderr=None)
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            with anyio.move_on_after(STOP_TIMEOUT_S):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            await process.aclose()


async def _wait_until_ready(daemon: Process, internal_url: str) -> None:
    clock = SystemClock()
    async with aiohttp.ClientSession() as session:
        with anyio.move_on_after(READY_TIMEOUT_S):
            while daemon.returncode is None:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{internal_url}/readyz") as answer:
                        if answer.status == HTTPStatus.OK:
                            return
                await clock.sleep(0.05)
    raise SettingsError("the daemon did not become ready; its own lines above say why")


async def _add_partners(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.executemany(
            "INSERT INTO platform.partner (partner_id, name, timezone) VALUES ($1, $2, 'America/New_York') "
            "ON CONFLICT (partner_id) DO NOTHING",
            PARTNERS,
        )
    finally:
        await connection.close()


def _config(options: StageOptions, public_url: str, dsn: str, sandbox: dict[str, Any]) -> str:
    """Write the settings file that the daemon is started with; a real one is explained in config/daemon.toml."""
    sections: dict[str, dict[str, object]] = {
        "postgres": {"dsn": dsn},
        "freshbooks": {
            "api_url": sandbox["base_url"],
            "auth_url": sandbox["auth_url"],
            "client_id": sandbox["client_id"],
            "client_secret": sandbox["client_secret"],
            "redirect_uri": f"{public_url}{CALLBACK_PATH}",
            "invoice_link": f"{sandbox['base_url']}/books/{{account_id}}/invoices/{{invoice_id}}",
        },
        "public": {"listen": f"127.0.0.1:{options.port}", "base_url": public_url},
        "internal": {"listen": f"127.0.0.1:{options.internal_port}"},
        "sync": {
            "payments_interval": f"{options.interval_s}s",
            "invoices_interval": f"{options.interval_s}s",
            "backoff_maximum": "5s",
        },
        "log": {"level": options.log_level},
    }
    lines: list[str] = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    key = b64encode(secrets.token_bytes(32)).decode()
    lines += ["[[encryption.keys]]", 'id = "demo"', f"key = {json.dumps(key)}"]
    lines += ["[[public.link_keys]]", 'id = "demo"', f"key = {json.dumps(secrets.token_hex(32))}"]
    return "\n".join(lines) + "\n"
