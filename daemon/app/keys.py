"""The keys in force, which a reload may exchange while others hold on to them."""

from collections.abc import Iterable

from daemon.adapters.crypto import KeyRing, KeyRingError, MovedCiphertext, UnknownKey, WrongKey, key_id_of
from daemon.core.errors import SettingsError
from daemon.settings import Settings, by_id


class LiveKeys:
    """The encryption keys: whoever seals or opens goes through here, so that a reload reaches all of them."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def exchange(self, ring: KeyRing) -> None:
        """Put another ring in force."""
        self._ring = ring

    def encrypt(self, secret: str, *, partner_id: str, field: str) -> bytes:
        """Seal a secret for one field of one partner."""
        return self._ring.encrypt(secret, partner_id=partner_id, field=field)

    def decrypt(self, sealed: bytes, *, partner_id: str, field: str) -> str:
        """Open what `encrypt` sealed for the same field of the same partner. Raises as KeyRing.decrypt."""
        return self._ring.decrypt(sealed, partner_id=partner_id, field=field)


def key_ring(settings: Settings) -> KeyRing:
    """Make the ring that the settings name. Raises SettingsError."""
    try:
        return KeyRing.from_base64(by_id(settings.encryption.keys))
    except KeyRingError as error:
        raise SettingsError(f"encryption.keys: {error}") from error


def require_keys(ring: KeyRing, sealed: Iterable[tuple[str, str, bytes]]) -> None:
    """Check that the ring opens what is stored, trying one (partner, field, secret) per key id.

    A secret that was altered is its partner's trouble alone and no reason not to start. Raises SettingsError.
    """
    tried: set[str] = set()
    for partner_id, field, secret in sealed:
        try:
            key_id = key_id_of(secret)
            if key_id in tried:
                continue
            tried.add(key_id)
            ring.decrypt(secret, partner_id=partner_id, field=field)
        except (UnknownKey, WrongKey) as error:
            raise SettingsError(f"encryption.keys: {error}") from error
        except MovedCiphertext:
            continue
