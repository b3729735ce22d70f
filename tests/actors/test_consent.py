"""The partner's way through FreshBooks' login and back."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.consent import (
    ChooseBusiness,
    ConsentConnected,
    ConsentRefused,
    FormerConnection,
    Refusal,
)
from daemon.core.consent_rules import NEEDED_SCOPES
from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.model import AccountId
from tests.actors.consent_stage import OTHER_SESSION, SESSION, START, P, Q, World, member


@pytest.fixture
def world() -> World:
    return World()


def refusal_of(outcome: object) -> Refusal:
    assert isinstance(outcome, ConsentRefused), outcome
    return outcome.refusal


# ---- begin and complete ----------------------------------------------------------------------------------------------


async def test_connect_then_allow_connects_the_only_business(world: World) -> None:
    outcome = await world.consent()
    assert isinstance(outcome, ConsentConnected)
    assert (outcome.business.name, outcome.resumed) == ("Hale IT", False)
    grant = world.store.connected[P]
    assert grant.business == outcome.business
    assert grant.tokens.access_token == b"p1/at"
    assert grant.consented_at == START
    assert world.authority.revoked == []


async def test_only_the_hash_of_a_state_is_stored_and_the_verifier_is_another_secret(world: World) -> None:
    await world.flow.begin(P, SESSION)
    ((state, verifier),) = world.authority.begun
    assert list(world.store.states) == [hashlib.sha256(state.encode()).digest()]
    assert world.store.states[hashlib.sha256(state.encode()).digest()].verifier == verifier
    assert state != verifier


async def test_the_code_is_exchanged_with_the_verifier_that_was_begun_with(world: World) -> None:
    await world.consent()
    assert world.authority.exchanged == [("the-code", world.authority.begun[0][1])]


async def test_a_state_is_used_once_even_when_the_first_use_failed(world: World) -> None:
    address = await world.flow.begin(P, SESSION)
    state = str(address).rpartition("=")[2]
    first = await world.flow.complete(OTHER_SESSION, state=state, code="c", error=None)
    again = await world.flow.complete(SESSION, state=state, code="c", error=None)
    assert refusal_of(first) is Refusal.OTHER_SESSION
    assert refusal_of(again) is Refusal.STATE_UNKNOWN
    assert world.authority.exchanged == []


async def test_a_consent_that_took_too_long_is_refused(world: World) -> None:
    address = await world.flow.begin(P, SESSION)
    world.clock.at += timedelta(minutes=10, seconds=1)
    outcome = await world.flow.complete(SESSION, state=str(address).rpartition("=")[2], code="c", error=None)
    assert refusal_of(outcome) is Refusal.STATE_EXPIRED
    assert world.authority.exchanged == []


@pytest.mark.parametrize(
    ("code", "error", "refusal"),
    [
        (None, "access_denied", Refusal.DECLINED),
        (None, "invalid_scope", Refusal.FAILED_AT_FRESHBOOKS),
        (None, None, Refusal.FAILED_AT_FRESHBOOKS),
        ("c", "access_denied", Refusal.DECLINED),
    ],
)
async def test_a_declined_or_failed_consent_connects_nothing(
    world: World, code: str | None, error: str | None, refusal: Refusal
) -> None:
    assert refusal_of(await world.consent(code=code, error=error)) is refusal
    assert world.authority.exchanged == []
    assert world.store.connected == {}


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (FreshBooksRefused("invalid_grant", status=400), Refusal.CODE_REFUSED),
        (FreshBooksUnavailable("down"), Refusal.FRESHBOOKS_UNAVAILABLE),
        (FreshBooksAnswerInvalid("nonsense"), Refusal.FRESHBOOKS_UNAVAILABLE),
    ],
)
async def test_a_code_that_cannot_be_exchanged_is_a_sentence(world: World, error: Exception, refusal: Refusal) -> None:
    world.authority.exchange_fails = error
    assert refusal_of(await world.consent()) is refusal


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (AuthorizationExpired("odd"), Refusal.CODE_REFUSED),
        (FreshBooksRefused("no", status=403), Refusal.CODE_REFUSED),
        (FreshBooksUnavailable("down"), Refusal.FRESHBOOKS_UNAVAILABLE),
        (FreshBooksAnswerInvalid("nonsense"), Refusal.FRESHBOOKS_UNAVAILABLE),
    ],
)
async def test_tokens_whose_owner_stays_unknown_are_revoked(world: World, error: Exception, refusal: Refusal) -> None:
    world.authority.identity_fails = error
    assert refusal_of(await world.consent()) is refusal
    assert world.authority.revoked == ["at"]


@pytest.mark.parametrize("error", [FreshBooksUnavailable("down"), FreshBooksRefused("no", status=400)])
async def test_tokens_that_cannot_be_revoked_do_not_change_the_answer(world: World, error: Exception) -> None:
    world.authority.members = (member("Print Co.", "A2", "client"),)
    world.authority.revoke_fails = error
    assert refusal_of(await world.consent()) is Refusal.NO_BUSINESS


async def test_a_grant_that_lacks_a_needed_scope_is_refused_and_revoked(world: World) -> None:
    world.authority.scopes = frozenset(NEEDED_SCOPES) - {"user:payments:write"}
    assert refusal_of(await world.consent()) is Refusal.SCOPES_MISSING
    assert world.authority.revoked == ["at"]


# ---- one account, one partner ----------------------------------------------------------------------------------------


async def test_an_account_of_another_partner_is_refused(world: World) -> None:
    await world.consent(Q)
    outcome = await world.consent(P)
    assert refusal_of(outcome) is Refusal.ACCOUNT_TAKEN
    assert P not in world.store.connected


async def test_reconnecting_to_the_same_books_resumes(world: World) -> None:
    await world.consent()
    outcome = await world.consent()
    assert isinstance(outcome, ConsentConnected)
    assert outcome.resumed


async def test_other_books_than_before_are_refused(world: World) -> None:
    await world.consent()
    world.authority.members = (member("Elsewhere", "A9"),)
    assert refusal_of(await world.consent()) is Refusal.OTHER_ACCOUNT
    assert world.store.connected[P].business.account_id == "A1"


async def test_nothing_is_begun_while_the_former_connection_is_being_ended(world: World) -> None:
    await world.consent()
    address = await world.flow.begin(P, SESSION)
    world.store.former[P] = replace(world.store.former[P], disconnecting=True)
    assert refusal_of(await world.flow.begin(P, SESSION)) is Refusal.DISCONNECTING
    late = await world.flow.complete(SESSION, state=str(address).rpartition("=")[2], code="c", error=None)
    assert refusal_of(late) is Refusal.DISCONNECTING


# ---- several businesses ----------------------------------------------------------------------------------------------

SEVERAL = (member("Beta", "A2"), member("Alpha", "A1"), member("Print Co.", "A3", "client"), member("Bare", None))


async def test_several_businesses_wait_for_the_partners_choice(world: World) -> None:
    world.authority.members = SEVERAL
    outcome = await world.consent()
    assert isinstance(outcome, ChooseBusiness)
    assert [business.name for business in outcome.offer.businesses] == ["Alpha", "Beta"]
    assert [row.name for row in outcome.offer.not_offered] == ["Print Co.", "Bare"]
    assert world.store.connected == {}
    assert world.authority.revoked == []
    assert await world.flow.offered(P, SESSION) == outcome.offer

    picked = await world.flow.choose(P, SESSION, "A2")

    assert isinstance(picked, ConsentConnected)
    assert world.store.connected[P].business.name == "Beta"
    assert world.store.connected[P].tokens.refresh_token == b"p1/rt"
    assert await world.flow.offered(P, SESSION) is None
    assert refusal_of(await world.flow.choose(P, SESSION, "A2")) is Refusal.CHOICE_EXPIRED


async def test_a_choice_is_shown_to_its_own_session_and_for_ten_minutes(world: World) -> None:
    world.authority.members = SEVERAL
    await world.consent()
    assert await world.flow.offered(P, OTHER_SESSION) is None
    assert refusal_of(await world.flow.choose(P, OTHER_SESSION, "A2")) is Refusal.OTHER_SESSION
    assert refusal_of(await world.flow.choose(P, SESSION, "A3")) is Refusal.NOT_OFFERED
    world.clock.at += timedelta(minutes=10)
    assert await world.flow.offered(P, SESSION) is None
    assert refusal_of(await world.flow.choose(P, SESSION, "A2")) is Refusal.CHOICE_EXPIRED


async def test_a_chosen_account_of_another_partner_leaves_the_choice_open(world: World) -> None:
    world.authority.members = (member("Alpha", "A1"),)
    await world.consent(Q)
    world.authority.members = SEVERAL
    await world.consent()
    assert refusal_of(await world.flow.choose(P, SESSION, "A1")) is Refusal.ACCOUNT_TAKEN
    assert isinstance(await world.flow.choose(P, SESSION, "A2"), ConsentConnected)


async def test_a_choice_that_was_overtaken_by_another_connection_is_refused(world: World) -> None:
    world.authority.members = SEVERAL
    await world.consent()
    world.store.former[P] = FormerConnection(account_id=AccountId("A1"), business_name="Alpha")
    assert refusal_of(await world.flow.choose(P, SESSION, "A2")) is Refusal.OTHER_ACCOUNT
    assert isinstance(await world.flow.choose(P, SESSION, "A1"), ConsentConnected)


async def test_disconnecting_asks_the_supervisor_and_says_whether_there_was_anything(world: World) -> None:
    assert not await world.flow.disconnect(P, "robin")
    await world.consent()
    assert await world.flow.disconnect(P, "robin")
    assert world.store.asked[-1] == (P, "robin", START)
