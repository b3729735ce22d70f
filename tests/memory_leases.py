"""The leases in memory, shared by several processes in virtual time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

from daemon.core.errors import LeaseLost, StoreUnavailable
from daemon.core.leases import Census, Lease, Roll, shares_for
from daemon.core.model import PartnerId


@dataclass(slots=True)
class LeaseTable:
    """What Postgres would hold. `ticks` is its clock; `partners` tells who is connected."""

    ticks: Callable[[], float]
    partners: Callable[[], Collection[PartnerId]]
    members: dict[str, float] = field(default_factory=dict)
    crashed: set[str] = field(default_factory=set)
    resigned: set[str] = field(default_factory=set)
    holder: dict[PartnerId, str] = field(default_factory=dict)
    epochs: dict[PartnerId, int] = field(default_factory=dict)

    def fence(self, partner_id: PartnerId, epoch: int) -> None:
        """Refuse who writes under an epoch that is past."""
        if self.epochs.get(partner_id) != epoch:
            raise LeaseLost(f"partner {partner_id} was taken over: epoch {epoch} is past")


@dataclass(slots=True)
class MemoryLeases:
    """Fulfils `LeaseStore` for one process. `away`: Postgres is unreachable; `answer_lost`: of the next taking."""

    table: LeaseTable
    name: str
    away: bool = False
    answer_lost: bool = False

    async def join(self, ttl: timedelta) -> None:
        self._ask()
        self._give_up()
        self.table.members[self.name] = self.table.ticks() + ttl.total_seconds()

    async def renew(self, ttl: timedelta) -> Roll | None:
        self._ask()
        if self.name not in self.table.members:
            return None
        self.table.members[self.name] = self.table.ticks() + ttl.total_seconds()
        return Roll(living=len(self.table.members), sharing=self._sharing(ttl))

    async def bury(self, ttl: timedelta) -> int:
        self._ask()
        now = self.table.ticks()
        gone = {name for name, until in self.table.members.items() if until < now or name in self.table.crashed}
        gone.discard(self.name)
        for name in gone:
            del self.table.members[name]
        return len(gone)

    async def census(self, ttl: timedelta) -> Census:
        self._ask()
        return Census(members=self._sharing(ttl), partners=len(self.table.partners()))

    async def acquire(self, limit: int, without: Collection[PartnerId]) -> tuple[Lease, ...]:
        self._ask()
        table = self.table
        if self.name not in table.members:
            return ()
        lost, self.answer_lost = self.answer_lost, False
        free = [
            partner_id
            for partner_id in sorted(table.partners())
            if table.holder.get(partner_id, "") not in table.members.keys() - {self.name} and partner_id not in without
        ][:limit]
        taken = []
        for partner_id in free:
            taken_over = table.holder.get(partner_id, "") not in {"", self.name}
            table.holder[partner_id] = self.name
            table.epochs[partner_id] = table.epochs.get(partner_id, 0) + 1
            taken.append(Lease(partner_id=partner_id, epoch=table.epochs[partner_id], taken_over=taken_over))
        if lost:
            raise StoreUnavailable("the connection broke")
        return tuple(taken)

    async def release(self, partners: Collection[PartnerId]) -> None:
        self._ask()
        for partner_id in partners:
            if self.table.holder.get(partner_id) == self.name:
                self.table.holder[partner_id] = ""

    async def resign(self) -> None:
        self._ask()
        self.table.resigned.add(self.name)

    async def leave(self) -> None:
        self._ask()
        self._give_up()
        self.table.members.pop(self.name, None)
        self.table.resigned.discard(self.name)

    def _sharing(self, ttl: timedelta) -> int:
        quiet = self.table.ticks() + (ttl - shares_for(ttl)).total_seconds()
        heard = {name for name, until in self.table.members.items() if until > quiet}
        return len(heard - self.table.resigned)

    def _give_up(self) -> None:
        for partner_id, holder in self.table.holder.items():
            if holder == self.name:
                self.table.holder[partner_id] = ""

    def _ask(self) -> None:
        if self.away:
            raise StoreUnavailable("Postgres is away")
