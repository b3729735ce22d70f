"""The control API's faults and webhook deliveries."""

from aiohttp import web

from daemon.sandbox.call import SANDBOX
from daemon.sandbox.control import answer
from daemon.sandbox.faults import FaultPlan, RuleSpec, parse_rules


def _rules(plan: FaultPlan, *, status: int = 200) -> web.Response:
    return answer({"faults": plan.as_json()}, status=status)


async def _read(request: web.Request) -> list[RuleSpec]:
    try:
        return parse_rules(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


async def get_faults(request: web.Request) -> web.Response:
    return _rules(request.app[SANDBOX].faults)


async def put_faults(request: web.Request) -> web.Response:
    """Replace all rules by the body's: one object or a list."""
    plan, specs = request.app[SANDBOX].faults, await _read(request)
    try:
        plan.replace(specs)
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    return _rules(plan)


async def post_faults(request: web.Request) -> web.Response:
    """Add rules."""
    plan, specs = request.app[SANDBOX].faults, await _read(request)
    try:
        plan.add(specs)
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    return _rules(plan, status=201)


async def delete_faults(request: web.Request) -> web.Response:
    """Remove all rules, or the one named `id`."""
    plan = request.app[SANDBOX].faults
    plan.remove(request.query.get("id"))
    return _rules(plan)


async def get_webhooks(request: web.Request) -> web.Response:
    """The latest deliveries with their outcomes, and how many were dropped on purpose."""
    courier = request.app[SANDBOX].courier
    since = int(request.query.get("since", "0"))
    rows = [row.as_json() for row in list(courier.sent) if row.seq > since]
    return answer({"deliveries": rows, "dropped": courier.dropped})


def add_routes(app: web.Application) -> None:
    """Serve the fault plan and the deliveries."""
    app.router.add_get("/_sandbox/faults", get_faults)
    app.router.add_put("/_sandbox/faults", put_faults)
    app.router.add_post("/_sandbox/faults", post_faults)
    app.router.add_delete("/_sandbox/faults", delete_faults)
    app.router.add_get("/_sandbox/webhooks", get_webhooks)
