"""FreshBooks: reachable, knows our application, and its clock agrees with ours."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from daemon.actors.ports import Clock
from daemon.adapters.freshbooks.calls import Caller, open_session
from daemon.adapters.freshbooks.oauth import App, FreshBooksOAuth
from daemon.app.doctor.database import judge_clock
from daemon.app.doctor.findings import Finding, fault, ok, skipped
from daemon.core.errors import AuthorizationLost, FreshBooksRefused, FreshBooksUnavailable
from daemon.settings import Settings

PATIENCE: Final = timedelta(seconds=10)
NOBODYS: Final = "freshbooks-syncd-doctor"
"""A refresh token that nobody has: FreshBooks' answer to it tells whether it knows the application."""


async def check_freshbooks(settings: Settings, clock: Clock) -> list[Finding]:
    """Ask FreshBooks as our application; a wrong token is refused otherwise than a wrong application."""
    async with open_session(egress=settings.freshbooks.egress_dir) as session:
        caller = Caller(
            session=session,
            base_url=settings.freshbooks.api_url,
            user_agent="freshbooks-syncd/doctor",
            timeout=PATIENCE,
        )
        app = App(
            client_id=settings.freshbooks.client_id,
            client_secret=settings.freshbooks.client_secret.get_secret_value(),
            redirect_uri=settings.redirect_uri(),
            scopes=settings.freshbooks.scopes,
            auth_url=settings.freshbooks.auth_url,
        )
        application = await _application(FreshBooksOAuth(caller=caller, app=app, now=clock.now), settings)
        if application.check == "freshbooks":
            return [application]
        reached = ok("freshbooks", f"{settings.freshbooks.api_url} answers")
        return [reached, application, await _clock(session, settings, clock)]


async def _application(oauth: FreshBooksOAuth, settings: Settings) -> Finding:
    try:
        await oauth.refresh(NOBODYS)
    except AuthorizationLost:
        return ok("application", "FreshBooks knows the client id and secret")
    except FreshBooksUnavailable as error:
        if isinstance(error.__cause__, FreshBooksRefused):
            return fault(
                "application",
                f"FreshBooks does not accept the client id and secret ({error.__cause__})",
                "copy both from the application's page at FreshBooks into freshbooks.client_id and .client_secret",
            )
        host = settings.freshbooks.api_url
        return fault("freshbooks", f"{host} cannot be used: {error}", f"curl -sS {host}   (DNS, proxy, firewall)")
    return ok("application", "FreshBooks answered")


async def _clock(session: aiohttp.ClientSession, settings: Settings, clock: Clock) -> Finding:
    try:
        async with session.get(settings.freshbooks.api_url, allow_redirects=False) as answer:
            told = answer.headers.get("Date", "")
        theirs = parsedate_to_datetime(told)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, TypeError):
        return skipped("freshbooks clock", "FreshBooks did not tell the time")
    return judge_clock("freshbooks clock", (theirs - clock.now()).total_seconds(), "FreshBooks'")
