"""Leases in NATS JetStream: who lives and who took whom stands in a bucket, the epochs of it in Postgres.

Keys: `member.living.ID` and `member.sharing.ID`, each gone when it is not renewed, the second sooner, and for good once
its member resigns; and `lease.PARTNER`, whose value is the holder's id, or nothing. A lease is taken by compare-and-set
on the revision of its key, and the epoch is

    microseconds since 1970 at which the bucket was made + revision

which only grows: a bucket made anew begins above all that the former one gave, as none is written a million times a
second, and above all that leases in Postgres ever counted, which in their turn just count on.

Every write of ours is fenced in Postgres, within its own transaction. So what is taken here is stamped there, and is a
lease only then: a stamp that a higher epoch came before is none. Between the two lies the one gap: a process, or an
answer, may get lost in it. Then the key names a member that does not know of it, or is gone, and is taken again.
As each stamp tells a key's revision, free partners are found in Postgres, and no key is read before it is written.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Final, Protocol, TypeVar

import anyio
from nats.errors import Error

from daemon.adapters.nats.bucket import Bucket
from daemon.core.leases import Census, Lease, Roll, Vacancy, shares_for
from daemon.core.model import PartnerId

_SHARING: Final = "member.sharing."
_LIVING: Final = "member.living."
_MEMBERS: Final = "member.*.*"
_PLAIN: Final = re.compile(rb"[^A-Za-z0-9_-]")
T = TypeVar("T")


class Register(Protocol):
    """What Postgres keeps of these leases. Every method raises StoreUnavailable."""

    member_id: str
    application: str

    async def enter(self, coordinator: str) -> None:
        """Stand among the members, unless others agree on leases elsewhere."""
        ...

    async def bury(self, gone: Collection[str]) -> int:
        """Remove members, close what they have open, and tell how many still stood there."""
        ...

    async def census(self) -> tuple[int, frozenset[str]]:
        """Count the partners to be shared, and name the members that stand there for some time."""
        ...

    async def vacant(self, living: Collection[str], limit: int, without: Collection[PartnerId]) -> tuple[Vacancy, ...]:
        """Find partners that none of the living holds, or this member without knowing it."""
        ...

    async def stamp(self, epochs: Mapping[PartnerId, int]) -> frozenset[PartnerId]:
        """Refuse what is written under lower epochs; tell for whom, a higher one not having come before."""
        ...

    async def release(self, epochs: Mapping[PartnerId, int]) -> None:
        """Show as free what this member held, under these epochs where they are higher, and tell the others."""
        ...

    async def tell(self) -> None:
        """Have the others look for what is free."""
        ...

    async def leave(self) -> None:
        """Show everything as free, stand among the members no more, and tell the others."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class NatsLeaseStore:
    """Fulfils `actors.membership.LeaseStore` over a bucket and a register."""

    def __init__(self, bucket: Bucket, register: Register) -> None:
        self._bucket = bucket
        self._register = register
        self._id = register.member_id
        self.application = register.application
        self._made_at_us = 0
        self._resigned = False
        self._revision = 0
        self._seen: frozenset[str] = frozenset()
        self._listed: frozenset[str] | None = None
        self._held: dict[PartnerId, int] = {}

    async def join(self, ttl: timedelta) -> None:
        """Become a member. Raises StoreUnavailable, also while others agree on leases elsewhere."""
        async with self._bucket.reached():
            self._made_at_us = await self._bucket.made_at_us()
        await self._register.enter(f"the NATS bucket {self._bucket.name} of {self._made_at_us}")
        self._resigned, self._held = False, {}
        async with self._bucket.reached():
            self._revision = await self._bucket.put(_LIVING + self._id, b"", ttl=ttl) or 0
            await self._share(ttl)
        await self._register.tell()

    async def renew(self, ttl: timedelta) -> Roll | None:
        """Stay a member, and call the roll; None when this one's time was up."""
        key = _LIVING + self._id
        async with self._bucket.reached():
            revision = await self._bucket.put(key, b"", last=self._revision, ttl=ttl)
            if revision is None:
                # Gone, or the answer to the last renewal was lost.
                found = await self._bucket.get(key)
                revision = await self._bucket.put(key, b"", last=found.revision, ttl=ttl) if found else None
            if revision is None:
                return None
            self._revision = revision
            await self._share(ttl)
            self._listed = await self._bucket.keys(_MEMBERS)
        return Roll(living=len(_living(self._listed)), sharing=len(_sharing(self._listed)))

    async def bury(self, ttl: timedelta) -> int:  # noqa: ARG002 -- NATS itself lets a member's key go
        """Close what members have open in Postgres whose time was up, and tell how many there were."""
        listed, self._listed = self._listed, None
        if listed is None:
            async with self._bucket.reached():
                listed = await self._bucket.keys(_MEMBERS)
        gone = self._seen - _living(listed) - {self._id}
        buried = await self._register.bury(gone) if gone else 0
        self._seen = _living(listed)
        return buried

    async def census(self, ttl: timedelta) -> Census:  # noqa: ARG002 -- NATS itself lets a member's key go
        """Count the members that were heard of lately, and the partners they share."""
        async with self._bucket.reached():
            sharing = _sharing(await self._bucket.keys(_MEMBERS))
        partners, members = await self._register.census()
        # Those that nobody saw alive are buried as well, should they be gone.
        self._seen |= members
        return Census(members=len(sharing), partners=partners)

    async def acquire(self, limit: int, without: Collection[PartnerId]) -> tuple[Lease, ...]:
        """Take up to `limit` partners that nobody holds, each under a higher epoch than ever before."""
        async with self._bucket.reached():
            members = await self._bucket.keys(_MEMBERS)
        living = _living(members)
        if self._id not in living or self._resigned:
            return ()
        vacant = {found.partner_id: found for found in await self._register.vacant(living, limit, without)}
        revisions = await self._each(vacant.values(), lambda found: self._take(found, living))
        epochs = {
            partner_id: self._made_at_us + revision
            for partner_id, revision in zip(vacant, revisions, strict=True)
            if revision is not None
        }
        stamped = await self._register.stamp(epochs) if epochs else frozenset()
        self._held |= {partner_id: epochs[partner_id] - self._made_at_us for partner_id in stamped}
        return tuple(
            Lease(partner_id=partner_id, epoch=epochs[partner_id], taken_over=vacant[partner_id].deserted)
            for partner_id in stamped
        )

    async def release(self, partners: Collection[PartnerId]) -> None:
        """Give leases back, and tell the others."""
        revisions = await self._each(partners, self._give_back)
        await self._register.release(
            {
                partner_id: self._made_at_us + (revision or 0)
                for partner_id, revision in zip(partners, revisions, strict=True)
            }
        )
        for partner_id in partners:
            self._held.pop(partner_id, None)

    async def resign(self) -> None:
        """Count no longer among those who share, and tell the others."""
        async with self._bucket.reached():
            self._resigned = True
            await self._bucket.remove(_SHARING + self._id)
        await self._register.tell()

    async def leave(self) -> None:
        """Give everything back, tell the others, and be a member no more; a later `join` is a new member's."""
        try:
            # Nobody lives who is named by the keys of its leases then; in Postgres first, or it would be buried.
            await self._register.leave()
            async with self._bucket.reached():
                await self._bucket.remove(f"member.*.{self._id}")
        finally:
            await self.close()

    async def close(self) -> None:
        """Close both connections; whoever still is a member then counts as crashed once its time is up."""
        self._register.close()
        await self._bucket.close()

    async def _share(self, ttl: timedelta) -> None:
        if not self._resigned:
            await self._bucket.put(_SHARING + self._id, b"", ttl=shares_for(ttl))

    async def _take(self, found: Vacancy, living: Collection[str]) -> int | None:
        """Write this member's name into a lease; None when somebody living was quicker."""
        key, name = _lease(found.partner_id), self._id.encode()
        revision = await self._bucket.put(key, name, last=max(0, found.epoch - self._made_at_us))
        if revision is not None:
            return revision
        # Postgres has not seen the last taking: another's that is on its way, or one whose answer or taker got lost.
        entry = await self._bucket.get(key)
        holder = entry.value.decode() if entry else ""
        if holder != self._id and holder in living:
            return None
        return await self._bucket.put(key, name, last=entry.revision if entry else 0)

    async def _give_back(self, partner_id: PartnerId) -> int | None:
        revision = self._held.get(partner_id)
        return None if revision is None else await self._bucket.put(_lease(partner_id), b"", last=revision)

    async def _each(self, of: Iterable[T], act: Callable[[T], Awaitable[int | None]]) -> list[int | None]:
        """Act on all at once, and fail with the first that failed when all have ended."""
        done: dict[int, int | None] = {}
        failed: list[Error | OSError] = []

        async def one(place: int, what: T) -> None:
            try:
                done[place] = await act(what)
            except (Error, OSError) as error:
                failed.append(error)

        async with self._bucket.reached():
            async with anyio.create_task_group() as tasks:
                for place, what in enumerate(of):
                    tasks.start_soon(one, place, what)
            if failed:
                raise failed[0]
        return [done[place] for place in sorted(done)]


def _living(members: Collection[str]) -> frozenset[str]:
    return frozenset(key.removeprefix(_LIVING) for key in members if key.startswith(_LIVING))


def _sharing(members: Collection[str]) -> frozenset[str]:
    """Whoever thaws between its two keys may have the second alone."""
    return frozenset(id_ for id_ in _living(members) if _SHARING + id_ in members)


def _lease(partner_id: PartnerId) -> str:
    """Name a partner's key: what a key may not contain stands there as =HEX."""
    return "lease." + _PLAIN.sub(lambda found: b"=%02X" % found[0][0], partner_id.encode()).decode()
