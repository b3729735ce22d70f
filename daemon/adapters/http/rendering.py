"""From rows to pages: the template environment, how money and times read, and the answers that pages give."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup

from daemon.adapters.http import wording, wording_issues
from daemon.adapters.http.context import DASHBOARD, SESSION, SINCE
from daemon.adapters.http.flash import take_flash

HERE = Path(__file__).parent
STATIC = HERE / "static"
FALLBACK_ZONE = "America/New_York"

_SYMBOLS = {"USD": "$", "CAD": "CA$", "AUD": "A$", "NZD": "NZ$", "GBP": "£", "EUR": "€"}
_CENT = Decimal("0.01")


def set_up_templates(app: web.Application) -> None:
    """Give the application its templates."""
    app[aiohttp_jinja2.APP_KEY] = _environment()


@cache
def _environment() -> jinja2.Environment:
    """The templates, compiled once a process: escaped always, and an unknown name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        money=money, day=day, moment=moment, clock=clock, span=span, quantity=quantity, titled=titled
    )
    environment.globals.update(static=static_url, wording=wording, issue_words=wording_issues)
    return environment


def page(
    request: web.Request, template: str, values: Mapping[str, Any], *, status: int = 200, is_small: bool = False
) -> web.Response:
    """Render a page with what every page shows: who is signed in, what was just done, and the time.

    A small page, such as one in the pop-up, leaves what was just done for the next full one to say.
    """
    dashboard = request.app[DASHBOARD]
    session = request.get(SESSION)
    response = web.Response(status=status, content_type="text/html", charset="utf-8")
    everywhere = {
        "csrf": session.csrf if session else "",
        "signed_in": session is not None,
        "demo": dashboard.is_demo,
        "proof": dashboard.proof is not None,
        "flash": None if is_small else take_flash(request, response),
        "now": dashboard.clock.now(),
        "here": request.path_qs,
        "since": request.get(SINCE, ""),
        "books_link": dashboard.books_link,
    }
    response.text = aiohttp_jinja2.render_string(template, request, {**everywhere, **values})
    return response


def see_other(request: web.Request, path: str) -> web.Response:
    """Lead the browser on after a form: a redirect, or its like for a form that was sent from a dialog by htmx."""
    if request.headers.get("HX-Request") == "true":
        return web.Response(status=204, headers={"HX-Redirect": path})
    return web.Response(status=303, headers={"Location": path})


# ---- how values read -------------------------------------------------------------------------------------------------


def money(amount: Decimal | int, currency: str) -> Markup:
    """An amount with its currency, "$1,234.50 USD"; a minus stands before the sign."""
    sign = "−" if amount < 0 else ""
    figures = f"{abs(Decimal(amount)).quantize(_CENT):,}"
    symbol = _SYMBOLS.get(currency, "")
    return Markup('<span class="money">{}{}{} <span class="currency">{}</span></span>').format(
        sign, symbol, figures, currency
    )


def quantity(number: Decimal) -> str:
    """A quantity without idle zeros: 1, 2.5."""
    return f"{number.normalize():f}"


def titled(words: str) -> str:
    """Words as a line begins: the first letter large, the rest as it is."""
    words = words.replace("_", " ")
    return words[:1].upper() + words[1:]


def day(value: date) -> Markup:
    """A calendar day, "3 Mar 2026"."""
    return Markup('<time datetime="{}">{} {:%b %Y}</time>').format(value.isoformat(), value.day, value)


def moment(value: datetime, zone: str, now: datetime) -> Markup:
    """A point in time as a distance from now, with the partner's own date and time when pointed at."""
    local = value.astimezone(find_zone(zone))
    full = f"{local.day} {local:%b %Y, %H:%M:%S %Z}"
    distance = now - value
    text = f"in {span(-distance)}" if distance < timedelta(0) else f"{span(distance)} ago"
    if abs(distance) < timedelta(seconds=1):
        text = "now"
    if abs(distance) > timedelta(days=7):
        text = f"{local.day} {local:%b %Y, %H:%M}"
    return Markup('<time datetime="{}" title="{}" data-relative>{}</time>').format(value.isoformat(), full, text)


def clock(value: datetime, zone: str) -> str:
    """The time of day in the partner's own zone, "03:12"."""
    return f"{value.astimezone(find_zone(zone)):%H:%M}"


def span(value: timedelta) -> str:
    """A length of time in its largest fitting unit: "40 s", "3 min", "2 h", "5 days"."""
    seconds = int(value.total_seconds())
    if seconds < 60:  # noqa: PLR2004  # the units of time
        return f"{seconds} s"
    if seconds < 3600:  # noqa: PLR2004
        return f"{seconds // 60} min"
    if seconds < 172800:  # noqa: PLR2004
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} days"


@cache
def find_zone(name: str) -> ZoneInfo:
    """A time zone by name; FreshBooks lets people keep names that no database knows."""
    try:
        return ZoneInfo(name or FALLBACK_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(FALLBACK_ZONE)


@cache
def static_url(path: str) -> str:
    """The address of a static file, with its content's hash, so that browsers may keep it for good."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"
