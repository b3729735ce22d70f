"""FreshBooks' envelopes: the useful part of an answer, or the error that stands there instead (FB API s1, s8)."""

from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.errors import error_of, read_complaint
from daemon.core.errors import FreshBooksAnswerInvalid, FreshBooksUnavailable

T = TypeVar("T")


class Inner(Struct, Generic[T], gc=False):
    """What stands in `response`."""

    result: T | None = None
    errors: Raw | UnsetType = UNSET


class Accounting(Struct, Generic[T], gc=False):
    """`{"response": {"result": ...}}` of the accounting and events families."""

    response: Inner[T]


def unwrap(answer: Answer, decoder: msgspec.json.Decoder[Accounting[T]]) -> T:
    """Take the result out of an accounting answer.

    Raises what a 200 with errors says (quirk 13), FreshBooksUnavailable for a torn body, FreshBooksAnswerInvalid for a
    wrong shape.
    """
    response = parse(answer, decoder).response
    if response.errors is not UNSET and bytes(response.errors) not in (b"null", b"[]", b"{}"):
        raise error_of(answer.status, answer.headers, answer.body)
    if response.result is None:
        raise FreshBooksAnswerInvalid("FreshBooks answered without a result")
    return response.result


def parse(answer: Answer, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode a whole answer; a body that is no JSON, or only a part of one, says nothing about the request."""
    try:
        return decoder.decode(answer.body)
    except msgspec.ValidationError as error:
        if read_complaint(answer.body) is not None:
            raise error_of(answer.status, answer.headers, answer.body) from error
        raise FreshBooksAnswerInvalid(f"FreshBooks answered in a shape we do not know: {error}") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise FreshBooksUnavailable("FreshBooks answered something that is not whole JSON") from error
