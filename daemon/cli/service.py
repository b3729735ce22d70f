"""What the service itself runs and what opens its dashboard: `check-config`, `reload`, `link`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.options import settings_path, with_config
from daemon.cli.problems import EXIT_CODES

if TYPE_CHECKING:
    from daemon.settings import Settings

with_credentials = click.option(
    "--credentials", type=click.Path(path_type=Path), help="Take the files in this directory as credentials."
)


@click.command("check-config", epilog=EXIT_CODES)
@with_config
@with_credentials
def check_config(config: Path | None, credentials: Path | None) -> None:
    """Read the settings as the daemon would, and say what is wrong with them."""
    from daemon.app.keys import key_ring
    from daemon.app.leases import require_coordinator

    settings = _load(config, credentials)
    key_ring(settings)
    require_coordinator(settings)
    click.echo(f"The settings in {settings_path(config) or 'the environment'} are valid and complete.")


@click.command(epilog=EXIT_CODES)
@click.option("--credentials", type=click.Path(path_type=Path), help="Hand over the files in this directory first.")
def reload(credentials: Path | None) -> None:
    """Tell the unit's daemon to reload, and wait for its answer: what ExecReload= runs.

    Exits with 2 and the reason when the daemon refuses the settings and goes on with the former ones.
    """
    import anyio

    from daemon.adapters.clock import SystemClock
    from daemon.app.reload_request import request_reload

    anyio.run(request_reload, os.environ, credentials, SystemClock())
    click.echo("The settings are in force.")


@click.command(epilog=EXIT_CODES)
@with_config
@with_credentials
@click.argument("partner")
def link(config: Path | None, credentials: Path | None, partner: str) -> None:
    """Print a link that opens PARTNER's dashboard, as the platform makes them; it is good for some minutes."""
    from daemon.adapters.clock import SystemClock
    from daemon.adapters.http.links import LINK_LIFETIME_MAX, sign_link
    from daemon.core.model import PartnerId

    settings = _load(config, credentials)
    key = settings.public.link_keys[0]
    expires_at = SystemClock().now() + LINK_LIFETIME_MAX / 2
    secret = key.key.get_secret_value()
    click.echo(sign_link(settings.base_url(), PartnerId(partner), expires_at, key_id=key.id, secret=secret))


def _load(config: Path | None, credentials: Path | None) -> "Settings":
    """Read settings with which a daemon can run, with these files as its credentials. Raises SettingsError."""
    from daemon.settings import load, require_complete

    environ = dict(os.environ)
    if credentials is not None:
        environ["CREDENTIALS_DIRECTORY"] = str(credentials)
        environ.pop("RUNTIME_DIRECTORY", None)  # nor those that the latest reload handed over
    settings = load(settings_path(config), environ=environ)
    require_complete(settings)
    return settings
