"""What hangs on invoices and clients besides the resources: PDF, share link, payment options, contacts (FB API s3)."""

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Account
from daemon.sandbox.api_accounting import account_of, key_of
from daemon.sandbox.call import Answer, Call
from daemon.sandbox.course import endpoint
from daemon.sandbox.errors import ApiError, Family, invalid
from daemon.sandbox.invoices import find_invoice
from daemon.sandbox.model import DRAFT, Invoice
from daemon.sandbox.pdf import invoice_pdf
from daemon.sandbox.stable_ids import stable_hex

encode = msgspec.json.encode
_METHODS = ("has_credit_card", "has_ach_transfer", "has_bacs_debit", "has_sepa_debit", "has_acss_debit",
            "has_paypal_smart_checkout", "allow_partial_payments")  # fmt: skip


def _invoice(call: Call, scope: str, *, write: bool = False) -> tuple[Account, Invoice]:
    account = account_of(call)
    member = call.member(account, scope, write=write)
    invoice = find_invoice(account.books, key_of(call, "invoice"))
    if member.role == "client" and invoice.client_id != member.client_id:
        raise ApiError(404, "Invoice not found.", errno=1012, field="invoiceid", thing="invoice", value=str(invoice.id))
    return account, invoice


async def _pdf(call: Call) -> Answer:
    account, invoice = _invoice(call, "invoices")
    name = f'attachment; filename="Invoice {invoice.number}.pdf"'.encode("ascii", "replace").decode()
    body = invoice_pdf(account.books, invoice)
    return Answer(body=body, content_type="application/pdf", headers={"Content-Disposition": name})


async def _share_link(call: Call) -> Answer:
    account, invoice = _invoice(call, "invoices")
    if invoice.status == DRAFT:
        raise invalid("share_link", "invoiceid", invoice.id, "The invoice must be sent before it can be shared.")
    token = stable_hex(f"{account.account_id}/{invoice.id}")[:32]
    method = call.request.query.get("share_method", "share_link")
    link = {
        "clientid": invoice.client_id,
        "resource_type": "invoice",
        "resourceid": invoice.id,
        "share_link": f"https://my.freshbooks.com/#/link/{token}?type=secondary&share_method={method}",
        "share_method": method,
    }
    return Answer(body=encode({"response": {"result": {"share_link": link}}}))


def _options(account: Account, entity_id: str, chosen: dict[str, bool]) -> Answer:
    options = {
        "gateway_name": "fbpay",
        **{name: chosen.get(name, name == "has_credit_card") for name in _METHODS},
        "stripe_acss_payment_options": None,
        "entity_type": "invoice",
        "entity_id": entity_id,
        "gateway_info": {
            "id": "sandbox",
            "account_id": "210000012",
            "country": "CA",
            "user_publishable_key": None,
            "currencies": [account.currency],
            "bank_transfer_enabled": False,
            "gateway_name": "fbpay",
            "can_process_payments": True,
        },
    }
    return Answer(body=encode({"payment_options": options}))


async def _account_options(call: Call) -> Answer:
    account = account_of(call)
    call.member(account, "online_payments", write=False)
    if call.request.query.get("entity_type", "invoice") not in ("invoice", "invoices"):
        raise ApiError(400, "value is not a valid enumeration member; permitted: 'invoice'", field="entity_type")
    return _options(account, "", {})


async def _invoice_options(call: Call) -> Answer:
    account, invoice = _invoice(call, "online_payments")
    return _options(account, str(invoice.id), account.books.payment_options.get(invoice.id, {}))


async def _choose_options(call: Call) -> Answer:
    account, invoice = _invoice(call, "online_payments", write=True)
    given = await call.json()
    body = given.get("payment_options", given) if isinstance(given, dict) else {}
    chosen = {name: bool(body[name]) for name in _METHODS if isinstance(body, dict) and name in body}
    call.sandbox.write(account, "invoice.options", invoice.id, chosen, by=call.login.identity_id)
    call.entry.committed = True
    return _options(account, str(invoice.id), chosen)


async def _delete_contact(call: Call) -> Answer:
    account = account_of(call)
    call.member(account, "clients", write=True)
    call.sandbox.write(account, "contact.delete", key_of(call, "contact"), {}, by=call.login.identity_id)
    call.entry.committed = True
    return Answer(body=b'{"response":{}}')


def add_routes(app: web.Application) -> None:
    """Serve the documents."""
    invoice = "/accounting/account/{account}/invoices/invoices/{key}"
    app.router.add_get(f"{invoice}/pdf", endpoint(Family.ACCOUNTING, _pdf))
    app.router.add_get(f"{invoice}/share_link", endpoint(Family.ACCOUNTING, _share_link))
    contact = "/accounting/account/{account}/users/contacts/{key}"
    app.router.add_delete(contact, endpoint(Family.ACCOUNTING, _delete_contact))
    payments = "/payments/account/{account}"
    options = payments + "/invoice/{key}/payment_options"
    app.router.add_get(f"{payments}/payment_options", endpoint(Family.PAYMENTS, _account_options))
    app.router.add_get(options, endpoint(Family.PAYMENTS, _invoice_options))
    app.router.add_post(options, endpoint(Family.PAYMENTS, _choose_options))
