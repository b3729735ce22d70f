"""The forms of the books pages: each turns its fields into one write."""

from collections.abc import Callable
from typing import Any

from daemon.sandbox.books import Books
from daemon.sandbox.invoices import find_invoice
from daemon.sandbox.model import ACTIVE, ARCHIVED, DELETED
from daemon.sandbox.money import plain

Form = dict[str, str]
Write = tuple[str, int | None, dict[str, Any], str]
_STATES = {"delete": (DELETED, "Deleted."), "undelete": (ACTIVE, "Brought back."), "archive": (ARCHIVED, "Archived.")}
_KINDS = ("client", "invoice", "payment", "credit_note")


def _key(form: Form) -> int:
    text = form.get("key", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len("9" * 18) else 0


def _state(_books: Books, form: Form) -> Write:
    kind = form.get("kind", "")
    state, done = _STATES.get(form.get("state", ""), (ACTIVE, "Brought back."))
    return f"{kind if kind in _KINDS else 'invoice'}.update", _key(form), {"vis_state": state}, done


def _pay(_books: Books, form: Form) -> Write:
    body = {"invoiceid": _key(form), "amount": {"amount": form.get("amount")}, "date": form.get("date"),
            "type": form.get("type") or "Check", "note": form.get("note", "")}  # fmt: skip
    return "payment.create", None, body, "Payment recorded."


def _apply_credit(_books: Books, form: Form) -> Write:
    body = {"invoiceid": _key(form), "amount": {"amount": form.get("amount")}, "date": form.get("date"),
            "type": "Credit", "creditid": form.get("creditid")}  # fmt: skip
    return "payment.create", None, body, "Credit applied."


def _send(_books: Books, form: Form) -> Write:
    return "invoice.update", _key(form), {"action_mark_as_sent": True}, "Marked as sent."


def _edit_invoice(books: Books, form: Form) -> Write:
    """Number, terms and notes, and the lines as the form lists them; a line without a name goes."""
    invoice = find_invoice(books, _key(form))
    count = int(form.get("line_count") or 0) if (form.get("line_count") or "0").isdigit() else 0
    lines = [_line(form, n) for n in range(1, min(count, 50) + 1) if form.get(f"name_{n}")]
    taxed = {line.lineid: line for line in invoice.lines}
    for number, line in enumerate(lines, start=1):
        old = taxed.get(number)
        if old is not None and old.tax_percent1 is not None:
            line |= {"taxName1": old.tax_name1, "taxAmount1": plain(old.tax_percent1)}
    body = {"invoice_number": form.get("invoice_number"), "due_offset_days": form.get("due_offset_days") or 0,
            "create_date": form.get("create_date"), "notes": form.get("notes", ""), "lines": lines}  # fmt: skip
    return "invoice.update", invoice.id, body, "Invoice saved."


def _line(form: Form, number: int) -> dict[str, Any]:
    return {
        "name": form[f"name_{number}"],
        "description": form.get(f"description_{number}", ""),
        "qty": form.get(f"qty_{number}") or "1",
        "unit_cost": {"amount": form.get(f"unit_cost_{number}") or "0"},
    }


def _new_invoice(_books: Books, form: Form) -> Write:
    body: dict[str, Any] = {
        "customerid": form.get("customerid"),
        "create_date": form.get("create_date"),
        "due_offset_days": form.get("due_offset_days") or 30,
        "status": 1 if form.get("draft") else 2,
        "lines": [_line({**form, "name_1": form.get("name_1") or "Service"}, 1)],
    }
    if form.get("currency_code"):
        body["currency_code"] = form["currency_code"]
    return "invoice.create", None, body, "Invoice created."


def _new_client(_books: Books, form: Form) -> Write:
    names = ("organization", "fname", "lname", "email", "currency_code", "p_city", "p_country")
    return "client.create", None, {name: form[name] for name in names if form.get(name)}, "Client created."


def _edit_client(_books: Books, form: Form) -> Write:
    body: dict[str, Any] = {name: form[name] for name in ("organization", "email") if name in form}
    return "client.update", _key(form), body, "Client saved."


def _edit_payment(_books: Books, form: Form) -> Write:
    body: dict[str, Any] = {"amount": {"amount": form.get("amount")}, "note": form.get("note", "")}
    body |= {name: form[name] for name in ("date", "type", "invoiceid") if form.get(name)}
    return "payment.update", _key(form), body, "Payment saved."


def _new_credit(_books: Books, form: Form) -> Write:
    title = form.get("title") or "Goodwill credit"
    line = {"name": title, "description": title, "qty": "1", "unit_cost": {"amount": form.get("amount") or "0"}}
    body = {"clientid": form.get("clientid"), "create_date": form.get("create_date"),
            "credit_type": form.get("credit_type") or "goodwill", "lines": [line]}  # fmt: skip
    return "credit_note.create", None, body, "Credit created."


def _new_entry(books: Books, form: Form) -> Write:
    amount = form.get("amount", "")
    body = {
        "name": form.get("name") or "Adjustment",
        "description": form.get("description", ""),
        "user_entered_date": form.get("date"),
        "currency_code": form.get("currency_code") or books.base_currency,
        "details": [
            {"sub_accountid": form.get("debit_account"), "debit": amount},
            {"sub_accountid": form.get("credit_account"), "credit": amount},
        ],
    }
    return "journal_entry.create", None, body, "Journal entry made."


FORMS: dict[str, Callable[[Books, Form], Write]] = {
    "state": _state,
    "pay": _pay,
    "apply-credit": _apply_credit,
    "send": _send,
    "edit-invoice": _edit_invoice,
    "new-invoice": _new_invoice,
    "new-client": _new_client,
    "edit-client": _edit_client,
    "edit-payment": _edit_payment,
    "new-credit": _new_credit,
    "new-entry": _new_entry,
}
