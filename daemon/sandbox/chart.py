"""The chart of accounts every set of books starts with, and what may be added to it (FB API s3.8)."""

from datetime import datetime

from msgspec.structs import replace

from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.errors import ApiError, not_found
from daemon.sandbox.model import LedgerAccount
from daemon.sandbox.stable_ids import stable_uuid

TYPES = ("asset", "liability", "equity", "income", "expense")
_SUB_TYPES = {
    "Cash & Bank": "asset", "Current Asset": "asset", "Long-Term Asset": "asset", "Current Liability": "liability",
    "Long-Term Liability": "liability", "Equity": "equity", "Income": "income", "Cost of Goods Sold": "expense",
    "Operating Expense": "expense",
}  # fmt: skip
_STANDARD: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("1000", "Cash", "Cash & Bank", ("Petty Cash", "Checking Account", "Savings Account")),
    ("1200", "Accounts Receivable", "Current Asset", ("Accounts Receivable", "Customer Deposits")),
    ("2000", "Accounts Payable", "Current Liability", ("Accounts Payable",)),
    ("2003", "Sales Tax", "Current Liability", ("Sales Tax Payable",)),
    ("2004", "Customer Credit", "Current Liability", ("Customer Credit",)),
    ("2006", "Unearned Revenue", "Current Liability", ("Unearned Revenue",)),
    ("3000", "Owner's Equity", "Equity", ("Owner Investment", "Owner Draws")),
    ("4000", "Revenue", "Income", ("Sales", "Discounts", "Other Income")),
    ("5000", "Cost of Goods Sold", "Cost of Goods Sold", ("Hosting",)),
    ("6000", "Operating Expenses", "Operating Expense", ("Advertising", "Bank Fees", "Merchant Processing Fees")),
)
_CUSTOM = frozenset({"Checking Account", "Savings Account", "Merchant Processing Fees"})
_FIELDS = ("name", "sub_type", "parent_account")


def _uuid(books: Books, name: str) -> str:
    return stable_uuid(f"{books.account_id}/ledger/{name}")


def open_chart(books: Books, at: datetime) -> None:
    """Fill the chart with the standard accounts and two bank accounts, as connected banks would leave it."""
    for number, name, sub_type, children in _STANDARD:
        parent = _account(books, number=number, name=name, sub_type=sub_type, at=at)
        for n, child in enumerate(children, start=1):
            _account(books, number=f"{number}-{n}", name=child, sub_type=sub_type, at=at, parent=parent.uuid)


def _account(
    books: Books, *, number: str, name: str, sub_type: str, at: datetime, parent: str | None = None, added: bool = False
) -> LedgerAccount:
    custom = added or name in _CUSTOM
    account = LedgerAccount(
        uuid=_uuid(books, number),
        legacy_id=books.sequences.take("legacy_account"),
        name=name,
        number=number,
        type=_SUB_TYPES[sub_type],
        sub_type=sub_type,
        system_name=None if custom else name,
        parent_uuid=parent,
        auto_created=not custom,
        created_at=at,
        updated=at,
    )
    books.ledger[account.uuid] = account
    return account


def by_number(books: Books, number: str) -> LedgerAccount:
    """The account with this number, such as `1000-1` (Petty Cash)."""
    return books.ledger[_uuid(books, number)]


def children(books: Books, parent: LedgerAccount) -> list[LedgerAccount]:
    """The sub-accounts of `parent`, in number order."""
    return [row for row in books.ledger.values() if row.parent_uuid == parent.uuid]


def find_account(books: Books, key: str) -> LedgerAccount:
    """The ledger account with this uuid; raises 404."""
    account = books.ledger.get(key)
    if account is None:
        error = not_found("account", "", key)
        error.field, error.message = None, "Not found."
        raise error
    return account


def create_account(books: Books, body: object, now: datetime) -> LedgerAccount:
    """Add a sub-account; raises 400 naming every field that is missing or wrong."""
    given: Body = body if isinstance(body, dict) else {}
    problems = [ApiError(400, "This field is required.", field=name) for name in _FIELDS if not given.get(name)]
    parent = books.ledger.get(str(given.get("parent_account") or ""))
    if given.get("parent_account") and (parent is None or parent.parent_uuid is not None):
        problems.append(ApiError(400, "Parent account not found.", field="parent_account"))
    sub_type = given.get("sub_type")
    if sub_type and sub_type not in _SUB_TYPES:
        problems.append(ApiError(400, f"'{sub_type}' is not a sub type.", field="sub_type"))
    elif parent is not None and sub_type and _SUB_TYPES[sub_type] != parent.type:
        problems.append(ApiError(400, "The sub type does not fit the parent account.", field="sub_type"))
    name = str(given.get("name") or "")
    if any(row.name.lower() == name.lower() and row.parent_uuid for row in books.ledger.values()) and name:
        problems.append(ApiError(400, "An account with this name already exists.", field="name"))
    if problems or parent is None:
        error = problems[0]
        error.more = problems[1:]
        raise error
    number = f"{parent.number}-{len(children(books, parent)) + 1}"
    account = _account(books, number=number, name=name, sub_type=str(sub_type), at=now, parent=parent.uuid, added=True)
    return _store(books, replace(account, description=str(given.get("description") or "")))


def update_account(books: Books, key: str, body: object, now: datetime) -> LedgerAccount:
    """Rename, describe, archive or bring back an account; other keys are ignored."""
    account = find_account(books, key)
    given: Body = body if isinstance(body, dict) else {}
    state = given.get("state", account.state)
    if state not in ("active", "archived", "deleted"):
        raise ApiError(400, f"'{state}' is not a state.", field="state")
    changed = replace(
        account,
        name=str(given.get("name") or account.name),
        description=str(given.get("description", account.description) or ""),
        state=state,
        updated=now,
    )
    return _store(books, changed)


def _store(books: Books, account: LedgerAccount) -> LedgerAccount:
    books.ledger[account.uuid] = account
    return account


def sub_types() -> list[dict[str, str]]:
    """The lookup list of sub types with their types."""
    return [{"name": name, "type": kind} for name, kind in _SUB_TYPES.items()]
