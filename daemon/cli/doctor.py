"""`doctor`: what a first run needs, each fault with the command that mends it."""

import json
import os
import sys
from pathlib import Path

import click

from daemon.cli.options import load_settings, settings_path, with_config
from daemon.cli.problems import EXIT_CODES, FOUND

_SIGNS = {"ok": "ok", "warning": "look", "fault": "FAULT", "skipped": "-"}


@click.command("doctor", epilog=EXIT_CODES)
@with_config
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per check.")
def doctor(config: Path | None, *, as_json: bool) -> None:
    """Check everything a first run needs: settings, machine, Postgres, FreshBooks. Run it as the daemon's user.

    Nothing is changed. Exits 3 when it found a fault; warnings alone exit 0.
    """
    import anyio

    from daemon.adapters.clock import SystemClock
    from daemon.app.doctor import Outcome, examine

    found = anyio.run(examine, settings_path(config), lambda: load_settings(config), os.environ, SystemClock())
    for finding in found:
        if as_json:
            row = {"check": finding.check, "outcome": finding.outcome, "detail": finding.detail, "cure": finding.cure}
            click.echo(json.dumps(row))
            continue
        click.echo(f"{_SIGNS[finding.outcome]:<6} {finding.check + ':':<20}{finding.detail}")
        if finding.cure:
            click.echo(f"{'':<6} {'mend it:':<20}{finding.cure}")
    faults = sum(finding.outcome is Outcome.FAULT for finding in found)
    if not as_json:
        click.echo(f"{len(found)} checks, {faults} faults", err=True)
    sys.exit(FOUND if faults else 0)
