"""The values that cross the edges: they compare by content, cannot be changed, and name things as FreshBooks does."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from daemon.core.exchange import MergeReport, Reread
from daemon.core.model import InvoiceId, Resource
from tests.builders import make_customer

DUE = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_reread_is_asked_for_once_until_it_is_asked_again() -> None:
    reread = Reread(resource=Resource.INVOICES, id=7, reason="webhook", due_at=DUE)
    assert reread.asked == 1
    assert reread == Reread(resource=Resource.INVOICES, id=7, reason="webhook", due_at=DUE)


def test_a_merge_asks_for_no_snapshot_unless_it_says_so() -> None:
    report = MergeReport(changed=3)
    assert report.rereads == ()
    with pytest.raises(FrozenInstanceError):
        report.changed = 4  # type: ignore[misc]
    assert MergeReport(changed=0, rereads=(InvoiceId(1),)).rereads == (1,)


@pytest.mark.parametrize(
    ("organization", "first", "last", "name"),
    [("Dale & Co", "Ann", "Dale", "Dale & Co"), ("", "Ann", "Dale", "Ann Dale"), ("", "", "Dale", "Dale")],
)
def test_a_customer_is_called_by_the_organisation_else_by_the_person(
    organization: str, first: str, last: str, name: str
) -> None:
    assert make_customer(organization=organization, first_name=first, last_name=last).name == name
