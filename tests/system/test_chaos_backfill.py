"""The small run of `make chaos-backfill`: large books, and kill -9 again and again (C3, T1)."""

from pathlib import Path

import pytest

from tests.system.chaos_backfill import chaos


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_through_kills_everything_is_read_and_no_page_twice_beyond_those_under_way(
    database: str, tmp_path: Path
) -> None:
    said: list[str] = []
    verdict = await chaos(database, tmp_path, 4000, said.append, (1.0, 2.0))
    assert verdict.is_clean, (verdict, said)
    assert verdict.kills
