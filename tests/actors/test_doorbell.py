"""Verifiers that cannot be opened: such a callback counts as unknown, and nobody's delivery is believed by it."""

import base64

import pytest

from daemon.actors.callbacks import FIELD, Doorbell
from daemon.adapters.crypto import KeyRing
from daemon.core.callbacks import EVENTS, FbCallback, Heard, Ring, SealedVerifier, signature_of
from daemon.core.errors import KeyMissing
from daemon.core.model import PartnerId, Scope
from tests.actors.stage import PARTNER, ActorStage

ADDRESS = "https://x/webhooks/pt_1"
RING = KeyRing.from_base64({"k": base64.b64encode(b"k" * 32).decode()})
OTHER_RING = KeyRing.from_base64({"other": base64.b64encode(b"x" * 32).decode()})


class OneCallback:
    """FreshBooks with one verified callback; it notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def list(self) -> tuple[FbCallback, ...]:
        return () if self.done else (FbCallback(id=7, event=EVENTS[0], uri=ADDRESS, verified=True),)

    async def register(self, event: str, uri: str) -> FbCallback:
        self.done.append(f"register {event}")
        return FbCallback(id=8, event=event, uri=uri, verified=False)

    async def verify(self, callback_id: int, verifier: str) -> FbCallback:
        raise AssertionError(f"{callback_id} {verifier}")

    async def resend(self, callback_id: int) -> FbCallback:
        raise AssertionError(callback_id)

    async def delete(self, callback_id: int) -> None:
        self.done.append(f"delete {callback_id}")


def stand(ring: KeyRing = RING, sealed_for: str = PARTNER) -> tuple[ActorStage, Doorbell, Ring, list[str]]:
    """A partner with one trusted verifier that was sealed for somebody."""
    stage, spoiled = ActorStage(1), []
    stage.connect()
    scope = scope_of(stage)
    sealed = RING.encrypt("v", partner_id=sealed_for, field=FIELD)
    stage.store.callbacks.kept[scope] = {(7, "v"): SealedVerifier(callback_id=7, sealed=sealed, trusted=True)}
    doorbell = Doorbell(
        store=stage.store.callbacks,
        keys=ring,
        clock=stage.clock,
        address=lambda _: ADDRESS,
        heard=lambda _: None,
        spoiled=lambda _who, why: spoiled.append(why),
    )
    fields = (("name", "payment.create"), ("object_id", "3"), ("account_id", scope.account_id))
    return stage, doorbell, Ring(fields=fields), spoiled


async def test_a_delivery_is_believed_by_its_own_partner_s_verifier() -> None:
    _, doorbell, ring, spoiled = stand()
    assert await doorbell.deliver(PARTNER, ring, signature_of(ring, "v")) is Heard.RANG
    assert spoiled == []


async def test_a_delivery_is_not_believed_by_a_verifier_that_was_moved_from_another_partner() -> None:
    _, doorbell, ring, spoiled = stand(sealed_for=PartnerId("pt_2"))
    assert await doorbell.deliver(PARTNER, ring, signature_of(ring, "v")) is Heard.FORGED
    assert len(spoiled) == 1


async def test_a_delivery_is_not_believed_while_the_verifier_s_key_is_missing() -> None:
    _, doorbell, ring, spoiled = stand(OTHER_RING)
    assert await doorbell.deliver(PARTNER, ring, signature_of(ring, "v")) is Heard.FORGED
    assert spoiled == []


async def test_a_callback_whose_verifier_was_moved_is_registered_anew() -> None:
    stage, doorbell, _, _ = stand(sealed_for=PartnerId("pt_2"))
    callbacks = OneCallback()
    assert not await doorbell.ensure(scope_of(stage), callbacks)
    assert callbacks.done[:2] == ["delete 7", f"register {EVENTS[0]}"]


async def test_a_callback_whose_verifier_s_key_is_missing_is_left_alone() -> None:
    stage, doorbell, _, _ = stand(OTHER_RING)
    callbacks = OneCallback()
    with pytest.raises(KeyMissing):
        await doorbell.ensure(scope_of(stage), callbacks)
    assert callbacks.done == []


def scope_of(stage: ActorStage) -> Scope:
    scope = stage.store.connections[PARTNER].scope
    assert scope is not None
    return scope
