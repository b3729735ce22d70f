"""P4, P6, P12: an invoice's status, whether it may be charged, and what is flagged."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import (
    InvoiceStatus,
    NotPayable,
    VisState,
)
from tests.builders import (
    NOW,
    make_context,
    make_fb_invoice,
    make_invoice,
    make_link,
    make_payment,
    make_reading,
    make_snapshot,
)
from tests.core.deciding import decide


@pytest.mark.parametrize(
    ("invoice", "status", "why"),
    [
        pytest.param({}, InvoiceStatus.OUTSTANDING, None, id="sent"),
        pytest.param({"status": 8}, InvoiceStatus.OUTSTANDING, None, id="partial"),
        pytest.param({"status": 4}, InvoiceStatus.OUTSTANDING, None, id="paid by FreshBooks' status alone"),
        pytest.param({"status": 1}, InvoiceStatus.DRAFT, NotPayable.DRAFT, id="draft"),
        pytest.param({"status": 0}, InvoiceStatus.OUTSTANDING, NotPayable.DISPUTED, id="disputed"),
        pytest.param({"disputed": True}, InvoiceStatus.OUTSTANDING, NotPayable.DISPUTED, id="disputed by flag"),
        pytest.param({"vis_state": VisState.DELETED}, InvoiceStatus.OUTSTANDING, NotPayable.DELETED, id="deleted"),
        pytest.param({"vis_state": VisState.ARCHIVED}, InvoiceStatus.OUTSTANDING, None, id="archived in FreshBooks"),
        pytest.param({"amount": 0, "lines": ()}, InvoiceStatus.OUTSTANDING, NotPayable.NOTHING_DUE, id="no lines"),
        pytest.param({"amount": 0, "status": 1}, InvoiceStatus.DRAFT, NotPayable.DRAFT, id="empty draft"),
    ],
)
def test_drafts_disputed_deleted_and_unknown_due_invoices_are_not_payable(
    invoice: dict[str, Any], status: InvoiceStatus, why: NotPayable | None
) -> None:
    decided = decide(**invoice).invoice
    assert decided is not None
    assert decided.status is status
    assert decided.not_payable is why
    assert decided.is_payable is (why is None)


def test_an_invoice_is_paid_exactly_when_nothing_is_due_on_it() -> None:
    decided = decide([make_link(make_payment())]).invoice
    assert decided is not None
    assert decided.status is InvoiceStatus.PAID
    assert decided.not_payable is NotPayable.NOTHING_DUE
    assert not decided.is_frozen


@pytest.mark.parametrize(
    ("vis_state", "what"),
    [
        (VisState.DELETED, "deleted in FreshBooks"),
        (VisState.ARCHIVED, "archived in FreshBooks"),
        (VisState.ACTIVE, "restored in FreshBooks"),
    ],
)
def test_what_is_deleted_or_archived_in_freshbooks_is_flagged_and_kept(vis_state: VisState, what: str) -> None:
    before = VisState.DELETED if vis_state is VisState.ACTIVE else VisState.ACTIVE
    row = make_invoice(make_snapshot(make_fb_invoice(vis_state=before)))
    later = make_snapshot(
        make_fb_invoice(vis_state=vis_state, updated_at=NOW), reading=make_reading(NOW + timedelta(minutes=1))
    )
    decision = decide_snapshot(later, make_context(row))
    assert decision.invoice is not None
    assert decision.invoice.vis_state is vis_state
    assert [entry.what for entry in decision.history] == [what]
