"""The small run of `make chaos-push`: payments, lost answers, refusals and kill -9 (W4)."""

from pathlib import Path

import pytest

from tests.system.chaos_push import chaos


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_each_payment_stands_exactly_once_through_lost_answers_refusals_and_kills(
    database: str, tmp_path: Path
) -> None:
    said: list[str] = []
    verdict = await chaos(database, tmp_path, 80, said.append)
    assert verdict.is_clean, (verdict, said)
    assert verdict.in_freshbooks == 80
    assert verdict.answers_lost
