"""`verify`: has the running daemon compare books with FreshBooks, waits for it, and prints what it came to."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from daemon.cli.options import load_settings, with_config
from daemon.cli.problems import Failure
from daemon.core.model import PartnerId
from daemon.core.verify import Outcome, Report, VerifyMode, VerifyRow

if TYPE_CHECKING:
    from rich.table import Table

    from daemon.adapters.clock import SystemClock
    from daemon.adapters.postgres.verify_store import VerifyStore
    from daemon.settings import Settings

DRIFT: Final = 3
UNCHECKED: Final = 4
EXIT_CODES: Final = """\b
Exit codes:
  0  both sides are equal, but for what a rule prescribes
  1  it failed: the surroundings do not allow it now
  2  wrong options or settings: trying again will not help
  3  drift: something differs that no rule prescribes
  4  something could not be compared; nothing that was compared differs
"""
POLL_S: Final = 0.3
TAKEN_UP_WITHIN_S: Final = 60.0
OPERATOR: Final = "operator"


@click.command(epilog=EXIT_CODES)
@with_config
@click.argument("partner", required=False)
@click.option("--all", "every", is_flag=True, help="Every connected partner, one after another.")
@click.option("--quick", is_flag=True, help="Only the changes of the last days, and a random sample of all else.")
@click.option("--repair", is_flag=True, help="Read again what differs on our side. FreshBooks is never written.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per partner instead of a table.")
def verify(config: Path | None, partner: str | None, *, every: bool, quick: bool, repair: bool, as_json: bool) -> None:
    """Compare PARTNER's books, or everyone's, with FreshBooks: invoices, customers, payments, credits, deposits.

    The running daemon does it, within the partner's call budget and after all other work.
    """
    import anyio

    if every == (partner is not None):
        raise click.UsageError("name a PARTNER, or say --all")
    mode = VerifyMode.QUICK if quick else VerifyMode.FULL
    results = anyio.run(_verify, load_settings(config), partner, _Wish(mode=mode, repair=repair))
    for result in results:
        if as_json:
            click.echo(json.dumps(_as_json(result)))
        else:
            _print(result)
    sys.exit(_exit_code(results))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    mode: VerifyMode
    repair: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one partner: a finished verification, or the reason why there is none."""

    partner_id: PartnerId
    row: VerifyRow | None = None
    why_not: str = ""

    @property
    def outcome(self) -> Outcome:
        """What it came to; without a verification, unchecked."""
        return Outcome.UNCHECKED if self.row is None or self.row.outcome is None else self.row.outcome


async def _verify(settings: "Settings", partner: str | None, wish: _Wish) -> list[Result]:
    from daemon.adapters.clock import SystemClock
    from daemon.adapters.postgres.verify_store import VerifyStore
    from daemon.app.database import opened_pool

    async with opened_pool(settings) as pool:
        store, clock = VerifyStore(pool), SystemClock()
        partners = await store.partners(PartnerId(partner) if partner else None)
        if partner and not partners:
            raise Failure(f"there is no partner {partner}: `freshbooks-syncd status` lists them")
        results: list[Result] = []
        for partner_id, why_not in partners:
            if why_not is None:
                results.append(await _one(store, clock, partner_id, wish))
            elif partner or why_not != NOT_CONNECTED:
                results.append(Result(partner_id=partner_id, why_not=why_not))
        return results


NOT_CONNECTED: Final = "not connected to FreshBooks"


async def _one(store: "VerifyStore", clock: "SystemClock", partner_id: PartnerId, wish: _Wish) -> Result:
    """Ask, and wait for as long as it comes on; one that is open already is waited for instead."""
    from daemon.core.verify import seed_of

    now = clock.now()
    seed = seed_of(partner_id, now)
    asked = await store.ask(partner_id, wish.mode, OPERATOR, now, seed, repair=wish.repair)
    if asked is None:
        under_way = [row for row in await store.verifications(partner_id, 1) if row.outcome is None]
        if not under_way:
            return Result(partner_id=partner_id, why_not=NOT_CONNECTED)
        click.echo(f"{partner_id}: one is under way already, asked for by {under_way[0].ask.asked_by}", err=True)
        asked = under_way[0].ask.id
    told, waited = "", 0.0
    while True:
        row = await store.verification(partner_id, asked)
        if row is None or row.outcome is not None:
            return Result(partner_id=partner_id, row=row)
        line = f"{partner_id}: {row.percent} %, {row.progress}" if row.began_at else told
        if line != told:
            click.echo(line, err=True)
            told, waited = line, 0.0
        if row.began_at is None and waited > TAKEN_UP_WITHIN_S:
            why = "no daemon took it up: is one running, and are the partner's calls to FreshBooks answered?"
            await store.give_up(partner_id, asked, clock.now(), why)
            return Result(partner_id=partner_id, why_not=why)
        await clock.sleep(POLL_S)
        waited += POLL_S


def _exit_code(results: Sequence[Result]) -> int:
    outcomes = {result.outcome for result in results}
    if Outcome.DRIFT in outcomes:
        return DRIFT
    return UNCHECKED if Outcome.UNCHECKED in outcomes else 0


def _print(result: Result) -> None:
    from rich.console import Console

    console = Console()
    row = result.row
    if row is None:
        console.print(f"{result.partner_id}: could not check: {result.why_not}", style="yellow", markup=False)
        return
    at = f"{row.finished_at:%Y-%m-%d %H:%M:%S} UTC" if row.finished_at else "now"
    seed = f", sample {row.ask.seed}" if row.ask.mode is VerifyMode.QUICK else ""
    read = ", ".join(f"{count:,} {what}" for what, count in row.report.read.items())
    console.print(f"{result.partner_id}: {result.outcome} as of {at} ({row.ask.mode}{seed}): {read}", markup=False)
    if row.report.drifts:
        console.print(_table(row.report))
    for line in _lines(row.report):
        console.print(line, style="dim", markup=False)


def _table(report: Report) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Drift", "What", "In words", "Repair"):
        table.add_column(title)
    for drift in report.drifts:
        mend = drift.mend.value if drift.mend else "by a person"
        table.add_row(drift.kind.value, "/".join(drift.subject), drift.detail, mend)
    return table


def _lines(report: Report) -> Iterator[str]:
    """Say the rest of a report, a line each."""
    if report.drifted > len(report.drifts):
        yield f"  and {report.drifted - len(report.drifts):,} more"
    for rule, count in sorted(report.rules.items()):
        example = next((ruled.detail for ruled in report.examples if ruled.rule == rule), "")
        yield f"  {rule}: {count:,} as prescribed, such as: {example}"
    for reason in report.unread:
        yield f"  not compared: {reason}"
    if report.unsettled:
        yield f"  {report.unsettled} kept changing while they were compared"
    if report.mended:
        yield f"  {report.mended} are being read again: verify once more in a minute"


def _as_json(result: Result) -> dict[str, object]:
    import msgspec

    row = result.row
    shown: dict[str, object] = {"partner": result.partner_id, "outcome": result.outcome.value}
    if row is None:
        return {**shown, "why_not": result.why_not}
    return {
        **shown,
        "mode": row.ask.mode.value,
        "seed": row.ask.seed,
        "began_at": row.began_at.isoformat() if row.began_at else None,
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "report": msgspec.to_builtins(row.report),
    }
