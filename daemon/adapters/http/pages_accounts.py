"""Set Up Accounts: the dialog that chooses where payments, payouts and fees are recorded (C4, W6)."""

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.pages_connect import HOME, WHO, find_module
from daemon.adapters.http.rendering import page, see_other
from daemon.adapters.http.security import session_of
from daemon.core.account_rules import UNDEPOSITED_FUNDS
from daemon.core.consent import AccountChoice, AccountsRefused
from daemon.core.desk import Module
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.state import ConnectionStatus

ACCOUNTS = f"{HOME}/freshbooks/accounts"
NEW_ACCOUNT = "create"
"""What the payments field sends to have the account made."""
_FRESHBOOKS_ERRORS = (
    FreshBooksUnavailable,
    FreshBooksRefused,
    FreshBooksAnswerInvalid,
    AuthorizationExpired,
    AuthorizationLost,
)

routes = web.RouteTableDef()


@routes.get(ACCOUNTS)
async def show(request: web.Request) -> web.Response:
    """Offer the books' accounts; the payments account is preselected, or offered to be made."""
    return await _dialog(request, await _connected_module(request), None, {})


@routes.post(ACCOUNTS)
async def save(request: web.Request) -> web.Response:
    """Store the choice, or show the dialog again with what is wrong."""
    module = await _connected_module(request)
    dashboard, session = request.app[DASHBOARD], session_of(request)
    form = await request.post()
    choice = AccountChoice(
        payments=str(form.get("payments", "")),
        deposits=str(form.get("deposits", "")),
        fees=str(form.get("fees", "")) or None,
        record_deposits=form.get("record_deposits") == "on",
        platform_invoices=str(form.get("platform_invoices", "")) or None,
    )
    try:
        outcome = await dashboard.accounts.save(session.partner_id, choice, WHO)
    except _FRESHBOOKS_ERRORS as error:
        return _unreachable(request, module, error)
    if isinstance(outcome, AccountsRefused):
        return await _dialog(request, module, choice, {problem.field: problem.sentence for problem in outcome.problems})
    response = see_other(request, HOME)
    say(request, response, "ok", "Your accounts are set up. Payments that waited for them are being recorded.")
    return response


@routes.post(f"{ACCOUNTS}/create")
async def create(request: web.Request) -> web.Response:
    """Make "Undeposited Funds" in the books, then show the dialog again with it chosen."""
    module = await _connected_module(request)
    dashboard, session = request.app[DASHBOARD], session_of(request)
    try:
        await dashboard.accounts.create_undeposited_funds(session.partner_id, WHO)
    except _FRESHBOOKS_ERRORS as error:
        return _unreachable(request, module, error)
    if "HX-Request" in request.headers:
        return await _dialog(request, module, None, {})
    return see_other(request, ACCOUNTS)


async def _dialog(
    request: web.Request, module: Module, typed: AccountChoice | None, problems: dict[str, str]
) -> web.Response:
    dashboard, session = request.app[DASHBOARD], session_of(request)
    try:
        options = await dashboard.accounts.options(session.partner_id)
    except _FRESHBOOKS_ERRORS as error:
        return _unreachable(request, module, error)
    values = {
        "module": module,
        "options": options,
        "chosen": typed or options.chosen,
        "problems": problems,
        "undeposited_funds": UNDEPOSITED_FUNDS,
    }
    return page(request, "accounts.html", values, status=422 if problems else 200)


def _unreachable(request: web.Request, module: Module, error: Exception) -> web.Response:
    why = {
        FreshBooksUnavailable: "FreshBooks does not answer right now. Nothing was changed; try again in a minute.",
        AuthorizationExpired: "FreshBooks asked us to sign in anew. Try again in a minute.",
        AuthorizationLost: "FreshBooks no longer lets us in. Reconnect first, then set up your accounts.",
        FreshBooksAnswerInvalid: "FreshBooks answered something we cannot read. Try again later.",
    }.get(type(error), f"FreshBooks refused: {error}")
    return page(request, "accounts_error.html", {"module": module, "why": why}, status=502)


async def _connected_module(request: web.Request) -> Module:
    """The dialog is enabled once the module shows Connected (C4)."""
    module = await find_module(request)
    if module.status is not ConnectionStatus.CONNECTED:
        raise web.HTTPConflict(text="Set Up Accounts opens once FreshBooks shows Connected.")
    return module
