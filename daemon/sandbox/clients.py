"""What writing a client does (FB API s3.2): defaults, the organisation's name, and the copy on draft invoices."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from daemon.sandbox import bodies
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.errors import CLIENT_LIMIT, ApiError, not_found
from daemon.sandbox.model import DELETED, DRAFT, Client
from daemon.sandbox.stable_ids import stable_hex, uuid_text

_THING = "client"
TEXT_DEFAULTS: dict[str, Any] = {
    "bus_phone": "", "company_industry": None, "company_size": None, "fax": "", "home_phone": None, "language": "en",
    "mob_phone": "", "note": None, "p_city": "", "p_code": "", "p_country": "", "p_province": "", "p_street": "",
    "p_street2": "", "pref_email": True, "pref_gmail": False, "s_city": "", "s_code": "", "s_country": "",
    "s_province": "", "s_street": "", "s_street2": "", "vat_name": None, "vat_number": None, "number_format": None,
    "allow_email_include_pdf": False, "allow_late_fees": True, "allow_late_notifications": True, "notified": False,
}  # fmt: skip
_CONTACT_KEYS = ("email", "fname", "lname", "phone1", "phone2", "face")


def snapshot(client: Client) -> dict[str, Any]:
    """The name and address an invoice or credit note copies from its client."""
    texts = {**TEXT_DEFAULTS, **client.texts}
    return {
        "organization": client.organization,
        "fname": client.fname,
        "lname": client.lname,
        "language": texts["language"],
        "street": texts["p_street"],
        "street2": texts["p_street2"],
        "city": texts["p_city"],
        "province": texts["p_province"],
        "code": texts["p_code"],
        "country": texts["p_country"],
        "vat_name": texts["vat_name"],
        "vat_number": texts["vat_number"],
        "current_organization": client.organization,
    }


def _texts(body: Body) -> dict[str, Any]:
    return {key: body[key] for key in TEXT_DEFAULTS if key in body}


def _contacts(body: Body, client_id: int) -> tuple[dict[str, Any], ...]:
    rows = body.get("contacts") or []
    known = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return tuple(
        {"contactid": client_id * 10 + n, "userid": client_id, **{key: row.get(key) or "" for key in _CONTACT_KEYS}}
        for n, row in enumerate(known, start=1)
    )


def _organization(wanted: str, fname: str, lname: str, email: str) -> str:
    return wanted or f"{fname} {lname}".strip() or email


def create_client(books: Books, body: Body, now: datetime) -> Client:
    """Store a new client; raises 402 errno 7005 when the plan's limit of clients is reached."""
    limit = books.switches["client_limit"]
    if limit and len(books.clients) - len(books.clients.deleted) >= limit:
        raise ApiError(402, f"Client limit of {limit} reached", errno=CLIENT_LIMIT, thing=_THING)
    fname, lname = bodies.text(body, "fname", _THING), bodies.text(body, "lname", _THING)
    email = bodies.text(body, "email", _THING)
    code = bodies.currency(body, "currency_code", _THING, books.base_currency)
    key = books.sequences.take("client")
    digest = stable_hex(f"{books.account_id}/client/{key}")
    return books.put_client(
        Client(
            id=key,
            organization=_organization(bodies.text(body, "organization", _THING), fname, lname, email),
            fname=fname,
            lname=lname,
            email=email,
            currency=code,
            texts=_texts(body),
            contacts=_contacts(body, key),
            uuid=uuid_text(digest),
            username=digest[-10:],
            created_at=now,
            updated=now,
        )
    )


def find_client(books: Books, key: int) -> Client:
    """The client with this id, deleted or not; raises 404 errno 1012."""
    client = books.clients.find(key)
    if client is None:
        raise not_found(_THING, "userid", key)
    return client


def update_client(books: Books, key: int, body: Body, now: datetime) -> Client:
    """Change a client; a `vis_state` drops the rest of the body (FB API s3.0, phase rule)."""
    client = find_client(books, key)
    if "vis_state" in body:
        return books.put_client(replace(client, vis_state=bodies.vis_state(body, _THING), updated=now))
    names = {f: bodies.text(body, f, _THING) if f in body else getattr(client, f) for f in ("fname", "lname", "email")}
    wanted = bodies.text(body, "organization", _THING) if "organization" in body else client.organization
    changed = replace(
        client,
        **names,
        organization=_organization(wanted, **names),
        currency=bodies.currency(body, "currency_code", _THING, client.currency),
        texts={**client.texts, **_texts(body)},
        contacts=_contacts(body, key) if "contacts" in body else client.contacts,
        updated=now,
    )
    books.put_client(changed)
    _refresh_drafts(books, changed, now)
    return changed


def _refresh_drafts(books: Books, client: Client, now: datetime) -> None:
    """Drafts follow their client, `updated` included; sent invoices keep the old copy (FB API s3.2)."""
    copy = snapshot(client)
    for invoice in books.invoices.children("client_id", client.id):
        if invoice.status == DRAFT and invoice.vis_state != DELETED:
            books.put_invoice(replace(invoice, client_texts=copy, updated=now))


def delete_contact(books: Books, contact_id: int, now: datetime) -> None:
    """Remove a secondary contact for good; raises 404 errno 1012."""
    client = books.clients.find(contact_id // 10)
    kept = tuple(row for row in client.contacts if row["contactid"] != contact_id) if client else ()
    if client is None or len(kept) == len(client.contacts):
        raise not_found("contact", "contactid", contact_id)
    books.put_client(replace(client, contacts=kept, updated=now))
