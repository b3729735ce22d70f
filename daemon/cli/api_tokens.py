"""`tokens`: the machines' credentials for the HTTP API, each for one partner, with scopes, revocable at once."""

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from daemon.cli.options import load_settings, operator, with_config
from daemon.cli.problems import EXIT_CODES, NotSo, WrongSettings
from daemon.core.model import PartnerId

if TYPE_CHECKING:
    from daemon.adapters.postgres.api_store import ApiStore, TokenRow
    from daemon.settings import Settings

SECRET_BYTES: Final = 32


@click.group()
def tokens() -> None:
    """Make, list and revoke the tokens by which machines call the HTTP API."""


@tokens.command("create", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.option("--name", required=True, help="What the audit log calls it: letters, digits, _ . and -.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="What it may do, such as invoices:read; may be repeated.  [default: every area's read]",
)
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lives.  [default: until it is revoked]")
def create(config: Path | None, partner: str, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a token for PARTNER and print it, once: only its hash is stored."""
    import anyio

    chosen = _chosen(scopes)
    token = anyio.run(_create, load_settings(config), PartnerId(partner), name, chosen, days)
    click.echo(token)
    click.echo(f"It is shown this once. It may: {', '.join(chosen)}.", err=True)


@tokens.command("list", epilog=EXIT_CODES)
@with_config
@click.argument("partner", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per token.")
def show(config: Path | None, partner: str | None, *, as_json: bool) -> None:
    """List the tokens of PARTNER, or of all: what each may do, when it was used last, how it ends."""
    import anyio

    found = anyio.run(_list, load_settings(config), PartnerId(partner) if partner else None)
    for row in found:
        click.echo(json.dumps(_as_json(row)) if as_json else _as_line(row))
    if not found and not as_json:
        click.echo("There are no tokens.")


@tokens.command("revoke", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.argument("name")
def revoke(config: Path | None, partner: str, name: str) -> None:
    """End a token at once."""
    import anyio

    if not anyio.run(_revoke, load_settings(config), PartnerId(partner), name):
        raise NotSo(f"{partner} has no live token {name}: see freshbooks-syncd tokens list")
    click.echo(f"The token {name} of {partner} no longer works.")


def _chosen(scopes: Sequence[str]) -> tuple[str, ...]:
    from daemon.adapters.http.api.credentials import Scope

    known = [scope.value for scope in Scope]
    unknown = [scope for scope in scopes if scope not in known]
    if unknown:
        raise WrongSettings(f"no such scope: {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(scopes) or tuple(scope for scope in known if scope.endswith(":read"))


async def _create(
    settings: "Settings", partner_id: PartnerId, name: str, scopes: Sequence[str], days: int | None
) -> str:
    from daemon.adapters.http.api.credentials import NAME, TOKEN_PREFIX, hash_token

    if not NAME.fullmatch(name):
        raise WrongSettings(f"{name!r} is no name of a token: use 1 to 64 letters, digits, _ . and -")
    token = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    async with _store(settings) as (store, now):
        expires_at = now + timedelta(days=days) if days else None
        try:
            await store.add_token(
                partner_id, name, hash_token(token), scopes=scopes, now=now, expires_at=expires_at, who=operator()
            )
        except (LookupError, ValueError) as error:
            raise NotSo(str(error)) from error
    return token


async def _list(settings: "Settings", partner_id: PartnerId | None) -> "tuple[TokenRow, ...]":
    async with _store(settings) as (store, _):
        return await store.tokens(partner_id)


async def _revoke(settings: "Settings", partner_id: PartnerId, name: str) -> bool:
    async with _store(settings) as (store, now):
        return await store.revoke_token(partner_id, name, now, operator())


@asynccontextmanager
async def _store(settings: "Settings") -> "AsyncIterator[tuple[ApiStore, datetime]]":
    from daemon.adapters.clock import SystemClock
    from daemon.adapters.postgres.api_store import ApiStore
    from daemon.app.database import opened_pool

    async with opened_pool(settings) as pool:
        yield ApiStore(pool), SystemClock().now()


def _as_json(row: "TokenRow") -> dict[str, object]:
    times = {name: getattr(row, name) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    told = {name: at.isoformat() if at else None for name, at in times.items()}
    return {"partner": row.partner_id, "name": row.name, "scopes": list(row.scopes), **told}


def _as_line(row: "TokenRow") -> str:
    if row.revoked_at:
        end = f"revoked {row.revoked_at:%Y-%m-%d}"
    else:
        end = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "until it is revoked"
    used = f"used {row.last_used_at:%Y-%m-%d %H:%M}Z" if row.last_used_at else "never used"
    return f"{row.partner_id}  {row.name}  {end}, {used}: {', '.join(row.scopes)}"
