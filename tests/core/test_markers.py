"""The marker in `note` is found again whatever a bookkeeper writes around it (W4)."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.markers import marker, markers_in, note_for
from daemon.core.model import PaymentId
from tests.builders import make_payment

ids = st.text("aZ09_.#/-,()", min_size=1, max_size=40).map(PaymentId)
generations = st.integers(1, 999_999)
notes = st.text("aZ09_.#/-,():APap \n\t\u2028é漢٣\U0001d7d7", max_size=30)
"""What could confuse a reader of markers; drawing from all of Unicode first costs over a second to list it."""


def test_a_marker_is_spelled_as_the_database_does() -> None:
    assert marker(PaymentId("pay_123"), 1) == "AP:pay_123:1"


def test_a_note_says_what_it_is_and_ends_with_the_marker() -> None:
    note = note_for(make_payment("pay_123"), 2)
    assert note.startswith("Paid through Alternative Payments")
    assert note.endswith("AP:pay_123:2")


@given(ids, generations)
def test_a_marker_is_found_in_its_own_note(payment_id: PaymentId, generation: int) -> None:
    assert markers_in(note_for(make_payment(payment_id), generation)) == {(payment_id, generation)}


@given(ids, generations, notes, notes)
def test_a_marker_is_found_in_whatever_a_bookkeeper_wrote_around_it(
    payment_id: PaymentId, generation: int, before: str, after: str
) -> None:
    note = f"{before} ({marker(payment_id, generation)}), {after}"
    assert (payment_id, generation) in markers_in(note)


def test_two_markers_in_one_note_are_both_found() -> None:
    assert markers_in("AP:a:1,AP:b:2\nAP:c:3.") == {("a", 1), ("b", 2), ("c", 3)}


def test_what_only_looks_like_a_marker_is_none() -> None:
    assert markers_in("") == frozenset()
    assert markers_in("MAP:a:1 AP::1 AP:a: AP:a b:1 ap:a:1 AP:a:x AP:a:1234567890") == frozenset()


def test_a_marker_that_was_cut_off_is_none() -> None:
    assert markers_in(note_for(make_payment("pay_123"), 1)[:-2]) == frozenset()
