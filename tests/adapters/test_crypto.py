"""Secrets at rest can be read by their key, for their partner and field, and in no other way."""

import base64
import os
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.adapters.crypto import (
    KeyRing,
    KeyRingError,
    MovedCiphertext,
    UnknownKey,
    WrongKey,
    key_id_of,
)
from daemon.core.errors import CannotDecrypt

OLD = base64.b64encode(bytes(range(32))).decode()
NEW = base64.b64encode(bytes(range(32, 64))).decode()
SECRET = "refresh-4711"


def _ring(**keys: str) -> KeyRing:
    return KeyRing.from_base64(keys)


def _seal(ring: KeyRing, *, partner_id: str = "p1", field: str = "refresh_token") -> bytes:
    return ring.encrypt(SECRET, partner_id=partner_id, field=field)


def _open(ring: KeyRing, sealed: bytes, *, partner_id: str = "p1", field: str = "refresh_token") -> str:
    return ring.decrypt(sealed, partner_id=partner_id, field=field)


@given(st.text(), st.text(), st.text())
def test_what_is_sealed_can_be_opened(secret: str, partner_id: str, field: str) -> None:
    ring = _ring(old=OLD)
    sealed = ring.encrypt(secret, partner_id=partner_id, field=field)
    assert ring.decrypt(sealed, partner_id=partner_id, field=field) == secret


def test_the_same_secret_never_looks_the_same() -> None:
    ring = _ring(old=OLD)
    assert len({_seal(ring) for _ in range(100)}) == 100


def test_a_sealed_secret_shows_nothing_of_itself() -> None:
    assert SECRET.encode() not in _seal(_ring(old=OLD))


@pytest.mark.parametrize(
    ("partner_id", "field"), [("p2", "refresh_token"), ("p1", "access_token"), ("p", "1refresh_token")]
)
def test_a_secret_moved_to_another_row_or_field_is_refused(partner_id: str, field: str) -> None:
    ring = _ring(old=OLD)
    with pytest.raises(
        MovedCiphertext, match=f"{field} of partner {partner_id} was sealed for another place, or altered"
    ):
        _open(ring, _seal(ring), partner_id=partner_id, field=field)


def test_no_bit_can_be_changed_unnoticed() -> None:
    ring = _ring(old=OLD)
    sealed = _seal(ring)
    for position in range(len(sealed)):
        for bit in range(8):
            altered = bytearray(sealed)
            altered[position] ^= 1 << bit
            with pytest.raises(CannotDecrypt):
                _open(ring, bytes(altered))


def test_no_sealed_secret_can_be_cut_short() -> None:
    ring = _ring(old=OLD)
    sealed = _seal(ring)
    for length in range(len(sealed)):
        with pytest.raises(CannotDecrypt):
            _open(ring, sealed[:length])


@given(st.binary(max_size=200))
def test_what_was_never_sealed_is_refused_with_a_typed_error(garbage: bytes) -> None:
    with pytest.raises(CannotDecrypt):
        _open(_ring(old=OLD), garbage)


def test_the_first_key_seals_and_every_key_opens() -> None:
    under_old, both = _seal(_ring(old=OLD)), _ring(new=NEW, old=OLD)
    assert _open(both, under_old) == SECRET
    assert key_id_of(_seal(both)) == "new"


def test_a_rotation_leaves_nothing_under_the_old_key() -> None:
    under_old, both = _seal(_ring(old=OLD)), _ring(new=NEW, old=OLD)
    renewed = both.reencrypt(under_old, partner_id="p1", field="refresh_token")
    assert renewed is not None
    assert _open(_ring(new=NEW), renewed) == SECRET
    assert both.reencrypt(renewed, partner_id="p1", field="refresh_token") is None


def test_a_rotation_does_not_carry_a_moved_secret_along() -> None:
    with pytest.raises(MovedCiphertext):
        _ring(new=NEW, old=OLD).reencrypt(_seal(_ring(old=OLD)), partner_id="p2", field="refresh_token")


def test_a_retired_key_is_named() -> None:
    with pytest.raises(UnknownKey, match="sealed under the key old, which is not configured: add that key"):
        _open(_ring(new=NEW), _seal(_ring(old=OLD)))


def test_another_key_under_the_same_id_is_told_from_a_moved_secret() -> None:
    with pytest.raises(WrongKey, match="another key named k1"):
        _open(_ring(k1=NEW), _seal(_ring(k1=OLD)))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "no encryption key is given: make one with: openssl rand -base64 32"),
        ({"k1": "not base64!"}, "the encryption key k1 is not base64: make one"),
        ({"k1": f"{OLD[:9]}!{OLD[9:]}"}, "the encryption key k1 is not base64: make one"),
        ({"k1": "é"}, "the encryption key k1 is not base64: make one"),
        ({"k1": base64.b64encode(os.urandom(16)).decode()}, "the encryption key k1 has 16 bytes, not 32: make one"),
        ({"": OLD}, "an encryption key's id has 1 to 64 bytes, not 0"),
        ({"k" * 65: OLD}, "an encryption key's id has 1 to 64 bytes, not 65"),
    ],
)
def test_an_unusable_key_is_refused_with_the_next_step(keys: dict[str, str], message: str) -> None:
    with pytest.raises(KeyRingError, match=message):
        KeyRing.from_base64(keys)


@pytest.mark.parametrize("unusable", [OLD[:-8], OLD + "!"])
def test_an_error_about_a_key_does_not_repeat_it(unusable: str) -> None:
    with pytest.raises(KeyRingError) as caught:
        _ring(k1=unusable)
    assert OLD[:-8] not in "".join(traceback.format_exception_only(caught.value)) + str(caught.value.__cause__)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_ring_does_not_show_its_keys() -> None:
    assert OLD[:-8] not in repr(_ring(k1=OLD))
