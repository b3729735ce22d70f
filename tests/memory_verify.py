"""A verification store for tests that are not about verification: nobody asks, and there are no nights."""

from datetime import datetime
from typing import Any

from daemon.core.model import Scope
from daemon.core.verify import VerifyAsk


class NoVerification:
    """Fulfils VerifyStore as far as it is asked."""

    async def open_verification(self, scope: Scope) -> VerifyAsk | None:
        return None

    async def verified_since(self, scope: Scope) -> datetime | None:
        return None

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody asked for a verification, and yet {name} was called")
