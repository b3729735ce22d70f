"""Log lines: where they go, how they look, and what they may show."""

from daemon.adapters.logs.output import LogFormat, LogLevel, set_level, set_up_logging

__all__ = ["LogFormat", "LogLevel", "set_level", "set_up_logging"]
