"""The operator's settings: read, checked, compared."""

from daemon.settings.diff import SettingsDiff, diff
from daemon.settings.load import CONFIG_VARIABLE, HANDED_OVER, load, read_credentials, require_complete
from daemon.settings.model import EncryptionKey, LinkKey, Settings, by_id
from daemon.settings.values import InheritedSocket, Listen, TcpAddress, UnixAddress

__all__ = [
    "CONFIG_VARIABLE",
    "HANDED_OVER",
    "EncryptionKey",
    "InheritedSocket",
    "LinkKey",
    "Listen",
    "Settings",
    "SettingsDiff",
    "TcpAddress",
    "UnixAddress",
    "by_id",
    "diff",
    "load",
    "read_credentials",
    "require_complete",
]
