"""Demo only: act as the customer and the bank would, so that a newcomer sees what follows in FreshBooks and here."""

import re
from decimal import Decimal

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.pages_books import find_invoice, invoice_values
from daemon.adapters.http.pages_connect import find_module
from daemon.adapters.http.platform_port import PlatformDesk
from daemon.adapters.http.rendering import page, see_other
from daemon.adapters.http.security import session_of
from daemon.core.desk import InvoiceDetail
from daemon.core.model import PaymentId, PaymentStatus

METHODS = ("card", "ach")
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
_SAID = {
    PaymentStatus.SUCCEEDED: "The payment succeeded.",
    PaymentStatus.FAILED: "The payment failed, as when a bank returns it.",
    PaymentStatus.CHARGEBACK: "The payment was charged back.",
    PaymentStatus.REFUNDED: "The payment was refunded.",
}

routes = web.RouteTableDef()


@routes.post("/demo/invoices/{invoice_id}/pay")
async def pay(request: web.Request) -> web.Response:
    """Pay an invoice, in full or in part, by card or ACH."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    platform = _platform(request)
    detail = await find_invoice(request)
    form = await request.post()
    typed, method = str(form.get("amount", "")).strip(), str(form.get("method", ""))
    problem = _problem(detail, typed, method)
    if not problem:
        now = dashboard.clock.now()
        paid = await platform.pay(session.partner_id, detail.row.id, Decimal(typed), method, now)
        problem = "" if paid else "What is due has changed meanwhile. Look again."
    if problem:
        values = invoice_values(await find_module(request), detail)
        return page(request, "invoice.html", {**values, "problem": problem, "typed": typed}, status=422)
    response = see_other(request, f"/invoices/{detail.row.id}")
    say(request, response, "ok", "The customer has paid. Watch the payment reach FreshBooks.")
    return response


@routes.post("/demo/payments/{payment_id}/{status}")
async def move(request: web.Request) -> web.Response:
    """Let a payment succeed, fail, be charged back or refunded."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    platform = _platform(request)
    form = await request.post()
    wanted = request.match_info["status"]
    if wanted not in _SAID:
        raise web.HTTPNotFound
    status = PaymentStatus(wanted)
    payment_id = PaymentId(request.match_info["payment_id"])
    if not await platform.set_status(session.partner_id, payment_id, status, dashboard.clock.now()):
        raise web.HTTPNotFound
    back = str(form.get("invoice_id", ""))
    response = see_other(request, f"/invoices/{back}" if back.isascii() and back.isdigit() else "/payments")
    say(request, response, "ok", _SAID[status])
    return response


@routes.post("/demo/payouts")
async def pay_out(request: web.Request) -> web.Response:
    """Pay out what has succeeded, as the platform does a few days later."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    paid_out = await _platform(request).pay_out(session.partner_id, dashboard.clock.now())
    response = see_other(request, "/payments")
    if paid_out:
        say(request, response, "ok", "A payout was made of every payment that had succeeded. Watch its deposit.")
    else:
        say(request, response, "attention", "There is nothing to pay out: first let a payment succeed.")
    return response


def _problem(detail: InvoiceDetail, typed: str, method: str) -> str:
    """Why the platform would not take this payment; empty when it would."""
    due = detail.row.amount_due
    if not detail.row.payable or due is None:
        return "This invoice cannot be paid now."
    if method not in METHODS:
        return "Choose card or ACH."
    if not _AMOUNT.fullmatch(typed) or Decimal(typed) <= 0:
        return "Type an amount such as 120.50."
    if Decimal(typed) > due:
        return f"No more than the {due} that is due can be paid."
    return ""


def _platform(request: web.Request) -> PlatformDesk:
    """The demo's platform; without it these addresses do not exist."""
    platform = request.app[DASHBOARD].platform
    if platform is None:
        raise web.HTTPNotFound
    return platform
