"""Who signs in to NATS by the signature of a key: a .creds file, or an nkey."""

import base64
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nkeys  # type: ignore[import-untyped]  # it tells no types
import pytest
from pydantic import SecretStr

from daemon.adapters.nats.bucket import Bucket, probe
from daemon.core.errors import StoreUnavailable
from daemon.settings.values import parse_nats_credentials
from tests.nats_server import nats_server

UNLIMITED: Final = dict.fromkeys(["subs", "data", "payload", "imports", "exports", "conn", "leaf"], -1)
STREAMS: Final = dict.fromkeys(["mem_storage", "disk_storage", "streams", "consumer"], -1)


def fresh(kind: int) -> nkeys.KeyPair:
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), kind))


def name(key: nkeys.KeyPair) -> str:
    return str(key.public_key, "ascii")


def seed(key: nkeys.KeyPair) -> str:
    return str(key.seed, "ascii")


def token(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, kind: str, **claims: object) -> str:
    """A JWT as NATS' own tools write it."""
    body: dict[str, Any] = {"iss": name(issuer), "sub": name(subject), "name": kind, "iat": 1_700_000_000}
    body["nats"] = {"type": kind, "version": 2, **claims}
    body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
    parts = [json.dumps(part).encode() for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return b".".join((signed, base64.urlsafe_b64encode(issuer.sign(signed)).rstrip(b"="))).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A server's configuration, with credentials that it accepts and some that it does not."""

    config: str
    good: str
    bad: str


def by_nkey() -> Door:
    user, other = fresh(nkeys.PREFIX_BYTE_USER), fresh(nkeys.PREFIX_BYTE_USER)
    return Door(config=f"authorization {{ users: [ {{ nkey: {name(user)} }} ] }}", good=seed(user), bad=seed(other))


def by_creds_file() -> Door:
    operator, user = fresh(nkeys.PREFIX_BYTE_OPERATOR), fresh(nkeys.PREFIX_BYTE_USER)
    account, system, other = [fresh(nkeys.PREFIX_BYTE_ACCOUNT) for _ in range(3)]

    def creds(issuer: nkeys.KeyPair) -> str:
        jwt = token(issuer, user, "user", **dict.fromkeys(["subs", "data", "payload"], -1))
        return (
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\nNEVER TELL\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed(user)}\n------END USER NKEY SEED------"
        )

    known = {
        name(account): token(operator, account, "account", limits={**UNLIMITED, **STREAMS, "wildcards": True}),
        name(system): token(operator, system, "account", limits={**UNLIMITED, "wildcards": True}),
    }
    signed = token(operator, operator, "operator", system_account=name(system))
    config = f'operator: "{signed}"\nresolver: MEMORY\nresolver_preload: {json.dumps(known)}'
    return Door(config=config, good=creds(account), bad=creds(other))


@pytest.mark.parametrize("door", [by_nkey, by_creds_file])
async def test_who_signs_in_by_a_key_is_known_and_anybody_else_is_told_what_to_correct(
    door: Callable[[], Door], tmp_path: Path
) -> None:
    made = door()
    (tmp_path / "config").write_text(made.config)
    with nats_server("--jetstream", "--config", str(tmp_path / "config")) as server:
        signs = parse_nats_credentials(SecretStr(f"{made.good}\n")).get_secret_value()
        assert await probe([server.url], signs) >= (2, 11)
        bucket = Bucket([server.url], "b", credentials=signs)
        async with bucket.reached():
            assert await bucket.put("key", b"") == 1
        await bucket.close()
        for refused in (made.bad, ""):
            with pytest.raises(StoreUnavailable, match=r"or leases\.credentials$"):
                await probe([server.url], refused)
