"""FreshBooks' many ways to say no, mapped to the core's errors by whose fault it is (FB API s8, s2.5)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

import msgspec

from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)

ERRNO_UNEXPECTED = 500
ERRNO_UNAUTHENTICATED = 1003
ERRNO_NOT_FOUND = 1012
RETRY_AFTER_MAX = timedelta(hours=1)
_UNAUTHORIZED, _NOT_FOUND, _TIMEOUT, _TOO_EARLY, _TOO_MANY, _SERVER_ERROR = 401, 404, 408, 425, 429, 500
_CODE_NOT_FOUND, _CODE_UNAUTHENTICATED = 5, 16
_TEXT_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What an error body says: `errno` and `field` where it tells them, `kind` the word of an OAuth style error."""

    message: str
    errno: int | None = None
    field: str | None = None
    kind: str | None = None


FreshBooksError = FreshBooksUnavailable | FreshBooksRefused | AuthorizationExpired
Explain = Callable[[int, Mapping[str, str], bytes], Exception]
"""Turns an answer's status, headers and body into the error to raise."""


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> FreshBooksError:
    """Turn an answer that is an error, by its status or by its body (quirk 13), into the error to raise."""
    complaint = read_complaint(body)
    errno = complaint.errno if complaint else None
    said = complaint.message if complaint else "without a reason"
    if _TOO_MANY in (status, errno):
        # Said in the body of another answer, it may stand beside work that was done.
        unread = status == _TOO_MANY
        wait = _retry_after(headers) if unread else None
        return FreshBooksUnavailable("FreshBooks says: too many calls", retry_after=wait, unsent=unread, throttled=True)
    if status >= _SERVER_ERROR or status in (_TIMEOUT, _TOO_EARLY):
        return FreshBooksUnavailable(f"FreshBooks answered {status}: {said}")
    if status == _UNAUTHORIZED or errno in (_UNAUTHORIZED, ERRNO_UNAUTHENTICATED):
        return AuthorizationExpired(f"FreshBooks does not accept the access token: {said}")
    if errno == ERRNO_UNEXPECTED:
        return FreshBooksUnavailable(f"FreshBooks answered an error of its own: {said}")
    refusal = FreshBooksNotFound if _NOT_FOUND in (status, errno) or errno == ERRNO_NOT_FOUND else FreshBooksRefused
    return refusal(
        f"FreshBooks refused ({status}): {said}",
        status=status,
        errno=errno,
        field=complaint.field if complaint else None,
    )


def read_complaint(body: bytes) -> Complaint | None:
    """Find the complaint in an error body of any of FreshBooks' families; None when it is none of them."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return next((found for node in _nodes(tree) if (found := _complaint(node)) is not None), None)


def _nodes(tree: object) -> Iterator[Mapping[str, object]]:
    """Walk the places where an error may stand, the most telling first."""
    if not isinstance(tree, dict):
        return
    response = tree.get("response")
    for errors in (response.get("errors") if isinstance(response, dict) else None, tree.get("errors")):
        if isinstance(errors, list):
            yield from (error for error in errors if isinstance(error, dict))
        elif isinstance(errors, dict):
            yield errors
    if response is None and "data" not in tree:
        yield tree


def _complaint(node: Mapping[str, object]) -> Complaint | None:
    detail = _first_dict(node.get("details"))
    violation = _first_dict(detail.get("fieldViolations"))
    metadata = detail.get("metadata")
    inner = metadata if isinstance(metadata, dict) else violation
    word = node.get("error")
    texts = (inner.get("message"), violation.get("description"), node.get("error_description"), _said(node, word))
    message = next((text for text in texts if isinstance(text, str) and text), None)
    errno = _errno(node, detail)
    if message is None and errno is None:
        return None
    return Complaint(
        message=(message or f"errno {errno}")[:_TEXT_MAX],
        errno=errno,
        field=_text(inner.get("field")) or _text(node.get("field")),
        kind=_text(word) or _text(node.get("error_type")),
    )


def _said(node: Mapping[str, object], word: object) -> str | None:
    """Join what an error says in its own words: its message with plain details, or its named fields."""
    if isinstance(word, dict):
        return "; ".join(f"{name}: {text}" for name, text in word.items())
    details = node.get("details")
    plain = [text for text in details if isinstance(text, str)] if isinstance(details, list) else []
    message = _text(node.get("message")) or _text(word)
    return "; ".join([*([message] if message else []), *plain]) or None


def _errno(node: Mapping[str, object], detail: Mapping[str, object]) -> int | None:
    for value in (node.get("errno"), detail.get("reason"), node.get("status")):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value[:9])
    return {_CODE_NOT_FOUND: ERRNO_NOT_FOUND, _CODE_UNAUTHENTICATED: ERRNO_UNAUTHENTICATED}.get(_int(node.get("code")))


def _first_dict(value: object) -> Mapping[str, object]:
    if isinstance(value, list):
        return next((item for item in value if isinstance(item, dict)), {})
    return {}


def _text(value: object) -> str | None:
    return value[:_TEXT_MAX] if isinstance(value, str) and value else None


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read a 429's Retry-After: seconds, or a date counted from the answer's own Date (quirk 12)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), RETRY_AFTER_MAX)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(min(wait, RETRY_AFTER_MAX), timedelta(0))
