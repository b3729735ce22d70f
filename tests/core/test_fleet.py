"""A partner at a glance."""

import gc
from datetime import UTC, datetime

from daemon.core.backfill import Feed
from daemon.core.fleet import FleetRow
from daemon.core.model import IssueKind, PartnerId
from daemon.core.state import ConnectionStatus


def test_open_issues_are_counted_over_all_kinds() -> None:
    issues = {IssueKind.OVERPAID: 2, IssueKind.REFUNDED: 3}
    row = FleetRow(partner_id=PartnerId("p"), name="P", status=ConnectionStatus.CONNECTED, issues=issues)
    assert row.open_issues == 5


def test_a_partner_without_issues_has_none_open() -> None:
    assert FleetRow(partner_id=PartnerId("p"), name="P", status=ConnectionStatus.PENDING).open_issues == 0


def test_a_row_tells_per_feed_when_it_succeeded_last_and_leaves_the_collector_nothing_to_look_at() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    row = FleetRow(
        partner_id=PartnerId("p"),
        name="P",
        status=ConnectionStatus.CONNECTED,
        ended_at=tuple(at if feed is Feed.PAYMENTS else None for feed in Feed),
    )
    assert row.succeeded_at == {Feed.PAYMENTS: at}
    gc.collect()
    assert not any(gc.is_tracked(part) for part in (row, row.ended_at))
