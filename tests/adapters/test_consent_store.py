"""Consent, accounts and tokens as they are stored (C1-C7)."""

from dataclasses import replace
from datetime import timedelta

import anyio

from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.token_store import TokenStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.consent import (
    AccountChoice,
    Business,
    Capability,
    ConsentGrant,
    ConsentRequest,
    Finding,
    FormerConnection,
    NotOffered,
    Offer,
    PendingChoice,
    SealedTokens,
)
from daemon.core.model import AccountId, PartnerId, Scope
from daemon.core.state import Connection, ConnectionStatus
from tests.adapters.postgres_rows import ACCOUNT, PARTNER, SCOPE, Books, audit_lines, event_kinds
from tests.builders import NOW, OTHER_INVOICE, make_fb_invoice
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres
MINUTE = timedelta(minutes=1)
NEW = PartnerId("new")
TOKENS = SealedTokens(access_token=b"\x00a", refresh_token=b"r", expires_at=NOW + 60 * MINUTE, scope="x y")
BUSINESS = Business(
    account_id=AccountId("Ny7"),
    business_id=91,
    business_uuid="b-91",
    name="Nyman & Co",
    role="owner",
    timezone="America/Chicago",
    findings=(Finding(capability=Capability.READ, allowed=None, sentence="May be read."),),
)
GRANT = ConsentGrant(partner_id=NEW, business=BUSINESS, tokens=TOKENS, consented_at=NOW)


# ---- consent ---------------------------------------------------------------------------------------------------------


async def test_a_consent_connects_as_pending_with_its_tokens(
    books: Books, consent: ConsentStore, tokens: TokenStore
) -> None:
    await books.add_partner(NEW, None)
    assert await consent.former_connection(NEW) is None
    assert (await books.store.connection(NEW)).status is ConnectionStatus.NOT_CONNECTED
    async with books.wakes() as wakes:
        assert await consent.connect(GRANT)
        assert await anext(wakes) == (NEW, "connection")
    assert await books.store.connection(NEW) == Connection(
        partner_id=NEW,
        status=ConnectionStatus.PENDING,
        scope=Scope(partner_id=NEW, account_id=AccountId("Ny7")),
        token_expires_at=TOKENS.expires_at,
        epoch=1,
        timezone="America/Chicago",
        business_uuid="b-91",
        push_open=False,
    )
    assert NEW in await books.store.partners()
    stored = await tokens.load_tokens(NEW)
    assert stored is not None
    assert (stored.generation, stored.tokens) == (1, TOKENS)
    assert await audit_lines(books) == [("partner", "connected FreshBooks")]


async def test_an_account_that_another_partner_has_connected_is_refused(books: Books, consent: ConsentStore) -> None:
    await books.add_partner(NEW, None)
    taken = replace(GRANT, business=replace(BUSINESS, account_id=ACCOUNT))
    assert not await consent.connect(taken)
    assert (await books.store.connection(NEW)).status is ConnectionStatus.NOT_CONNECTED
    assert await books.value("SELECT count(*) FROM sync.token") == 0
    await books.end(PARTNER)
    assert await consent.connect(taken)


async def test_two_partners_who_connect_one_account_at_once_have_one_winner(
    books: Books, consent: ConsentStore
) -> None:
    partners = [PartnerId(f"p{number}") for number in range(4)]
    for partner_id in partners:
        await books.add_partner(partner_id, None)
    won: list[bool] = []

    async def connect(partner_id: PartnerId) -> None:
        won.append(await consent.connect(replace(GRANT, partner_id=partner_id)))

    async with anyio.create_task_group() as group:
        for partner_id in partners:
            group.start_soon(connect, partner_id)
    assert sorted(won) == [False, False, False, True]
    assert await books.value("SELECT count(*) FROM sync.token") == 1


async def test_other_books_than_before_are_refused_until_a_reset(books: Books, consent: ConsentStore) -> None:
    await books.add_partner(NEW, None)
    await consent.connect(GRANT)
    await books.end(NEW)
    former = await consent.former_connection(NEW)
    assert former == FormerConnection(account_id=AccountId("Ny7"), business_name="Nyman & Co", disconnecting=False)
    other = replace(GRANT, business=replace(BUSINESS, account_id=AccountId("Other")))
    assert not await consent.connect(other)
    assert await consent.reset_connection(NEW, "operator", NOW) is not None
    assert await consent.former_connection(NEW) is None
    assert await consent.connect(other)


async def test_a_reset_cancels_what_was_not_sent_and_keeps_the_rest(books: Books, consent: ConsentStore) -> None:
    await books.merge(make_fb_invoice())
    await books.pay("pay_1")
    await books.pay("pay_2", invoice_id=OTHER_INVOICE)
    await books.execute("UPDATE sync.push SET state = 'done', fb_payment_id = 5 WHERE subject = 'pay_2'")
    assert await consent.reset_connection(PARTNER, "operator", NOW)
    assert ((await books.push("pay_1"))["state"], (await books.push("pay_1"))["reason"]) == (
        "cancelled",
        "connection_reset",
    )
    assert (await books.push("pay_2"))["state"] == "done"
    assert await books.value("SELECT count(*) FROM sync.invoice") == 1
    assert await consent.reset_connection(PartnerId("nobody"), "operator", NOW) is None


async def test_reconnecting_the_same_books_goes_on_where_it_stopped(
    books: Books, consent: ConsentStore, tokens: TokenStore
) -> None:
    await books.add_partner(NEW, None)
    await consent.connect(GRANT)
    scope = Scope(partner_id=NEW, account_id=BUSINESS.account_id)
    await books.store.mark_connected(scope, NOW)
    cursor = Cursor(feed=Feed.PAYMENTS, runs=3, began_at=NOW, finished_at=NOW)
    await books.store.save_cursor(scope, cursor)
    await books.store.park(scope, "the token was revoked", NOW)
    parked = await books.store.connection(NEW)
    assert (parked.status, parked.parked) == (ConnectionStatus.CONNECTED, "the token was revoked")
    assert await books.value("SELECT count(*) FROM sync.issue WHERE closed_at IS NULL") == 1
    await consent.connect(GRANT)
    again = await books.store.connection(NEW)
    assert (again.status, again.parked, again.epoch, again.cursors) == (ConnectionStatus.CONNECTED, None, 2, (cursor,))
    assert await books.value("SELECT count(*) FROM sync.issue WHERE closed_at IS NULL") == 0
    stored = await tokens.load_tokens(NEW)
    assert stored is not None
    assert stored.generation == 2
    await books.end(NEW)
    assert await tokens.load_tokens(NEW) is None
    await consent.connect(GRANT)
    assert (await books.store.connection(NEW)).status is ConnectionStatus.PENDING
    assert await event_kinds(books) == [
        "consented",
        "connected",
        "issue_opened",
        "reconnect_needed",
        "issue_closed",
        "consented",
        "disconnected",
        "consented",
    ]


async def test_a_state_is_handed_out_once(consent: ConsentStore) -> None:
    request = ConsentRequest(partner_id=PARTNER, session_hash=b"s", verifier="v", created_at=NOW)
    await consent.begin_consent(b"state", request)
    handed: list[ConsentRequest | None] = []

    async def use() -> None:
        handed.append(await consent.use_consent(b"state", NOW))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(use)
    assert [found for found in handed if found] == [request]
    assert await consent.use_consent(b"other", NOW) is None


async def test_old_states_are_swept_when_a_new_consent_begins(books: Books, consent: ConsentStore) -> None:
    request = ConsentRequest(partner_id=PARTNER, session_hash=b"s", verifier="v", created_at=NOW)
    await consent.begin_consent(b"old", request)
    await consent.begin_consent(b"new", replace(request, created_at=NOW + timedelta(days=2)))
    assert await books.value("SELECT count(*) FROM sync.oauth_state") == 1


async def test_a_choice_among_businesses_waits_and_the_newest_counts(books: Books, consent: ConsentStore) -> None:
    offer = Offer(businesses=(BUSINESS,), not_offered=(NotOffered(name="Club", why="client"),))
    choice = PendingChoice(
        partner_id=PARTNER, session_hash=b"s", tokens=TOKENS, offer=offer, expires_at=NOW + 10 * MINUTE
    )
    assert await consent.pending_choice(PARTNER) is None
    await consent.save_choice(choice)
    await consent.save_choice(replace(choice, session_hash=b"t"))
    assert await consent.pending_choice(PARTNER) == replace(choice, session_hash=b"t")
    await books.add_partner(NEW, None)
    await consent.save_choice(replace(choice, partner_id=NEW))
    await consent.connect(GRANT)
    assert await consent.pending_choice(NEW) is None
    assert await consent.pending_choice(PARTNER) is not None


async def test_a_disconnect_that_ends_after_a_new_consent_leaves_the_new_tokens_alone(
    books: Books, consent: ConsentStore, tokens: TokenStore
) -> None:
    await books.add_partner(NEW, None)
    await consent.connect(GRANT)
    await books.store.disconnected(NEW, NOW)
    assert (await books.store.connection(NEW)).status is ConnectionStatus.PENDING
    assert await tokens.load_tokens(NEW) is not None


async def test_a_partner_asks_to_disconnect_once(books: Books, consent: ConsentStore) -> None:
    assert await consent.ask_disconnect(PARTNER, "ada", NOW)
    assert not await consent.ask_disconnect(PARTNER, "ada", NOW)
    assert not await consent.ask_disconnect(PartnerId("nobody"), "ada", NOW)
    assert (await books.store.connection(PARTNER)).disconnecting
    await books.end(PARTNER)
    ended = await books.store.connection(PARTNER)
    assert (ended.status, ended.scope, ended.disconnecting) == (ConnectionStatus.NOT_CONNECTED, None, False)
    assert await books.store.partners() == ()
    ended_by = ("freshbooks-syncd", "ended the connection and forgot its tokens")
    assert await audit_lines(books) == [("ada", "asked to disconnect"), ended_by]


# ---- accounts --------------------------------------------------------------------------------------------------------


async def test_a_choice_of_accounts_lets_what_waited_for_it_go(books: Books, consent: ConsentStore) -> None:
    await books.pay()
    await books.execute("UPDATE sync.push SET state = 'waiting', reason = 'no_accounts'")
    assert await consent.account_choice(PARTNER) is None
    choice = AccountChoice(payments="u", deposits="b", fees="f", record_deposits=True)
    async with books.wakes() as wakes:
        await consent.save_account_choice(PARTNER, choice, "ada", NOW)
        assert {await anext(wakes), await anext(wakes)} == {(PARTNER, "connection"), (PARTNER, "push")}
    assert await consent.account_choice(PARTNER) == choice
    assert (await books.store.connection(PARTNER)).accounts_chosen
    assert await books.store.claim(SCOPE, NOW, NOW + MINUTE) is not None
    (line,) = await books.fetch("SELECT * FROM sync.audit")
    assert (line["who"], line["before"], line["after"]["payments"]) == ("ada", None, "u")


# ---- tokens ----------------------------------------------------------------------------------------------------------


async def test_of_two_refreshes_one_replaces_the_tokens(
    books: Books, consent: ConsentStore, tokens: TokenStore
) -> None:
    await books.add_partner(NEW, None)
    await consent.connect(GRANT)
    fresh = replace(TOKENS, access_token=b"new", expires_at=NOW + 99 * MINUTE)
    assert await tokens.replace_tokens(NEW, 1, fresh)
    assert not await tokens.replace_tokens(NEW, 1, TOKENS)
    stored = await tokens.load_tokens(NEW)
    assert stored is not None
    assert (stored.generation, stored.tokens) == (2, fresh)
    await tokens.forget_tokens(NEW)
    assert await tokens.load_tokens(NEW) is None
