"""`audit`: checks the log's chain of hashes, and hands the log to an auditor."""

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from daemon.cli.options import load_settings, with_config
from daemon.cli.problems import EXIT_CODES, FOUND, NotSo
from daemon.core.audit import AuditHead, AuditLine
from daemon.core.model import PartnerId

if TYPE_CHECKING:
    from daemon.adapters.postgres.audit_store import AuditStore
    from daemon.settings import Settings

COLUMNS: Final = ("number", "at", "who", "what", "subject", "before", "after", "why", "previous", "hash")
HASH_BYTES: Final = 32


@click.group()
def audit() -> None:
    """Check or export the append-only log of all that was changed and pressed."""


@audit.command("check", epilog=EXIT_CODES)
@with_config
@click.argument("partner", required=False)
@click.option(
    "--head",
    "anchor",
    metavar="NUMBER:HASH",
    help="With PARTNER: a head that an earlier check printed and you kept. Only this finds a log rewritten as a whole.",
)
def check(config: Path | None, partner: str | None, anchor: str | None) -> None:
    """Compute the chain of hashes anew, for PARTNER or for all, and name the first broken line."""
    import anyio

    known = _anchor_of(anchor, partner)
    broken = anyio.run(_check, load_settings(config), partner, known)
    sys.exit(FOUND if broken else 0)


@audit.command("export", epilog=EXIT_CODES)
@with_config
@click.argument("partner")
@click.option("--format", "form", type=click.Choice(("jsonl", "csv")), default="jsonl", show_default=True)
def export(config: Path | None, partner: str, form: str) -> None:
    """Print PARTNER's log, oldest line first, with the hashes that prove it."""
    import anyio

    anyio.run(_export, load_settings(config), partner, form)


async def _check(settings: "Settings", partner: str | None, anchor: AuditHead | None) -> bool:
    from daemon.adapters.postgres.audit_store import AuditStore
    from daemon.app.database import opened_pool

    broken = False
    async with opened_pool(settings) as pool:
        store = AuditStore(pool)
        for partner_id in [await _known(store, partner)] if partner else await store.partners():
            found = await store.check(partner_id, anchor)
            head = f"{found.reached.number}:{found.reached.hash.hex()}"
            if found.broken is not None:
                broken = True
                click.echo(f"{partner_id}: BROKEN: {found.broken}; good up to {head}")
            elif found.reached.number:
                click.echo(f"{partner_id}: {found.reached.number} lines, head {head}")
            else:
                click.echo(f"{partner_id}: no lines yet")
    return broken


async def _export(settings: "Settings", partner: str, form: str) -> None:
    from daemon.adapters.postgres.audit_store import AuditStore
    from daemon.app.database import opened_pool

    writer = _Csv(sys.stdout) if form == "csv" else _Lines(sys.stdout)
    async with opened_pool(settings) as pool:
        store = AuditStore(pool)
        async for line in store.lines(await _known(store, partner)):
            writer.write(line)


async def _known(store: "AuditStore", partner: str) -> PartnerId:
    if not await store.knows(PartnerId(partner)):
        raise NotSo(f"there is no partner {partner}: `freshbooks-syncd status` lists them")
    return PartnerId(partner)


@dataclass(frozen=True, slots=True)
class _Lines:
    """One JSON object a line; `before` and `after` as objects."""

    stream: TextIO

    def write(self, line: AuditLine) -> None:
        row: dict[str, object] = {"partner": line.partner_id, **_cells(line)}
        for name, text in (("before", line.before), ("after", line.after)):
            row[name] = None if text is None else json.loads(text)
        self.stream.write(json.dumps(row, ensure_ascii=False) + "\n")


class _Csv:
    """A table with a head; `before` and `after` as the JSON text that was hashed."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream)
        self._writer.writerow(("partner", *COLUMNS))

    def write(self, line: AuditLine) -> None:
        self._writer.writerow((line.partner_id, *_cells(line).values()))


def _cells(line: AuditLine) -> dict[str, object]:
    values = (
        line.number,
        line.at.isoformat(),
        line.who,
        line.what,
        line.subject,
        line.before,
        line.after,
        line.why,
        line.previous.hex(),
        line.hash.hex(),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _anchor_of(text: str | None, partner: str | None) -> AuditHead | None:
    if text is None:
        return None
    if partner is None:
        raise click.UsageError("--head belongs to one log: name its PARTNER")
    number, _, digest = text.partition(":")
    try:
        head = AuditHead(number=int(number), hash=bytes.fromhex(digest))
    except ValueError:
        head = AuditHead()
    if head.number < 1 or len(head.hash) != HASH_BYTES:
        raise click.BadParameter(f"{text} is no head such as 12:9f86d081...", param_hint="--head")
    return head
