"""How large the books are and how often each contestant runs."""

from dataclasses import dataclass
from typing import Final

from tests.bench.environments import ALL, DLT, SDK, SINGER, Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """`rounds` of ours, the limit and the hand-written loop in turn; `slow_rounds` of the slower peers among them."""

    name: str
    peers: tuple[Peer, ...]
    invoices: int
    rounds: int
    slow_rounds: int
    rereads_by_peers: bool
    clock_rate: float
    budget_invoices: int
    rings: int


FULL: Final = Scale(
    name="full",
    peers=ALL,
    invoices=100_000,
    rounds=3,
    slow_rounds=1,
    rereads_by_peers=True,
    clock_rate=1.0,
    budget_invoices=12_000,
    rings=100,
)
QUICK: Final = Scale(
    name="quick",
    peers=(SDK, DLT, SINGER),  # PyAirbyte takes 20 seconds more, and its environment as long to be made
    invoices=5_000,
    rounds=2,
    slow_rounds=1,
    rereads_by_peers=False,
    clock_rate=6.0,
    budget_invoices=5_000,
    rings=20,
)
