"""The answer of `/auth/api/v1/users/me` (FB API s2.8): `response` without `result`, one entry per business."""

from datetime import UTC, datetime
from typing import Any

from daemon.sandbox.accounts import Account, Login, Membership
from daemon.sandbox.times import iso_z

Json = dict[str, Any]
_JOINED = datetime(2017, 5, 23, 5, 42, 42, tzinfo=UTC)
_ACCOUNT_ROLES = {"owner": "admin", "client": "client"}
_PROFESSION = {"id": 65432, "business_id": None, "title": "Accounting", "company": "", "designation": None}


def _business(account: Account) -> Json:
    return {
        "id": account.business_id,
        "business_uuid": account.business_uuid,
        "name": account.name,
        "account_id": account.account_id,
        "date_format": "mm/dd/yyyy",
        "active": True,
        "status": "active",
        "timezone": account.timezone,
        "advanced_accounting_enabled": account.account_id is not None,
        "billing_country_code": "US",
        "number_format": None,
        "address": {
            "id": account.business_id + 76_000,
            "street": "225 King St W",
            "city": "Toronto",
            "province": "Ontario",
            "country": "Canada",
            "postal_code": "M5V 2T6",
        },
        "phone_number": {"id": account.business_id + 666_000, "phone_number": "4165550100"},
        "business_clients": [],
    }


def _group(login: Login, member: Membership) -> Json:
    return {
        "id": member.id - 100_000,
        "group_id": member.id - 130_000,
        "role": member.role,
        "identity_id": login.identity_id,
        "identity_uuid": login.identity_uuid,
        "business_id": member.account.business_id,
        "business_uuid": member.account.business_uuid,
        "active": True,
    }


def _role(member: Membership) -> Json:
    key = member.id - 79_000
    return {
        "id": key,
        "role": _ACCOUNT_ROLES.get(member.role, member.role),
        "systemid": member.account.system_id,
        "userid": member.client_id or 1,
        "created_at": iso_z(_JOINED),
        "links": {"destroy": f"/service/auth/api/v1/users/role/{key}"},
        "accountid": member.account.account_id,
    }


def _permissions(member: Membership) -> Json:
    full = member.role in ("owner", "admin", "business_partner", "business_accountant")
    return {
        "advanced_accounting.access": full,
        "manual_journal_entries_feature.access": full,
        "BankReconciliation.access": full,
        "client.limit": -1,
    }


def _person(login: Login) -> Json:
    """What is known about the person, apart from their businesses."""
    key = login.identity_id
    return {
        "id": key,
        "profile": {
            "setup_complete": True,
            "first_name": login.first_name,
            "last_name": login.last_name,
            "phone_number": None,
            "address": None,
            "professions": [_PROFESSION],
            "has_password": True,
        },
        "identity_id": key,
        "identity_uuid": login.identity_uuid,
        "first_name": login.first_name,
        "last_name": login.last_name,
        "email": login.email,
        "language": "en",
        "timezone": "America/New_York",
        "confirmed_at": iso_z(_JOINED),
        "created_at": iso_z(_JOINED),
        "unconfirmed_email": None,
        "setup_complete": True,
        "phone_numbers": [{"title": "", "phone_number": None}],
        "addresses": [None],
        "profession": _PROFESSION,
        "links": {"me": f"/service/auth/api/v1/users?id={key}", "roles": f"/service/auth/api/v1/users/role/{key}"},
        "integrations": {},
        "identity_origin": None,
    }


def _membership(member: Membership) -> Json:
    business = _business(member.account)
    return {"id": member.id, "role": member.role, "unacknowledged_change": False, "business": business}


def me_json(login: Login) -> Json:
    """Everything FreshBooks tells about a person, businesses without an account included."""
    members = login.memberships
    with_account = [member for member in members if member.account.account_id is not None]
    return {
        "response": {
            **_person(login),
            "permissions": {str(member.account.account_id): _permissions(member) for member in with_account},
            "groups": [_group(login, member) for member in members if member.role != "client"],
            "subscription_statuses": {str(member.account.account_id): "active" for member in with_account},
            "business_statuses": {str(member.account.business_id): "active" for member in members},
            "business_memberships": [_membership(member) for member in members],
            "roles": [_role(member) for member in with_account],
        }
    }
