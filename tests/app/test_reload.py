"""A reload in small: what reaches whom when it is accepted, and that nothing moves when it is not."""

import base64
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from daemon.adapters.clock import SystemClock
from daemon.adapters.metrics import Metrics
from daemon.adapters.systemd import SystemdNotifier
from daemon.app.health import DaemonHealth
from daemon.app.heartbeat import Heartbeat
from daemon.app.keys import LiveKeys, key_ring
from daemon.app.reload import Reloadable, Reloader
from daemon.core.errors import CannotDecrypt, SettingsError
from daemon.core.policy import Policy
from daemon.settings import Settings, by_id

KEYS = {name: base64.b64encode(name.encode() * 32).decode() for name in "abc"}


def settings(**sections: dict[str, Any]) -> Settings:
    given: dict[str, dict[str, Any]] = {
        "freshbooks": {"client_id": "id", "client_secret": "secret"},
        "encryption": {"keys": [{"id": "a", "key": KEYS["a"]}]},
        "public": {"link_keys": [{"id": "p", "key": "p" * 32}]},
    }
    return Settings.model_validate({name: given.get(name, {}) | sections.get(name, {}) for name in given | sections})


class Root:
    """Remembers the policy and the secret it was given."""

    def __init__(self) -> None:
        self.policy: Policy | None = None
        self.client_secret: str | None = None

    def use_secret(self, client_secret: str) -> None:
        self.client_secret = client_secret

    def apply_policy(self, policy: Policy) -> int:
        self.policy = policy
        return 3


class Bench:
    """A reloader between settings that a test chooses and parts that remember."""

    def __init__(self, before: Settings, load: Callable[[], Settings]) -> None:
        clock = SystemClock()
        notifier = SystemdNotifier({})
        self.root = Root()
        self.keys = LiveKeys(key_ring(before))
        self.link_keys = by_id(before.public.link_keys)
        self.health = DaemonHealth(clock, Heartbeat(clock, notifier, lambda _: None))
        self.reloader = Reloader(
            before,
            load,
            clock=clock,
            notifier=notifier,
            metrics=Metrics(CollectorRegistry()),
            health=self.health,
            log=structlog.get_logger("daemon"),
        )

    def reload(self) -> bool:
        parts = Reloadable(root=self.root, oauth=self.root, keys=self.keys, link_keys=self.link_keys)
        return self.reloader.reload(parts)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    level = logging.getLogger("daemon").level
    structlog.configure(processors=[drop])
    yield
    structlog.reset_defaults()
    logging.getLogger("daemon").setLevel(level)


def drop(_logger: object, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def test_everything_that_may_change_reaches_its_holder() -> None:
    after = settings(
        sync={"payments_interval": "1m"},
        log={"level": "debug"},
        freshbooks={"client_secret": "another"},
        public={"link_keys": [{"id": "q", "key": "q" * 32}]},
        encryption={"keys": [{"id": "b", "key": KEYS["b"]}, {"id": "a", "key": KEYS["a"]}]},
    )
    bench = Bench(settings(), lambda: after)
    sealed = bench.keys.encrypt("x", partner_id="acme", field="f")
    assert bench.reload()
    assert bench.root.policy == after.policy() == bench.reloader.policy()
    assert bench.root.policy.pull.payments_interval == timedelta(minutes=1)
    assert bench.link_keys == {"q": "q" * 32}
    assert bench.root.client_secret == "another"
    assert bench.keys.decrypt(sealed, partner_id="acme", field="f") == "x"
    with pytest.raises(CannotDecrypt):
        key_ring(settings()).decrypt(
            bench.keys.encrypt("x", partner_id="acme", field="f"), partner_id="acme", field="f"
        )
    assert logging.getLogger("daemon").level == logging.DEBUG
    assert bench.reloader.settings is after


@pytest.mark.parametrize(
    "after",
    [
        settings(sync={"payments_interval": "1m"}, postgres={"dsn": "postgresql:///x"}),
        settings(sync={"payments_interval": "1m"}, freshbooks={"client_id": ""}),
        settings(sync={"payments_interval": "1m"}, encryption={"keys": [{"id": "c", "key": KEYS["c"]}]}),
        settings(sync={"payments_interval": "1m"}, public={"link_keys": []}),
    ],
    ids=["needs a restart", "incomplete", "key taken away", "no link key"],
)
def test_a_refused_reload_moves_nothing(after: Settings) -> None:
    before = settings()
    bench = Bench(before, lambda: after)
    assert not bench.reload()
    assert (bench.root.policy, bench.root.client_secret) == (None, None)
    assert bench.link_keys == {"p": "p" * 32}
    assert bench.reloader.settings is before
    assert bench.reloader.policy() == before.policy()
    assert bench.health.settings_refused.startswith("refused, the former ones are in force: ")


def test_a_good_reload_after_a_refused_one_clears_the_complaint() -> None:
    answers: list[Settings | None] = [None, settings()]

    def load() -> Settings:
        answer = answers.pop(0)
        if answer is None:
            raise SettingsError("no such file")
        return answer

    bench = Bench(settings(), load)
    assert not bench.reload()
    assert "no such file" in bench.health.settings_refused
    assert bench.reload()
    assert bench.health.settings_refused == ""


some_settings = st.builds(
    lambda minutes, dsn, level, key: settings(
        sync={"payments_interval": f"{minutes}m"},
        postgres={"dsn": dsn},
        log={"level": level},
        encryption={"keys": [{"id": name, "key": KEYS[name]} for name in key]},
    ),
    st.integers(1, 3),
    st.sampled_from(["", "postgresql:///x"]),
    st.sampled_from(["info", "debug"]),
    st.sampled_from(["a", "ab", "ba", "b"]),
)


@given(some_settings, some_settings)
def test_whatever_two_settings_say_the_old_or_the_new_are_in_force_and_never_a_mixture(
    before: Settings, after: Settings
) -> None:
    bench = Bench(before, lambda: after)
    accepted = bench.reload()
    in_force = after if accepted else before
    assert bench.reloader.settings == in_force
    assert bench.reloader.policy() == in_force.policy()
    assert bench.root.policy == (after.policy() if accepted else None)
    sealed = bench.keys.encrypt("x", partner_id="acme", field="f")
    assert key_ring(in_force).decrypt(sealed, partner_id="acme", field="f") == "x"
