"""Several daemons on one Postgres and one FreshBooks that loses answers: killed, frozen and thawed at random (W4).

The sandbox's limits are off and every partner has books of its own: FreshBooks allows 250 creates a minute to one. The
judge is FreshBooks' raw books, as in `chaos_push`: per invoice and amount what was paid, deleted records included.
"""

import argparse
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import asyncpg

from tests.nats_server import NatsServer
from tests.polling import eventually
from tests.system.books import opened_books
from tests.system.chaos_leases import PLACES, kill_now_and_then, leases_in, settings_for
from tests.system.chaos_main import Say, played
from tests.system.chaos_push import CLOCK, LOST, POSTS, SLOW, Storm, Verdict
from tests.system.fleet import owners
from tests.system.program import Program, running

DAEMONS: Final = 3
STALLED_S: Final = 120.0
"""When nothing more is recorded for so long, what is missing is lost."""
PER_SECOND: Final = 28.0
"""100,800 payments in all; two processors carry 36 a second. What is not recorded in time is waited for afterwards."""
PAY_EVERY_S: Final = 0.1
LOOK_EVERY_S: Final = 1.0
TROUBLE_EVERY_S: Final = (2.0, 6.0)
FROZEN_S: Final = (1.0, 15.0)
TTL_S: Final = 5.0
PARTNERS_MAX: Final = 200
"""A look-up that finds nothing reads all that its partner was paid since: many partners keep its cost from growing."""
SETTINGS: Final = """
[push]
in_flight = 8
post_timeout = "4s"
lookup_margin = "500ms"
lookup_again_after = "500ms"
attempts_max = 20
[sync]
call_timeout = "4s"
callbacks_retry = "1h"
backoff_first = "100ms"
backoff_maximum = "2s"
[rate]
calls_per_window = 1000000
creates_per_window = 1000000
burst = 1000
"""
FAULTS: Final[list[dict[str, Any]]] = [
    LOST,
    {
        "id": "lost-503",
        "match": POSTS,
        "probability": 0.015,
        "action": {"kind": "status", "status": 503, "after_commit": True},
    },
    SLOW,
    {"id": "429", "probability": 0.01, "action": {"kind": "status", "status": 429}},
    {"id": "503", "probability": 0.01, "action": {"kind": "status", "status": 503}},
]
"""FreshBooks refuses one call in fifty; `chaos_push` is where it refuses a tenth."""
SAY_EVERY_S: Final = 10.0
TAKEOVER_MAX_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The JSON of the last line; `share_spread` is how many partners the busiest process held more than the idlest."""

    posts: int
    doubles: int
    lost: int
    kills: int
    freezes: int
    takeover_p50_s: float
    takeover_p99_s: float
    partners: int
    share_spread: int
    answers_lost: int
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing is doubled or lost, and nobody waited long for an heir."""
        return not self.doubles and not self.lost and self.takeover_p99_s < TAKEOVER_MAX_S


@dataclass(slots=True)
class Fleet:
    """One run: a storm's books and payments, several daemons at work on them, and how long heirs were waited for."""

    storm: Storm
    database: "asyncpg.Pool[asyncpg.Record]"
    nats: NatsServer | None = None
    ends_at: float = 0.0
    takeovers: list[float] = field(default_factory=list)
    freezes: int = 0
    down: set[Path] = field(default_factory=set)
    begun: anyio.Event = field(default_factory=anyio.Event)

    # ---- the course --------------------------------------------------------------------------------------------------

    async def run(self, minutes: float) -> int:
        """Start the daemons, pay, make trouble, wait for what is on its way; tell the spread of the shares then."""
        settings = self.storm.books.settings(SETTINGS + settings_for(self.nats))
        places = [self.storm.directory / f"daemon-{number}" for number in range(DAEMONS)]
        for place in places:
            place.mkdir()
        async with running(places[0], settings):
            await eventually(self._all_connected, within_s=900, every_s=0.5)
        await self.database.execute("ANALYZE")
        await self.storm.books.control("PUT", "faults", FAULTS)
        async with anyio.create_task_group() as group:
            self.down.update(places)
            for place in places:
                group.start_soon(self._keep_running, place, settings)
            await eventually(lambda: not self.down, within_s=300, every_s=0.1)
            self.ends_at = CLOCK.monotonic() + 60 * minutes
            self.begun.set()
            group.start_soon(self._pay_evenly, 60 * minutes)
            if self.nats:
                group.start_soon(kill_now_and_then, self.nats, self.storm, self.ends_at, lambda: not self.down)
            await self._wait_for_all()
            await self._tell_left()
            spread = await self._settled_spread()
            group.cancel_scope.cancel()
        return spread

    async def _pay_evenly(self, seconds: float) -> None:
        storm = self.storm
        rows = [(*key, amount) for key, amounts in storm.paid.items() for amount in amounts]
        storm.chance.shuffle(rows)
        accounts = {partner.partner_id: partner.account_id for partner in storm.books.partners}
        numbered = [(row[0], f"pay_{number}", accounts[row[0]], *row[1:]) for number, row in enumerate(rows)]
        began, paid = CLOCK.monotonic(), 0
        while paid < len(numbered):
            await CLOCK.sleep(PAY_EVERY_S)
            due = int(len(rows) * (CLOCK.monotonic() - began) / seconds)
            await self.database.executemany(
                "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, "
                "method, status, initiated_at) VALUES ($1, $2, $3, $4, $5, 'USD', 'card', 'processing', now())",
                numbered[paid:due],
            )
            paid = max(paid, due)

    async def _wait_for_all(self) -> None:
        verdict, done, moved_at, said_at = self.storm.verdict, -1, CLOCK.monotonic(), 0.0
        began = CLOCK.monotonic()
        while CLOCK.monotonic() < self.ends_at or (
            done < verdict.payments and CLOCK.monotonic() - moved_at < STALLED_S
        ):
            await CLOCK.sleep(LOOK_EVERY_S)
            now_done = await self._count("SELECT count(*) FROM sync.push WHERE kind = 'payment' AND state = 'done'")
            if now_done > done:
                done, moved_at = now_done, CLOCK.monotonic()
            if CLOCK.monotonic() - said_at > SAY_EVERY_S:
                said_at = CLOCK.monotonic()
                self.storm.say(
                    f"{said_at - began:6.1f} s  {done} of {verdict.payments} recorded, {verdict.kills} kills, "
                    f"{self.freezes} freezes, {len(self.takeovers)} take-overs "
                    f"of up to {max(self.takeovers, default=0):.1f} s"
                )

    async def _tell_left(self) -> None:
        """Say with whom the payments are that were not recorded: what is looked at first when any is lost."""
        left = await self.database.fetch(
            "SELECT p.partner_id, p.state, m.name, count(*) FROM sync.push p LEFT JOIN sync.lease l USING (partner_id)"
            " LEFT JOIN sync.member m ON m.member_id = l.holder WHERE p.state <> 'done' GROUP BY 1, 2, 3 LIMIT 20"
        )
        for row in left:
            self.storm.say(f"left: {row['count']} {row['state']} of {row['partner_id']}, whom {row['name']} works for")

    # ---- trouble -----------------------------------------------------------------------------------------------------

    async def _keep_running(self, place: Path, settings: str) -> None:
        """Run a daemon again and again while there is trouble, and then for good."""
        while True:
            self.down.add(place)
            async with running(place, settings) as program:
                self.down.discard(place)
                await self._trouble(place, program)
            await CLOCK.sleep(self.storm.chance.uniform(0.2, 3.0))

    async def _trouble(self, place: Path, program: Program) -> None:
        """Freeze it now and then, until it is killed; one of the daemons is always well."""
        await self.begun.wait()
        while True:
            await CLOCK.sleep(self.storm.chance.uniform(*TROUBLE_EVERY_S) * DAEMONS)
            if CLOCK.monotonic() >= self.ends_at:
                await CLOCK.sleep(86_400)
            if len(self.down) >= DAEMONS - 1:
                continue
            self.down.add(place)
            if self.storm.chance.random() < 0.5:
                self.storm.verdict.kills += 1
                await self._measured(program, signal.SIGKILL)
                return
            await self._freeze(program)
            self.down.discard(place)

    async def _freeze(self, program: Program) -> None:
        self.freezes += 1
        seconds = self.storm.chance.uniform(*FROZEN_S)
        thaw_at = CLOCK.monotonic() + seconds
        if seconds > 2 * TTL_S:
            await self._measured(program, signal.SIGSTOP)
        else:
            program.send(signal.SIGSTOP)
        await CLOCK.sleep(max(thaw_at - CLOCK.monotonic(), 0))
        program.send(signal.SIGCONT)

    async def _measured(self, program: Program, how: signal.Signals) -> None:
        """Kill or freeze it, and time until everything that it held is in other hands."""
        held = await self.database.fetch(
            "SELECT partner_id, epoch FROM sync.lease l JOIN sync.member m ON m.member_id = l.holder"
            " WHERE m.name LIKE '%:' || $1",
            str(program.process.pid),
        )
        before = {row["partner_id"]: row["epoch"] for row in held}
        program.send(how)
        began = CLOCK.monotonic()

        async def is_inherited() -> bool:
            rows = await self.database.fetch("SELECT partner_id, epoch FROM sync.lease")
            return all(row["epoch"] > before.get(row["partner_id"], -1) for row in rows)

        if before:
            await eventually(is_inherited, within_s=60, every_s=0.05)
            self.takeovers.append(CLOCK.monotonic() - began)

    # ---- looking -----------------------------------------------------------------------------------------------------

    async def _all_connected(self) -> bool:
        left = await self._count("SELECT count(*) FROM sync.connection WHERE status <> 'connected'")
        known = await self._count("SELECT count(*) FROM sync.invoice")
        return left == 0 and known >= len(self.storm.paid)

    async def _settled_spread(self) -> int:
        """Tell the spread of the shares once all daemons are well, and have had the time to share anew."""
        await eventually(lambda: not self.down, within_s=120, every_s=0.5)
        for _ in range(30):
            if await self._spread() <= 1:
                break
            await CLOCK.sleep(1)
        return await self._spread()

    async def _spread(self) -> int:
        held = await owners(self.storm.books)
        return held[0] - held[-1] if len(held) == DAEMONS else len(self.storm.books.partners)

    async def _count(self, sql: str) -> int:
        found: int = await self.database.fetchval(sql)
        return found


async def chaos(
    dsn: str, directory: Path, minutes: float, per_second: float, say: Say, nats: NatsServer | None = None
) -> Outcome:
    verdict = Verdict(payments=int(60 * minutes * per_second))
    async with (
        opened_books(dsn, "--rate-calls", "0", "--rate-creates", "0") as books,
        asyncpg.create_pool(dsn, min_size=1, max_size=2 * DAEMONS) as database,
    ):
        fleet = Fleet(Storm(books, directory, say, verdict, PARTNERS_MAX), database, nats)
        await fleet.storm.set_up()
        say(f"{DAEMONS} daemons, {verdict.payments} payments of {len(books.partners)} partners in {minutes:g} minutes")
        began = CLOCK.monotonic()
        spread = await fleet.run(minutes)
        seconds = CLOCK.monotonic() - began
        await fleet.storm.judge()
    waited = sorted(fleet.takeovers) or [0.0]
    return Outcome(
        posts=verdict.in_freshbooks,
        doubles=verdict.doubles,
        lost=verdict.lost,
        kills=verdict.kills,
        freezes=fleet.freezes,
        takeover_p50_s=round(waited[len(waited) // 2], 2),
        takeover_p99_s=round(waited[min(len(waited) * 99 // 100, len(waited) - 1)], 2),
        partners=len(books.partners),
        share_spread=spread,
        answers_lost=verdict.answers_lost,
        seconds=round(seconds, 1),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--per-second", type=float, default=PER_SECOND)
    parser.add_argument("--leases", choices=PLACES, default=PLACES[0])
    asked = parser.parse_args()
    with leases_in(asked.leases) as nats:
        sys.exit(played(lambda dsn, place, say: chaos(dsn, place, asked.minutes, asked.per_second, say, nats)))
