"""The operator's settings: read, checked, compared."""

from daemon.settings.diff import SettingsDiff, diff
from daemon.settings.load import CONFIG_VARIABLE, load, require_complete
from daemon.settings.model import EncryptionKey, Settings
from daemon.settings.values import InheritedSocket, Listen, TcpAddress, UnixAddress

__all__ = [
    "CONFIG_VARIABLE",
    "EncryptionKey",
    "InheritedSocket",
    "Listen",
    "Settings",
    "SettingsDiff",
    "TcpAddress",
    "UnixAddress",
    "diff",
    "load",
    "require_complete",
]
