"""Every log line is one fact, readable by machines, and shows no secret whoever wrote it."""

import ast
import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

import daemon
from daemon.adapters.logs import set_level, set_up_logging
from daemon.adapters.logs.redaction import HIDDEN, SECRET_WORDS, SHOWN_KEYS, redact, scrub

CANARY = "canary-4711"
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind"}


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("daemon")
    before = root.handlers, root.level, ours.level
    yield
    root.handlers, root.level, ours.level = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def lines() -> io.StringIO:
    stream = io.StringIO()
    set_up_logging("info", stream=stream)
    return stream


def _facts(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def _crash(error: Exception) -> None:
    raise error


def _log() -> structlog.stdlib.BoundLogger:
    log: structlog.stdlib.BoundLogger = structlog.get_logger("daemon.actors.supervisor")
    return log


def test_a_fact_is_one_line_of_json_with_its_time_in_utc(lines: io.StringIO) -> None:
    _log().info("page_stored", partner="p1", items=100)
    (fact,) = _facts(lines)
    at = datetime.fromisoformat(fact.pop("timestamp"))
    assert at.utcoffset() == timedelta(0)
    assert fact == {
        "level": "info", "event": "page_stored", "logger": "daemon.actors.supervisor", "partner": "p1", "items": 100,
    }  # fmt: skip


def test_what_is_bound_once_stands_in_every_line(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(partner="p1"):
        _log().info("state_changed")
    assert _facts(lines)[0]["partner"] == "p1"


def test_the_level_can_be_changed_while_running(lines: io.StringIO) -> None:
    log = _log()
    log.debug("unseen")
    set_level("debug")
    log.debug("seen")
    set_level("error")
    log.warning("unseen")
    assert [fact["event"] for fact in _facts(lines)] == ["seen"]


def test_libraries_stay_quiet_when_ours_is_debug(lines: io.StringIO) -> None:
    set_level("debug")
    logging.getLogger("asyncio").debug("Using selector: EpollSelector")
    logging.getLogger("alembic.runtime.migration").info("Running upgrade")
    assert [fact["event"] for fact in _facts(lines)] == ["Running upgrade"]


def test_lines_of_libraries_go_the_same_way(lines: io.StringIO) -> None:
    logging.getLogger("asyncpg").warning("connection lost after %d s", 3, extra={"partner": "p1", "query": CANARY})
    (fact,) = _facts(lines)
    assert fact["event"] == "connection lost after 3 s"
    assert (fact["logger"], fact["level"], fact["partner"], fact["query"]) == ("asyncpg", "warning", "p1", HIDDEN)


def test_request_targets_with_consent_codes_are_not_logged(lines: io.StringIO) -> None:
    set_level("debug")
    logging.getLogger("aiohttp.access").info('127.0.0.1 "GET /freshbooks/callback?code=%s"', CANARY)
    assert lines.getvalue() == ""


def test_warnings_of_python_are_lines_as_well(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    assert "soon gone" in _facts(lines)[0]["event"]


def test_an_exception_is_part_of_its_line(lines: io.StringIO) -> None:
    try:
        _crash(ValueError("amount missing"))
    except ValueError:
        _log().exception("child_crashed", partner="p1")
    (fact,) = _facts(lines)
    assert "Traceback" in fact["exception"]
    assert "ValueError: amount missing" in fact["exception"]


def test_a_terminal_gets_colours_and_a_file_gets_json() -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        set_up_logging("info", "auto", stream)
        _log().info("partner_connected")
    assert "\x1b[" in terminal.getvalue()
    assert json.loads(file.getvalue())["event"] == "partner_connected"


def test_console_lines_in_a_file_have_no_colours() -> None:
    file = io.StringIO()
    set_up_logging("info", "console", file)
    _log().info("partner_connected", partner="p1")
    assert "partner_connected" in file.getvalue()
    assert "\x1b[" not in file.getvalue()


def test_only_the_values_of_listed_keys_are_shown(lines: io.StringIO) -> None:
    _log().info("partner_connected", partner="p1", email="owner@example.com", note=CANARY)
    (fact,) = _facts(lines)
    assert (fact["partner"], fact["email"], fact["note"]) == ("p1", HIDDEN, HIDDEN)


@pytest.mark.parametrize("rendering", ["json", "console"])
def test_no_way_of_logging_a_secret_shows_it(rendering: Any) -> None:
    stream = io.StringIO()
    set_up_logging("debug", rendering, stream)
    log = _log()
    log.info("a", token=CANARY, access_token=CANARY, client_secret=CANARY, Authorization=CANARY, password=CANARY)
    log.info("b", changes={"refresh_token": CANARY, "items": [{"secret": CANARY}]})
    log.info("c", reason=f"sent Authorization: Bearer {CANARY}")
    log.info("d", address=f"postgresql://syncd:{CANARY}@db/syncd")
    log.info("e", path=f"/freshbooks/callback?code={CANARY}&state={CANARY}")
    log.info("f", error=ValueError(f'{{"access_token": "{CANARY}"}}'))
    log.info("g", subject=type("Pair", (), {"__repr__": lambda _: CANARY})())
    logging.getLogger("aiohttp.client").error("sent %s", {"Authorization": f"Bearer {CANARY}"})
    logging.getLogger("aiohttp.client").error("sent %r", f"client_secret={CANARY}&grant_type=refresh_token")
    try:
        _crash(RuntimeError(f"password={CANARY}"))
    except RuntimeError:
        log.exception("h")
    assert stream.getvalue().count("\n") >= 10
    assert CANARY not in stream.getvalue()


SECRET_NAMES = [
    "access_token",
    "refresh-token",
    "client_secret",
    "PASSWORD",
    "X-Csrf-Token",
    "set-cookie",
    "authorization",
]
FORMS = ["{}={}", "{}: {}", '"{}": "{}"', "{{'{}': '{}'}}", "{}=Bearer {}", '{} = "{}"']
SECRETS = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._~+/", min_size=8)


@given(st.sampled_from(SECRET_NAMES), st.sampled_from(FORMS), SECRETS)
def test_a_named_secret_inside_a_text_is_hidden_however_it_is_written(name: str, form: str, secret: str) -> None:
    secret = f"zq{secret}"
    assert secret not in scrub("before " + form.format(name, secret) + " after")


def test_ordinary_sentences_are_left_as_they_are() -> None:
    for text in (
        "the token of partner p1 expired",
        "page 3 of 12 stored: 100 items, 4 changed",
        "https://api.freshbooks.com/accounting/account/abc/invoices/invoices?page=3",
        "state changed: Pending -> Connected",
    ):
        assert scrub(text) == text


def test_values_are_plain_enough_for_any_reader_of_json() -> None:
    shown = redact({"count": Decimal("10.00"), "at": datetime(2026, 1, 2, tzinfo=UTC), "wait_s": timedelta(seconds=3)})
    assert shown == {"count": "10.00", "at": "2026-01-02 00:00:00+00:00", "wait_s": "0:00:03"}


def _logged_keys(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every keyword of every call of a log method, with its line."""
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
            or node.func.attr not in LOG_METHODS
        ):
            continue
        owner = node.func.value
        name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        if name.strip("_") in {"log", "logger"}:
            yield from ((word.arg, node.lineno) for word in node.keywords if word.arg)


def test_every_key_that_the_daemon_logs_is_listed() -> None:
    root = Path(daemon.__file__ or "").parent
    files = [path for path in root.rglob("*.py") if root / "sandbox" not in path.parents]
    keys = [(key, f"{path}:{line}") for path in files for key, line in _logged_keys(ast.parse(path.read_text()))]
    unlisted = [(key, place) for key, place in keys if key not in SHOWN_KEYS | {"exc_info", "stack_info"}]
    assert unlisted == [], "add them to SHOWN_KEYS in daemon/adapters/logs/redaction.py, if they are harmless"


def test_no_listed_key_is_named_like_a_secret() -> None:
    assert [key for key in SHOWN_KEYS if any(word in key for word in SECRET_WORDS)] == []
