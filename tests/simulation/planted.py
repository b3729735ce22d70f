"""Mistakes put into the real code on purpose, each of which the simulation must find."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from daemon.actors import pull
from daemon.actors.limiter import Line
from daemon.actors.write_back import WriteBack
from daemon.adapters.freshbooks.tokens import TokenKeeper
from daemon.core import invoice_rules
from daemon.core.errors import FreshBooksUnavailable
from tests.simulation.plans import SHORT, Plan

STORMY = replace(SHORT, trouble=0.5, storms=(0.25, 0.4))
FROZEN_AT_POSTS = replace(SHORT, post_freezes=0.4, trouble=0.5)


def missing_fence(patch: pytest.MonkeyPatch) -> None:
    """The sender looks neither at its lease nor at its time before it writes to the socket."""
    patch.setattr(WriteBack, "_may_send", lambda _: True)


def blind_retry(patch: pytest.MonkeyPatch) -> None:
    """A POST whose answer was lost is sent again at once."""
    once = Line.create

    async def create(self: Any, ask: Any) -> Any:
        try:
            return await once(self, ask)
        except FreshBooksUnavailable as error:
            if error.unsent:
                raise
            return await once(self, ask)

    patch.setattr(Line, "create", create)


def early_cursor(patch: pytest.MonkeyPatch) -> None:
    """The cursor moves over a page that is still on its way."""
    once = pull._advanced

    def advanced(cursor: Any, pages: Any, changed: int) -> Any:
        last = pages[-1]
        ahead = [replace(last, page=last.page + 1, items=())] if last.page < last.pages else []
        return once(cursor, [*pages, *ahead], changed)

    patch.setattr(pull, "_advanced", advanced)


def unfrozen_invoice(patch: pytest.MonkeyPatch) -> None:
    """A paid invoice goes on following FreshBooks."""
    patch.setattr(invoice_rules, "may_freeze", lambda *_: False)


def late_token(patch: pytest.MonkeyPatch) -> None:
    """A fresh pair is used at once, and stored with the next one."""

    async def later(self: Any, partner_id: Any, unstored: Any) -> datetime:
        self._unstored[partner_id] = unstored
        await self._store.end_refresh(partner_id, unstored.generation, None)
        expires_at: datetime = self._adopt(partner_id, unstored.tokens)
        return expires_at

    patch.setattr(TokenKeeper, "_persist", later)


PLANTED: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Plan, str]] = {
    "a missing fence": (missing_fence, FROZEN_AT_POSTS, "stands"),
    "a blind retry": (blind_retry, STORMY, "stands"),
    "a cursor moved early": (early_cursor, STORMY, "we have"),
    "an unfrozen invoice": (unfrozen_invoice, SHORT, "freeze"),
    "a token persisted late": (late_token, SHORT, "connection was lost"),
}
