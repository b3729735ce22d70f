"""The control API under `/_sandbox/`: clock, switches, request log, counters, accounts; described in control-api.md."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Login
from daemon.sandbox.call import SANDBOX
from daemon.sandbox.sandbox import Sandbox
from daemon.sandbox.switches import RULES
from daemon.sandbox.times import parse_moment

Json = dict[str, Any]
_MANUAL = Path(__file__).with_name("control-api.md")


def answer(body: object, *, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


async def read_json(request: web.Request) -> Json:
    """The request's JSON object; answers 400 when it is none."""
    try:
        body = msgspec.json.decode(await request.read() or b"{}")
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    return body


def _clock(sandbox: Sandbox) -> web.Response:
    reading = sandbox.clock.read()
    return answer({"now": reading.now.isoformat(), "rate": reading.rate})


async def get_clock(request: web.Request) -> web.Response:
    return _clock(request.app[SANDBOX])


async def post_clock(request: web.Request) -> web.Response:
    """Take any of `set` (ISO moment), `advance` (seconds, may be negative) and `rate` (sandbox per real seconds)."""
    sandbox, body = request.app[SANDBOX], await read_json(request)
    if "set" in body:
        moment = parse_moment(str(body["set"]))
        if moment is None:
            raise web.HTTPBadRequest(text="'set' must be an ISO 8601 moment.")
        sandbox.clock.set(moment)
    for name in ("advance", "rate"):
        if name in body and (isinstance(body[name], bool) or not isinstance(body[name], int | float)):
            raise web.HTTPBadRequest(text=f"'{name}' must be a number.")
    if "advance" in body:
        sandbox.clock.advance(timedelta(seconds=body["advance"]))
    if "rate" in body:
        sandbox.clock.set_rate(body["rate"])
    sandbox.keep_clock()
    return _clock(sandbox)


async def get_switches(request: web.Request) -> web.Response:
    values = request.app[SANDBOX].switches.as_dict()
    rows = {
        name: {"value": values[name], "default": rule.default, "choices": rule.choices, "about": rule.about}
        for name, rule in RULES.items()
    }
    return answer(rows)


async def put_switches(request: web.Request) -> web.Response:
    """Turn the switches named in the body."""
    sandbox = request.app[SANDBOX]
    for name, value in (await read_json(request)).items():
        try:
            sandbox.turn_switch(name, value)
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
    return answer(sandbox.switches.as_dict())


async def get_requests(request: web.Request) -> web.Response:
    """The log after `since` (a sequence number), of one `account` when asked."""
    since = request.query.get("since", "0")
    if not since.isdigit():
        raise web.HTTPBadRequest(text="'since' must be a sequence number.")
    entries = request.app[SANDBOX].log.since(int(since), request.query.get("account"))
    return answer({"requests": [entry.as_json() for entry in entries]})


async def get_counters(request: web.Request) -> web.Response:
    return answer(request.app[SANDBOX].log.counters())


def account_rows(login: Login) -> list[Json]:
    """The businesses of a login, for whoever connects to them."""
    return [
        {
            "account_id": member.account.account_id,
            "business_id": member.account.business_id,
            "business_uuid": member.account.business_uuid,
            "name": member.account.name,
            "role": member.role,
        }
        for member in login.memberships
    ]


async def post_accounts(request: web.Request) -> web.Response:
    """Create a login with an account (`name`, `email`, `invoices`, `seed`, `currency`); answers with a token pair."""
    sandbox, body = request.app[SANDBOX], await read_json(request)
    count = len(sandbox.directory.logins)
    seed = int(body.get("seed", sandbox.options.seed + count))
    try:
        login = sandbox.add_partner(
            name=str(body.get("name") or f"Partner {count}"),
            email=str(body.get("email") or f"partner-{count}@sandbox.example"),
            size=int(body.get("invoices", 10)),
            seed=seed,
            currency=str(body.get("currency") or "USD"),
        )
    except ValueError as error:
        raise web.HTTPConflict(text=str(error)) from None
    tokens = sandbox.issue_tokens(login)
    own = account_rows(login)[0]
    return answer(
        {
            **own,
            "accounts": account_rows(login),
            "identity_id": login.identity_id,
            "email": login.email,
            "password": login.password,
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "tokens": tokens,
        },
        status=201,
    )


async def get_accounts(request: web.Request) -> web.Response:
    logins = request.app[SANDBOX].directory.logins.values()
    return answer({"logins": [{"email": login.email, "accounts": account_rows(login)} for login in logins]})


async def get_manual(_request: web.Request) -> web.Response:
    """The description of this API."""
    return web.Response(text=_MANUAL.read_text(encoding="utf-8"), content_type="text/markdown")


def add_routes(app: web.Application) -> None:
    """Serve the control API."""
    app.router.add_get("/_sandbox/", get_manual)
    app.router.add_get("/_sandbox/clock", get_clock)
    app.router.add_post("/_sandbox/clock", post_clock)
    app.router.add_get("/_sandbox/switches", get_switches)
    app.router.add_put("/_sandbox/switches", put_switches)
    app.router.add_get("/_sandbox/requests", get_requests)
    app.router.add_get("/_sandbox/counters", get_counters)
    app.router.add_get("/_sandbox/accounts", get_accounts)
    app.router.add_post("/_sandbox/accounts", post_accounts)
