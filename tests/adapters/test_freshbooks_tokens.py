"""Tokens: one refresh at a time, stored before use, and never lost between FreshBooks' answer and our row."""

from datetime import datetime, timedelta

import anyio
import anyio.lowlevel
import pytest

from daemon.adapters.freshbooks.tokens import HELD_S
from daemon.core.consent import SealedTokens, StoredTokens
from daemon.core.errors import AuthorizationLost, FreshBooksUnavailable, StoreUnavailable
from daemon.core.model import PartnerId
from tests.adapters.freshbooks_chain import ENDS, OTHER, SEALER, P, World, pair


@pytest.fixture
def world() -> World:
    world = World()
    world.store.put(1, generation=1)
    return world


async def test_a_refresh_stores_the_new_pair_and_tells_when_it_ends(world: World) -> None:
    keeper = world.keeper()
    assert await keeper.access_token(P) == "access-1"
    assert await keeper.refresh(P) == ENDS + timedelta(hours=2)
    assert await keeper.access_token(P) == "access-2"
    row = world.store.rows[P]
    assert row.generation == 2
    assert SEALER.open(P, row.tokens) == pair(2)


async def test_two_refreshes_at_once_make_one_call(world: World) -> None:
    keeper = world.keeper()
    ends: list[datetime] = []

    async def refresh() -> None:
        ends.append(await keeper.refresh(P))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(refresh)
    assert ends == [ENDS + timedelta(hours=2)] * 5
    assert world.freshbooks.calls == ["refresh-1"]


async def test_who_waits_for_a_refresh_that_fails_hears_why(world: World) -> None:
    keeper = world.keeper()
    world.freshbooks.down = True
    errors: list[Exception] = []

    async def refresh() -> None:
        try:
            await keeper.refresh(P)
        except FreshBooksUnavailable as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(refresh)
        group.start_soon(refresh)
    assert len(errors) == 2
    assert len(world.freshbooks.calls) == 1
    world.freshbooks.down = False
    assert await keeper.refresh(P) == ENDS + timedelta(hours=2)


async def test_partners_do_not_wait_for_each_other(world: World) -> None:
    keeper = world.keeper()
    world.store.put(1, generation=7, partner_id=OTHER)
    world.freshbooks.hold = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.refresh, P)
        while not world.freshbooks.calls:
            await anyio.lowlevel.checkpoint()
        assert await keeper.access_token(OTHER) == "access-1"
        world.freshbooks.hold.set()


async def test_a_token_that_is_not_stored_is_never_used(world: World) -> None:
    keeper = world.keeper()
    world.store.fails = 1
    with pytest.raises(StoreUnavailable):
        await keeper.refresh(P)
    assert await keeper.access_token(P) == "access-1"


async def test_a_pair_that_could_not_be_stored_is_stored_later_without_another_call(world: World) -> None:
    keeper = world.keeper()
    world.store.fails = 2
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await keeper.refresh(P)
    assert await keeper.refresh(P) == ENDS + timedelta(hours=2)
    assert world.freshbooks.calls == ["refresh-1"]
    assert await keeper.access_token(P) == "access-2"


async def test_a_write_whose_answer_was_lost_is_found_done(world: World) -> None:
    keeper = world.keeper()
    await keeper.access_token(P)
    world.store.fails, world.store.commits_anyway = 1, True
    with pytest.raises(StoreUnavailable):
        await keeper.refresh(P)
    assert await keeper.refresh(P) == ENDS + timedelta(hours=2)
    assert world.freshbooks.calls == ["refresh-1"]
    assert world.store.rows[P].generation == 2


async def test_a_crash_between_answer_and_row_leaves_the_old_pair_for_the_next_process(world: World) -> None:
    dying = world.keeper()
    world.store.fails = 1
    with pytest.raises(StoreUnavailable):
        await dying.refresh(P)

    reborn = world.keeper()

    assert await reborn.access_token(P) == "access-1"
    with pytest.raises(FreshBooksUnavailable, match="another process is refreshing"):
        await reborn.refresh(P)
    world.store.claimed.clear()  # the dead process' claim has run out
    with pytest.raises(AuthorizationLost, match="answer to a token refresh begun at 2026-08-05 00:00 UTC was lost"):
        await reborn.refresh(P)
    assert world.freshbooks.calls == ["refresh-1", "refresh-1"]


async def test_a_cancelled_refresh_still_stores_what_freshbooks_gave(world: World) -> None:
    keeper = world.keeper()
    world.freshbooks.hold = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.refresh, P)
        while not world.freshbooks.calls:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
        world.freshbooks.hold.set()
    assert SEALER.open(P, world.store.rows[P].tokens) == pair(2)


async def test_a_spent_token_loses_the_authorization_after_a_second_look(world: World) -> None:
    keeper = world.keeper()
    world.freshbooks.live = "someone took it"
    with pytest.raises(AuthorizationLost, match="connect again"):
        await keeper.refresh(P)
    assert world.freshbooks.calls == ["refresh-1"]
    assert sum(world.clock.slept) == 2.0


async def test_a_token_that_another_process_refreshed_first_is_taken_from_the_row(world: World) -> None:
    ours, theirs = world.keeper(), world.keeper()
    assert await ours.access_token(P) == "access-1"
    await theirs.refresh(P)
    assert await ours.refresh(P) == ENDS + timedelta(hours=2)
    assert await ours.access_token(P) == "access-2"
    assert world.freshbooks.calls == ["refresh-1"]


async def test_a_token_that_was_only_sealed_anew_is_not_taken_for_a_refreshed_one(world: World) -> None:
    keeper = world.keeper()
    await keeper.access_token(P)
    sealed = world.store.rows[P].tokens
    world.store.put(1, generation=1)
    assert world.store.rows[P].tokens.access_token != sealed.access_token
    assert await keeper.refresh(P) == ENDS + timedelta(hours=2)
    assert world.freshbooks.calls == ["refresh-1"]


async def test_a_row_that_moves_while_our_token_is_found_spent_is_taken(world: World) -> None:
    keeper = world.keeper()
    world.freshbooks.hold = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.refresh, P)
        while not world.freshbooks.calls:
            await anyio.lowlevel.checkpoint()
        world.freshbooks.live = "refresh-9"
        world.store.put(9, generation=2)
        world.freshbooks.hold.set()
    assert await keeper.access_token(P) == "access-9"
    assert len(world.freshbooks.calls) == 1


async def test_a_new_consent_wins_over_a_refresh_that_was_under_way(world: World) -> None:
    keeper = world.keeper()
    world.freshbooks.hold = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.refresh, P)
        while not world.freshbooks.calls:
            await anyio.lowlevel.checkpoint()
        world.store.put(40, generation=2)
        world.freshbooks.hold.set()
    assert SEALER.open(P, world.store.rows[P].tokens) == pair(40)
    assert await keeper.access_token(P) == "access-40"


async def test_a_replaced_token_is_noticed_within_seconds_without_reading_each_time(world: World) -> None:
    keeper = world.keeper()
    await keeper.access_token(P)
    reads = world.store.reads
    world.store.put(5, generation=2)
    assert await keeper.access_token(P) == "access-1"
    assert world.store.reads == reads
    world.clock.at += HELD_S
    assert await keeper.access_token(P) == "access-5"


async def test_an_unmoved_row_is_held_on_without_decrypting_it_again(world: World) -> None:
    keeper = world.keeper()
    await keeper.access_token(P)
    sealed = world.store.rows[P].tokens
    world.store.rows[P] = StoredTokens(
        generation=1,
        tokens=SealedTokens(access_token=sealed.access_token, refresh_token=b"unreadable", expires_at=ENDS),
    )
    world.clock.at += HELD_S
    assert await keeper.access_token(P) == "access-1"


async def test_a_row_that_was_deleted_and_made_anew_is_not_taken_for_the_old_one(world: World) -> None:
    keeper = world.keeper()
    await keeper.access_token(P)
    world.store.put(7, generation=1)
    world.clock.at += HELD_S
    assert await keeper.access_token(P) == "access-7"


async def test_a_partner_without_tokens_must_connect_again(world: World) -> None:
    keeper = world.keeper()
    for ask in (keeper.access_token, keeper.refresh):
        with pytest.raises(AuthorizationLost):
            await ask(PartnerId("stranger"))


async def test_tokens_that_vanish_are_no_longer_handed_out(world: World) -> None:
    keeper = world.keeper()
    await keeper.access_token(P)
    del world.store.rows[P]
    world.clock.at += HELD_S
    with pytest.raises(AuthorizationLost):
        await keeper.access_token(P)


async def test_revoking_ends_the_token_at_freshbooks_and_forgets_it(world: World) -> None:
    keeper = world.keeper()
    await keeper.access_token(P)
    await keeper.revoke(P)
    assert world.freshbooks.revoked == ["access-1"]
    assert P not in world.store.rows
    with pytest.raises(AuthorizationLost):
        await keeper.access_token(P)
    await keeper.revoke(P)
    assert world.freshbooks.revoked == ["access-1"]


async def test_a_revoke_that_freshbooks_did_not_hear_keeps_the_token_to_be_revoked(world: World) -> None:
    keeper = world.keeper()
    world.freshbooks.down = True
    with pytest.raises(FreshBooksUnavailable):
        await keeper.revoke(P)
    assert P in world.store.rows


async def test_revoking_ends_the_newest_pair_even_when_it_could_not_be_stored(world: World) -> None:
    keeper = world.keeper()
    world.store.fails = 1
    with pytest.raises(StoreUnavailable):
        await keeper.refresh(P)
    await keeper.revoke(P)
    assert world.freshbooks.revoked == ["access-2"]


async def test_memory_of_idle_partners_tokens_is_given_back(world: World) -> None:
    keeper = world.keeper()
    for number in range(2000):
        partner_id = PartnerId(f"q{number}")
        world.store.put(1, generation=1, partner_id=partner_id)
        await keeper.access_token(partner_id)
        world.clock.at += 0.1
    assert len(keeper._held) <= 512


def test_a_sealed_pair_opens_only_for_its_partner_and_field() -> None:
    sealed = SEALER.seal(P, pair(1))
    assert b"access-1" not in sealed.access_token
    assert SEALER.open(P, sealed) == pair(1)
    with pytest.raises(Exception, match="sealed for another place"):
        SEALER.open(OTHER, sealed)
    swapped = SealedTokens(
        access_token=sealed.refresh_token, refresh_token=sealed.access_token, expires_at=ENDS, scope=sealed.scope
    )
    with pytest.raises(Exception, match="sealed for another place"):
        SEALER.open(P, swapped)


def test_tokens_do_not_show_in_a_representation() -> None:
    assert "access-1" not in repr(pair(1))
    assert "refresh-1" not in repr(pair(1))
