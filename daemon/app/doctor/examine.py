"""All checks in their order; one that stands on another is skipped when that one failed."""

from collections.abc import Callable, Mapping
from pathlib import Path

from daemon.actors.ports import Clock
from daemon.app.doctor.database import check_database
from daemon.app.doctor.findings import Finding, Outcome, skipped
from daemon.app.doctor.freshbooks import check_freshbooks
from daemon.app.doctor.leases import check_leases
from daemon.app.doctor.machine import check_listeners, check_state
from daemon.app.doctor.settings import check_addresses, check_complete, check_file, check_permissions
from daemon.settings import Settings

LATER = ("settings complete", "postgres", "listeners", "freshbooks")


async def examine(
    path: Path | None, load: Callable[[], Settings], environ: Mapping[str, str], clock: Clock
) -> tuple[Finding, ...]:
    """Look at everything; nothing is changed, and nothing is sent to FreshBooks but a token that nobody has."""
    settings, read = check_file(path, load)
    if settings is None:
        return (read, *(skipped(check, "the settings must be readable first") for check in LATER))
    complete = check_complete(settings)
    found = [read, *check_permissions(path), complete, *check_addresses(settings), *check_state(settings)]
    found += await check_listeners(settings, environ)
    found += await check_database(settings, clock)
    found += await check_leases(settings)
    if complete.outcome is Outcome.FAULT:
        found.append(skipped("freshbooks", "the settings must be complete first"))
    else:
        found += await check_freshbooks(settings, clock)
    return tuple(found)
