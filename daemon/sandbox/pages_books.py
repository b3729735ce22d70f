"""Books pages: a person sees an account's books and acts in them as its bookkeeper would."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from daemon.sandbox.accounts import Account
from daemon.sandbox.books_forms import FORMS
from daemon.sandbox.call import SANDBOX
from daemon.sandbox.chart import children
from daemon.sandbox.credits import credit_left
from daemon.sandbox.errors import ApiError
from daemon.sandbox.invoice_status import v3_status
from daemon.sandbox.model import DELETED, DRAFT, Invoice
from daemon.sandbox.pages_oauth import current_login, page, see_other
from daemon.sandbox.payments import PAYMENT_TYPES
from daemon.sandbox.sandbox import Sandbox
from daemon.sandbox.totals import line_amount

_PER_PAGE = 50
_SHOWN_ACCOUNTS = 60


def _account(request: web.Request) -> Account:
    account = request.app[SANDBOX].directory.accounts.get(request.match_info["account"])
    if account is None:
        raise web.HTTPNotFound(text="There is no such account in this sandbox.")
    return account


def _status(sandbox: Sandbox, account: Account, invoice: Invoice) -> str:
    if invoice.vis_state == DELETED:
        return "deleted"
    return "archived" if invoice.vis_state else v3_status(invoice, sandbox.view(account).today)


def _show(request: web.Request, template: str, account: Account, **values: object) -> web.Response:
    names = ("invoices", "clients", "payments", "credits", "journal")
    common = {
        "account": account,
        "books": account.books,
        "today": request.app[SANDBOX].view(account).today.isoformat(),
        "sections": names,
        "problem": request.query.get("problem", ""),
        "done": request.query.get("done", ""),
    }
    return page(request, template, {**common, **values})


def _cut(request: web.Request, rows: list[Any]) -> dict[str, Any]:
    """One page of `rows` with the addresses of its neighbours."""
    text = request.query.get("page", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < len("1000000") else 1
    kept = {key: value for key, value in request.query.items() if key not in ("page", "problem", "done")}

    def link(to: int) -> str:
        return "?" + urlencode({**kept, "page": to})

    start = (number - 1) * _PER_PAGE
    return {
        "rows": rows[start : start + _PER_PAGE],
        "total": len(rows),
        "newer": link(number - 1) if number > 1 else None,
        "older": link(number + 1) if start + _PER_PAGE < len(rows) else None,
    }


async def _home(request: web.Request) -> web.Response:
    sandbox, login = request.app[SANDBOX], current_login(request)
    accounts = list(sandbox.directory.accounts.values())
    if login is not None:
        accounts = [member.account for member in login.memberships if member.account.account_id is not None]
    values = {"accounts": accounts[:_SHOWN_ACCOUNTS], "login": login, "count": len(accounts)}
    return page(request, "books_home.html", values)


async def _invoices(request: web.Request) -> web.Response:
    sandbox, account = request.app[SANDBOX], _account(request)
    books = account.books
    wanted, status = request.query.get("q", "").strip().casefold(), request.query.get("status", "")
    rows = []
    for invoice in reversed(books.invoices.rows.values()):
        client = books.clients.find(invoice.client_id)
        name = client.organization if client is not None else ""
        word = _status(sandbox, account, invoice)
        if (not wanted or wanted in f"{invoice.number} {name}".casefold()) and status in ("", word):
            rows.append({"invoice": invoice, "client": name, "status": word})
    return _show(request, "books_invoices.html", account, section="invoices", q=wanted, status=status,
                 **_cut(request, rows))  # fmt: skip


async def _invoice(request: web.Request) -> web.Response:
    sandbox, account = request.app[SANDBOX], _account(request)
    books = account.books
    invoice = books.invoices.find(int(request.match_info["key"]))
    if invoice is None:
        raise web.HTTPNotFound(text="There is no such invoice in these books.")
    own = books.credits.children("client_id", invoice.client_id)
    usable = [(row, credit_left(books, row)) for row in own if row.currency == invoice.currency]
    return _show(
        request,
        "books_invoice.html",
        account,
        section="invoices",
        invoice=invoice,
        client=books.clients.find(invoice.client_id),
        status=_status(sandbox, account, invoice),
        is_draft=invoice.status == DRAFT,
        lines=[(line, line_amount(line)) for line in invoice.lines],
        payments=books.payments.children("invoice_id", invoice.id),
        credits=[(row, left) for row, left in usable if left > 0],
        types=PAYMENT_TYPES,
    )


async def _clients(request: web.Request) -> web.Response:
    account = _account(request)
    rows = list(reversed(account.books.clients.rows.values()))
    return _show(request, "books_clients.html", account, section="clients", **_cut(request, rows))


async def _payments(request: web.Request) -> web.Response:
    account = _account(request)
    rows = list(reversed(account.books.payments.rows.values()))
    return _show(
        request, "books_payments.html", account, section="payments", types=PAYMENT_TYPES, **_cut(request, rows)
    )


async def _credits(request: web.Request) -> web.Response:
    account = _account(request)
    books = account.books
    rows = [(row, credit_left(books, row)) for row in reversed(books.credits.rows.values())]
    return _show(request, "books_credits.html", account, section="credits", **_cut(request, rows))


async def _journal(request: web.Request) -> web.Response:
    account = _account(request)
    books = account.books
    text = request.query.get("page", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < len("1000000") else 1
    rows, total = books.journal.page(number, _PER_PAGE)
    tops = [row for row in books.ledger.values() if row.parent_uuid is None]
    subs = {row.number: row for top in tops for row in children(books, top)}
    return _show(
        request,
        "books_journal.html",
        account,
        section="journal",
        rows=rows,
        total=total,
        accounts=subs,
        newer=f"?page={number - 1}" if number > 1 else None,
        older=f"?page={number + 1}" if number * _PER_PAGE < total else None,
    )


async def _perform(request: web.Request) -> web.Response:
    """Take one of the pages' forms, perform it, and go back to where it was sent from."""
    origin = request.headers.get("Origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="This form came from another site.")
    account, form = _account(request), {k: str(v) for k, v in (await request.post()).items()}
    make = FORMS.get(request.match_info["form"])
    if make is None:
        raise web.HTTPNotFound(text="There is no such form.")
    sandbox = request.app[SANDBOX]
    back = form.get("back", "")
    back = back if back.startswith("/books/") else f"/books/{account.account_id}"
    try:
        operation, key, body, done = make(account.books, form)
        sandbox.write(account, operation, key, body)
    except ApiError as error:
        return see_other(f"{back}?{urlencode({'problem': error.message})}")
    return see_other(f"{back}?{urlencode({'done': done})}")


async def _start(_request: web.Request) -> web.Response:
    return see_other("/books")


def add_routes(app: web.Application) -> None:
    """Serve the pages."""
    app.router.add_get("/", _start)
    pages: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
        "/books": _home,
        "/books/{account}": _invoices,
        "/books/{account}/invoices": _invoices,
        "/books/{account}/invoices/{key:\\d+}": _invoice,
        "/books/{account}/clients": _clients,
        "/books/{account}/payments": _payments,
        "/books/{account}/credits": _credits,
        "/books/{account}/journal": _journal,
    }
    for path, handler in pages.items():
        app.router.add_get(path, handler)
    app.router.add_post("/books/{account}/do/{form}", _perform)
