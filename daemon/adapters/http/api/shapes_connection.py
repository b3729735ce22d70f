"""The connection, its accounts and what a person may ask of it, as the API writes and takes them."""

from datetime import datetime
from typing import Self

from pydantic import Field, StrictBool

from daemon.adapters.http.api.messages import Input, Output
from daemon.core.consent import AccountChoice, AccountOptions
from daemon.core.desk import Counts, FeedProgress, Module
from daemon.core.model import LedgerAccount
from daemon.core.options import Option


class Feed(Output):
    """How far one feed has come."""

    name: str
    percent: int = Field(description="0 to 100 by pages; never goes back within a run.")
    stage: str
    pages_done: int
    pages_expected: int
    changed: int
    began_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None

    @classmethod
    def of(cls, feed: FeedProgress) -> Self:
        """Write a feed's progress."""
        return cls(
            name=feed.feed.value,
            percent=feed.percent,
            stage=feed.stage,
            pages_done=feed.pages_done,
            pages_expected=feed.pages_expected,
            changed=feed.changed,
            began_at=feed.began_at,
            finished_at=feed.finished_at,
            due_at=feed.due_at,
        )


class Numbers(Output):
    """How many of what the partner has."""

    customers: int
    invoices: int
    outstanding: int
    paid: int
    drafts: int
    deleted_in_freshbooks: int
    freshbooks_payments: int
    payments: int
    open_issues: int
    quarantined: int

    @classmethod
    def of(cls, counts: Counts) -> Self:
        """Write the counts."""
        return cls(
            customers=counts.customers,
            invoices=counts.invoices,
            outstanding=counts.outstanding,
            paid=counts.paid,
            drafts=counts.drafts,
            deleted_in_freshbooks=counts.deleted_in_freshbooks,
            freshbooks_payments=counts.fb_payments,
            payments=counts.payments,
            open_issues=counts.issues,
            quarantined=counts.quarantined,
        )


class Connection(Output):
    """The partner's link to FreshBooks."""

    partner_id: str
    partner_name: str
    status: str = Field(description="not_connected, pending or connected.")
    reconnect_needed: str | None = Field(description="Why the partner must connect again; null when not.")
    account_id: str | None
    business_name: str
    role: str
    timezone: str
    accounts_chosen: bool
    record_deposits: bool
    options: dict[str, bool]
    disconnecting: bool
    paused: bool
    consented_at: datetime | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    feeds: list[Feed]
    counts: Numbers

    @classmethod
    def of(cls, module: Module) -> Self:
        """Write the stored module."""
        return cls(
            partner_id=module.partner_id,
            partner_name=module.partner_name,
            status=module.status.value,
            reconnect_needed=module.parked_reason,
            account_id=module.account_id,
            business_name=module.business_name,
            role=module.role,
            timezone=module.timezone,
            accounts_chosen=module.accounts_chosen,
            record_deposits=module.record_deposits,
            options=dict(module.options),
            disconnecting=module.disconnecting,
            paused=module.paused,
            consented_at=module.consented_at,
            connected_at=module.connected_at,
            disconnected_at=module.disconnected_at,
            last_attempt_at=module.last_attempt_at,
            last_success_at=module.last_success_at,
            feeds=[Feed.of(feed) for feed in module.feeds],
            counts=Numbers.of(module.counts),
        )


class OptionsIn(Input):
    """The options to switch; what is left out stays as it is (O1-O4)."""

    mirror_invoices: StrictBool | None = Field(
        default=None, description="Archive here what FreshBooks archives or deletes."
    )
    mirror_customers: StrictBool | None = Field(default=None, description="The same for customers.")
    delete_payments: StrictBool | None = Field(
        default=None, description="Take a payment back on one side when it is deleted on the other."
    )
    pdf_invoices: StrictBool | None = Field(default=None, description="Fetch invoices' PDFs from FreshBooks on demand.")

    def switches(self) -> dict[Option, bool]:
        """Tell which are to be switched, and how."""
        return {Option(name): on for name, on in self.model_dump(exclude_none=True).items()}


class Accepted(Output):
    """What was asked for is noted and happens in a moment."""

    message: str


class DashboardLink(Output):
    """A link that signs a browser in to the partner's dashboard, where a person can connect FreshBooks."""

    url: str
    expires_at: datetime


class LedgerAccountOut(Output):
    """An account of the partner's books."""

    id: str
    name: str
    number: str
    type: str
    sub_type: str

    @classmethod
    def of(cls, account: LedgerAccount) -> Self:
        """Write an account."""
        return cls(
            id=account.id, name=account.name, number=account.number, type=account.type, sub_type=account.sub_type
        )


class AccountChoiceIn(Input):
    """Which accounts record what, by id."""

    payments: str = Field(min_length=1, max_length=200, description="Records payments: Undeposited Funds.")
    deposits: str = Field(min_length=1, max_length=200, description="The bank account where payouts arrive.")
    fees: str | None = Field(default=None, max_length=200, description="Takes processing fees.")
    platform_invoices: str | None = Field(default=None, max_length=200)
    record_deposits: StrictBool = Field(default=False, description="Whether payouts are recorded as deposits.")

    def choice(self) -> AccountChoice:
        """Hand it on in the core's words."""
        return AccountChoice(
            payments=self.payments,
            deposits=self.deposits,
            fees=self.fees,
            platform_invoices=self.platform_invoices,
            record_deposits=self.record_deposits,
        )


class AccountChoiceOut(Output):
    """The accounts that are chosen now."""

    payments: str
    deposits: str
    fees: str | None
    platform_invoices: str | None
    record_deposits: bool

    @classmethod
    def of(cls, choice: AccountChoice) -> Self:
        """Write a stored choice."""
        return cls(
            payments=choice.payments,
            deposits=choice.deposits,
            fees=choice.fees,
            platform_invoices=choice.platform_invoices,
            record_deposits=choice.record_deposits,
        )


class Accounts(Output):
    """The accounts that each role may be given, and what is chosen now."""

    for_payments: list[LedgerAccountOut]
    for_deposits: list[LedgerAccountOut]
    for_fees: list[LedgerAccountOut]
    for_platform_invoices: list[LedgerAccountOut]
    undeposited_funds: LedgerAccountOut | None = Field(description="Null when the books lack it.")
    chosen: AccountChoiceOut | None

    @classmethod
    def of(cls, options: AccountOptions) -> Self:
        """Write the live options."""
        funds, chosen = options.undeposited_funds, options.chosen
        return cls(
            for_payments=[LedgerAccountOut.of(account) for account in options.for_payments],
            for_deposits=[LedgerAccountOut.of(account) for account in options.for_deposits],
            for_fees=[LedgerAccountOut.of(account) for account in options.for_fees],
            for_platform_invoices=[LedgerAccountOut.of(account) for account in options.for_platform_invoices],
            undeposited_funds=LedgerAccountOut.of(funds) if funds else None,
            chosen=AccountChoiceOut.of(chosen) if chosen else None,
        )
