"""`demo --check`: the same scenario without a person, step by step, as a table or as JSON."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass

import aiohttp
import anyio
import asyncpg
from yarl import URL

from daemon.adapters.clock import SystemClock
from daemon.demo import steps_connect, steps_money, steps_options, steps_payout
from daemon.demo.person import PageRefused, Person
from daemon.demo.scene import NotShown, Scene, account_of, partner_of
from daemon.demo.stage import Stage

Step = Callable[[Scene], Awaitable[str]]
STEP_TIMEOUT_S = 40.0
_CLOCK = SystemClock()
STEPS: tuple[tuple[str, tuple[str, ...], Step], ...] = (
    ("connect", ("C1", "C2"), steps_connect.connect),
    ("Pending, then Connected", ("C3",), steps_connect.initial_sync),
    ("the books are complete", ("C3", "P3"), steps_connect.books_are_complete),
    ("accounts", ("C4", "C5"), steps_connect.waits_for_accounts),
    ("pay in AP -> payment in FB", ("W1", "W4", "W7", "P8"), steps_money.pay_in_ap),
    ("pay in FB -> paid in AP", ("P4",), steps_money.pay_in_freshbooks),
    ("edit unpaid -> changes", ("P2",), steps_money.edit_unpaid),
    ("edit paid -> frozen", ("P5",), steps_money.edit_paid),
    ("delete in FB -> not archived", ("P6",), steps_money.delete_in_freshbooks),
    ("partial payment and credit -> amount due", ("P3",), steps_money.partial_and_credit),
    ("ACH fails after its push -> due again", ("W2", "P7"), steps_money.ach_fails),
    ("bookkeeper edits our payment -> issue", ("P8",), steps_money.bookkeeper_edits_ours),
    ("payouts -> a month that adds up", ("W6",), steps_payout.month_adds_up),
    ("a PDF only while switched on", ("O4",), steps_options.pdf_on_demand),
    ("deleted in FB -> archived while switched on", ("O1",), steps_options.mirror_deleted),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step of the check: which rules it shows, whether it held, how long it took, what was seen."""

    name: str
    rules: tuple[str, ...]
    ok: bool
    seconds: float
    detail: str


async def run_check(stage: Stage, tell: Callable[[StepResult], None]) -> list[StepResult]:
    """Walk the first partner through every step, while the second one connects beside it."""
    results: list[StepResult] = []
    async with _scene(stage, 0) as first, _scene(stage, 1) as second:
        for name, rules, step in STEPS:
            result = await _take(name, rules, step, first)
            results.append(result)
            tell(result)
            if step is steps_connect.connect:
                results.append(await _take("the second partner connects", rules, step, second))
                tell(results[-1])
        results.append(await _take("the second partner's books are complete", ("C3",), _second_is_complete, second))
        tell(results[-1])
    return results


def as_json(results: list[StepResult], seconds: float) -> str:
    """Write the results as one JSON object."""
    ok = all(result.ok for result in results)
    return json.dumps({"ok": ok, "seconds": round(seconds, 2), "steps": [asdict(result) for result in results]})


async def _take(name: str, rules: tuple[str, ...], step: Step, scene: Scene) -> StepResult:
    began = _CLOCK.monotonic()
    try:
        with anyio.fail_after(STEP_TIMEOUT_S):
            detail, ok = await step(scene), True
    except (NotShown, PageRefused, aiohttp.ClientError, TimeoutError, StopIteration, KeyError) as error:
        detail, ok = f"{type(error).__name__}: {error}", False
    return StepResult(name=name, rules=rules, ok=ok, seconds=round(_CLOCK.monotonic() - began, 3), detail=detail)


async def _second_is_complete(scene: Scene) -> str:
    await steps_connect.initial_sync(scene)
    return await steps_connect.books_are_complete(scene)


@contextlib.asynccontextmanager
async def _scene(stage: Stage, index: int) -> AsyncIterator[Scene]:
    connection = await asyncpg.connect(stage.dsn)
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(cookie_jar=jar) as http:
            jar.update_cookies({}, URL(stage.public_url))
            yield Scene(
                stage=stage,
                partner_id=partner_of(index),
                account_id=account_of(stage, index),
                person=Person(http),
                http=http,
                database=connection,
            )
    finally:
        await connection.close()
