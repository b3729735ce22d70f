"""Where supervisors wait: for their next deadline, or for their turn to begin. None of those who wait is a task."""

from collections.abc import Callable
from typing import Final, Protocol

import anyio

from daemon.actors.alarm_clock import AlarmClock
from daemon.actors.ports import Clock
from daemon.actors.supervisor import Supervisor
from daemon.core.model import PartnerId

IN_LINE_MAX: Final = 50
"""So many who begin, and wait for others to make room, are enough for no room to be left empty."""
LOOK_S: Final = 0.02
"""While so many do, whether they still do is looked at this often."""


class Woken(Protocol):
    """A supervisor that has been made a task."""

    @property
    def stands_in_line(self) -> bool:
        """Whether it is at its first look for work, and waits for others to make room."""
        ...


class WaitingRoom:
    """Holds who is no task, and wakes who is due: whoever begins in turn, everybody else at once.

    Of ten thousand who begin together most wait, and as tasks would leave the room they took behind for good.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alarms = AlarmClock(clock)
        self._starts = AlarmClock(clock)
        """Who has not read what is stored."""
        self._first_looks = AlarmClock(clock)
        """Who has, and has not looked for work since."""

    def wait(self, supervisor: Supervisor, seconds: float) -> None:
        """Let one who has nothing to do wait for so many seconds, or for its turn from then on."""
        self._of(supervisor).set(supervisor.partner_id, seconds)

    def hurry(self, supervisor: Supervisor) -> None:
        """Wake one who waits now, in its turn if it may stand back; who does not wait is awake already."""
        partner_id, alarms = supervisor.partner_id, self._of(supervisor)
        if alarms is self._alarms and self.stands_back(partner_id):
            self.leave(partner_id)
            alarms.set(partner_id, 0)
        else:
            alarms.hurry(partner_id)

    def leave(self, partner_id: PartnerId) -> None:
        """Wait no more."""
        for alarms in (self._alarms, self._starts, self._first_looks):
            alarms.off(partner_id)

    def stands_back(self, partner_id: PartnerId) -> bool:
        """Whether one is due, or will be, and lets others go first."""
        return partner_id in self._starts or partner_id in self._first_looks

    async def run(self, wake: Callable[[PartnerId], Woken]) -> None:
        """Wake for ever."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._wake_in_turn, self._starts, wake)
            group.start_soon(self._wake_in_turn, self._first_looks, wake)
            while True:
                for partner_id in await self._alarms.ring():
                    wake(partner_id)

    def _of(self, supervisor: Supervisor) -> AlarmClock:
        if not supervisor.may_stand_back:
            return self._alarms
        return self._first_looks if supervisor.has_begun else self._starts

    async def _wake_in_turn(self, alarms: AlarmClock, wake: Callable[[PartnerId], Woken]) -> None:
        in_line: list[Woken] = []
        while True:
            if room := IN_LINE_MAX - len(in_line):
                in_line += [wake(partner_id) for partner_id in await alarms.ring(room)]
            else:
                await self._clock.sleep(LOOK_S)
            in_line = [woken for woken in in_line if woken.stands_in_line]
