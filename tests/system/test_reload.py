"""SIGHUP on the real process: taken over whole, or refused whole, and said in the log, the metric and to a person."""

import signal
from datetime import timedelta
from pathlib import Path

import aiohttp

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.links import sign_link
from daemon.core.model import PartnerId
from tests.polling import eventually
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


async def enters(program: Program, key_id: str, secret: str) -> bool:
    expires_at = SystemClock().now() + timedelta(minutes=1)
    link = sign_link(await program.url("public"), PartnerId("acme"), expires_at, key_id=key_id, secret=secret)
    async with aiohttp.ClientSession() as session, session.get(link, allow_redirects=False) as answer:
        assert answer.status in {303, 401, 403}
        return answer.status == 303
