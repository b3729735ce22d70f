"""The small parts of a daemon: its pulse, its health, its keys, the line it shows."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from daemon.adapters.crypto import KeyRing
from daemon.adapters.http.internal import Check
from daemon.app.health import POSTGRES_FRESH_S, DaemonHealth, Phase
from daemon.app.heartbeat import INTERVAL_S, Heartbeat
from daemon.app.keys import LiveKeys, key_ring, require_keys
from daemon.app.sampler import describe
from daemon.core.errors import SettingsError, StoreUnavailable
from daemon.core.fleet import FleetRow
from daemon.core.model import PartnerId
from daemon.core.state import ConnectionStatus
from daemon.settings import Settings


class HandClock:
    """A clock that a test moves; a sleep ends at once, `late_s` too late."""

    def __init__(self) -> None:
        self.at = 100.0
        self.late_s = 0.0
        self.slept = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
        self.at += seconds + self.late_s
        self.slept += 1


class Ears:
    """What hears the watchdog's messages."""

    def __init__(self, interval_s: float | None) -> None:
        self.watchdog_interval_s = interval_s
        self.heard = 0

    def watchdog(self) -> None:
        self.heard += 1


async def beat(
    clock: HandClock, ears: Ears, times: int, stalled: Callable[[], Sequence[str]] = tuple
) -> tuple[Heartbeat, list[float]]:
    lags: list[float] = []
    heartbeat = Heartbeat(clock, ears, lags.append)
    heartbeat.watch(stalled)
    async with anyio.create_task_group() as group:
        group.start_soon(heartbeat.run)
        while clock.slept < times:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    return heartbeat, lags


# ---- the pulse -------------------------------------------------------------------------------------------------------


async def test_the_pulse_tells_how_late_the_loop_was() -> None:
    clock = HandClock()
    clock.late_s = 0.25
    _, lags = await beat(clock, Ears(None), 3)
    assert lags[:2] == [pytest.approx(0.25), pytest.approx(0.25)]


async def test_the_watchdog_is_fed_in_time_and_not_at_all_when_it_does_not_watch() -> None:
    ears, deaf = Ears(3.0), Ears(None)
    await beat(HandClock(), ears, 31)
    await beat(HandClock(), deaf, 31)
    assert 5 <= ears.heard <= 6
    assert deaf.heard == 0


async def test_the_watchdog_starves_while_a_supervisor_hangs() -> None:
    clock, ears = HandClock(), Ears(3.0)
    await beat(clock, ears, 31, stalled=lambda: ("acme",) if clock.at > 106.2 else ())
    assert ears.heard == 2


async def test_an_impatient_watchdog_is_heard_in_time() -> None:
    clock = HandClock()
    await beat(clock, Ears(0.1), 3)
    assert clock.at < 100.0 + 4 * 0.1 + 1e-9 < 100.0 + 4 * INTERVAL_S


# ---- health ----------------------------------------------------------------------------------------------------------


def health(clock: HandClock) -> DaemonHealth:
    return DaemonHealth(clock, Heartbeat(clock, Ears(None), lambda _: None))


def failed(checks: Sequence[Check]) -> list[str]:
    return [check.name for check in checks if not check.ok]


def test_a_loop_that_has_not_come_round_for_long_is_not_alive() -> None:
    clock = HandClock()
    looked_at = health(clock)
    assert failed(looked_at.alive()) == []
    clock.at += 11
    assert failed(looked_at.alive()) == ["event_loop"]


def test_a_supervisor_that_hangs_is_named() -> None:
    clock, stalled = HandClock(), list[str]()
    heartbeat = Heartbeat(clock, Ears(None), lambda _: None)
    heartbeat.watch(lambda: stalled)
    looked_at = DaemonHealth(clock, heartbeat)
    assert failed(looked_at.alive()) == []
    stalled += [f"p{number}" for number in range(7)]
    (check,) = [check for check in looked_at.alive() if not check.ok]
    assert (check.name, check.detail) == ("supervisors", "do not move: p0, p1, p2, p3, p4 and 2 more")


async def test_a_daemon_is_ready_only_while_it_runs_and_postgres_answers() -> None:
    looked_at = health(HandClock())
    assert failed(await looked_at.ready()) == ["phase", "postgres"]
    looked_at = health(HandClock())
    looked_at.watch_postgres(anyio.lowlevel.checkpoint)
    looked_at.phase = Phase.RUNNING
    assert failed(await looked_at.ready()) == []
    looked_at.phase = Phase.DRAINING
    assert failed(await looked_at.ready()) == ["phase"]


async def test_postgres_is_asked_at_most_once_in_five_seconds() -> None:
    clock, asked = HandClock(), []

    async def ask() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise StoreUnavailable("gone")

    looked_at = health(clock)
    looked_at.phase = Phase.RUNNING
    looked_at.watch_postgres(ask)
    assert failed(await looked_at.ready()) == []
    assert failed(await looked_at.ready()) == []
    assert len(asked) == 1
    clock.at += POSTGRES_FRESH_S + 0.1
    assert failed(await looked_at.ready()) == ["postgres"]


async def test_refused_settings_are_told_and_make_nobody_unready() -> None:
    looked_at = health(HandClock())
    looked_at.phase = Phase.RUNNING
    looked_at.watch_postgres(anyio.lowlevel.checkpoint)
    looked_at.settings_refused = "refused: sync.page_size"
    checks = await looked_at.ready()
    assert failed(checks) == []
    assert "refused: sync.page_size" in [check.detail for check in checks]


# ---- keys ------------------------------------------------------------------------------------------------------------


def ring(**keys: bytes) -> KeyRing:
    return KeyRing.from_base64({name: base64.b64encode(key * 32).decode() for name, key in keys.items()})


def test_keys_that_open_what_is_stored_are_accepted() -> None:
    sealed = ring(a=b"1").encrypt("x", partner_id="acme", field="access_token")
    keys = ring(b=b"2", a=b"1")
    require_keys(keys, [("acme", "access_token", sealed)])
    assert keys.decrypt(sealed, partner_id="acme", field="access_token") == "x"


@pytest.mark.parametrize("keys", [ring(b=b"1"), ring(a=b"2")], ids=["missing", "changed"])
def test_a_key_that_stored_secrets_need_is_named(keys: KeyRing) -> None:
    sealed = ring(a=b"1").encrypt("x", partner_id="acme", field="access_token")
    with pytest.raises(SettingsError, match=r"^encryption\.keys: access_token of partner acme .* key (named )?a"):
        require_keys(keys, [("acme", "access_token", sealed)])


def test_one_spoilt_secret_is_no_reason_not_to_start() -> None:
    keys = ring(a=b"1")
    good = keys.encrypt("x", partner_id="acme", field="access_token")
    moved = keys.encrypt("x", partner_id="maple", field="access_token")
    require_keys(keys, [("acme", "access_token", moved), ("acme", "access_token", good), ("acme", "x", b"")])
    assert keys.decrypt(good, partner_id="acme", field="access_token") == "x"


def test_whoever_holds_the_live_keys_uses_the_exchanged_ones() -> None:
    keys = LiveKeys(ring(a=b"1"))
    sealed = keys.encrypt("x", partner_id="acme", field="f")
    keys.exchange(ring(b=b"2", a=b"1"))
    assert keys.decrypt(sealed, partner_id="acme", field="f") == "x"
    assert keys.encrypt("x", partner_id="acme", field="f")[1:2] == b"b"


def test_settings_without_a_key_make_no_ring() -> None:
    with pytest.raises(SettingsError, match=r"encryption\.keys: no encryption key is given"):
        key_ring(Settings())


# ---- the status line -------------------------------------------------------------------------------------------------


def test_the_status_line_counts_partners_and_payments_on_their_way() -> None:
    rows = [
        FleetRow(partner_id=PartnerId("a"), name="A", status=ConnectionStatus.CONNECTED, unpushed=2),
        FleetRow(partner_id=PartnerId("b"), name="B", status=ConnectionStatus.PENDING, parked="revoked"),
        FleetRow(partner_id=PartnerId("c"), name="C", status=ConnectionStatus.NOT_CONNECTED),
    ]
    assert describe(rows) == "Running: 1 partners connected, 1 pending, 1 to reconnect, 2 payments on their way"
