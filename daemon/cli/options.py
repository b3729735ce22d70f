"""The option that every command takes, and the settings it leads to."""

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from daemon.settings import Settings

CONFIG_VARIABLE: Final = "SYNCD_CONFIG"
DEFAULT_CONFIG: Final = Path("/etc/freshbooks-syncd/daemon.toml")

with_config = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar=CONFIG_VARIABLE,
    show_envvar=True,
    help=f"The settings file.  [default: {DEFAULT_CONFIG} where it exists]",
)


def operator() -> str:
    """Who runs the command, as the audit log names them: the user of the machine, also behind sudo."""
    user = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    if not user:
        try:
            user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            user = str(os.getuid())
    return f"operator:{user}"


def settings_path(config: Path | None) -> Path | None:
    """Tell which file is read: the one that was named, else the default one where it exists."""
    if config is None and DEFAULT_CONFIG.exists():
        return DEFAULT_CONFIG
    return config


def load_settings(config: Path | None) -> "Settings":
    """Read the settings. Raises SettingsError."""
    from daemon.settings import load

    return load(settings_path(config))


def load_complete(config: Path | None) -> "Settings":
    """Read settings with which a daemon can run. Raises SettingsError."""
    from daemon.settings import require_complete

    settings = load_settings(config)
    require_complete(settings)
    return settings
