"""Every write to a set of books by name, so that it can be recorded, and performed again after a restart."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from daemon.sandbox import chart, clients, invoices, journal_writes, webhooks
from daemon.sandbox.books import Books
from daemon.sandbox.resources import RESOURCES, Resource

Key = int | str | None
Result = Any  # the record that was written, of whichever kind
Operation = Callable[[Books, Any, Any, datetime], Result]


def _of(resource: Resource) -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    if (create := resource.create) is not None:
        found[f"{resource.singular}.create"] = lambda books, _key, body, now: create(books, body, now)
    if (update := resource.update) is not None:
        found[f"{resource.singular}.update"] = update
    if (delete := resource.delete) is not None:
        found[f"{resource.singular}.delete"] = lambda books, key, _body, now: delete(books, key, now)
    return found


OPERATIONS: dict[str, Operation] = {name: run for resource in RESOURCES for name, run in _of(resource).items()} | {
    "invoice.options": invoices.set_payment_options,
    "contact.delete": lambda books, key, _body, now: clients.delete_contact(books, key, now),
    "account.create": lambda books, _key, body, now: chart.create_account(books, body, now),
    "account.update": chart.update_account,
    "journal_entry.create": lambda books, _key, body, now: journal_writes.create_legacy(books, body, now),
    "manual_journal_entry.create": lambda books, _key, body, now: journal_writes.create_manual(books, body, now),
    "callback.create": lambda books, _key, body, now: webhooks.create_callback(books, body, now),
    "callback.update": webhooks.update_callback,
    "callback.delete": lambda books, key, _body, _now: webhooks.delete_callback(books, key),
}
