"""From a pressed button to what it does: which decision an issue's action is, and about what."""

import re
from collections.abc import Mapping
from datetime import datetime

from daemon.adapters.http.ports import Desk
from daemon.core.choices import NotOffered
from daemon.core.desk import IssueRow
from daemon.core.model import Choice, FbPaymentId, PartnerId, PaymentId

_NUMBER = re.compile(r"[0-9]{1,18}")
_RECORD_IDS = ("candidates", "fb_payment_ids")

NOT_OFFERED = NotOffered(why="This is not offered any more: the issue has changed meanwhile.")
NAME_IT = NotOffered(why="Name the payment in FreshBooks by its number, then press again.")


async def act(
    desk: Desk, partner_id: PartnerId, issue: IssueRow, form: Mapping[str, str], *, who: str, now: datetime
) -> NotOffered | None:
    """Carry out the pressed action of an issue, or tell why not.

    The form names the `action`; for those that need one also the `fb_payment_id`, and for a stand-in the `payment_id`
    that the record is to stand for (W5).
    """
    action, named = form.get("action", ""), form.get("fb_payment_id", "").strip().removeprefix("#")
    fb_payment_id = FbPaymentId(int(named)) if _NUMBER.fullmatch(named) else None
    if issue.closed_at is not None or action not in issue.actions:
        return NOT_OFFERED
    if action == Choice.SETTLED_BY_HAND and fb_payment_id is None:
        return NAME_IT
    payment_id = None
    if action == Choice.STAND_IN:
        payment_id = PaymentId(form.get("payment_id", ""))
        if payment_id not in offered_stand_ins(issue) or named not in offered_records(issue):
            return NOT_OFFERED
    taken = await desk.act_on_issue(partner_id, issue.issue_id, action, fb_payment_id, who, now, payment_id)
    if isinstance(taken, NotOffered):
        return taken
    return None if taken else NOT_OFFERED


def offered_records(issue: IssueRow) -> tuple[str, ...]:
    """The payments in FreshBooks that an issue names; empty when a person must look the number up."""
    found = next((issue.data[name] for name in _RECORD_IDS if issue.data.get(name)), "")
    return tuple(number for number in found.split(",") if number)


def offered_stand_ins(issue: IssueRow) -> tuple[str, ...]:
    """The payments for which the record of a failed one could stand (W5)."""
    return tuple(payment_id for payment_id in issue.data.get("stand_in", "").split(",") if payment_id)
