"""From a pressed button to what it does: which decision an issue's action is, and about what."""

import re
from collections.abc import Mapping
from datetime import datetime

from daemon.adapters.http.ports import Choices
from daemon.adapters.http.wording import READ_AGAIN
from daemon.core.choices import NotOffered
from daemon.core.desk import IssueRow
from daemon.core.exchange import Reread
from daemon.core.issues import TAKE_FRESHBOOKS_VERSION
from daemon.core.model import Choice, FbPaymentId, InvoiceId, PaymentId, Resource, Scope

_NUMBER = re.compile(r"[0-9]{1,18}")
_RECORD_IDS = ("candidates", "fb_payment_ids")

NOT_OFFERED = NotOffered(why="This is not offered any more: the issue has changed meanwhile.")


async def act(
    choices: Choices, scope: Scope, issue: IssueRow, form: Mapping[str, str], *, who: str, now: datetime
) -> NotOffered | None:
    """Carry out the pressed action of an issue, or tell why not.

    The form names the `action`; for those that need one also the `fb_payment_id`, and for the stand-in the `payment_id`
    that the record is to stand for (W5).
    """
    action = form.get("action", "")
    if issue.closed_at is not None or action not in issue.actions:
        return NOT_OFFERED
    subject = issue.subject[1]
    if action == TAKE_FRESHBOOKS_VERSION and _NUMBER.fullmatch(subject):
        return await choices.take_freshbooks_version(scope, InvoiceId(int(subject)), who)
    if action == READ_AGAIN and _NUMBER.fullmatch(subject):
        reread = Reread(resource=Resource(issue.subject[0]), id=int(subject), reason="asked by a person", due_at=now)
        await choices.ask_reread(scope, (reread,))
        return None
    if action not in set(Choice):
        return NOT_OFFERED
    return await _choose(choices, scope, issue, form, who)


def offered_records(issue: IssueRow) -> tuple[str, ...]:
    """The payments in FreshBooks that an issue names; empty when a person must look the number up."""
    found = next((issue.data[name] for name in _RECORD_IDS if issue.data.get(name)), "")
    return tuple(number for number in found.split(",") if number)


def offered_stand_ins(issue: IssueRow) -> tuple[str, ...]:
    """The payments for which the record of a failed one could stand (W5)."""
    return tuple(payment_id for payment_id in issue.data.get("stand_in", "").split(",") if payment_id)


async def _choose(
    choices: Choices, scope: Scope, issue: IssueRow, form: Mapping[str, str], who: str
) -> NotOffered | None:
    choice = Choice(form["action"])
    named = form.get("fb_payment_id", "").strip().removeprefix("#")
    fb_payment_id = FbPaymentId(int(named)) if _NUMBER.fullmatch(named) else None
    if choice is Choice.SETTLED_BY_HAND and fb_payment_id is None:
        return NotOffered(why="Name the payment in FreshBooks by its number, then press again.")
    payment_id = PaymentId(issue.subject[1])
    if choice is Choice.STAND_IN:
        payment_id = PaymentId(form.get("payment_id", ""))
        if payment_id not in offered_stand_ins(issue) or named not in offered_records(issue):
            return NOT_OFFERED
    return await choices.choose(scope, payment_id, choice, fb_payment_id, who)
