"""The pages of proof: a month whose money adds up, and the last comparison with FreshBooks (T1, W6)."""

import csv
import io
from datetime import date

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.pages_connect import WHO, find_module
from daemon.adapters.http.ports import Proof
from daemon.adapters.http.rendering import find_zone, page, see_other
from daemon.adapters.http.rule_words import rule_words
from daemon.adapters.http.security import session_of
from daemon.core.reconciliation import MonthReport, month_before, month_of, next_month, report_lines

REPORTS = "/reports"
VERIFICATION = "/verification"
SHOWN = 10

routes = web.RouteTableDef()


@routes.get(REPORTS)
async def reports(request: web.Request) -> web.Response:
    """One month: payments, payouts, fees and deposits, with sums at every level; made to be printed as well."""
    module = await find_module(request)
    report = await _report(request, module.timezone)
    latest = await _proof(request).verifications(session_of(request).partner_id, 1)
    following, now = next_month(report.month), request.app[DASHBOARD].clock.now()
    values = {
        "module": module,
        "report": report,
        "before": f"{month_before(report.month):%Y-%m}",
        "after": f"{following:%Y-%m}" if following <= now.astimezone(find_zone(module.timezone)).date() else "",
        "compared_at": latest[0].finished_at if latest else None,
    }
    return page(request, "reports.html", values)


@routes.get(f"{REPORTS}/month.csv")
async def as_csv(request: web.Request) -> web.Response:
    """The same as a table for a spreadsheet."""
    module = await find_module(request)
    report = await _report(request, module.timezone)
    text = io.StringIO()
    csv.writer(text).writerows(report_lines(report))
    name = f"reconciliation-{report.month:%Y-%m}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


@routes.get(VERIFICATION)
async def verification(request: web.Request) -> web.Response:
    """What the last comparisons with FreshBooks found, in a bookkeeper's words."""
    module = await find_module(request)
    rows = await _proof(request).verifications(session_of(request).partner_id, SHOWN)
    return page(request, "verification.html", {"module": module, "rows": rows, "rule_words": rule_words})


@routes.post(VERIFICATION)
async def ask(request: web.Request) -> web.Response:
    """Ask for a comparison now; with `repair`, our side is read again where it differs."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    repair = (await request.post()).get("repair") == "1"
    asked = await _proof(request).ask(session.partner_id, WHO, dashboard.clock.now(), repair=repair)
    response = see_other(request, VERIFICATION)
    if asked:
        say(request, response, "ok", "The comparison has been asked for. It runs beside all other work.")
    else:
        say(request, response, "attention", "A comparison is under way already, or FreshBooks is not connected.")
    return response


async def _report(request: web.Request, timezone: str) -> MonthReport:
    today: date = request.app[DASHBOARD].clock.now().astimezone(find_zone(timezone)).date()
    month = month_of(request.query.get("month", ""), today)
    if month is None:
        raise web.HTTPBadRequest(text="A month is written like 2026-03.")
    return await _proof(request).month(session_of(request).partner_id, month)


def _proof(request: web.Request) -> Proof:
    proof = request.app[DASHBOARD].proof
    if proof is None:
        raise web.HTTPNotFound
    return proof
