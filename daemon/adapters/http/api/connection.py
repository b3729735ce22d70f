"""Operations on the connection: status, options, Sync now, accounts, disconnect, and a link for a browser."""

from datetime import timedelta

from daemon.adapters.http.api.credentials import Scope
from daemon.adapters.http.api.messages import NoInput
from daemon.adapters.http.api.operations import Call, Operations, Reply
from daemon.adapters.http.api.problems import FRESHBOOKS_ERRORS, Problem, of_freshbooks
from daemon.adapters.http.api.shapes_connection import (
    Accepted,
    AccountChoiceIn,
    Accounts,
    Connection,
    DashboardLink,
    LedgerAccountOut,
    OptionsIn,
)
from daemon.adapters.http.links import sign_link
from daemon.core.consent import AccountsRefused
from daemon.core.state import ConnectionStatus

operations = Operations("Connection")
LINK_LIFETIME = timedelta(minutes=5)
_NO_PARTNER = "The platform knows no such partner."
_NOT_CONNECTED = "FreshBooks is not connected: send the partner a dashboard link to connect it."


@operations.add("GET", "/connection", Scope.CONNECTION_READ, {200: Connection}, refusals=frozenset({404}))
async def get_connection(call: Call[NoInput, NoInput]) -> Reply:
    """Read how the connection to FreshBooks stands, with progress and counts."""
    return Reply(body=await _read(call))


@operations.add(
    "PATCH",
    "/connection/options",
    Scope.CONNECTION_WRITE,
    {200: Connection},
    body=OptionsIn,
    refusals=frozenset({404, 409}),
)
async def set_options(call: Call[NoInput, OptionsIn]) -> Reply:
    """Switch options on or off; those that are left out stay as they are."""
    for option, on in call.body.switches().items():
        if not await call.api.desk.set_option(call.partner_id, option, call.caller.who, on=on):
            raise Problem(409, _NOT_CONNECTED)
    return Reply(body=await _read(call))


@operations.add("DELETE", "/connection", Scope.CONNECTION_WRITE, {202: Accepted}, refusals=frozenset({409}))
async def disconnect(call: Call[NoInput, NoInput]) -> Reply:
    """Disconnect FreshBooks: webhooks are removed and the token is revoked; the data stay."""
    if not await call.dashboard.consent.disconnect(call.partner_id, call.caller.who):
        raise Problem(409, _NOT_CONNECTED)
    return Reply(body=Accepted(message="FreshBooks is being disconnected. Everything synced so far stays."), status=202)


@operations.add("POST", "/connection/sync", Scope.CONNECTION_WRITE, {202: Accepted}, refusals=frozenset({409}))
async def sync_now(call: Call[NoInput, NoInput]) -> Reply:
    """Read FreshBooks now instead of at the next turn."""
    if not await call.api.desk.ask_sync(call.partner_id, call.caller.who, call.now):
        raise Problem(409, _NOT_CONNECTED)
    return Reply(body=Accepted(message="A sync begins now; follow it under /v1/connection."), status=202)


@operations.add(
    "POST", "/connection/dashboard-links", Scope.CONNECTION_WRITE, {200: DashboardLink}, refusals=frozenset({503})
)
async def make_dashboard_link(call: Call[NoInput, NoInput]) -> Reply:
    """Sign a link into the partner's dashboard.

    A person follows it to connect FreshBooks, which only a browser can do; it works once begun within five minutes.
    """
    keys = call.dashboard.link_keys
    if not keys:
        raise Problem(503, "No key signs links here: an operator must set public.link_keys.")
    key_id, secret = next(iter(keys.items()))
    expires_at = call.now + LINK_LIFETIME
    url = sign_link(call.dashboard.public_url, call.partner_id, expires_at, key_id=key_id, secret=secret)
    return Reply(body=DashboardLink(url=url, expires_at=expires_at))


@operations.add("GET", "/connection/accounts", Scope.CONNECTION_READ, {200: Accounts}, refusals=frozenset({409, 502}))
async def get_accounts(call: Call[NoInput, NoInput]) -> Reply:
    """Read, live from FreshBooks, which ledger accounts may record payments, deposits and fees."""
    await _require_connected(call)
    try:
        return Reply(body=Accounts.of(await call.dashboard.accounts.options(call.partner_id)))
    except FRESHBOOKS_ERRORS as error:
        raise of_freshbooks(error) from error


@operations.add(
    "PUT",
    "/connection/accounts",
    Scope.CONNECTION_WRITE,
    {200: Accounts},
    body=AccountChoiceIn,
    refusals=frozenset({409, 502}),
)
async def choose_accounts(call: Call[NoInput, AccountChoiceIn]) -> Reply:
    """Choose the accounts; what waited for the choice goes on."""
    await _require_connected(call)
    accounts = call.dashboard.accounts
    try:
        outcome = await accounts.save(call.partner_id, call.body.choice(), call.caller.who)
        if isinstance(outcome, AccountsRefused):
            problems = {problem.field: problem.sentence for problem in outcome.problems}
            raise Problem(422, "This choice does not fit: see validation_errors.", problems)
        return Reply(body=Accounts.of(await accounts.options(call.partner_id)))
    except FRESHBOOKS_ERRORS as error:
        raise of_freshbooks(error) from error


@operations.add(
    "POST",
    "/connection/accounts/undeposited-funds",
    Scope.CONNECTION_WRITE,
    {200: LedgerAccountOut},
    refusals=frozenset({409, 502}),
)
async def create_undeposited_funds(call: Call[NoInput, NoInput]) -> Reply:
    """Create the account "Undeposited Funds" in the books; an existing one is handed back."""
    await _require_connected(call)
    try:
        return Reply(
            body=LedgerAccountOut.of(
                await call.dashboard.accounts.create_undeposited_funds(call.partner_id, call.caller.who)
            )
        )
    except FRESHBOOKS_ERRORS as error:
        raise of_freshbooks(error) from error


async def _read(call: Call[NoInput, NoInput] | Call[NoInput, OptionsIn]) -> Connection:
    module = await call.api.desk.module(call.partner_id)
    if module is None:
        raise Problem(404, _NO_PARTNER)
    return Connection.of(module)


async def _require_connected(call: Call[NoInput, NoInput] | Call[NoInput, AccountChoiceIn]) -> None:
    """Set Up Accounts is enabled once Connected (C4)."""
    module = await call.api.desk.module(call.partner_id)
    if module is None or module.status is not ConnectionStatus.CONNECTED:
        raise Problem(409, "Accounts are set up once FreshBooks shows Connected.")
