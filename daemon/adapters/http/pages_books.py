"""The pages that show the books: invoices, one invoice, payments and where each stands in FreshBooks (W8)."""

import re
from collections.abc import Awaitable, Container
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

from daemon.adapters.http import wording
from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.pages_connect import WHO, find_module
from daemon.adapters.http.rendering import find_zone, page, see_other
from daemon.adapters.http.security import session_of
from daemon.core.desk import DESK_PAGE_ROWS_MAX, InvoiceDetail, InvoiceQuery, IssueQuery, Module, PaymentQuery
from daemon.core.model import InvoiceId, PaymentStatus

SEARCH_CHARACTERS_MAX = 100
_INVOICE_ID = re.compile(r"[0-9]{1,18}")
T = TypeVar("T")

routes = web.RouteTableDef()


@routes.get("/invoices")
async def invoices(request: web.Request) -> web.Response:
    """The invoices as the platform sees them, to be filtered and searched."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    module = await find_module(request)
    query = InvoiceQuery(
        search=searched(request),
        status=one_of(request, "status", wording.INVOICE_FILTERS),
        flag=one_of(request, "flag", wording.INVOICE_FLAGS),
        today=dashboard.clock.now().astimezone(find_zone(module.timezone)).date(),
        after=request.query.get("after"),
    )
    listed = await read_list(dashboard.desk.invoices(session.partner_id, query))
    values = {"module": module, "listed": listed, "query": query, "next": next_page(request, listed.after)}
    return page(request, "invoices.html", values)


@routes.get("/invoices/{invoice_id}")
async def invoice(request: web.Request) -> web.Response:
    """One invoice: terms, lines, what FreshBooks shows, payments, history and issues."""
    module = await find_module(request)
    return page(request, "invoice.html", invoice_values(module, await find_invoice(request)))


@routes.get("/payments")
async def payments(request: web.Request) -> web.Response:
    """The platform's payments, each with the one place where it stands in FreshBooks."""
    partner_id = session_of(request).partner_id
    query = PaymentQuery(
        search=searched(request),
        place=one_of(request, "place", wording.PLACES),
        status=one_of(request, "status", frozenset(PaymentStatus)),
        after=request.query.get("after"),
    )
    async with request.app[DASHBOARD].desk.at_once(partner_id) as desk:
        module = await find_module(request, desk=desk)
        listed = await read_list(desk.payments(partner_id, query))
        # A payment with an open issue stands there, whatever its push says (W8).
        issues = await desk.issues(partner_id, IssueQuery(limit=DESK_PAGE_ROWS_MAX))
        payouts = await desk.payouts(partner_id)
        waiting_moves = await desk.waiting_moves(partner_id)
    values = {
        "module": module,
        "listed": listed,
        "payouts": payouts.rows,
        "waiting_moves": waiting_moves,
        "issues": issues.rows,
        "query": query,
        "next": next_page(request, listed.after),
    }
    return page(request, "payments.html", values)


@routes.post("/invoices/{invoice_id}/archive")
async def archive(request: web.Request) -> web.Response:
    """Archive an invoice by hand, or bring it back; refused while FreshBooks has it active or a payment runs (P6)."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    row = (await find_invoice(request)).row
    response = see_other(request, f"/invoices/{row.id}")
    if (await request.post()).get("back") == "yes":
        await dashboard.desk.unarchive(session.partner_id, row.id, WHO)
        say(request, response, "ok", "The invoice is back among your invoices.")
        return response
    refused = await dashboard.desk.archive(session.partner_id, row.id, WHO, dashboard.clock.now())
    if refused:
        say(request, response, "attention", refused)
    else:
        say(request, response, "ok", "The invoice is archived. It can no longer be paid.")
    return response


async def find_invoice(request: web.Request) -> InvoiceDetail:
    """The invoice that the address names, if it is this partner's; another partner's is simply not found."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    name = request.match_info["invoice_id"]
    if not _INVOICE_ID.fullmatch(name):
        raise web.HTTPNotFound
    detail = await dashboard.desk.invoice(session.partner_id, InvoiceId(int(name)))
    if detail is None:
        raise web.HTTPNotFound
    return detail


def invoice_values(module: Module, detail: InvoiceDetail) -> dict[str, object]:
    """What the page of an invoice shows."""
    return {"module": module, "invoice": detail, "row": detail.row, "problem": "", "typed": ""}


def searched(request: web.Request) -> str:
    """What was typed into the search field."""
    return request.query.get("q", "").replace("\x00", "").strip()[:SEARCH_CHARACTERS_MAX]


async def read_list(listed: Awaitable[T]) -> T:
    """Read a list; a cursor that is not ours means that the address was made up."""
    try:
        return await listed
    except ValueError as error:
        raise web.HTTPNotFound from error


def next_page(request: web.Request, after: str | None) -> str | None:
    """The address of the next page of the same list."""
    if after is None:
        return None
    kept = {name: value for name, value in request.query.items() if name != "after"}
    return f"{request.path}?{urlencode({**kept, 'after': after})}"


def one_of(request: web.Request, name: str, allowed: Container[str]) -> str:
    """A parameter of the address, or nothing when it is none of those that there are."""
    value = request.query.get(name, "")
    return value if value in allowed else ""
