"""The API described in OpenAPI 3.1, built from the table of operations."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from openapi_pydantic import OpenAPI
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class

from daemon.adapters.http.api.messages import Output
from daemon.adapters.http.api.operations import ID_MAX, PREFIX, Operation
from daemon.adapters.http.api.problems import HttpError
from daemon.adapters.http.api.serving import IDEMPOTENCY_KEY
from daemon.adapters.http.api.streaming import STREAM

VERSION: Final = "1.0.0"
_ABOUT: Final = """The partner's FreshBooks connection, for the platform's own dashboard and for machines.

Every request carries `Authorization: Bearer` with either a machine's token (`freshbooks-syncd tokens create`) or a JWT
that the platform signs with a key of `public.link_keys`: HS256, header `kid`; claims `aud` freshbooks-syncd, `sub` the
partner, `scope`, `iat`, and `exp` at most ten minutes later. A credential stands for one partner, and nothing of
another is ever found.

Money is decimal text beside its ISO 4217 currency. Times are ISO 8601 in UTC. Lists are read with `limit` and `after`.
A POST that is repeated with the same `Idempotency-Key` acts once within 24 hours. A GET answers `304` to the `ETag` it
gave before."""
_WHY: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "No valid credential.",
    403: "The credential lacks the scope.",
    404: "Nothing of this name, or not this partner's.",
    409: "Not possible now; the message says why.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Some fields do not fit; validation_errors names them.",
    429: "Too many requests; see Retry-After.",
    502: "FreshBooks did not do what was needed; nothing was changed.",
    503: "Our records cannot be reached right now; see Retry-After.",
}
_ALWAYS: Final = (400, 401, 403, 422, 429, 503)


def describe(operations: Iterable[Operation], server: str = "/") -> str:
    """Write the description as JSON text."""
    paths: dict[str, dict[str, Any]] = {STREAM: {"get": _stream()}}
    for operation in operations:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation)
    text = OpenAPI.model_validate(
        {
            "openapi": "3.1.1",
            "info": {"title": "freshbooks-syncd", "version": VERSION, "description": _ABOUT},
            "servers": [{"url": server}],
            "paths": dict(sorted(paths.items())),
            "security": [{"bearer": []}],
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        }
    )
    return construct_open_api_with_schema_class(text).model_dump_json(by_alias=True, exclude_none=True, indent=1)


def _operation(operation: Operation) -> dict[str, Any]:
    refusals = {*_ALWAYS, *operation.refusals, *({413, 415} if operation.takes_body else ())}
    if operation.method == "POST":
        refusals |= {409}
    answers = {str(status): _success(status, shape) for status, shape in operation.answers.items()}
    if operation.method == "GET":
        answers["304"] = {"description": "Unchanged since the ETag was given."}
    answers |= {str(status): _json(_WHY[status], HttpError) for status in sorted(refusals)}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope: `{operation.scope.value}`".strip(),
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)],
        "responses": answers,
    }
    if operation.takes_body:
        schema = PydanticSchema(schema_class=operation.body)
        described["requestBody"] = {"required": True, "content": {"application/json": {"media_type_schema": schema}}}
    return described


def _success(status: int, shape: type[Output] | None) -> dict[str, Any]:
    description = "Noted; it happens in a moment." if status == 202 else "Done."  # noqa: PLR2004 -- Accepted
    return {"description": description} if shape is None else _json(description, shape)


def _json(description: str, shape: type[Output]) -> dict[str, Any]:
    schema = PydanticSchema(schema_class=shape)
    return {"description": description, "content": {"application/json": {"media_type_schema": schema}}}


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    number = {"type": "integer", "minimum": 1, "maximum": ID_MAX}
    text = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[A-Za-z0-9_.-]+$"}
    return [
        {"name": name, "in": "path", "required": True, "schema": number if name in _NUMBERS else text} for name in names
    ]


_NUMBERS: Final = frozenset({"invoice_id", "issue_id"})


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    schema = operation.query.model_json_schema()
    kinds = schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": found.get("description", ""),
            "schema": _inlined(
                {key: value for key, value in found.items() if key not in {"title", "description"}}, kinds
            ),
        }
        for name, found in schema.get("properties", {}).items()
    ]


def _inlined(schema: Any, kinds: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    """Write out what refers to a definition: a parameter has no place for definitions of its own."""
    if isinstance(schema, list):
        return [_inlined(part, kinds) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(kinds[schema["$ref"].rsplit("/", 1)[1]], kinds)
    return {key: _inlined(value, kinds) for key, value in schema.items()}


def _headers(operation: Operation) -> list[dict[str, Any]]:
    if operation.method != "POST":
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
    return [{"name": IDEMPOTENCY_KEY, "in": "header", "required": False, "schema": schema}]


def _stream() -> dict[str, Any]:
    event_id = {"type": "integer", "minimum": 0, "maximum": ID_MAX}
    return {
        "operationId": "stream_events",
        "summary": "Follow the events as they happen (SSE)",
        "description": _STREAMED,
        "tags": ["Issues and history"],
        "parameters": [{"name": "after", "in": "query", "schema": event_id}],
        "responses": {
            "200": {"description": "Events without end.", "content": {"text/event-stream": {}}},
            **{str(status): _json(_WHY[status], HttpError) for status in _ALWAYS},
        },
    }


_STREAMED: Final = """Each event has its id; `changed` events have none and name the parts that changed, such as
invoices. The stream ends after ten minutes: open it anew with `Last-Event-ID`.

Scope: `issues:read`"""
