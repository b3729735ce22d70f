"""Who may ring, what a ring means, and what is to be registered (P1, FB API s6)."""

import pytest

from daemon.core.callbacks import (
    EVENTS,
    CallbackPlan,
    FbCallback,
    Ring,
    is_signed,
    object_of,
    plan_callbacks,
    signature_of,
)
from daemon.core.model import Resource

URI = "https://syncd.example/webhooks/freshbooks/pt_1"
FIELDS = (
    ("name", "invoice.create"),
    ("object_id", "1234567"),
    ("account_id", "6BApk"),
    ("business_id", "6543"),
    ("identity_id", "1234"),
    ("user_id", "1"),
)
SIGNATURE = "j7cv152h4F4FO0BrPxlZjwFS4vxNqsWKZPFcvAGWi6M="
"""The test vector of the API notes, section 6.4."""
VERIFIER = "verifier-test-0001"


def ring(*fields: tuple[str, str]) -> Ring:
    return Ring(fields=fields or FIELDS)


def callback(number: int, event: str = "invoice", *, uri: str = URI, verified: bool = True) -> FbCallback:
    return FbCallback(id=number, event=event, uri=uri, verified=verified)


def all_verified() -> list[FbCallback]:
    return [callback(number, event) for number, event in enumerate(EVENTS, 1)]


TRUSTED = dict.fromkeys((1, 2, 3), VERIFIER)


# ---- signatures ------------------------------------------------------------------------------------------------------


def test_a_delivery_is_signed_over_the_json_text_of_its_fields_as_they_came() -> None:
    assert signature_of(ring(), VERIFIER) == SIGNATURE


def test_the_order_of_the_fields_matters_for_the_signature() -> None:
    assert not is_signed(ring(*reversed(FIELDS)), SIGNATURE, [VERIFIER])


def test_any_of_the_accounts_callbacks_may_have_signed() -> None:
    assert is_signed(ring(), SIGNATURE, ["another", VERIFIER])


@pytest.mark.parametrize("signature", ["", "AAAA", SIGNATURE[:-1], SIGNATURE.lower(), "\udcff", "☃"])
def test_a_forged_signature_is_refused(signature: str) -> None:
    assert not is_signed(ring(), signature, [VERIFIER])


def test_nothing_is_signed_while_no_verifier_is_trusted() -> None:
    assert not is_signed(ring(), signature_of(ring(), ""), [])


# ---- meaning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("invoice.update", Resource.INVOICES),
        ("payment.delete", Resource.PAYMENTS),
        ("client.create", Resource.CUSTOMERS),
        ("invoice", Resource.INVOICES),
        ("expense.create", None),
        ("", None),
    ],
)
def test_a_ring_names_the_one_object_to_read_again(name: str, resource: Resource | None) -> None:
    found = object_of(ring(("name", name), ("object_id", "77")))
    assert found == (None if resource is None else (resource, 77))


@pytest.mark.parametrize("number", ["", "-1", "1.0", "x", "٣", "1" * 19])
def test_an_object_id_that_is_none_rings_nothing(number: str) -> None:
    assert object_of(ring(("name", "invoice.update"), ("object_id", number))) is None


# ---- registration ----------------------------------------------------------------------------------------------------


def test_a_new_connection_registers_every_event() -> None:
    assert plan_callbacks([], URI, {}, {}) == CallbackPlan(register=EVENTS)


def test_nothing_is_done_while_everything_rings() -> None:
    assert plan_callbacks(all_verified(), URI, {}, TRUSTED).is_done


def test_a_verifier_that_arrived_is_handed_back() -> None:
    waiting = callback(1, verified=False)
    plan = plan_callbacks([waiting, *all_verified()[1:]], URI, {1: ["v"]}, {2: "b", 3: "c"})
    assert plan == CallbackPlan(verify=(waiting,))


def test_a_verifier_that_never_arrived_is_asked_for_again() -> None:
    waiting = callback(1, verified=False)
    plan = plan_callbacks([waiting, *all_verified()[1:]], URI, {}, {2: "b", 3: "c"})
    assert plan == CallbackPlan(resend=(waiting,))


def test_a_callback_that_was_lost_at_freshbooks_is_registered_again() -> None:
    assert plan_callbacks(all_verified()[1:], URI, {}, TRUSTED) == CallbackPlan(register=("invoice",))


def test_a_callback_that_rings_with_a_verifier_we_do_not_know_is_made_anew() -> None:
    listed = all_verified()
    plan = plan_callbacks(listed, URI, {}, {2: "b", 3: "c"})
    assert plan == CallbackPlan(register=("invoice",), delete=(listed[0],))


def test_a_second_callback_of_the_same_event_is_deleted() -> None:
    extra = callback(9, "payment")
    assert plan_callbacks([*all_verified(), extra], URI, {}, TRUSTED).delete == (extra,)


def test_callbacks_of_an_earlier_address_of_ours_are_deleted_and_strangers_are_left_alone() -> None:
    former = callback(7, uri="https://syncd.example/webhooks/freshbooks/pt_0")
    stranger = callback(8, uri="https://other.example/hook")
    assert plan_callbacks([*all_verified(), former, stranger], URI, {}, TRUSTED).delete == (former,)


def test_disconnecting_deletes_ours_and_registers_nothing() -> None:
    listed = all_verified()
    assert plan_callbacks(listed, URI, {}, TRUSTED, events=()) == CallbackPlan(delete=tuple(listed))
