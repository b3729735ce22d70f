"""`demo`: set the stage, then leave it to a person, with the links and a line per step, or check it."""

import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import click

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.launcher import EmbeddedPostgresError
from daemon.app.errors import StartRefused
from daemon.core.errors import SettingsError
from daemon.demo.check import StepResult, as_json, run_check
from daemon.demo.stage import Stage, StageOptions, set_stage

CHECK_INTERVAL_S = 2.0
"""How often the daemon looks at FreshBooks while it is checked: an hour would be long to wait here."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line asked for; `directory` keeps the demo's data, a temporary one is removed at the end."""

    check: bool = False
    as_json: bool = False
    directory: Path | None = None
    port: int = 8080
    sandbox_port: int = 8090
    internal_port: int = 9464
    invoices: tuple[int, ...] = (1500, 120)


async def demo(options: DemoOptions) -> int:
    """Run the demo until it is stopped, or check it; tell the exit code: 1 when a step of the check did not hold."""
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as temporary:
        stage_options = StageOptions(
            directory=options.directory or Path(temporary),
            invoices=options.invoices,
            port=options.port,
            sandbox_port=options.sandbox_port,
            internal_port=options.internal_port,
        )
        if options.check:
            return await _check(stage_options, as_json_only=options.as_json)
        return await _show(stage_options)


async def _check(options: StageOptions, *, as_json_only: bool) -> int:
    clock = SystemClock()
    began = clock.monotonic()
    options = replace(options, interval_s=CHECK_INTERVAL_S, log_level="warning")
    tell: Callable[[StepResult], None] = _say_nothing if as_json_only else _print_step
    async with set_stage(options) as stage:
        results = await run_check(stage, tell)
    seconds = clock.monotonic() - began
    if as_json_only:
        click.echo(as_json(results, seconds))
    else:
        held = sum(result.ok for result in results)
        click.echo(f"{held} of {len(results)} steps held, in {seconds:.1f} s")
    return 0 if all(result.ok for result in results) else 1


def _say_nothing(result: StepResult) -> None:
    del result


def _print_step(result: StepResult) -> None:
    mark = click.style("ok  ", fg="green") if result.ok else click.style("FAIL", fg="red", bold=True)
    click.echo(f"{mark} {result.seconds:7.2f} s  {result.name:42}  {' '.join(result.rules):12}  {result.detail}")


async def _show(options: StageOptions) -> int:
    """Print the links and leave the stage to the person until Ctrl-C; the daemon's own lines tell what happens."""
    click.echo("Starting Postgres, a FreshBooks sandbox and the daemon ...", err=True)
    async with set_stage(options) as stage:
        click.echo(_welcome(stage))
        sys.stdout.flush()
        code = await stage.daemon.wait()
    if code != 0:
        click.echo("The daemon ended by itself; its last lines above say why.", err=True)
    return code


def _welcome(stage: Stage) -> str:
    logins = "\n".join(f"      {login['email']}  password {login['password']}" for login in stage.sandbox["logins"])
    return f"""
  The dashboard      {stage.public_url}/
                     Choose a partner, press Connect, log in, press Allow, and watch.
  FreshBooks         {stage.sandbox["base_url"]}/
                     The partners' books: pay, credit, edit and delete there as their bookkeeper.
    Logins
{logins}
  Metrics, health    {stage.internal_url}/metrics  {stage.internal_url}/readyz?verbose

  Press Ctrl-C to stop everything. Nothing is left behind.
"""


async def main(options: DemoOptions) -> int:
    """Run the demo; Ctrl-C or SIGTERM ends it in order. Raises StartRefused when a part of it does not start."""
    ended: list[int | StartRefused] = []

    async def play(scope: anyio.CancelScope) -> None:
        try:
            ended.append(await demo(options))
        except (SettingsError, EmbeddedPostgresError) as error:
            ended.append(StartRefused(str(error)))
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(play, group.cancel_scope)
        with anyio.open_signal_receiver(*_SIGNALS) as signals:
            async for _ in signals:
                group.cancel_scope.cancel()
    outcome = ended[0] if ended else 0
    if isinstance(outcome, StartRefused):
        raise outcome
    return outcome
