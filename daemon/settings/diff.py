"""What a reload would change, and which of it only a restart can change."""

from dataclasses import dataclass

from pydantic import BaseModel

from daemon.settings.load import keys
from daemon.settings.model import Settings
from daemon.settings.values import NeedsRestart


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsDiff:
    """The keys that differ, as section.key; `needs_restart` are those of them that a reload refuses."""

    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed)


def diff(old: Settings, new: Settings) -> SettingsDiff:
    """Compare key by key. Encryption keys may be added and put in another order, but not be taken away or changed."""
    changed, restart = [], []
    for (section, name), field in keys():
        before, after = _value(old, section, name), _value(new, section, name)
        if before == after:
            continue
        key = f"{section}.{name}"
        changed.append(key)
        if any(isinstance(mark, NeedsRestart) for mark in field.metadata):
            restart.append(key)
    if not set(old.encryption.keys) <= set(new.encryption.keys):
        restart.append("encryption.keys")
    return SettingsDiff(changed=tuple(changed), needs_restart=tuple(restart))


def _value(settings: Settings, section: str, name: str) -> object:
    part: BaseModel = getattr(settings, section)
    return getattr(part, name)
