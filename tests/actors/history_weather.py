"""What happens between the daemon and FreshBooks in a random history: answers are lost, refused, late, or cut off."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksAnswerInvalid,
    FreshBooksUnavailable,
    StoreUnavailable,
)
from tests.virtual_time import NeverRestsError, VirtualLoop

CALLS_MAX = 20_000
MEDDLED_CALLS = 1_500
"""What is done between two calls makes more calls; after so many of them nobody comes between any more."""
STORE_STEPS_MAX = 60_000
ROUNDS_MAX = 90_000
STORE_FAILS = frozenset(
    {
        "ask_reread",
        "begin_send",
        "claim",
        "connection",
        "fingerprints",
        "finish_reread",
        "mark_connected",
        "page_transaction",
        "record",
        "save_cursor",
        "settle",
    }
)
"""What may meet an absent Postgres while a supervisor runs; a start without one is another test's."""


class CountedLoop(VirtualLoop):
    """Virtual time in which a loop that never waits ends as an error instead of never."""

    rounds_max: float = 90_000


def _nothing() -> None:
    """Nobody does anything."""


@dataclass(slots=True)
class Weather:
    """`storm` is the share of calls that break, `gusts` that of Postgres' statements.

    `between` may act in FreshBooks before any call is answered; `watch` sees every answered call, lost or not; `cut`
    ends the process after so many more calls and statements.
    """

    chance: Random
    storm: float = 0.0
    gusts: float = 0.0
    meddling: float = 0.0
    between: Callable[[], None] = _nothing
    watch: Callable[[Call], None] = field(default=lambda _: None)
    cut: Callable[[], None] = _nothing
    cut_in: int = 0
    calls: int = 0
    statements: int = 0

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.storm = self.gusts = self.meddling = 0.0
        self.cut_in = 0

    def before(self, call: Call) -> None:
        """Break a call on its way to FreshBooks: nothing was written."""
        self.calls += 1
        if self.calls > CALLS_MAX:
            raise NeverRestsError(f"{CALLS_MAX} calls and no rest; the last one: {call.method} {call.path}")
        if self.chance.random() < self.meddling and self.calls <= MEDDLED_CALLS:
            self.between()
        if self._breaks(call):
            raise self.chance.choice(
                (
                    FreshBooksUnavailable("no answer in time"),
                    FreshBooksUnavailable("502 on the way there"),
                    FreshBooksUnavailable("connection refused", unsent=True),
                    FreshBooksUnavailable("429", unsent=True, throttled=True, retry_after=timedelta(seconds=5)),
                    FreshBooksUnavailable("429", unsent=True, throttled=True),
                    AuthorizationExpired("401"),
                )
            )

    def after(self, call: Call) -> None:
        """Break a call on its way back: FreshBooks has done what it was asked."""
        self.watch(call)
        self._count_down()
        if self._breaks(call):
            raise self.chance.choice(
                (
                    FreshBooksUnavailable("the connection broke"),
                    FreshBooksUnavailable("500 after the commit"),
                    FreshBooksAnswerInvalid("a torn answer"),
                )
            )

    def store(self, step: str) -> None:
        """Break a statement of Postgres, or end the process around it."""
        self.statements += 1
        if self.statements > STORE_STEPS_MAX:
            raise NeverRestsError(f"{STORE_STEPS_MAX} statements and no rest; the last one: {step}")
        self._count_down()
        if step in STORE_FAILS and self.chance.random() < self.gusts:
            raise StoreUnavailable("Postgres is away")

    def _breaks(self, call: Call) -> bool:
        # What is written is lost more often than what is read: there are few POSTs, and they are what matters.
        return self.chance.random() < self.storm * (2 if call.method == "POST" else 1)

    def _count_down(self) -> None:
        if self.cut_in > 0:
            self.cut_in -= 1
            if self.cut_in == 0:
                self.cut()
