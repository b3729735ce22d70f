"""Rows of the FreshBooks module and its ledger accounts, valid by default, to be overridden by keyword."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.core.backfill import Feed
from daemon.core.desk import Counts, FeedProgress, Module
from daemon.core.model import AccountId, LedgerAccount, PartnerId
from daemon.core.state import ConnectionStatus
from tests.web.rows import NOW, PARTNER


def make_feed(feed: Feed = Feed.INVOICES, **changes: Any) -> FeedProgress:
    row = FeedProgress(
        feed=feed,
        percent=100,
        pages_done=4,
        pages_expected=4,
        changed=2,
        runs=7,
        began_at=NOW - timedelta(minutes=21),
        finished_at=NOW - timedelta(minutes=20),
        due_at=NOW + timedelta(minutes=39),
    )
    return replace(row, **changes)


def make_module(partner_id: PartnerId = PARTNER, **changes: Any) -> Module:
    payments = make_feed(
        Feed.PAYMENTS,
        began_at=NOW - timedelta(seconds=62),
        finished_at=NOW - timedelta(seconds=60),
        due_at=NOW + timedelta(seconds=120),
    )
    row = Module(
        partner_id=partner_id,
        partner_name="Northwind IT Services",
        status=ConnectionStatus.CONNECTED,
        parked_reason=None,
        parked_at=None,
        account_id=AccountId("abc123"),
        business_id=77,
        business_name="Northwind Managed IT",
        role="owner",
        timezone="America/New_York",
        payments_account_id="acc-undeposited",
        deposits_account_id="acc-bank",
        fees_account_id=None,
        record_deposits=False,
        options={},
        disconnecting=False,
        paused=False,
        consented_at=NOW - timedelta(days=3),
        connected_at=NOW - timedelta(days=3),
        disconnected_at=None,
        sync_asked_at=None,
        last_attempt_at=NOW - timedelta(minutes=1),
        last_success_at=NOW - timedelta(minutes=1),
        feeds=(make_feed(), payments),
        counts=Counts(
            customers=84, invoices=1500, outstanding=212, paid=1279, drafts=9, fb_payments=1344, payments=18, issues=2
        ),
    )
    return replace(row, **changes)


def make_unconnected(**changes: Any) -> Module:
    row = make_module(
        status=ConnectionStatus.NOT_CONNECTED,
        account_id=None,
        business_id=None,
        business_name="",
        role="",
        payments_account_id=None,
        deposits_account_id=None,
        consented_at=None,
        connected_at=None,
        last_attempt_at=None,
        last_success_at=None,
        feeds=(),
        counts=Counts(),
    )
    return replace(row, **changes)


def make_pending(percent: int = 42, **changes: Any) -> Module:
    backfill = make_feed(
        Feed.BACKFILL,
        percent=percent,
        pages_done=42,
        pages_expected=100,
        stage="invoices, deleted",
        began_at=NOW - timedelta(seconds=30),
        finished_at=None,
        due_at=None,
    )
    return make_module(
        **{
            "status": ConnectionStatus.PENDING,
            "connected_at": None,
            "payments_account_id": None,
            "deposits_account_id": None,
            "feeds": (backfill,),
            "counts": Counts(customers=84, invoices=612, outstanding=120, paid=480, fb_payments=530),
            **changes,
        }
    )


def make_account(account_id: str, name: str, **changes: Any) -> LedgerAccount:
    row = LedgerAccount(
        id=account_id,
        name=name,
        number="1000-3",
        type="asset",
        sub_type="Cash & Bank",
        legacy_id=None,
        parent_id="head",
    )
    return replace(row, **changes)


UNDEPOSITED = make_account("acc-undeposited", "Undeposited Funds")
BANK = make_account("acc-bank", "Business Checking", number="1000-4")
PETTY_CASH = make_account("acc-petty", "Petty Cash", number="1000-1")
FEES = make_account("acc-fees", "Merchant Account Fees", number="6000-2", type="expense", sub_type="Operating Expense")
