"""Shows that FreshBooks ignores what it is asked for: the run waits for it visibly, and is never complete."""

from collections.abc import Awaitable
from typing import TypeVar

from daemon.actors.world import World
from daemon.core.effects import CountPages, PullPages
from daemon.core.errors import FilterIgnored
from daemon.core.issues import filter_ignored
from daemon.core.model import Resource

T = TypeVar("T")


async def shown_if_ignored(world: World, effect: CountPages | PullPages, resource: Resource, answer: Awaitable[T]) -> T:
    """Open the issue of a filter that was ignored, and let the failure take its course."""
    try:
        return await answer
    except FilterIgnored as ignored:
        await world.store.raise_issue(effect.scope, filter_ignored(effect.cursor.feed, resource, ignored.filter))
        raise
