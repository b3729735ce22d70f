"""A partner at a glance."""

from daemon.core.fleet import FleetRow
from daemon.core.model import IssueKind, PartnerId
from daemon.core.state import ConnectionStatus


def test_open_issues_are_counted_over_all_kinds() -> None:
    issues = {IssueKind.OVERPAID: 2, IssueKind.REFUNDED: 3}
    row = FleetRow(partner_id=PartnerId("p"), name="P", status=ConnectionStatus.CONNECTED, issues=issues)
    assert row.open_issues == 5


def test_a_partner_without_issues_has_none_open() -> None:
    assert FleetRow(partner_id=PartnerId("p"), name="P", status=ConnectionStatus.PENDING).open_issues == 0
