"""SIGHUP on the real process: taken over whole, or refused whole, and said in the log, the metric and to a person."""

import signal
from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.links import sign_link
from daemon.core.model import PartnerId
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.partner import insert_partner
from tests.system.program import LINK_KEY, Program, running, settings_text

SUCCESS = "syncd_config_last_reload_successful"
SUCCESS_AT = "syncd_config_last_reload_success_timestamp_seconds"


async def test_changed_settings_take_effect_and_are_named(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        before = await program.metric(SUCCESS_AT)
        more = '[sync]\npayments_interval = "1m"\n[rate]\nburst = 5\n[log]\nlevel = "debug"'
        program.configure(settings_text(database, more=more))
        program.send(signal.SIGHUP)
        told = await program.line("settings_reloaded")
        assert told["changes"] == ["sync.payments_interval", "rate.burst", "log.level"]
        assert await program.metric(SUCCESS) == 1
        assert await program.metric(SUCCESS_AT) > before


async def test_a_broken_file_keeps_the_old_settings_until_it_is_mended(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        first = await program.metric(SUCCESS_AT)
        program.configure("[sync]\npayment_interval = 3")
        program.send(signal.SIGHUP)
        told = await program.line("settings_refused")
        assert told["level"] == "error"
        assert "did you mean payments_interval?" in told["reason"]
        assert await program.metric(SUCCESS) == 0
        assert await program.metric(SUCCESS_AT) == first
        status, checks = await program.get("/readyz?verbose")
        assert status == 200
        assert "did you mean payments_interval?" in checks
        program.configure(settings_text(database))
        program.send(signal.SIGHUP)
        await program.line("settings_reloaded")
        assert await program.metric(SUCCESS) == 1


async def test_what_needs_a_restart_is_refused_by_name_and_nothing_else_changes(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        program.configure(settings_text(database, public="127.0.0.1:1", more='[sync]\npayments_interval = "1m"'))
        program.send(signal.SIGHUP)
        told = await program.line("settings_refused")
        assert told["reason"].startswith("public.listen needs a restart, and nothing was changed")
        program.configure(settings_text(database, more='[sync]\npayments_interval = "1m"'))
        program.send(signal.SIGHUP)
        assert (await program.line("settings_reloaded"))["changes"] == ["sync.payments_interval"]


async def test_many_signals_at_once_are_few_reloads_and_lose_no_request(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        for _ in range(50):
            program.send(signal.SIGHUP)
            assert (await program.get("/livez"))[0] == 200
        await program.line("settings_reloaded")
        assert (await program.get("/readyz"))[0] == 200
        for _ in range(200):
            program.send(signal.SIGHUP)
        before = len(program.lines("settings_reloaded"))
        await eventually(lambda: len(program.lines("settings_reloaded")) > before)
        assert len(program.lines("settings_reloaded")) < 250


@pytest.mark.timeout(180)
async def test_a_hundred_reloads_during_a_running_sync_lose_no_effect_no_payment_and_no_request(
    database: str, tmp_path: Path
) -> None:
    async with opened_books(database, "--rate-calls", "0") as books:
        slow = {"match": {"query": "per_page=100"}, "action": {"kind": "latency", "seconds": 0.4}}
        await books.control("PUT", "faults", [slow])
        fast = "[rate]\ncalls_per_window = 100000\nburst = 1000\n"
        texts = [books.settings(f'{fast}[sync]\ninvoices_interval = "{minutes}m"') for minutes in (1, 2)]
        partner = await books.add(1500)
        async with running(tmp_path, texts[0]) as program:
            asked = 0
            await eventually(partial(payable, books, partner), within_s=60)
            assert await books.status(partner) == "pending"
            for number in range(100):
                program.configure(texts[(number + 1) % 2])
                program.send(signal.SIGHUP)
                assert (await program.get("/readyz"))[0] == 200
                await eventually(lambda: len(program.lines("settings_reloaded")) > number)  # noqa: B023
                if number % 20 == 5 and (found := await payable(books, partner)) is not None:
                    asked += 1
                    await books.pay(partner, found, f"pay_{asked}")
            assert asked == 5
            await eventually(lambda: books.is_connected(partner), within_s=90)
            for paid in range(1, asked + 1):
                recorded = await eventually(partial(books.recorded, partner, f"pay_{paid}"), within_s=30)
                assert len(recorded) == 1
            await eventually(partial(is_equal, books, partner), within_s=30)
            refused = program.lines("settings_refused") + program.lines("supervisor_crashed")
            assert refused == []
            assert len(program.lines("settings_reloaded")) == 100


async def payable(books: Books, partner: Partner) -> int | None:
    """An invoice that can be paid already, if there is one."""
    found: int | None = await books.database.fetchval(
        "SELECT invoice_id FROM platform.invoice i WHERE partner_id = $1 AND payable AND NOT EXISTS (SELECT FROM "
        "platform.payment p WHERE p.partner_id = i.partner_id AND p.invoice_id = i.invoice_id) LIMIT 1",
        partner.partner_id,
    )
    return found


async def is_equal(books: Books, partner: Partner) -> bool:
    return await books.differences(partner) == []


async def test_a_reload_without_a_change_says_so(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        program.send(signal.SIGHUP)
        assert (await program.line("settings_reloaded"))["changes"] == []


async def test_a_link_signed_with_an_exchanged_key_opens_the_dashboard_and_an_old_one_no_longer(
    database: str, tmp_path: Path
) -> None:
    await insert_partner(database)
    async with running(tmp_path, settings_text(database)) as program:
        new_key = "n" * 40
        assert await enters(program, "p1", LINK_KEY)
        assert not await enters(program, "p2", new_key)
        program.configure(settings_text(database).replace('"p1"', '"p2"').replace(LINK_KEY, new_key))
        program.send(signal.SIGHUP)
        assert (await program.line("settings_reloaded"))["changes"] == ["public.link_keys"]
        assert await enters(program, "p2", new_key)
        assert not await enters(program, "p1", LINK_KEY)


async def link_of(program: Program, partner_id: str, key_id: str = "p1", secret: str = LINK_KEY) -> str:
    """A link into a partner's dashboard."""
    expires_at = SystemClock().now() + timedelta(minutes=1)
    return sign_link(await program.url("public"), PartnerId(partner_id), expires_at, key_id=key_id, secret=secret)


async def enters(program: Program, key_id: str, secret: str) -> bool:
    link = await link_of(program, "acme", key_id, secret)
    async with aiohttp.ClientSession() as session, session.get(link, allow_redirects=False) as answer:
        assert answer.status in {303, 401, 403}
        return answer.status == 303
