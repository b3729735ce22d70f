"""Which partners this process works for: leases renewed, trusted, taken, given back, and lost."""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Protocol

import anyio

from daemon.actors.ports import Clock
from daemon.core.errors import LeaseLost, StoreUnavailable
from daemon.core.leases import Census, Lease, LeasePolicy, Roll, trusted_until
from daemon.core.model import PartnerId


class LeaseStore(Protocol):
    """Where the processes agree on who works for whom. Every method raises StoreUnavailable."""

    async def join(self, ttl: timedelta) -> None:
        """Become a member for so long."""
        ...

    async def renew(self, ttl: timedelta) -> Roll | None:
        """Stay a member for so long from now, and call the roll; None when this one was given up.

        Who was not heard of for `shares_for(ttl)` has no share, here and in the census.
        """
        ...

    async def bury(self, ttl: timedelta) -> int:
        """Remove the members that are gone, and tell how many those were."""
        ...

    async def census(self, ttl: timedelta) -> Census:
        """Count the members and the partners they share."""
        ...

    async def acquire(self, limit: int, without: Collection[PartnerId]) -> tuple[Lease, ...]:
        """Take up to so many partners outside `without` that are free or, unknown to this member, its own.

        Every lease has a higher epoch than all before it.
        """
        ...

    async def release(self, partners: Collection[PartnerId]) -> None:
        """Give leases back."""
        ...

    async def resign(self) -> None:
        """Be a member that takes nothing any more: what it gives back is for the others."""
        ...

    async def leave(self) -> None:
        """Give everything back and be a member no more; a later `join` begins anew."""
        ...


class LeaseTelemetry(Protocol):
    """Metrics and log lines of the leases."""

    def leases_renewed(self, held: int) -> None:
        """Show how many partners are held, as of now."""
        ...

    def leases_taken(self, taken: int, taken_over: int) -> None:
        """Count leases taken, and those among them whose process is gone."""
        ...

    def leases_lost(self, lost: int, reason: str) -> None:
        """Count leases that the others took."""
        ...

    def leases_unreachable(self, error: str) -> None:
        """Tell that the leases could not be renewed just now."""
        ...


class Membership:
    """Fulfils `Ownership` among several processes.

    A lease is trusted from before its renewal began until `ttl - margin` later by the monotonic clock; the others
    give it up no sooner than `ttl`. The trust only saves vain work: what keeps two processes apart is the epoch that
    every writing transaction names.
    """

    def __init__(
        self, leases: LeaseStore, clock: Clock, telemetry: LeaseTelemetry, policy: LeasePolicy | None = None
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._telemetry = telemetry
        self._policy = policy or LeasePolicy()
        self._epochs: dict[PartnerId, int] = {}
        self._going: set[PartnerId] = set()
        self._working: AbstractSet[PartnerId] = frozenset()
        self._ended: set[PartnerId] = set()
        self._roll: Roll | None = None
        self._resigning = False
        self._resigned = False
        self._trusted_until = 0.0
        self._census_at = 0.0
        self._bell = anyio.Event()
        self._news = anyio.Event()

    # ---- what others ask ---------------------------------------------------------------------------------------------

    def wanted(self) -> AbstractSet[PartnerId]:
        """Whom to work for."""
        return self._epochs.keys() - self._going

    def held(self) -> AbstractSet[PartnerId]:
        """Whose lease is held, those that are being given back included."""
        return self._epochs.keys()

    def holds(self, partner_id: PartnerId) -> bool:
        """Whether the partner's lease may be relied on right now."""
        return partner_id in self._epochs and self._is_trusted()

    def epoch(self, partner_id: PartnerId) -> int:
        """What to write under. Raises LeaseLost, and StoreUnavailable while nobody knows."""
        held = self._epochs.get(partner_id)
        if held is None:
            raise LeaseLost(f"partner {partner_id} is not this process' to work for")
        if not self._is_trusted():
            raise StoreUnavailable("the leases could not be renewed in time: nothing is written until they are")
        return held

    async def changed(self) -> None:
        """Wait until somebody came or went."""
        await self._news.wait()
        self._news = anyio.Event()

    # ---- what others tell --------------------------------------------------------------------------------------------

    def ended(self, partner_id: PartnerId) -> None:
        """Hear that nothing works for this partner any more: its lease can go, or be taken again."""
        if partner_id in self._epochs:
            self._ended.add(partner_id)
        self.hurry()

    def lost(self, partner_id: PartnerId) -> None:
        """Hear that a write was refused: someone else works for the partner."""
        if self._epochs.pop(partner_id, None) is not None:
            self._going.discard(partner_id)
            self._telemetry.leases_lost(1, "a write was refused")
            self._news.set()

    def hurry(self) -> None:
        """Look at once whether there is someone to take, or something to give back."""
        self._census_at = 0.0
        self._bell.set()

    def resign(self) -> None:
        """Take nobody any more: the process stops."""
        self._resigning = True
        self.hurry()

    # ---- the lifetime ------------------------------------------------------------------------------------------------

    async def start(self, working: AbstractSet[PartnerId]) -> None:
        """Join, and take the first lot of partners. Raises StoreUnavailable.

        `working` is a view: who is in it is not taken anew, and who is not in it can be given back at once.
        """
        self._working = working
        began = self._clock.monotonic()
        await self._leases.join(self._policy.ttl)
        self._trusted_until = trusted_until(began, self._policy)
        await self._leases.bury(self._policy.ttl)
        if await self._take(await self._leases.census(self._policy.ttl)):
            self.hurry()

    async def run(self) -> None:
        """Renew for ever; what is not answered is asked again at the next beat."""
        while True:
            with anyio.move_on_after(self._policy.renew_interval.total_seconds()):
                await self._bell.wait()
            self._bell = anyio.Event()
            try:
                # Bounded by the store's time-outs; cut off in the middle, its connection could not be used to leave.
                with anyio.CancelScope(shield=True):
                    await self._beat()
            except StoreUnavailable as error:
                self._telemetry.leases_unreachable(str(error))
                # Not at once, whoever is in a hurry; and then without another wait.
                await self._clock.sleep(self._policy.renew_interval.total_seconds())
                self._bell.set()

    async def leave(self) -> None:
        """Hand everything over at once; when the others cannot be told, they notice by themselves."""
        self._epochs.clear()
        try:
            await self._leases.leave()
        except StoreUnavailable as error:
            self._telemetry.leases_unreachable(str(error))

    async def _beat(self) -> None:
        began = self._clock.monotonic()
        roll = await self._leases.renew(self._policy.ttl)
        if roll is None:
            self._lose_all()
            began = self._clock.monotonic()
            await self._leases.join(self._policy.ttl)
        self._trusted_until = trusted_until(began, self._policy)
        self._telemetry.leases_renewed(len(self._epochs))
        buried = await self._leases.bury(self._policy.ttl)
        if roll != self._roll or buried:
            # Someone came, went quiet, or went: for whoever else buried it as well.
            self._roll, self._census_at = roll, 0.0
        if self._resigning and not self._resigned:
            await self._leases.resign()
            self._resigned = True
        await self._give_back()
        if not self._resigning and self._clock.monotonic() >= self._census_at:
            await self._balance()

    def _lose_all(self) -> None:
        """The others have buried this process: all it held is theirs."""
        self._telemetry.leases_lost(len(self._epochs), "not renewed in time")
        self._epochs.clear()
        self._going.clear()
        self._ended.clear()
        self._news.set()

    async def _give_back(self) -> None:
        # Whoever is given back before anything began to work for it has nothing to wait for.
        ended = frozenset(self._ended | (self._going - self._working))
        if ended:
            await self._leases.release(ended)
            self._ended -= ended
            self._going -= ended
            for partner_id in ended:
                self._epochs.pop(partner_id, None)
            self._news.set()

    async def _balance(self) -> None:
        """Take what is free up to a fair share, or begin to give back what is beyond it."""
        self._census_at = self._clock.monotonic() + self._policy.census_interval.total_seconds()
        census = await self._leases.census(self._policy.ttl)
        beyond = len(self.wanted()) - census.share
        if beyond > 0:
            self._going |= set(sorted(self.wanted(), reverse=True)[:beyond])
            self._news.set()
        elif await self._take(census):
            # There may be more, but what is held must be renewed first.
            self.hurry()

    async def _take(self, census: Census) -> bool:
        room = min(census.share - len(self._epochs), self._policy.batch)
        if room <= 0:
            return False
        # Held and not known here is what was taken by a call whose answer was lost.
        taken = await self._leases.acquire(room, self._working | self._epochs.keys())
        self._epochs.update({lease.partner_id: lease.epoch for lease in taken})
        if taken:
            self._telemetry.leases_taken(len(taken), sum(lease.taken_over for lease in taken))
            self._news.set()
        return bool(taken)

    def _is_trusted(self) -> bool:
        return self._clock.monotonic() < self._trusted_until
