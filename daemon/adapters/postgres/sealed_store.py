"""Every sealed secret across tables: how many each key holds, and one sealed anew in place of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.adapters.postgres.push_changes import audit
from daemon.core.model import PartnerId

_SQL = queries.load("sealed")
_RESEAL: Final = {
    ("token", "access_token"): "reseal_token_access",
    ("token", "refresh_token"): "reseal_token_refresh",
    ("consent", "access_token"): "reseal_consent_access",
    ("consent", "refresh_token"): "reseal_consent_refresh",
    ("callback", "callback_verifier"): "reseal_callback",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A sealed secret: `kind` is the table it stands in, `field` what it is, `place` its order."""

    kind: str
    partner_id: PartnerId
    field: str
    sealed: bytes
    place: str


class SealedStore:
    """What is read and changed across partners; every method raises StoreUnavailable."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def counts(self) -> tuple[tuple[str, str, int], ...]:
        """Count the secrets by key id and kind: `token`, `consent` or `callback`."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["counts"])
        return tuple((row["key_id"], row["kind"], row["count"]) for row in rows)

    async def samples(self) -> tuple[tuple[PartnerId, str, bytes], ...]:
        """Give one (partner, field, secret) of each key id that sealed anything."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["samples"])
        return tuple((PartnerId(row["partner_id"]), row["field"], row["sealed"]) for row in rows)

    async def others(self, key_id: str, after: str, limit: int) -> tuple[Secret, ...]:
        """List secrets that another key than this one sealed, in the order of their places."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["others"], key_id, after, limit)
        return tuple(
            Secret(
                kind=row["kind"],
                partner_id=PartnerId(row["partner_id"]),
                field=row["field"],
                sealed=row["sealed"],
                place=row["place"],
            )
            for row in rows
        )

    async def reseal(self, partner_id: PartnerId, fresh: Sequence[tuple[Secret, bytes]], key_id: str, who: str) -> int:
        """Put a partner's secrets in the place of themselves, sealed anew, audited; tell how many were still there.

        One that was replaced meanwhile is left: whoever replaced it sealed it under the keys of today.
        """
        changed = 0
        async with self._source.writing(partner_id) as connection:
            for secret, sealed in fresh:
                name = _RESEAL[secret.kind, secret.field]
                done = await connection.execute(_SQL[name], partner_id, secret.sealed, sealed)
                changed += int(done.rpartition(" ")[2])
            if changed:
                after: dict[str, object] = {"key": key_id, "secrets": changed}
                await audit(
                    connection, partner_id, who=who, what="sealed secrets anew", subject="encryption keys", after=after
                )
        return changed
