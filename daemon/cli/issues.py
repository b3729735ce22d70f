"""`issues`: what only a person can settle, listed across partners, tried again or settled by a choice; all audited."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from daemon.cli.options import load_settings, operator, with_config
from daemon.cli.partners import known_partner
from daemon.cli.problems import EXIT_CODES, NotSo

if TYPE_CHECKING:
    from daemon.core.desk import IssueRow
    from daemon.core.model import PartnerId
    from daemon.settings import Settings


_READ_AGAIN: Final = "read_again"


@click.group()
def issues() -> None:
    """List sync issues, look at one, try it again or settle it."""


@issues.command("list", epilog=EXIT_CODES)
@with_config
@click.argument("partner", required=False)
@click.option("--closed", is_flag=True, help="Show the closed ones too.")
@click.option("--kind", default="", help="Only issues of this kind.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per issue.")
def list_issues(
    config: Path | None, partner: str | None, *, closed: bool, kind: str, limit: int, as_json: bool
) -> None:
    """List the open issues of PARTNER, or of all partners, newest first."""
    import anyio

    found = anyio.run(_list, load_settings(config), partner, closed, kind, limit)
    for partner_id, issue in found:
        if as_json:
            click.echo(json.dumps(_as_json(partner_id, issue)))
        else:
            state = "" if issue.closed_at is None else " (closed)"
            about = "/".join(issue.subject)
            click.echo(f"{partner_id} {issue.issue_id}{state}  {issue.kind.value}  {about}: {issue.reason}")
    if not as_json:
        more = f"; more than --limit {limit} may match" if len(found) == limit else ""
        click.echo(f"{len(found)} issues{more}", err=True)


@issues.command("show", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.argument("issue", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(config: Path | None, partner: str, issue: int, *, as_json: bool) -> None:
    """Show one issue of PARTNER by its number: why, what to do next, and what can be chosen."""
    import anyio

    partner_id, found = anyio.run(_find, load_settings(config), partner, issue)
    if as_json:
        click.echo(json.dumps(_as_json(partner_id, found)))
        return
    click.echo(f"{found.kind.value} about {'/'.join(found.subject)}, open since {found.opened_at:%Y-%m-%d %H:%M} UTC")
    click.echo(found.reason)
    click.echo(f"Next: {found.next_step}")
    for name, value in sorted(found.data.items()):
        click.echo(f"  {name}: {value}")
    if found.closed_at is not None:
        click.echo(f"Closed {found.closed_at:%Y-%m-%d %H:%M} UTC by {found.closed_by or 'itself'}.")
        return
    for action in found.actions:
        click.echo(f"  freshbooks-syncd issues settle {partner} {issue} --choice {action}")


@issues.command("retry", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.argument("issue", type=click.IntRange(min=1))
def retry(config: Path | None, partner: str, issue: int) -> None:
    """Read what an issue is about from FreshBooks again: its record, or the invoice of its payment."""
    import anyio

    what = anyio.run(_retry, load_settings(config), partner, issue)
    click.echo(f"Issue {issue} of {partner}: {what}. The issue closes by itself when that helps.")


@issues.command("settle", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.argument("issue", type=click.IntRange(min=1))
@click.option("--choice", required=True, help="One of the actions that `issues show` lists.")
@click.option("--payment", metavar="ID", help="The FreshBooks payment, for a choice that names one.")
@click.option("--stands-for", metavar="PAYMENT", help="With stand_in: the platform's payment it is to stand for.")
def settle(
    config: Path | None, partner: str, issue: int, choice: str, payment: str | None, stands_for: str | None
) -> None:
    """Choose for the partner what an issue of theirs offers, exactly as the dashboard's button does."""
    import anyio

    form = {"action": choice, "fb_payment_id": payment or "", "payment_id": stands_for or ""}
    anyio.run(_press, load_settings(config), partner, issue, form)
    click.echo(f"Issue {issue} of {partner}: {choice.replace('_', ' ')}. It takes effect in a moment.")


# ---- what they do ----------------------------------------------------------------------------------------------------


async def _list(
    settings: "Settings",
    partner: str | None,
    closed: bool,  # noqa: FBT001 -- anyio.run passes them by place
    kind: str,
    limit: int,
) -> "tuple[tuple[PartnerId, IssueRow], ...]":
    from daemon.adapters.postgres.operator_store import OperatorStore
    from daemon.app.database import opened_pool
    from daemon.core.model import IssueKind, PartnerId

    if kind and kind not in {known.value for known in IssueKind}:
        names = ", ".join(sorted(known.value for known in IssueKind))
        raise click.BadParameter(f"there is no kind {kind}: the kinds are {names}", param_hint="--kind")
    async with opened_pool(settings) as pool:
        if partner is not None:
            await known_partner(pool, partner)
        wanted = None if partner is None else PartnerId(partner)
        return await OperatorStore(pool).issues(wanted, closed=closed, kind=kind, limit=limit)


async def _find(settings: "Settings", partner: str, issue: int) -> "tuple[PartnerId, IssueRow]":
    from daemon.adapters.postgres.desk_store import DeskStore
    from daemon.app.database import opened_pool
    from daemon.core.model import PartnerId

    async with opened_pool(settings) as pool:
        await known_partner(pool, partner)
        found = await DeskStore(pool).issue(PartnerId(partner), issue)
    if found is None:
        raise NotSo(f"{partner} has no issue {issue}: `freshbooks-syncd issues list {partner}` shows them")
    return PartnerId(partner), found


async def _retry(settings: "Settings", partner: str, issue: int) -> str:
    partner_id, found = await _find(settings, partner, issue)
    if found.closed_at is not None:
        raise NotSo(f"issue {issue} of {partner} is closed already: nothing was changed")
    if _READ_AGAIN in found.actions:
        await _press(settings, partner, issue, {"action": _READ_AGAIN})
        return "the record is read again"
    if not await _read_invoice(settings, partner_id, found):
        raise NotSo(f"issue {issue} of {partner} is not about a record that could be read again. {found.next_step}")
    return "its invoice is read again"


async def _read_invoice(settings: "Settings", partner_id: "PartnerId", issue: "IssueRow") -> bool:
    """Have the invoice that an issue is about read again; what it shows then decides whether the issue stands."""
    from daemon.adapters.clock import SystemClock
    from daemon.adapters.postgres.desk_store import DeskStore
    from daemon.adapters.postgres.operator_store import OperatorStore
    from daemon.app.database import opened_pool
    from daemon.core.model import InvoiceId, PaymentId

    kind, subject = issue.subject
    async with opened_pool(settings) as pool:
        number = InvoiceId(int(subject)) if kind == "invoice" else None
        if kind == "payment":
            payment = await DeskStore(pool).payment(partner_id, PaymentId(subject))
            number = payment.invoice_id if payment else None
        if number is None:
            return False
        return await OperatorStore(pool).read_invoice(partner_id, number, operator(), SystemClock().now())


async def _press(settings: "Settings", partner: str, issue: int, form: dict[str, str]) -> None:
    from daemon.adapters.clock import SystemClock
    from daemon.adapters.http.issue_actions import act
    from daemon.adapters.postgres.desk_actions import DeskActions
    from daemon.app.database import opened_pool

    partner_id, found = await _find(settings, partner, issue)
    if form["action"] not in found.actions:
        offered = ", ".join(found.actions) or "nothing: it clears by itself"
        raise NotSo(f"issue {issue} of {partner} does not offer {form['action']}; it offers {offered}")
    async with opened_pool(settings) as pool:
        refused = await act(DeskActions(pool), partner_id, found, form, who=operator(), now=SystemClock().now())
    if refused is not None:
        raise NotSo(refused.why)


def _as_json(partner_id: "PartnerId", issue: "IssueRow") -> dict[str, object]:
    return {
        "partner": partner_id,
        "issue": issue.issue_id,
        "kind": issue.kind.value,
        "subject": "/".join(issue.subject),
        "reason": issue.reason,
        "next_step": issue.next_step,
        "actions": list(issue.actions),
        "data": dict(issue.data),
        "opened_at": issue.opened_at.isoformat(),
        "closed_at": None if issue.closed_at is None else issue.closed_at.isoformat(),
        "closed_by": issue.closed_by,
    }
