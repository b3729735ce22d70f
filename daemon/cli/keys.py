"""`keys`: makes an encryption key, seals all secrets anew under it, and tells when the old one may go."""

import json
import os
import secrets
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from daemon.cli.options import load_settings, operator, with_config
from daemon.cli.problems import EXIT_CODES, FOUND, WrongSettings

if TYPE_CHECKING:
    from daemon.app.rotation import KeyUse, Rotated
    from daemon.settings import Settings

_NEXT: Final = """\
Next:
  1. put it in force:   systemctl reload freshbooks-syncd       (every process, before 2)
  2. seal all anew:     freshbooks-syncd keys rotate
  3. see the old go:    freshbooks-syncd keys status
"""


@click.group()
def keys() -> None:
    """Add and rotate the keys that seal partners' tokens, and tell which are in use."""


@keys.command("add", epilog=EXIT_CODES)
@with_config
@click.option("--id", "key_id", help="The new key's name.  [default: the year and month]")
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write them to this file, a credential or its source, readable by its owner alone.  [default: print them]",
)
def add(config: Path | None, key_id: str | None, to: Path | None) -> None:
    """Make a new key and put it before the present one, as the line that encryption.keys takes.

    Without --to the line goes to standard output, for `systemd-creds encrypt` or an editor. Nothing else changes.
    """
    settings = load_settings(config)
    line = _with_new_key(settings, key_id)
    if to is None:
        click.echo(line)
    else:
        _write(to, line)
        click.echo(f"Written to {to}.", err=True)
    click.echo(_NEXT, err=True, nl=False)


@keys.command("rotate", epilog=EXIT_CODES)
@with_config
def rotate(config: Path | None) -> None:
    """Seal every secret anew under the first key. Safe beside running daemons, and to be cut off and run again."""
    import anyio

    done, left = anyio.run(_rotate, load_settings(config))
    click.echo(f"{done.resealed} secrets were sealed anew.")
    for why in done.unreadable:
        click.echo(f"left as it was: {why}", err=True)
    _tell(left)
    sys.exit(FOUND if done.unreadable else 0)


@keys.command("status", epilog=EXIT_CODES)
@with_config
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per key.")
def status(config: Path | None, *, as_json: bool) -> None:
    """Tell how many secrets each key holds, and whether it may go. Exits 3 when a key in use is not configured."""
    import anyio

    found = anyio.run(_status, load_settings(config))
    if as_json:
        for use in found:
            click.echo(json.dumps(_as_json(use)))
    else:
        _tell(found)
    sys.exit(0 if all(use.configured for use in found) else FOUND)


def _tell(found: "tuple[KeyUse, ...]") -> None:
    width = max((len(use.key_id) for use in found), default=0)
    for use in found:
        held = ", ".join(f"{count} of {kind}s" for kind, count in sorted(use.secrets.items())) or "none"
        click.echo(f"{use.key_id:<{width}}  {use.total:>7} secrets ({held}): {use.verdict}")


def _as_json(use: "KeyUse") -> dict[str, object]:
    return {
        "key": use.key_id,
        "configured": use.configured,
        "seals": use.seals,
        "secrets": use.secrets,
        "total": use.total,
        "may_go": use.configured and not use.seals and not use.total,
        "verdict": use.verdict,
    }


async def _rotate(settings: "Settings") -> "tuple[Rotated, tuple[KeyUse, ...]]":
    from daemon.adapters.postgres.sealed_store import SealedStore
    from daemon.app.database import opened_pool
    from daemon.app.keys import key_ring
    from daemon.app.rotation import key_use, rotate

    ring = key_ring(settings)
    async with opened_pool(settings) as pool:
        store = SealedStore(pool)
        done = await rotate(store, ring, operator(), _progress if sys.stderr.isatty() else lambda _: None)
        return done, await key_use(store, _ids(settings))


async def _status(settings: "Settings") -> "tuple[KeyUse, ...]":
    from daemon.adapters.postgres.sealed_store import SealedStore
    from daemon.app.database import opened_pool
    from daemon.app.keys import key_ring
    from daemon.app.rotation import key_use

    key_ring(settings)
    async with opened_pool(settings) as pool:
        return await key_use(SealedStore(pool), _ids(settings))


def _progress(done: int) -> None:
    click.echo(f"\r{done} sealed anew", nl=False, err=True)


def _ids(settings: "Settings") -> tuple[str, ...]:
    return tuple(key.id for key in settings.encryption.keys)


def _with_new_key(settings: "Settings", key_id: str | None) -> str:
    from daemon.adapters.clock import SystemClock
    from daemon.app.rotation import require_room
    from daemon.settings import by_id
    from daemon.settings.values import parse_key_id

    present = by_id(settings.encryption.keys)
    require_room(tuple(present))
    name = key_id or f"{SystemClock().now():%Y-%m}"
    try:
        parse_key_id(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--id") from error
    if name in present:
        raise click.BadParameter(f"there is a key {name} already: choose another name", param_hint="--id")
    pairs = {name: b64encode(secrets.token_bytes(32)).decode(), **present}
    return " ".join(f"{one}:{key}" for one, key in pairs.items())


def _write(path: Path, line: str) -> None:
    """Put the file in place whole; the one that stood there before keeps nothing behind."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise WrongSettings(f"{path} cannot be written ({error.strerror}): choose another place with --to") from error
