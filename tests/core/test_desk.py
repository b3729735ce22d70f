"""What the rows that pages show tell of themselves."""

from dataclasses import replace
from datetime import date

from daemon.core.desk import Counts, InvoiceRow, Module
from daemon.core.model import CustomerId, InvoiceId, InvoiceStatus, NotPayable, PartnerId, VisState
from daemon.core.state import ConnectionStatus
from tests.builders import NOW, usd

MODULE = Module(
    partner_id=PartnerId("acme"),
    partner_name="Acme",
    status=ConnectionStatus.CONNECTED,
    parked_reason=None,
    parked_at=None,
    account_id=None,
    business_id=None,
    business_name="",
    role="",
    timezone="America/New_York",
    payments_account_id=None,
    deposits_account_id=None,
    fees_account_id=None,
    record_deposits=False,
    options={},
    disconnecting=False,
    paused=False,
    consented_at=None,
    connected_at=None,
    disconnected_at=None,
    sync_asked_at=None,
    last_attempt_at=None,
    last_success_at=None,
    feeds=(),
    counts=Counts(),
)
INVOICE = InvoiceRow(
    id=InvoiceId(1),
    number="1",
    customer_id=CustomerId(1),
    customer_name="",
    issued_on=date(2025, 11, 1),
    due_on=None,
    currency="USD",
    total=usd(1),
    amount_due=usd(1),
    overpaid_by=usd(0),
    status=InvoiceStatus.OUTSTANDING,
    archived_at=None,
    not_payable=None,
    amount_due_as_of=NOW,
    frozen_at=None,
    vis_state=VisState.ACTIVE,
    disputed=False,
    same_number_as_ap_invoice=None,
    issues=0,
)


def test_accounts_are_chosen_once_one_records_payments() -> None:
    assert not MODULE.accounts_chosen
    assert replace(MODULE, payments_account_id="u").accounts_chosen


def test_an_invoice_is_payable_unless_a_reason_is_told() -> None:
    assert INVOICE.payable
    assert not replace(INVOICE, not_payable=NotPayable.DISPUTED).payable
