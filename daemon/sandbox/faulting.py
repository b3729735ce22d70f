"""Carries a call through its fault: what happens instead of the handler, and what becomes of its answer."""

from daemon.sandbox.call import Answer, Call, Cut, Handler
from daemon.sandbox.clock import wait_s
from daemon.sandbox.errors import ApiError, unauthorized
from daemon.sandbox.faults import Action, Kind

_HTML = b"<html><head><title>%d</title></head><body><center><h1>%d Error</h1></center><hr>nginx</body></html>"


async def answer_with_fault(call: Call, action: Action, handler: Handler) -> Answer:
    """Perform the call with `action` happening to it; a fault that comes before the commit never runs the handler."""
    call.entry.fault = action.kind.value
    if action.kind is Kind.ERROR_FORMAT:
        call.error_format = action.format
        return await handler(call)
    if action.kind is Kind.REVOKE_TOKENS:
        if call.grant is not None:
            call.sandbox.oauth.revoke_grant(call.grant)
        raise unauthorized()
    if action.kind in _BEFORE or not (action.after_commit or action.kind in _AFTER):
        return await _fail(call, action)
    answer = await handler(call)
    return await _spoil(call, action, answer)


_BEFORE = frozenset({Kind.TIMEOUT_BEFORE_COMMIT, Kind.DROP_CONNECTION, Kind.UNAUTHORIZED})
_AFTER = frozenset({Kind.TIMEOUT_AFTER_COMMIT, Kind.TORN_BODY, Kind.MALFORMED_JSON})


async def _fail(call: Call, action: Action) -> Answer:
    if action.kind is Kind.UNAUTHORIZED:
        raise unauthorized()
    if action.kind in (Kind.TIMEOUT_BEFORE_COMMIT, Kind.DROP_CONNECTION):
        await wait_s(action.hold_s)
        return Answer(status=0, cut=Cut.DROPPED)
    if action.kind is Kind.OK_WITH_ERRORS:
        return _ok_with_errors(call, action)
    return _with_status(call, action)


async def _spoil(call: Call, action: Action, answer: Answer) -> Answer:
    if action.kind is Kind.TIMEOUT_AFTER_COMMIT:
        await wait_s(action.hold_s)
        return Answer(status=0, cut=Cut.DROPPED)
    if action.kind is Kind.TORN_BODY:
        answer.cut = Cut.TORN
        return answer
    if action.kind is Kind.MALFORMED_JSON:
        answer.body = answer.body[: len(answer.body) * 2 // 3] + b"{,"
        return answer
    if action.kind is Kind.OK_WITH_ERRORS:
        return _ok_with_errors(call, action)
    return _with_status(call, action)


def _ok_with_errors(call: Call, action: Action) -> Answer:
    """HTTP 200 around an error, as plan-gated resources answer (FB API s3.0)."""
    answer = call.error(ApiError(action.status, action.message, errno=action.errno))
    answer.status = 200
    return answer


def _with_status(call: Call, action: Action) -> Answer:
    """A status with a body of the wanted style: `json` (the family's own), `text`, `html` or `empty`."""
    error = ApiError(action.status, action.message, errno=action.errno)
    if action.body == "json":
        answer = call.error(error)
    elif action.body == "html":
        answer = Answer(body=_HTML % (action.status, action.status), content_type="text/html")
    elif action.body == "empty":
        answer = Answer(body=b"")
    else:
        answer = Answer(body=action.message.encode(), content_type="text/plain")
    answer.status = action.status
    # An empty value keeps the rate limit's own header from being put in its place.
    answer.headers["retry-after"] = "" if action.retry_after is None else str(action.retry_after)
    return answer
