"""Clients, payments, credit notes, other income and ledger accounts as FreshBooks' JSON (key sets from FB API s3)."""

from typing import Any

from daemon.sandbox.books import Books
from daemon.sandbox.chart import children
from daemon.sandbox.clients import TEXT_DEFAULTS as CLIENT_TEXTS
from daemon.sandbox.model import Callback, Client, CreditNote, LedgerAccount, Line, OtherIncome, Payment
from daemon.sandbox.money import money, plain
from daemon.sandbox.times import eastern_text, iso_z, rfc3339_micro, utc_text
from daemon.sandbox.totals import line_amount

Json = dict[str, Any]
_COPIED = ("city", "code", "country", "fname", "language", "lname", "organization", "province", "street", "street2",
           "vat_name", "vat_number")  # fmt: skip


def client_json(books: Books, client: Client) -> Json:
    """A client with all keys of a 2026 answer (FB API s3.2)."""
    return {
        "accounting_systemid": books.account_id,
        "direct_link_token": None,
        "exceeds_client_limit": 0,
        "has_retainer": None,
        "last_activity": None,
        "last_login": None,
        "level": 0,
        "num_logins": 0,
        "retainer_id": None,
        "role": "client",
        "statement_token": None,
        "subdomain": None,
        **CLIENT_TEXTS,
        **client.texts,
        "id": client.id,
        "userid": client.id,
        "organization": client.organization,
        "fname": client.fname,
        "lname": client.lname,
        "email": client.email,
        "currency_code": client.currency,
        "uuid": client.uuid,
        "username": client.username,
        "signup_date": utc_text(client.created_at),
        "updated": eastern_text(client.updated),
        "vis_state": client.vis_state,
    }


def payment_json(books: Books, payment: Payment) -> Json:
    """A payment (FB API s3.4)."""
    return {
        "accounting_systemid": books.account_id,
        "amount": money(payment.amount, payment.currency),
        "bulk_paymentid": None,
        "clientid": payment.client_id,
        "creditid": payment.credit_id,
        "date": payment.date.isoformat(),
        "from_credit": payment.credit_id is not None,
        "gateway": payment.gateway,
        "id": payment.id,
        "invoiceid": payment.invoice_id,
        "logid": payment.id,
        "note": payment.note,
        "orderid": payment.order_id,
        "overpaymentid": payment.overpayment_id,
        "send_client_notification": payment.send_client_notification,
        "transaction_uuid": payment.uuid,
        "transactionid": payment.transaction_id,
        "type": payment.type,
        "updated": eastern_text(payment.updated),
        "vis_state": payment.vis_state,
    }


def credit_json(books: Books, credit: CreditNote) -> Json:
    """A credit note; `paid` says that it is funded, not that it is used up (FB API s3.5)."""
    texts, copy = credit.texts, credit.client_texts
    client = books.clients.find(credit.client_id)
    return {
        "accounting_systemid": books.account_id,
        "amount": money(credit.amount, credit.currency),
        **{name: copy[name] for name in _COPIED},
        "clientid": credit.client_id,
        "create_date": credit.create_date.isoformat(),
        "credit_number": credit.number,
        "credit_type": credit.credit_type,
        "creditid": credit.id,
        "currency_code": credit.currency,
        "current_organization": client.organization if client else copy["organization"],
        "description": texts.get("description") or (credit.lines[0].description if credit.lines else ""),
        "display_status": "created",
        "dispute_status": None,
        "ext_archive": 0,
        "id": credit.id,
        "last_order_status": None,
        "notes": texts.get("notes", ""),
        "paid": money(credit.amount, credit.currency),
        "payment_status": "paid",
        "payment_type": None,
        "sentid": books.owner_id,
        "status": "created",
        "template": texts.get("template", "clean-grouped"),
        "terms": texts.get("terms"),
        "vis_state": credit.vis_state,
    }


def credit_line_json(credit: CreditNote, line: Line) -> Json:
    """A credit note's line, which has no `lineid` (FB API s3.5)."""
    return {
        "amount": money(line_amount(line), credit.currency),
        "compounded_tax": line.compounded_tax,
        "creditid": credit.id,
        "description": line.description,
        "name": line.name,
        "qty": plain(line.qty),
        "taskno": line.lineid,
        "taxAmount1": plain(line.tax_percent1) if line.tax_percent1 is not None else "0",
        "taxAmount2": plain(line.tax_percent2) if line.tax_percent2 is not None else "0",
        "taxName1": line.tax_name1,
        "taxName2": line.tax_name2,
        "unit_cost": money(line.unit_cost, credit.currency),
    }


def income_json(books: Books, income: OtherIncome) -> Json:
    """Other income, which has no `id` (FB API s3.6)."""
    return {
        "amount": money(income.amount, income.currency),
        "category_name": income.category_name,
        "created_at": eastern_text(income.created_at),
        "date": income.date.isoformat(),
        "incomeid": income.id,
        "note": income.note,
        "payment_type": income.payment_type,
        "source": income.source,
        "sourceid": None,
        "taxes": list(income.taxes),
        "updated_at": eastern_text(income.updated),
        "userid": books.owner_id,
        "vis_state": income.vis_state,
    }


def ledger_json(books: Books, account: LedgerAccount) -> Json:
    """A ledger account of the chart (FB API s3.8)."""
    top = account.parent_uuid is None
    return {
        "uuid": account.uuid,
        "name": account.name,
        "number": account.number,
        "description": account.description,
        "type": account.type,
        "sub_type": account.sub_type,
        "system_account_name": account.system_name,
        "parent_account": account.parent_uuid,
        "sub_accounts": [row.uuid for row in children(books, account)] if top else [],
        "auto_created": account.auto_created,
        "state": account.state,
        "updated_at": rfc3339_micro(account.updated),
        "category_id": None,
        "jea_id": account.legacy_id if top else None,
        "jesa_id": None if top else account.legacy_id,
    }


def callback_json(callback: Callback, *, time_style: str) -> Json:
    """A webhook registration; its verifier is never shown (FB API s6.1)."""
    updated_at = eastern_text(callback.updated) if time_style == "sql" else iso_z(callback.updated)
    return {
        "callbackid": callback.id,
        "event": callback.event,
        "uri": callback.uri,
        "verified": callback.verified,
        "updated_at": updated_at,
    }
