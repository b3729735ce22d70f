"""One step of a pull lane, for tests that drive the actors' functions without a supervisor."""

import anyio

from daemon.actors.limiter import Line
from daemon.actors.pull import pull_pages
from daemon.actors.read_ahead import ReadAhead
from daemon.actors.world import World
from daemon.core.effects import PullPages
from daemon.core.events import PagesStored
from daemon.core.policy import PullPolicy


async def pull_step(world: World, line: Line, effect: PullPages, policy: PullPolicy) -> PagesStored:
    """Take and store the cursor's next pages, and give up those that were read ahead meanwhile."""
    async with anyio.create_task_group() as tasks:
        ahead = ReadAhead(tasks, world.clock)
        stored = await pull_pages(world, line, ahead, effect, policy)
        ahead.forget()
    return stored
