"""FreshBooks' error answers, one shape per family of paths (FB API s8)."""

from enum import Enum
from typing import Any

REQUIRED, ACCESS_DENIED, INVALID_VALUE, PARSE_ERROR = 1001, 1003, 1004, 1005
UNKNOWN_RESOURCE, INVALID_PER_PAGE, INVALID_PAGE = 1012, 1013, 1014
NOT_A_NUMBER, TOO_LONG, NEGATIVE, BAD_DATE, WRITE_DENIED = 1015, 1017, 1025, 1033, 1038
CLIENT_LIMIT = 7005

UNAUTHORIZED_MESSAGE = "The server could not verify that you are authorized to access the URL requested."
_GRPC_CODES = {400: 3, 401: 16, 402: 9, 403: 7, 404: 5, 409: 6, 422: 3, 429: 8, 500: 13}


class Family(Enum):
    """The URL families of FB API s1; each has an error shape of its own."""

    ACCOUNTING = "accounting"
    BUSINESS = "business"
    AUTH = "auth"
    EVENTS = "events"
    PAYMENTS = "payments"
    CONTROL = "control"


class ApiError(Exception):
    """A refusal that becomes an HTTP answer; `errno`, `field`, `object` and `value` are FreshBooks' own."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errno: int | None = None,
        field: str | None = None,
        thing: str | None = None,
        value: object = None,
        code: str | None = None,
    ) -> None:
        """Describe the refusal; `code` is the OAuth family's `error` word."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.errno = errno
        self.field = field
        self.thing = thing
        self.value = value
        self.code = code
        self.more: list[ApiError] = []


def required(thing: str, field: str) -> ApiError:
    """422 errno 1001: `'x' is a required field.`."""
    return ApiError(422, f"'{field}' is a required field.", errno=REQUIRED, field=field, thing=thing)


def invalid(thing: str, field: str, value: object, message: str | None = None) -> ApiError:
    """422 errno 1004 for a value that cannot be used."""
    text = message or f"The value for field '{field}' is not valid."
    return ApiError(422, text, errno=INVALID_VALUE, field=field, thing=thing, value=value)


def not_found(thing: str, field: str, value: object, *, status: int = 404) -> ApiError:
    """404 errno 1012: `Client not found.`."""
    label = thing.replace("_", " ").capitalize()
    return ApiError(status, f"{label} not found.", errno=UNKNOWN_RESOURCE, field=field, thing=thing, value=str(value))


def unauthorized() -> ApiError:
    """401 for a missing, unknown, expired or revoked bearer token."""
    return ApiError(401, UNAUTHORIZED_MESSAGE, errno=ACCESS_DENIED, code="unauthenticated")


def forbidden(message: str = "Access denied.") -> ApiError:
    """403 for a role or a scope that does not allow the call."""
    return ApiError(403, message, errno=ACCESS_DENIED, code="forbidden")


def _old_accounting(error: ApiError) -> dict[str, Any]:
    if error.status == 401:  # noqa: PLR2004 - the recorded 401 carries these two keys only
        return {"response": {"errors": [{"message": error.message, "errno": error.errno}]}}
    rows = [
        {"errno": e.errno or e.status, "field": e.field, "message": e.message, "object": e.thing, "value": e.value}
        for e in (error, *error.more)
    ]
    return {"response": {"errors": rows}}


def _new_accounting(error: ApiError) -> dict[str, Any]:
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": str(e.errno or e.status),
            "domain": "accounting.api.freshbooks.com",
            "metadata": {"object": e.thing, "message": e.message, "value": e.value, "field": e.field},
        }
        for e in (error, *error.more)
    ]
    message = f"Request failed with status_code: {error.status}"
    return {"code": _GRPC_CODES.get(error.status, 2), "message": message, "details": details}


def _business(error: ApiError) -> dict[str, Any]:
    details = [
        {
            "reason": f"{e.field}: {e.message}" if e.field else e.message,
            "metadata": {"message": e.message, "field": e.field},
        }
        for e in (error, *error.more)
    ]
    message = f"Request failed with status code {error.status}"
    return {"errors": {"message": message, "status": error.status, "details": details}}


def _events(error: ApiError) -> dict[str, Any]:
    if error.status == 401:  # noqa: PLR2004
        text = "invalid_token: The request token failed to authenticate or validate."
        return {"errno": 401, "message": text}
    if error.status == 404:  # noqa: PLR2004
        return {"errno": 404, "message": "Requested resource could not be found."}
    if error.status != 422:  # noqa: PLR2004
        return {"errno": error.status, "message": error.message}
    text = "The request was well-formed but was unable to be followed due to semantic errors."
    return {"errno": 422, "message": text, "details": [f"{e.field}: {e.message}" for e in (error, *error.more)]}


def _payments(error: ApiError) -> dict[str, Any]:
    if error.status == 401:  # noqa: PLR2004
        return {"error_type": "unauthorized", "message": "Authentication is required to complete this request."}
    if error.status == 404:  # noqa: PLR2004
        return {"error_type": "not_found", "message": "Resource not found"}
    rows = [{"error_type": "validation", "message": e.message, "field": e.field} for e in (error, *error.more)]
    return {"error_type": "validation", "message": "A validation error occurred.", "errors": rows}


def _auth(error: ApiError) -> dict[str, Any]:
    if error.code == "unauthenticated":
        return {"error": error.code, "error_description": "This action requires authentication to continue."}
    return {"error": error.code or "invalid_request", "error_description": error.message}


def _older_events(error: ApiError) -> dict[str, Any]:
    if error.status == 404:  # noqa: PLR2004
        return {"code": 5, "message": "Requested resource could not be found.", "details": []}
    violations = [{"field": e.field, "description": e.message} for e in (error, *error.more)]
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]
    return {"code": _GRPC_CODES.get(error.status, 2), "message": "Invalid data in this request.", "details": details}


def error_body(
    error: ApiError, family: Family, *, new_format: bool = False, older_events: bool = False
) -> dict[str, Any]:
    """The JSON body of `error` for `family` (FB API s8.1).

    `new_format` selects google.rpc for accounting, `older_events` the events family's former shape.
    """
    if family is Family.EVENTS and older_events:
        return _older_events(error)
    if family is Family.ACCOUNTING:
        return _new_accounting(error) if new_format else _old_accounting(error)
    shapes = {Family.BUSINESS: _business, Family.EVENTS: _events, Family.PAYMENTS: _payments, Family.AUTH: _auth}
    shape = shapes.get(family)
    return shape(error) if shape else {"error": error.message}
