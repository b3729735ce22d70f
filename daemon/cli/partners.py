"""`partners` and `sync`: how each partner stands, and what an operator does about it; every act is audited."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from daemon.cli.options import load_settings, operator, with_config
from daemon.cli.problems import EXIT_CODES, NotSo, WrongSettings

if TYPE_CHECKING:
    from daemon.adapters.postgres.pool import Pool
    from daemon.settings import Settings

WORDS: Final = {None: "not connected", "not_connected": "not connected", "pending": "Pending", "connected": "Connected"}


@click.group()
def partners() -> None:
    """List partners, look at one, pause, resume, disconnect or reset it."""


@partners.command("list", epilog=EXIT_CODES)
@with_config
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per partner instead of a table.")
def list_partners(config: Path | None, *, as_json: bool) -> None:
    """Show every partner, as `status` does."""
    from daemon.cli.fleet import show_fleet

    show_fleet(load_settings(config), as_json=as_json)


@partners.command("show", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(config: Path | None, partner: str, *, as_json: bool) -> None:
    """Show all that is stored of PARTNER's connection: books, tokens' age, accounts, why it is parked."""
    import anyio

    found = {**anyio.run(_show, load_settings(config), partner)}
    found["status"] = WORDS[str(found["status"]) if found["status"] else None]
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for name, value in found.items():
        if value not in (None, "", []):
            click.echo(f"{name.replace('_', ' ') + ':':<24}{_text(value)}")


@partners.command("pause", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
def pause(config: Path | None, partner: str) -> None:
    """Let PARTNER's work rest: nothing is read or written until `resume`; what the platform does is kept."""
    _act(config, partner, _pausing(paused=True))
    click.echo(f"{partner} is paused. Take it up again with: freshbooks-syncd partners resume {partner}")


@partners.command("resume", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
def resume(config: Path | None, partner: str) -> None:
    """Take PARTNER's work up again where it rested."""
    _act(config, partner, _pausing(paused=False))
    click.echo(f"{partner} is at work again.")


@partners.command("disconnect", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.option("--yes", is_flag=True, help="Do not ask.")
def disconnect(config: Path | None, partner: str, *, yes: bool) -> None:
    """End PARTNER's connection: webhooks are removed and the tokens revoked; all data and cursors stay (C6)."""
    _confirm(partner, f"This revokes {partner}'s access to FreshBooks; only the partner can allow it again.", yes=yes)
    _act(config, partner, _disconnect)
    click.echo(f"{partner} is being disconnected by the running daemon: see freshbooks-syncd partners show {partner}")


@partners.command("reset", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(config: Path | None, partner: str, *, yes: bool) -> None:
    """Let PARTNER, who is disconnected, connect another FreshBooks account (C6).

    What was not yet written to the former books is cancelled, and shown so; their rows stay.
    """
    warning = f"Payments and payouts of {partner} that are not in FreshBooks yet will never be recorded there."
    _confirm(partner, warning, yes=yes)
    cancelled = _act(config, partner, _reset)
    click.echo(f"{partner} may connect any FreshBooks account now; {cancelled} unsent records were cancelled.")


@click.command("sync", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.option("--invoice", type=click.IntRange(min=1), help="Read this invoice alone, by its FreshBooks id.")
def sync(config: Path | None, partner: str, invoice: int | None) -> None:
    """Ask the running daemon to read PARTNER's changes now instead of at the next interval."""
    _act(config, partner, _sync if invoice is None else _read_invoice(invoice))
    what = "changes are" if invoice is None else f"invoice {invoice} is"
    click.echo(f"{partner}: {what} read as soon as FreshBooks' budget allows.")


# ---- what they do ----------------------------------------------------------------------------------------------------

Act = Callable[["Pool", str, datetime], Awaitable[int]]
"""Does something about a partner at a time; tells how much that was. Raises NotSo."""


def _act(config: Path | None, partner: str, act: Act) -> int:
    import anyio

    return anyio.run(_acting, load_settings(config), partner, act)


async def _acting(settings: "Settings", partner: str, act: Act) -> int:
    from daemon.adapters.clock import SystemClock
    from daemon.app.database import opened_pool

    async with opened_pool(settings) as pool:
        await known_partner(pool, partner)
        return await act(pool, partner, SystemClock().now())


async def known_partner(pool: "Pool", partner: str) -> Mapping[str, object]:
    """Read a partner. Raises NotSo with the next step for one that the platform does not know."""
    from daemon.adapters.postgres.operator_store import OperatorStore
    from daemon.core.model import PartnerId

    found = await OperatorStore(pool).partner(PartnerId(partner))
    if found is None:
        raise NotSo(f"there is no partner {partner}: `freshbooks-syncd partners list` shows them")
    return found


async def _show(settings: "Settings", partner: str) -> Mapping[str, object]:
    from daemon.app.database import opened_pool

    async with opened_pool(settings) as pool:
        return await known_partner(pool, partner)


def _pausing(*, paused: bool) -> Act:
    async def act(pool: "Pool", partner: str, _now: datetime) -> int:
        from daemon.adapters.postgres.desk_actions import DeskActions
        from daemon.core.model import PartnerId

        if not await DeskActions(pool).pause(PartnerId(partner), operator(), paused=paused):
            state = "paused already, or was never connected" if paused else "not paused"
            raise NotSo(f"{partner} is {state}: nothing was changed")
        return 1

    return act


async def _disconnect(pool: "Pool", partner: str, now: datetime) -> int:
    from daemon.adapters.postgres.consent_store import ConsentStore
    from daemon.core.model import PartnerId

    if not await ConsentStore(pool).ask_disconnect(PartnerId(partner), operator(), now):
        raise NotSo(f"{partner} is not connected, or is being disconnected already: nothing was changed")
    return 1


async def _reset(pool: "Pool", partner: str, now: datetime) -> int:
    from daemon.adapters.postgres.consent_store import ConsentStore
    from daemon.core.model import PartnerId

    found = await known_partner(pool, partner)
    if found["account_id"] is None:
        raise NotSo(f"{partner} may connect any FreshBooks account already: nothing was changed")
    if found["status"] != "not_connected":
        raise NotSo(
            f"{partner} is connected to {found['business_name'] or found['account_id']}: "
            f"end that first with: freshbooks-syncd partners disconnect {partner}"
        )
    return await ConsentStore(pool).reset_connection(PartnerId(partner), operator(), now) or 0


async def _sync(pool: "Pool", partner: str, now: datetime) -> int:
    from daemon.adapters.postgres.desk_actions import DeskActions
    from daemon.core.model import PartnerId

    found = await known_partner(pool, partner)
    if found["parked_reason"]:
        raise NotSo(f"{partner} must connect again first: {found['parked_reason']}")
    if found["paused"]:
        raise NotSo(f"{partner} is paused: run freshbooks-syncd partners resume {partner}")
    if not await DeskActions(pool).ask_sync(PartnerId(partner), operator(), now):
        raise NotSo(f"{partner} is not connected to FreshBooks: the partner connects on the Integrations page")
    return 1


def _read_invoice(invoice: int) -> Act:
    async def act(pool: "Pool", partner: str, now: datetime) -> int:
        from daemon.adapters.postgres.operator_store import OperatorStore
        from daemon.core.model import InvoiceId, PartnerId

        if not await OperatorStore(pool).read_invoice(PartnerId(partner), InvoiceId(invoice), operator(), now):
            raise NotSo(
                f"the connected books of {partner} have no invoice {invoice}: "
                f"run freshbooks-syncd sync {partner}, which finds new ones"
            )
        return 1

    return act


def _confirm(partner: str, warning: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongSettings("nobody can be asked here: give --yes when you are sure")
    click.echo(warning)
    if click.prompt("Type the partner's id to go on", default="", show_default=False) != partner:
        raise NotSo("that is not the partner's id: nothing was changed")


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, list):
        return "; ".join(str(item.get("sentence", item)) if isinstance(item, dict) else str(item) for item in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
