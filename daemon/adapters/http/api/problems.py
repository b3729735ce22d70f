"""Refusals of the API, in the shape of the platform's public API: a code, a sentence, and what is wrong by field."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from pydantic import Field, ValidationError

from daemon.adapters.http.api.messages import Output
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)

FRESHBOOKS_ERRORS: Final = (
    FreshBooksUnavailable,
    FreshBooksRefused,
    FreshBooksAnswerInvalid,
    AuthorizationExpired,
    AuthorizationLost,
)
CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "unprocessable",
    429: "too_many_requests",
    500: "internal",
    502: "freshbooks",
    503: "unavailable",
}
_SENTENCES: Final[Mapping[int, str]] = {
    404: "There is nothing here, or it is not yours to see.",
    405: "This address does not take that method.",
    413: "What was sent is too large.",
}


class HttpError(Output):
    """Why a request was refused."""

    code: str = Field(description="One word for programs, such as not_found.")
    message: str = Field(description="A sentence for people: what happened and what to do next.")
    validation_errors: dict[str, str] = Field(default={}, description="What is wrong, by the name of the field.")


class Problem(Exception):
    """A refusal with its HTTP status, sentence, and what is wrong by field."""

    def __init__(
        self, status: int, message: str, fields: Mapping[str, str] | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = dict(fields or {})
        self.retry_after_s = retry_after_s


def answer(problem: Problem) -> web.Response:
    """Write a refusal as JSON."""
    error = HttpError(code=CODES[problem.status], message=problem.message, validation_errors=problem.fields)
    headers = {"Retry-After": str(problem.retry_after_s)} if problem.retry_after_s is not None else {}
    if problem.status == 401:  # noqa: PLR2004 -- RFC 9110: a 401 names the scheme
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=problem.status, text=error.model_dump_json(), content_type="application/json", headers=headers
    )


def of_http(refused: web.HTTPException) -> Problem:
    """Tell what one of the listener's own refusals means here."""
    status = refused.status if refused.status in CODES else 400
    # Without a text of ours, aiohttp's is its status line, and for a large body its size in bytes.
    is_ours = refused.text and not refused.text.startswith((f"{refused.status}", "Maximum"))
    return Problem(status, (refused.text or "") if is_ours else _SENTENCES.get(status, "This request was refused."))


def of_validation(error: ValidationError) -> Problem:
    """Name every field that does not fit, without echoing what was sent."""
    fields = {".".join(str(part) for part in found["loc"]) or "body": found["msg"] for found in error.errors()}
    return Problem(422, "Some fields do not fit: see validation_errors.", fields)


def of_freshbooks(error: Exception) -> Problem:
    """Say what FreshBooks did to a request that needs it at once."""
    sentences: Mapping[type[Exception], str] = {
        FreshBooksUnavailable: "FreshBooks does not answer right now. Nothing was changed; try again in a minute.",
        AuthorizationExpired: "FreshBooks asked us to sign in anew. Try again in a minute.",
        AuthorizationLost: "FreshBooks no longer lets us in: the partner must reconnect first.",
        FreshBooksAnswerInvalid: "FreshBooks answered something we cannot read. Try again later.",
    }
    return Problem(502, sentences.get(type(error), f"FreshBooks refused: {error}"), retry_after_s=60)
