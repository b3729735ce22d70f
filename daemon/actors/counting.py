"""The first work of an initial sync: asking how long the listings are, so that its progress can be told (C3)."""

from collections.abc import Sequence

import anyio

from daemon.actors.ignored_filters import shown_if_ignored
from daemon.actors.limiter import Line
from daemon.actors.read_ahead import CALL_FAILURES
from daemon.actors.world import World
from daemon.core.backfill import Pass, counted
from daemon.core.effects import CountPages
from daemon.core.events import PagesStored
from daemon.core.policy import PullPolicy
from daemon.core.rate_limit import Priority


async def count_pages(world: World, line: Line, effect: CountPages, policy: PullPolicy) -> PagesStored:
    """Ask the next listings of a fresh backfill for their lengths; what is counted survives a crash (C3)."""
    cursor = effect.cursor
    uncounted = cursor.queue[len(cursor.counts) :][: policy.pages_in_flight]
    totals = await shown_if_ignored(world, effect, uncounted[0].resource, _totals(line, uncounted))
    cursor = counted(cursor, totals, cursor.page_size)
    await world.store.save_cursor(effect.scope, cursor)
    return PagesStored(scope=effect.scope, cursor=cursor)


async def _totals(line: Line, listings: Sequence[Pass]) -> list[int]:
    """Ask several listings for their lengths; a failure after the first one leaves the counts before it."""
    answers: dict[Pass, int | Exception] = {}

    async def count_one(listing: Pass) -> None:
        try:
            page = await line(Priority.BACKFILL, lambda fb: fb.list_page(listing, 1, 1))
            answers[listing] = page.total
        except CALL_FAILURES as error:
            answers[listing] = error

    async with anyio.create_task_group() as group:
        for listing in listings:
            group.start_soon(count_one, listing)
    totals: list[int] = []
    for listing in listings:
        answer = answers[listing]
        if isinstance(answer, Exception):
            if not totals:
                raise answer
            break
        totals.append(answer)
    return totals
