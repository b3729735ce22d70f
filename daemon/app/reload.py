"""Takes over changed settings while all runs: validated whole, then applied at once, or refused and the old kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from structlog.stdlib import BoundLogger

from daemon.actors.ports import Clock
from daemon.adapters.logs import set_level
from daemon.adapters.metrics import Metrics
from daemon.adapters.systemd import SystemdNotifier
from daemon.app.health import DaemonHealth
from daemon.app.keys import LiveKeys, key_ring
from daemon.core.errors import SettingsError
from daemon.core.policy import Policy
from daemon.settings import Settings, SettingsDiff, by_id, diff, require_complete

RESTART: Final = "systemctl restart freshbooks-syncd"


class Retunable(Protocol):
    """The root supervisor, as far as a reload knows it."""

    def apply_policy(self, policy: Policy) -> int:
        """Hand a policy to every child it changes; tell how many that were."""
        ...


class Authorised(Protocol):
    """What speaks to FreshBooks for the application, as far as a reload knows it."""

    def use_secret(self, client_secret: str) -> None:
        """Prove who we are by another secret."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloadable:
    """Everything that holds a setting which may change while it runs."""

    root: Retunable
    oauth: Authorised
    keys: LiveKeys
    link_keys: dict[str, str]


class Reloader:
    """Knows the settings in force, and exchanges them."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        *,
        clock: Clock,
        notifier: SystemdNotifier,
        metrics: Metrics,
        health: DaemonHealth,
        log: BoundLogger,
    ) -> None:
        self._settings = settings
        self._policy = settings.policy()
        self._load = load
        self._clock = clock
        self._notifier = notifier
        self._metrics = metrics
        self._health = health
        self._log = log

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    def reload(self, parts: Reloadable) -> bool:
        """Read the settings anew and put them in force, or keep the old ones; tell which.

        It never waits, so that nothing ever sees one half of the new settings and one half of the old.
        """
        began = self._clock.monotonic()
        self._notifier.reloading(began)
        try:
            settings = self._load()
            require_complete(settings)
            found = diff(self._settings, settings)
            _refuse_restarts(found)
            ring = key_ring(settings)
        except SettingsError as error:
            self._refused(error)
            self._notifier.answer_reload(began, str(error))
            return False
        # Nothing below can fail.
        parts.keys.exchange(ring)
        parts.oauth.use_secret(settings.freshbooks.client_secret.get_secret_value())
        parts.link_keys.clear()
        parts.link_keys.update(by_id(settings.public.link_keys))
        set_level(settings.log.level)
        self._settings, self._policy = settings, settings.policy()
        children = parts.root.apply_policy(self._policy)
        self._applied(found, children)
        self._notifier.answer_reload(began, None)
        return True

    def _applied(self, found: SettingsDiff, children: int) -> None:
        self._health.settings_refused = ""
        self._metrics.settings_loaded(self._clock.now())
        self._log.info("settings_reloaded", changes=list(found.changed), children=children)
        changed = ", ".join(found.changed) or "nothing"
        self._notifier.ready(f"Running; settings reloaded: {changed} changed")

    def _refused(self, error: SettingsError) -> None:
        self._health.settings_refused = f"refused, the former ones are in force: {error}"
        self._metrics.settings_refused()
        self._log.error("settings_refused", reason=str(error))
        self._notifier.ready(f"Running with the former settings; reload refused: {error}")


def _refuse_restarts(found: SettingsDiff) -> None:
    if found.needs_restart:
        names = ", ".join(found.needs_restart)
        verb = "need" if len(found.needs_restart) > 1 else "needs"
        raise SettingsError(f"{names} {verb} a restart, and nothing was changed: put it back, or run: {RESTART}")
