"""Secrets at rest: AES-256-GCM under named keys, each secret bound to its partner and field.

A sealed secret is  length of the key id (1 byte) | key id | check of the key (4) | nonce (12) | ciphertext and tag.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daemon.core.errors import KeyMissing, SecretSpoiled

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
CHECK_BYTES: Final = 4
KEY_ID_BYTES_MAX: Final = 64
_HOW_TO_MAKE_ONE: Final = "make one with: openssl rand -base64 32"
_CHECK_PURPOSE: Final = b"freshbooks-syncd: which key is this?"


class KeyRingError(ValueError):
    """The keys cannot be used; the message names the key and what to do, never the key's value."""


class UnknownKey(KeyMissing):
    """The secret was sealed under a key that the ring does not hold."""


class WrongKey(KeyMissing):
    """The ring holds another key under the id that sealed the secret."""


class MovedCiphertext(SecretSpoiled):
    """The secret belongs to another partner or field, or was altered."""


@dataclass(frozen=True, slots=True)
class _Key:
    cipher: AESGCM = field(repr=False)
    check: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A sealed secret, taken apart."""

    key_id: str
    check: bytes
    nonce: bytes
    ciphertext: bytes

    @classmethod
    def parse(cls, sealed: bytes) -> Self:
        name_end = 1 + sealed[0] if sealed else 1
        check_end = name_end + CHECK_BYTES
        nonce_end = check_end + NONCE_BYTES
        if len(sealed) <= nonce_end:
            raise MovedCiphertext("this is no sealed secret: it is too short")
        key_id = sealed[1:name_end].decode(errors="replace")
        return cls(key_id, sealed[name_end:check_end], sealed[check_end:nonce_end], sealed[nonce_end:])

    def __bytes__(self) -> bytes:
        name = self.key_id.encode()
        return bytes([len(name)]) + name + self.check + self.nonce + self.ciphertext


class KeyRing:
    """The live keys: the first seals, all open. A key may retire when no secret has its id (`key_id_of`) any more."""

    __slots__ = ("_keys", "primary_id")

    def __init__(self, keys: Mapping[str, _Key]) -> None:
        self._keys = dict(keys)
        self.primary_id = next(iter(self._keys))

    @classmethod
    def from_base64(cls, keys: Mapping[str, str]) -> Self:
        """Build the ring from key ids and base64 texts of 32 random bytes, the sealing key first.

        Raises KeyRingError.
        """
        if not keys:
            raise KeyRingError(f"no encryption key is given: {_HOW_TO_MAKE_ONE}")
        return cls({key_id: _key(key_id, text) for key_id, text in keys.items()})

    def encrypt(self, secret: str, *, partner_id: str, field: str) -> bytes:
        """Seal a secret for one field of one partner."""
        key = self._keys[self.primary_id]
        nonce = os.urandom(NONCE_BYTES)  # random is safe for 2^32 secrets a key, far more than a fleet ever seals
        ciphertext = key.cipher.encrypt(nonce, secret.encode(), _binding(partner_id, field))
        return bytes(_Sealed(self.primary_id, key.check, nonce, ciphertext))

    def decrypt(self, sealed: bytes, *, partner_id: str, field: str) -> str:
        """Open what `encrypt` sealed for the same field of the same partner.

        Raises UnknownKey, WrongKey or MovedCiphertext.
        """
        parts, whose = _Sealed.parse(sealed), f"{field} of partner {partner_id}"
        key = self._keys.get(parts.key_id)
        if key is None:
            raise UnknownKey(f"{whose} is sealed under the key {parts.key_id}, which is not configured: add that key")
        if not hmac.compare_digest(parts.check, key.check):
            raise WrongKey(f"{whose} is sealed under another key named {parts.key_id}: restore that key's old value")
        try:
            return key.cipher.decrypt(parts.nonce, parts.ciphertext, _binding(partner_id, field)).decode()
        except InvalidTag as error:
            raise MovedCiphertext(f"{whose} was sealed for another place, or altered") from error

    def reencrypt(self, sealed: bytes, *, partner_id: str, field: str) -> bytes | None:
        """Seal anew under the first key; None when it is so already. Raises as `decrypt`."""
        secret = self.decrypt(sealed, partner_id=partner_id, field=field)
        return (
            None if key_id_of(sealed) == self.primary_id else self.encrypt(secret, partner_id=partner_id, field=field)
        )


def key_id_of(sealed: bytes) -> str:
    """The id of the key that sealed a secret. Raises MovedCiphertext for what is no sealed secret."""
    return _Sealed.parse(sealed).key_id


def _key(key_id: str, text: str) -> _Key:
    if not 1 <= len(key_id.encode()) <= KEY_ID_BYTES_MAX:
        raise KeyRingError(f"an encryption key's id has 1 to {KEY_ID_BYTES_MAX} bytes, not {len(key_id.encode())}")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyRingError(f"the encryption key {key_id} is not base64: {_HOW_TO_MAKE_ONE}") from None
    if len(key) != KEY_BYTES:
        raise KeyRingError(f"the encryption key {key_id} has {len(key)} bytes, not {KEY_BYTES}: {_HOW_TO_MAKE_ONE}")
    check = hmac.digest(key, _CHECK_PURPOSE, hashlib.sha256)[:CHECK_BYTES]
    return _Key(AESGCM(key), check)


def _binding(partner_id: str, field: str) -> bytes:
    """What a ciphertext is bound to; the length keeps ("ab", "c") and ("a", "bc") apart."""
    return f"{len(partner_id)}:{partner_id}:{field}".encode()
