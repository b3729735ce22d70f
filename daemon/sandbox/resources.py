"""The accounting family's resources: their paths, keys, verbs and rules in one table (FB API s3.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daemon.sandbox import clients, filters, incomes, invoices, payments, rendering
from daemon.sandbox import credits as credit_notes
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.errors import ApiError
from daemon.sandbox.listing import Listing
from daemon.sandbox.model import DELETED
from daemon.sandbox.rendering import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource: `first_required` is the key an unwrapped body is told to lack; None stands for a missing verb."""

    path: str
    singular: str
    plural: str
    scope: str
    first_required: str
    listing: Listing
    find: Callable[[Books, int], Any]
    render: Callable[[View, Any], bytes]
    create: Callable[[Books, Body, datetime], Any] | None = None
    update: Callable[[Books, int, Body, datetime], Any] | None = None
    delete: Callable[[Books, int, datetime], None] | None = None
    owner_field: str = "client_id"


def _delete_invoice(books: Books, key: int, now: datetime) -> None:
    if books.switches["invoice_delete_verb"] == "refuse":
        raise ApiError(405, "Method not allowed.", errno=405)
    invoices.set_vis_state(books, invoices.find_invoice(books, key), DELETED, now)


RESOURCES: tuple[Resource, ...] = (
    Resource(
        path="users/clients",
        singular="client",
        plural="clients",
        scope="clients",
        first_required="email",
        listing=filters.CLIENTS,
        find=clients.find_client,
        render=rendering.render_client,
        create=clients.create_client,
        update=clients.update_client,
        owner_field="id",
    ),
    Resource(
        path="invoices/invoices",
        singular="invoice",
        plural="invoices",
        scope="invoices",
        first_required="customerid",
        listing=filters.INVOICES,
        find=invoices.find_invoice,
        render=rendering.render_invoice,
        create=invoices.create_invoice,
        update=invoices.update_invoice,
        delete=_delete_invoice,
    ),
    Resource(
        path="payments/payments",
        singular="payment",
        plural="payments",
        scope="payments",
        first_required="invoiceid",
        listing=filters.PAYMENTS,
        find=payments.find_payment,
        render=rendering.render_payment,
        create=payments.create_payment,
        update=payments.update_payment,
    ),
    Resource(
        path="credit_notes/credit_notes",
        singular="credit_note",
        plural="credit_notes",
        scope="credit_notes",
        first_required="clientid",
        listing=filters.CREDITS,
        find=credit_notes.find_credit,
        render=rendering.render_credit,
        create=credit_notes.create_credit,
        update=credit_notes.update_credit,
    ),
    Resource(
        path="other_incomes/other_incomes",
        singular="other_income",
        plural="other_income",
        scope="other_income",
        first_required="amount",
        listing=filters.INCOMES,
        find=incomes.find_income,
        render=rendering.render_income,
        create=incomes.create_income,
        update=incomes.update_income,
        delete=incomes.delete_income,
    ),
)
BY_PATH = {resource.path: resource for resource in RESOURCES}
BY_SINGULAR = {resource.singular: resource for resource in RESOURCES}
