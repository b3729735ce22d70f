"""The daemon's log on standard error: a fact a line, as JSON for machines or in colour for a terminal.

Lines of the libraries go the same way. What a line may show is decided in `redaction`.
"""

import logging
import os
import sys
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from daemon.adapters.logs.redaction import redact

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]

OUR_LOGGER: Final = "daemon"
_FIRST_KEYS: Final = ("timestamp", "level", "event", "logger")


def set_up_logging(level: LogLevel, rendering: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Send all log lines of this process to `stream`, by default standard error.

    `auto` means `console` on a terminal and `json` elsewhere.
    """
    stream = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(_renderer(stream, rendering)))
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(capture=True)
    # Its lines hold whole request targets, and with them the codes of consents; our own lines name calls instead.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    set_level(level)


def set_level(level: LogLevel) -> None:
    """Change what is logged from now on; libraries stay at `info` when ours is `debug`."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger(OUR_LOGGER).setLevel(number)
    logging.getLogger().setLevel(max(number, logging.INFO))


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return redact(event)


def _order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {key: event[key] for key in _FIRST_KEYS if key in event}
    return first | {key: value for key, value in event.items() if key not in first}


_SHARED: Final[tuple[Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def _formatter(renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_SHARED],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _redact,
            _order,
            renderer,
        ],
    )


def _renderer(stream: TextIO, rendering: LogFormat) -> Processor:
    if rendering == "json" or (rendering == "auto" and not stream.isatty()):
        return structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
    colors = stream.isatty() and not os.environ.get("NO_COLOR")
    return structlog.dev.ConsoleRenderer(
        colors=colors, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )
