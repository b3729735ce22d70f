"""What the pages show as proof: comparisons with FreshBooks, and months that add up (T1, W6)."""

from datetime import datetime

from daemon.adapters.postgres.pool import Source
from daemon.adapters.postgres.report_store import ReportStore
from daemon.adapters.postgres.verify_store import VerifyStore
from daemon.core.model import PartnerId
from daemon.core.verify import VerifyMode, VerifyRow, seed_of


class ProofDesk(ReportStore):
    """Fulfils the http adapter's Proof."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._verify = VerifyStore(source)

    async def verifications(self, partner_id: PartnerId, limit: int) -> tuple[VerifyRow, ...]:
        """List the latest comparisons with FreshBooks, newest first."""
        return await self._verify.verifications(partner_id, limit)

    async def ask(self, partner_id: PartnerId, who: str, now: datetime, *, repair: bool) -> bool:
        """Ask for a full comparison; False while one is under way, or without a connection."""
        seed = seed_of(partner_id, now)
        return await self._verify.ask(partner_id, VerifyMode.FULL, who, now, seed, repair=repair) is not None
