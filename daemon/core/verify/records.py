"""Customers, FreshBooks payments and credit notes, compared field by field (T1)."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Final

from daemon.core.model import FbCredit, FbCustomer, FbPayment, Resource
from daemon.core.verify.findings import Drift, DriftKind, Judgement, Mend, Rule, Ruled

Plain = FbCustomer | FbPayment | FbCredit
_NOT_CONTENT: Final = frozenset({"id", "fingerprint", "updated_at", "updated_is_ambiguous"})
_WORDS: Final[Mapping[str, str]] = {
    "paid_on": "date",
    "issued_on": "date",
    "vis_state": "status",
    "invoice_id": "invoice",
    "customer_id": "customer",
}


def judge_record(resource: Resource, ours: Plain, theirs: Plain, unread_since: datetime | None) -> Judgement:
    """Compare one record; a change in FreshBooks later than `unread_since` is the next look's to bring (P1)."""
    differing = [
        (field.name, getattr(ours, field.name), getattr(theirs, field.name))
        for field in fields(ours)
        if field.name not in _NOT_CONTENT and getattr(ours, field.name) != getattr(theirs, field.name)
    ]
    if not differing:
        return Judgement()
    told = (f"{_WORDS.get(name, name)} {_told(here)} here, {_told(there)} there" for name, here, there in differing)
    detail = ", ".join(told)
    subject = (resource.value, str(theirs.id))
    if is_unread(theirs, unread_since):
        return Judgement(ruled=(Ruled(rule=Rule.P1, subject=subject, detail=detail),))
    mend = Mend.SYNC if resource is Resource.CREDITS else Mend.TAKE_ANEW
    return Judgement(drifts=(Drift(kind=DriftKind.DIFFERENT, subject=subject, detail=detail, mend=mend),))


def absent_here(resource: Resource, theirs: Plain | None, record_id: int, unread_since: datetime | None) -> Judgement:
    """Judge a record that FreshBooks has and we do not; `theirs` is None for one that cannot be read."""
    subject = (resource.value, str(record_id))
    if theirs is None:
        return Judgement(ruled=(Ruled(rule=Rule.P10, subject=subject, detail="It cannot be read, and is set aside."),))
    if is_unread(theirs, unread_since):
        return Judgement(ruled=(Ruled(rule=Rule.P1, subject=subject, detail="It is new in FreshBooks."),))
    detail = "FreshBooks has it, and it is not stored here."
    mend = Mend.SYNC if resource is Resource.CREDITS else Mend.READ_AGAIN
    return Judgement(drifts=(Drift(kind=DriftKind.MISSING_HERE, subject=subject, detail=detail, mend=mend),))


def absent_there(resource: Resource, record_id: int) -> Judgement:
    """Judge a record that we hold and FreshBooks does not know, not even as deleted: nothing is deleted here for it."""
    detail = "It is stored here, and FreshBooks knows no such record, not even a deleted one."
    subject = (resource.value, str(record_id))
    return Judgement(drifts=(Drift(kind=DriftKind.EXTRA_HERE, subject=subject, detail=detail),))


def is_unread(theirs: Plain, unread_since: datetime | None) -> bool:
    """Tell whether FreshBooks changed a record after our last look began; credit notes carry no such time."""
    if unread_since is None or isinstance(theirs, FbCredit):
        return False
    return theirs.updated_at >= unread_since


def _told(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)
