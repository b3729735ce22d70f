"""Single records as FreshBooks answers them: unwrapped, decoded, and checked to be what was asked for."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from daemon.adapters.freshbooks import wire
from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.envelopes import Accounting, unwrap
from daemon.core.errors import FreshBooksAnswerInvalid
from daemon.core.exchange import RawItem, Undecodable
from daemon.core.model import FbPayment, Record, Resource


class _One(Struct, gc=False):
    client: Raw | UnsetType = UNSET
    invoice: Raw | UnsetType = UNSET
    payment: Raw | UnsetType = UNSET
    credit_note: Raw | UnsetType = UNSET


_one_decoder = msgspec.json.Decoder(Accounting[_One])


def record_of(resource: Resource, answer: Answer, asked: int | None) -> Record:
    """Decode a single object's answer and check that it is the one asked for."""
    one = unwrap(answer, _one_decoder)
    raw = {
        Resource.CUSTOMERS: one.client,
        Resource.INVOICES: one.invoice,
        Resource.PAYMENTS: one.payment,
        Resource.CREDITS: one.credit_note,
    }[resource]
    if raw is UNSET:
        raise FreshBooksAnswerInvalid(f"FreshBooks answered without the record that was asked of {resource}")
    record = decoded(resource, wire.read_item(resource, bytes(raw), asked or 0))
    if asked is not None and record.id != asked:
        raise FreshBooksAnswerInvalid(f"FreshBooks answered {resource} {record.id} instead of {asked}")
    return record


def decoded(resource: Resource, item: RawItem) -> Record:
    """Decode an item that is needed whole: one that cannot be read makes the answer unusable."""
    record = wire.decode(resource, item)
    if isinstance(record, Undecodable):
        raise unreadable(record)
    return record


def unreadable(bad: Undecodable) -> FreshBooksAnswerInvalid:
    """Tell that an answer is unusable for a record in it."""
    return FreshBooksAnswerInvalid(f"FreshBooks answered {bad.resource} {bad.id} that cannot be read: {bad.reason}")


def payment_of(record: Record) -> FbPayment:
    """Take a record as the payment that it must be."""
    if not isinstance(record, FbPayment):
        raise wrong(record)
    return record


def wrong(record: Record) -> FreshBooksAnswerInvalid:
    """Tell that another kind of record came than was asked for."""
    return FreshBooksAnswerInvalid(f"FreshBooks answered a {type(record).__name__} that was not asked for")
