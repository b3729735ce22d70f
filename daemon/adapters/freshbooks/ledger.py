"""FreshBooks' chart of accounts: list it, and create an account in it (C4, FB API s3.8)."""

import msgspec
from msgspec import Struct

from daemon.adapters.freshbooks.calls import Answer, Call
from daemon.adapters.freshbooks.envelopes import parse
from daemon.core.model import LedgerAccount

_ACTIVE = "active"


class _Account(Struct, gc=False):
    uuid: str
    name: str
    type: str
    number: str | None = None
    sub_type: str | None = None
    parent_account: str | None = None
    state: str | None = None
    jea_id: int | None = None
    jesa_id: int | None = None


class _Accounts(Struct, gc=False):
    data: list[_Account]


class _OneAccount(Struct, gc=False):
    data: _Account


class _NewAccount(Struct):
    name: str
    sub_type: str
    parent_account: str


_accounts_decoder = msgspec.json.Decoder(_Accounts)
_account_decoder = msgspec.json.Decoder(_OneAccount)


def list_accounts(business_uuid: str) -> Call:
    """Ask for all accounts; FreshBooks does not page them."""
    return Call(method="GET", path=_path(business_uuid))


def read_accounts(answer: Answer) -> tuple[LedgerAccount, ...]:
    """Read the list of accounts."""
    return tuple(_ledger_account(account) for account in parse(answer, _accounts_decoder).data)


def create_account(business_uuid: str, name: str, sub_type: str, parent_id: str) -> Call:
    """Ask for a new account below another one."""
    body = msgspec.json.encode(_NewAccount(name=name, sub_type=sub_type, parent_account=parent_id))
    return Call(method="POST", path=_path(business_uuid), body=body, create=True)


def read_account(answer: Answer) -> LedgerAccount:
    """Read the account that was made."""
    return _ledger_account(parse(answer, _account_decoder).data)


def _path(business_uuid: str) -> str:
    return f"/accounting/businesses/{business_uuid}/ledger_accounts/accounts"


def _ledger_account(wire: _Account) -> LedgerAccount:
    return LedgerAccount(
        id=wire.uuid,
        name=wire.name,
        number=wire.number or "",
        type=wire.type,
        sub_type=wire.sub_type or "",
        legacy_id=wire.jesa_id,
        parent_id=wire.parent_account,
        is_active=wire.state in (None, _ACTIVE),
    )
