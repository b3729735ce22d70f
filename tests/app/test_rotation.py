"""Two live keys: everything sealed is sealed anew, batch by batch, beside whoever works, and the old key may go."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from typing_extensions import override

from daemon.adapters.clock import SystemClock
from daemon.adapters.crypto import KeyRing, key_id_of
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.sealed_store import SealedStore
from daemon.adapters.postgres.store import PostgresStore
from daemon.adapters.postgres.token_store import TokenStore
from daemon.app import rotation
from daemon.app.rotation import key_use, require_room, rotate
from daemon.core.consent import SealedTokens
from daemon.core.errors import SettingsError
from daemon.core.model import PartnerId
from tests.adapters.postgres_rows import Books, audit_lines

OLD = {"old": base64.b64encode(b"o" * 32).decode()}
NEW = {"new": base64.b64encode(b"n" * 32).decode()}
OLD_RING, NEW_RING, BOTH = (KeyRing.from_base64(keys) for keys in (OLD, NEW, NEW | OLD))
WHO = "operator:ada"
SOON = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def books(database: str) -> AsyncIterator[Books]:
    async with Pool.open(database) as pool:
        yield Books(pool, PostgresStore(pool, SystemClock().sleep))


async def fill(books: Books, partners: int, ring: KeyRing = OLD_RING) -> None:
    """Partners with tokens, a consent that waits for its choice, and two verifiers each."""
    for number in range(partners):
        name = f"p{number}"
        await books.add_partner(name, f"acc{number}")
        tokens = [ring.encrypt(f"{f} of {name}", partner_id=name, field=f) for f in ("access_token", "refresh_token")]
        await books.execute("INSERT INTO sync.token VALUES ($1, 1, $2, $3, $4)", name, *tokens, SOON)
        await books.execute("INSERT INTO sync.consent VALUES ($1, 's', '{}', $2, $3, $4, '', $4)", name, *tokens, SOON)
        for callback in (1, 2):
            sealed = ring.encrypt("v", partner_id=name, field="callback_verifier")
            await books.execute(
                "INSERT INTO sync.callback VALUES ($1, $2, $3, $4, $5)", name, f"acc{number}", callback, sealed, b"d"
            )


async def opened(books: Books, ring: KeyRing) -> list[str]:
    """Every secret in every table, opened."""
    found = []
    for table, columns in (
        ("token", ("access_token", "refresh_token")),
        ("consent", ("access_token", "refresh_token")),
        ("callback", ("verifier",)),
    ):
        for row in await books.fetch(f"SELECT * FROM sync.{table} ORDER BY partner_id"):  # noqa: S608 -- our own tables
            for column in columns:
                field = "callback_verifier" if column == "verifier" else column
                found.append(ring.decrypt(row[column], partner_id=row["partner_id"], field=field))
    return found


async def test_a_rotation_seals_everything_anew_and_the_old_key_may_go(books: Books) -> None:
    await fill(books, 3)
    plain, store = await opened(books, OLD_RING), SealedStore(books.pool)
    (new, old) = await key_use(store, ("new", "old"))
    assert (new.total, old.secrets) == (0, {"token": 6, "consent": 6, "callback": 6})
    assert "still needed" in old.verdict

    assert await rotate(store, BOTH, WHO) == rotation.Rotated(resealed=18, unreadable=())

    assert await opened(books, NEW_RING) == plain
    (new, old) = await key_use(store, ("new", "old"))
    assert (new.total, old.total) == (18, 0)
    assert old.verdict.startswith("may go")
    assert await rotate(store, BOTH, WHO) == rotation.Rotated(resealed=0, unreadable=())


async def test_a_rotation_stands_in_every_partner_s_audit_log_once(books: Books) -> None:
    await fill(books, 2)
    await rotate(SealedStore(books.pool), BOTH, WHO)
    assert await audit_lines(books) == [(WHO, "sealed secrets anew")] * 2


async def test_a_rotation_that_is_cut_off_goes_on_where_it_stopped(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(books, 5)
    monkeypatch.setattr(rotation, "BATCH", 4)

    class Cut(Exception):
        pass

    def cut(done: int) -> None:
        if done >= 8:
            raise Cut

    with pytest.raises(Cut):
        await rotate(SealedStore(books.pool), BOTH, WHO, cut)
    assert len(await opened(books, BOTH)) == 30
    assert (await rotate(SealedStore(books.pool), BOTH, WHO)).resealed == 22
    assert len(await opened(books, NEW_RING)) == 30


async def test_tokens_that_are_refreshed_in_the_middle_of_a_rotation_stay_the_fresh_ones(books: Books) -> None:
    await fill(books, 1)
    fresh = SealedTokens(
        access_token=OLD_RING.encrypt("fresh", partner_id="p0", field="access_token"),
        refresh_token=OLD_RING.encrypt("fresh too", partner_id="p0", field="refresh_token"),
        expires_at=SOON,
    )

    class Refreshing(SealedStore):
        """Another process stores new tokens between the read and the write."""

        @override
        async def reseal(self, partner_id: PartnerId, new: Any, key_id: str, who: str) -> int:
            assert await TokenStore(books.pool).replace_tokens(PartnerId("p0"), 1, fresh)
            return await super().reseal(partner_id, new, key_id, who)

    done = await rotate(Refreshing(books.pool), BOTH, WHO)
    assert done.resealed == 4  # the consent's and the verifiers
    assert (await opened(books, BOTH))[:2] == ["fresh", "fresh too"]
    assert (await rotate(SealedStore(books.pool), BOTH, WHO)).resealed == 2


async def test_what_cannot_be_opened_is_named_and_left_and_holds_nothing_up(books: Books) -> None:
    await fill(books, 3)
    await books.execute(
        "UPDATE sync.token SET access_token = (SELECT access_token FROM sync.token WHERE partner_id = 'p2') "
        "WHERE partner_id = 'p1'"
    )
    done = await rotate(SealedStore(books.pool), BOTH, WHO)
    assert done.resealed == 17
    assert done.unreadable == ("access_token of partner p1 was sealed for another place, or altered",)


async def test_a_key_that_the_settings_lack_is_shown_as_missing(books: Books) -> None:
    await fill(books, 1)
    store = SealedStore(books.pool)
    (new, old) = await key_use(store, ("new",))
    assert (old.configured, old.total, new.seals) == (False, 6, True)
    assert "put it back" in old.verdict
    done = await rotate(store, NEW_RING, WHO)
    assert done.resealed == 0
    assert all("which is not configured" in why for why in done.unreadable)
    assert len(done.unreadable) == 6


async def test_one_secret_of_each_key_is_enough_to_know_whether_the_keys_fit(books: Books) -> None:
    await fill(books, 3)
    await rotate(SealedStore(books.pool), BOTH, WHO)
    await books.execute(
        "UPDATE sync.callback SET verifier = $1 WHERE partner_id = 'p1' AND callback_id = 1",
        OLD_RING.encrypt("v", partner_id="p1", field="callback_verifier"),
    )
    samples = await SealedStore(books.pool).samples()
    assert sorted(key_id_of(sealed) for _, _, sealed in samples) == ["new", "old"]


def test_a_third_key_is_refused_while_the_old_one_is_there() -> None:
    require_room(("a",))
    with pytest.raises(SettingsError, match="there are 2 keys already"):
        require_room(("b", "a"))
