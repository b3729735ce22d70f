"""What a consent connects, what is refused in which words, and what degrades (C2, C6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.core.consent import (
    Business,
    Capability,
    ChooseBusiness,
    ConsentRefused,
    ConsentRequest,
    FormerConnection,
    Identity,
    Membership,
    Offer,
    PendingChoice,
    Refusal,
    SealedTokens,
)
from daemon.core.consent_rules import (
    CHOICE_LIFETIME,
    DEPOSIT_SCOPES,
    NEEDED_SCOPES,
    STATE_LIFETIME,
    check_choice,
    check_grant,
    check_request,
    missing_scopes,
    offer,
    refuse,
    refuse_error,
)
from daemon.core.model import AccountId, PartnerId

NOW = datetime(2026, 8, 4, 12, tzinfo=UTC)
ALL = frozenset({*NEEDED_SCOPES, *DEPOSIT_SCOPES})
P = PartnerId("p1")
SESSION = b"session"


def member(name: str = "Hale IT", account_id: str | None = "A1", role: str = "owner", **changes: Any) -> Membership:
    row = Membership(
        name=name,
        business_id=439000,
        business_uuid=f"uuid-{account_id}",
        account_id=None if account_id is None else AccountId(account_id),
        role=role,
        timezone="America/Chicago",
        plan="active",
        journal_entries=True,
    )
    return replace(row, **changes)


def offered(*members: Membership, scopes: frozenset[str] = ALL) -> Offer:
    return offer(Identity(identity_id=1, email="robin@hale.example", memberships=members), scopes)


def refusal_of(outcome: object) -> Refusal:
    assert isinstance(outcome, ConsentRefused), outcome
    assert outcome.sentence.endswith(".")
    return outcome.refusal


def findings(business: Business) -> dict[str, bool | None]:
    return {finding.capability.value: finding.allowed for finding in business.findings}


# ---- which businesses are offered ------------------------------------------------------------------------------------


def test_a_business_without_books_is_not_offered_and_the_reason_stands_beside_it() -> None:
    result = offered(member(), member("Hale Holdings", None))
    assert [business.name for business in result.businesses] == ["Hale IT"]
    assert [(row.name, "no accounting account" in row.why) for row in result.not_offered] == [("Hale Holdings", True)]


@pytest.mark.parametrize("role", ["client", "Client"])
def test_a_business_where_one_is_only_a_client_is_not_offered(role: str) -> None:
    result = offered(member("Riverside Print", "A2", role))
    assert result.businesses == ()
    assert "client" in result.not_offered[0].why


def test_businesses_are_offered_by_name_and_each_account_once() -> None:
    result = offered(member("zeta", "A3"), member("Alpha", "A2"), member("beta", "A1"), member("beta", "A1", "admin"))
    assert [(business.name, business.account_id) for business in result.businesses] == [
        ("Alpha", "A2"),
        ("beta", "A1"),
        ("zeta", "A3"),
    ]
    assert result.find("A3") == result.businesses[2]
    assert result.find("A9") is None


# ---- the preflight ---------------------------------------------------------------------------------------------------


def test_an_owner_with_every_scope_may_do_everything() -> None:
    assert findings(offered(member()).businesses[0]) == {
        "read": True,
        "record_payments": True,
        "record_deposits": True,
    }


@pytest.mark.parametrize("role", ["business_employee", "business_accountant", "contractor", "something new"])
def test_a_lesser_role_may_be_refused_payments_and_is_told_so(role: str) -> None:
    business = offered(member(role=role)).businesses[0]
    assert findings(business)["record_payments"] is None
    assert role in next(f.sentence for f in business.findings if f.capability is Capability.RECORD_PAYMENTS)


@pytest.mark.parametrize(
    ("plan", "allowed"), [("active", True), ("active_trial", True), (None, True), ("cancelled", None)]
)
def test_a_plan_that_ended_may_stop_the_reading(plan: str | None, allowed: bool | None) -> None:
    assert findings(offered(member(plan=plan)).businesses[0])["read"] is allowed


@pytest.mark.parametrize(
    ("journal_entries", "scopes", "allowed"),
    [
        (True, ALL, True),
        (False, ALL, False),
        (None, ALL, None),
        (True, frozenset(NEEDED_SCOPES), False),
        (True, frozenset(), True),
    ],
)
def test_deposits_need_the_scopes_and_the_permission_for_journal_entries(
    journal_entries: bool | None, scopes: frozenset[str], allowed: bool | None
) -> None:
    business = offered(member(journal_entries=journal_entries), scopes=scopes).businesses[0]
    assert findings(business)["record_deposits"] is allowed
    assert findings(business)["record_payments"] is True


# ---- which business a consent connects -------------------------------------------------------------------------------


def test_the_only_business_is_connected_without_asking() -> None:
    outcome = check_grant(offered(member(), member("Client of", "A2", "client")), ALL, None)
    assert isinstance(outcome, Business)
    assert outcome.account_id == "A1"


def test_several_businesses_are_put_to_the_partner() -> None:
    choices = offered(member(), member("Other", "A2"))
    assert check_grant(choices, ALL, None) == ChooseBusiness(offer=choices)


def test_a_login_without_a_business_is_refused_with_every_reason() -> None:
    outcome = check_grant(offered(member("Print Co.", "A2", "client"), member("Holdings", None)), ALL, None)
    assert refusal_of(outcome) is Refusal.NO_BUSINESS
    assert "Print Co." in outcome.sentence  # type: ignore[union-attr]
    assert "Holdings" in outcome.sentence  # type: ignore[union-attr]
    assert refusal_of(check_grant(offered(), ALL, None)) is Refusal.NO_BUSINESS


def test_reconnecting_takes_the_same_books_among_several_without_asking() -> None:
    former = FormerConnection(account_id=AccountId("A2"), business_name="Other")
    outcome = check_grant(offered(member(), member("Other", "A2")), ALL, former)
    assert isinstance(outcome, Business)
    assert outcome.account_id == "A2"


def test_other_books_than_before_are_refused_with_the_name_of_the_former() -> None:
    former = FormerConnection(account_id=AccountId("A7"), business_name="Former Books Ltd")
    outcome = check_grant(offered(member()), ALL, former)
    assert refusal_of(outcome) is Refusal.OTHER_ACCOUNT
    assert "Former Books Ltd" in outcome.sentence  # type: ignore[union-attr]


@pytest.mark.parametrize("missing", NEEDED_SCOPES)
def test_a_lost_scope_that_is_needed_is_named_and_refused(missing: str) -> None:
    outcome = check_grant(offered(member()), ALL - {missing}, None)
    assert refusal_of(outcome) is Refusal.SCOPES_MISSING
    assert missing in outcome.sentence  # type: ignore[union-attr]


def test_scopes_that_freshbooks_does_not_tell_are_taken_as_granted() -> None:
    assert missing_scopes(frozenset()) == ()
    assert isinstance(check_grant(offered(member(), scopes=frozenset()), frozenset(), None), Business)


# ---- the way back ----------------------------------------------------------------------------------------------------

REQUEST = ConsentRequest(partner_id=P, session_hash=SESSION, verifier="v", created_at=NOW)


@pytest.mark.parametrize(
    ("request_", "session", "at", "refusal"),
    [
        (REQUEST, SESSION, NOW, None),
        (REQUEST, SESSION, NOW + STATE_LIFETIME, None),
        (REQUEST, SESSION, NOW + STATE_LIFETIME + timedelta(seconds=1), Refusal.STATE_EXPIRED),
        (REQUEST, b"another", NOW, Refusal.OTHER_SESSION),
        (None, SESSION, NOW, Refusal.STATE_UNKNOWN),
    ],
)
def test_a_state_is_good_once_for_its_session_and_ten_minutes(
    request_: ConsentRequest | None, session: bytes, at: datetime, refusal: Refusal | None
) -> None:
    outcome = check_request(request_, session, at)
    assert (None if outcome is None else outcome.refusal) is refusal


def test_the_verifier_does_not_show_in_a_representation() -> None:
    assert "hush" not in repr(replace(REQUEST, verifier="hush"))


CHOICE = PendingChoice(
    partner_id=P,
    session_hash=SESSION,
    tokens=SealedTokens(access_token=b"a", refresh_token=b"r", expires_at=NOW),
    offer=offered(member(), member("Other", "A2")),
    expires_at=NOW + CHOICE_LIFETIME,
)


@pytest.mark.parametrize(
    ("choice", "session", "account_id", "at", "refusal"),
    [
        (CHOICE, SESSION, "A2", NOW, None),
        (CHOICE, SESSION, "A2", NOW + CHOICE_LIFETIME, Refusal.CHOICE_EXPIRED),
        (None, SESSION, "A2", NOW, Refusal.CHOICE_EXPIRED),
        (CHOICE, b"another", "A2", NOW, Refusal.OTHER_SESSION),
        (CHOICE, SESSION, "A9", NOW, Refusal.NOT_OFFERED),
    ],
)
def test_a_choice_is_good_for_its_session_among_what_was_offered(
    choice: PendingChoice | None, session: bytes, account_id: str, at: datetime, refusal: Refusal | None
) -> None:
    outcome = check_choice(choice, session, account_id, at)
    if refusal is None:
        assert isinstance(outcome, Business)
        assert outcome.account_id == account_id
    else:
        assert refusal_of(outcome) is refusal


def test_a_declined_consent_is_told_apart_from_a_failed_one() -> None:
    assert refusal_of(refuse_error("access_denied")) is Refusal.DECLINED
    failed = refuse_error("invalid_scope")
    assert refusal_of(failed) is Refusal.FAILED_AT_FRESHBOOKS
    assert "invalid_scope" in failed.sentence


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_is_a_sentence_that_says_what_to_do(refusal: Refusal) -> None:
    sentence = refuse(refusal, "the detail").sentence
    assert sentence.endswith(".")
    assert "{" not in sentence
    assert any(word in sentence for word in ("Press", "press", "Sign in", "Disconnect"))
