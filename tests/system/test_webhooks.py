"""FreshBooks rings: the real daemon and the real sandbox, with the handshake, forgers and vandals (P1)."""

import signal
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from daemon.actors.callbacks import FIELD
from daemon.adapters.crypto import KeyRing
from daemon.core.callbacks import EVENTS, Ring, signature_of
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import ENCRYPTION_KEY, Program, running
from tests.system.test_demo import free_ports

pytestmark = pytest.mark.timeout(120)
UNRULY = [
    {"probability": 0.4, "action": {"kind": "webhook_drop"}},
    {"probability": 0.5, "action": {"kind": "webhook_duplicate", "copies": 2}},
    {"probability": 0.5, "action": {"kind": "webhook_shuffle", "seconds": 0.2}},
    {"probability": 0.5, "action": {"kind": "webhook_forge"}},
]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def settings(books: Books, port: str) -> str:
    """Settings with a public address that FreshBooks can reach."""
    text = books.settings(public=f"127.0.0.1:{port}")
    return text.replace('base_url = "http://localhost:8080"', f'base_url = "http://127.0.0.1:{port}"')


async def is_ringing(books: Books, partner: Partner) -> bool:
    trusted = await books.database.fetchval(
        "SELECT count(*) FROM sync.callback WHERE partner_id = $1 AND trusted_at IS NOT NULL", partner.partner_id
    )
    return bool(trusted == len(EVENTS))


async def _total(books: Books, partner: Partner, invoice: int) -> str:
    value = await books.database.fetchval(
        "SELECT amount_due FROM platform.invoice WHERE partner_id = $1 AND invoice_id = $2", partner.partner_id, invoice
    )
    return str(value)


async def _outcomes(program: Program, outcome: str) -> float:
    return await program.metric(f'syncd_webhooks_total{{outcome="{outcome}"}}')


async def test_a_change_in_freshbooks_is_stored_within_seconds_by_webhook(database: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with opened_books(database, webhooks=True) as books:
        partner = await books.add(40)
        async with running(tmp_path, settings(books, port)) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await eventually(partial(is_ringing, books, partner), within_s=60)
            (invoice,) = await books.unpaid(partner)
            await books.control("POST", f"books/{partner.account_id}/invoices/{invoice}/pay", {})
            await eventually(lambda: is_due(books, partner, invoice, "0.00"), within_s=10)
            assert await _outcomes(program, "rang") > 0
            await books.database.execute("UPDATE sync.connection SET disconnecting = true")
            await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:connection")
            await eventually(lambda: is_gone(books, partner), within_s=20)
            program.send(signal.SIGTERM)
            assert await program.end() == 0


async def is_due(books: Books, partner: Partner, invoice: int, wanted: str) -> bool:
    return await _total(books, partner, invoice) == wanted


async def is_gone(books: Books, partner: Partner) -> bool:
    left = await books.database.fetchval("SELECT count(*) FROM sync.callback WHERE partner_id = $1", partner.partner_id)
    return await books.status(partner) == "not_connected" and left == 0


async def test_doubled_shuffled_dropped_and_forged_deliveries_end_in_what_freshbooks_shows(
    database: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    async with opened_books(database, "--rate-calls", "0", webhooks=True) as books:
        partner = await books.add(40)
        more = '[sync]\npayments_interval = "5s"\ninvoices_interval = "5s"\n'
        async with running(tmp_path, settings(books, port) + more) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await eventually(partial(is_ringing, books, partner), within_s=60)
            await books.control("PUT", "faults", UNRULY)
            for invoice in await books.unpaid(partner, 8):
                await books.control("POST", f"books/{partner.account_id}/invoices/{invoice}/pay", {"amount": "1.00"})
            await eventually(partial(is_equal, books, partner), within_s=60)
            assert await _outcomes(program, "rang") > 0
            assert await _outcomes(program, "forged") > 0


async def is_equal(books: Books, partner: Partner) -> bool:
    return await books.differences(partner) == []


async def test_forged_oversized_and_malformed_deliveries_are_refused_and_counted(database: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with opened_books(database, webhooks=True) as books, aiohttp.ClientSession() as http:
        partner = await books.add(5)
        async with running(tmp_path, settings(books, port)) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await eventually(partial(is_ringing, books, partner), within_s=60)
            url = f"http://127.0.0.1:{port}/webhooks/freshbooks/{partner.partner_id}"
            good = f"name=invoice.update&object_id=1&account_id={partner.account_id}"
            cases = [
                ("forged", good, {"X-FreshBooks-Hmac-SHA256": "AAAA"}, 401),
                ("forged", good, {}, 401),
                ("unknown", good.replace(partner.account_id, "another"), {}, 404),
                ("malformed", "no form at all", {}, 400),
                ("malformed", "name=x&object_id=abc&account_id=y", {}, 400),
                ("malformed", good + "&object_id=2", {}, 400),
                ("malformed", good + "&" + "&".join(f"k{n}=1" for n in range(40)), {}, 400),
                ("oversized", good + "&pad=" + "x" * 10_000, {}, 413),
            ]
            for outcome, body, headers, status in cases:
                async with http.post(url, data=body, headers=FORM | headers) as answer:
                    assert answer.status == status, (outcome, body[:60])
            for outcome, count in (("forged", 2), ("malformed", 4), ("oversized", 1)):
                assert await _outcomes(program, outcome) == count
            # FreshBooks itself may ring for what is not heard here.
            assert await _outcomes(program, "unknown") >= 1
            planted = f"name=callback.verify&object_id=1&account_id={partner.account_id}&verifier=mine"
            async with http.post(url, data=planted, headers=FORM) as answer:
                assert answer.status == 200
            trusted = await books.database.fetchval("SELECT count(*) FROM sync.callback WHERE trusted_at IS NOT NULL")
            assert trusted == len(EVENTS)
            rereads = await books.database.fetchval("SELECT count(*) FROM sync.reread WHERE id = 1")
            assert rereads == 0


async def test_a_replayed_delivery_asks_for_one_read_and_is_counted_apart(database: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with opened_books(database, webhooks=True) as books, aiohttp.ClientSession() as http:
        partner = await books.add(5)
        async with running(tmp_path, settings(books, port)) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await eventually(partial(is_ringing, books, partner), within_s=60)
            sealed = await books.database.fetchval("SELECT verifier FROM sync.callback LIMIT 1")
            verifier = KeyRing.from_base64({"k1": ENCRYPTION_KEY}).decrypt(
                sealed, partner_id=partner.partner_id, field=FIELD
            )
            fields = (("name", "invoice.update"), ("object_id", "424242"), ("account_id", partner.account_id))
            signature = signature_of(Ring(fields=fields), verifier)
            url = f"http://127.0.0.1:{port}/webhooks/freshbooks/{partner.partner_id}"
            replays = 20
            # The lane rests, so that nothing is read between the first delivery and the last replay of it.
            await books.database.execute("UPDATE sync.connection SET paused = true")
            await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:connection")
            for _ in range(1 + replays):
                async with http.post(url, data=dict(fields), headers={"X-FreshBooks-Hmac-SHA256": signature}) as answer:
                    assert answer.status == 200
            assert await _outcomes(program, "rang") >= 1
            assert await _outcomes(program, "repeated") == replays
            assert await books.database.fetchval("SELECT count(*) FROM sync.reread WHERE id = 424242") == 1
            changed = dict(fields) | {"object_id": "1"}
            async with http.post(url, data=changed, headers={"X-FreshBooks-Hmac-SHA256": signature}) as answer:
                assert answer.status == 401
