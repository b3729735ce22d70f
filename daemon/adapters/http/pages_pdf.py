"""An invoice's PDF as FreshBooks makes it, for partners who want that (O4)."""

import re
from typing import Final

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.pages_books import find_invoice
from daemon.adapters.http.pages_connect import find_module
from daemon.adapters.http.security import session_of
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.state import ConnectionStatus

OPTION: Final = "pdf_invoices"
HEADERS: Final = {
    # Whatever it holds, nothing of it runs here, and no proxy keeps it.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_UNREACHABLE: Final = (
    FreshBooksUnavailable,
    FreshBooksRefused,
    FreshBooksAnswerInvalid,
    AuthorizationExpired,
    AuthorizationLost,
)

routes = web.RouteTableDef()


@routes.get("/invoices/{invoice_id}/pdf")
async def pdf(request: web.Request) -> web.Response:
    """Hand out the PDF as a file; while the option is off, there is none."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    module = await find_module(request)
    invoice = await find_invoice(request)
    wanted = module.options.get(OPTION) and module.status is not ConnectionStatus.NOT_CONNECTED
    if dashboard.pdfs is None or not wanted:
        raise web.HTTPNotFound
    try:
        body = await dashboard.pdfs.pdf(session.partner_id, invoice.row.id, invoice.row.amount_due_as_of)
    except _UNREACHABLE as error:
        text = "FreshBooks does not hand out this PDF right now. Try again in a minute."
        raise web.HTTPServiceUnavailable(text=text) from error
    name = _UNSAFE.sub("-", invoice.row.number)[:60] or str(invoice.row.id)
    disposition = {"Content-Disposition": f'attachment; filename="invoice-{name}.pdf"'}
    return web.Response(body=body, content_type="application/pdf", headers={**HEADERS, **disposition})
