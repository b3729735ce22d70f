"""Errors carry what to do next."""

from datetime import timedelta

from daemon.core.errors import (
    FilterIgnored,
    FreshBooksAnswerInvalid,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)


def test_an_outage_proves_nothing_unless_it_says_that_nothing_was_sent() -> None:
    lost = FreshBooksUnavailable("no answer in time")
    assert (lost.retry_after, lost.unsent, lost.throttled) == (None, False, False)
    refused = FreshBooksUnavailable("429", retry_after=timedelta(seconds=7), throttled=True)
    assert (refused.retry_after, refused.unsent, refused.throttled) == (timedelta(seconds=7), False, True)


def test_a_refusal_carries_freshbooks_own_number_and_field() -> None:
    error = FreshBooksNotFound("Client not found.", status=404, errno=1012, field="userid")
    assert isinstance(error, FreshBooksRefused)
    assert (str(error), error.status, error.errno, error.field) == ("Client not found.", 404, 1012, "userid")


def test_an_ignored_filter_is_named() -> None:
    error = FilterIgnored("updated_min was ignored", filter_name="updated_min")
    assert isinstance(error, FreshBooksAnswerInvalid)
    assert error.filter == "updated_min"
