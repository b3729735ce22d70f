"""Seals every secret anew under the first key, batch by batch, beside running daemons."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from daemon.adapters.crypto import KeyRing
from daemon.adapters.postgres.sealed_store import SealedStore, Secret
from daemon.core.errors import CannotDecrypt, SettingsError

BATCH: Final = 200
KEYS_MAX: Final = 2
"""With more keys in use than an old and a new one, nobody remembers which is which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did: secrets sealed anew, and those that cannot be opened, each with why."""

    resealed: int
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """One key: whether the settings have it, whether it seals, and the secrets it holds by kind."""

    key_id: str
    configured: bool
    seals: bool
    secrets: dict[str, int]

    @property
    def total(self) -> int:
        """How many secrets it holds."""
        return sum(self.secrets.values())

    @property
    def verdict(self) -> str:
        """What may be done with it."""
        if not self.configured:
            return "missing from the settings: put it back, or its secrets are lost"
        if self.seals:
            return "seals what is new"
        if self.total:
            return "still needed: run `freshbooks-syncd keys rotate`"
        return "may go: take it out of the settings and restart"


async def rotate(store: SealedStore, ring: KeyRing, who: str, tell: Callable[[int], None] = lambda _: None) -> Rotated:
    """Seal anew what another key than the first one sealed; `tell` hears how many are done.

    It may be cut off at any moment and run again, and it does not disturb who reads or replaces secrets meanwhile.
    Raises StoreUnavailable.
    """
    resealed, unreadable, after = 0, list[str](), ""
    while secrets := await store.others(ring.primary_id, after, BATCH):
        for partner_id, group in groupby(secrets, lambda secret: secret.partner_id):
            fresh = []
            for secret in group:
                try:
                    fresh.append((secret, _anew(ring, secret)))
                except CannotDecrypt as error:
                    unreadable.append(str(error))
            resealed += await store.reseal(partner_id, fresh, ring.primary_id, who)
        after = secrets[-1].place
        tell(resealed)
    return Rotated(resealed=resealed, unreadable=tuple(unreadable))


async def key_use(store: SealedStore, key_ids: tuple[str, ...]) -> tuple[KeyUse, ...]:
    """Tell of every key that is configured or in use, the sealing one first. Raises StoreUnavailable."""
    found: dict[str, dict[str, int]] = {key_id: {} for key_id in key_ids}
    for key_id, kind, count in await store.counts():
        found.setdefault(key_id, {})[kind] = count
    return tuple(
        KeyUse(key_id=key_id, configured=key_id in key_ids, seals=key_id == key_ids[0], secrets=secrets)
        for key_id, secrets in found.items()
    )


def require_room(key_ids: tuple[str, ...]) -> None:
    """Check that one more key may be added. Raises SettingsError."""
    if len(key_ids) >= KEYS_MAX:
        names = ", ".join(key_ids)
        raise SettingsError(
            f"encryption.keys: there are {len(key_ids)} keys already ({names}): run `freshbooks-syncd keys rotate`, "
            "and take the old one away once `keys status` says that it may go"
        )


def _anew(ring: KeyRing, secret: Secret) -> bytes:
    plain = ring.decrypt(secret.sealed, partner_id=secret.partner_id, field=secret.field)
    return ring.encrypt(plain, partner_id=secret.partner_id, field=secret.field)
