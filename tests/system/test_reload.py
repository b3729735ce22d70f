"""The eight promises of a reload, each kept by the real process; tests/app/test_reload.py tries any settings.

1. validated whole before anything changes       5. no request and no effect in flight lost
2. atomic                                        6. repeated signals coalesce
3. on error the old stays, and says so           7. secrets and log level reload too
4. unchanged partners untouched                  8. what needs a restart is named and refused
"""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio
import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.links import sign_link
from daemon.core.model import PartnerId
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.partner import insert_partner
from tests.system.program import LINK_KEY, Program, notifications, run, running, settings_text

SUCCESS: Final = "syncd_config_last_reload_successful"
SUCCESS_AT: Final = "syncd_config_last_reload_success_timestamp_seconds"
MINUTELY: Final = '[sync]\npayments_interval = "1m"'
NEW_KEY: Final = "n" * 40
QUIET_S: Final = 1.5


async def reload(program: Program, text: str) -> dict[str, Any]:
    """Put settings on disk, send the signal, and give the log line that tells what became of them."""
    before = len(answers(program))
    program.configure(text)
    program.send(signal.SIGHUP)
    await eventually(lambda: len(answers(program)) > before, within_s=30)
    return answers(program)[-1]


def answers(program: Program) -> list[dict[str, Any]]:
    """What became of each reload so far."""
    return [line for line in program.lines() if line["event"] in {"settings_reloaded", "settings_refused"}]


def with_new_link_key(text: str) -> str:
    return text.replace('"p1"', '"p2"').replace(LINK_KEY, NEW_KEY)


async def link_of(program: Program, partner_id: str, key_id: str = "p1", secret: str = LINK_KEY) -> str:
    """A link into a partner's dashboard."""
    expires_at = SystemClock().now() + timedelta(minutes=1)
    return sign_link(await program.url("public"), PartnerId(partner_id), expires_at, key_id=key_id, secret=secret)


async def enters(program: Program, key_id: str, secret: str) -> bool:
    link = await link_of(program, "acme", key_id, secret)
    async with aiohttp.ClientSession() as session, session.get(link, allow_redirects=False) as answer:
        assert answer.status in {303, 401, 403}
        return answer.status == 303


# ---- 1 and 2 ---------------------------------------------------------------------------------------------------------


async def test_promise_1_settings_are_validated_whole_before_anything_changes(database: str, tmp_path: Path) -> None:
    good = settings_text(database, more=f'{MINUTELY}\n[log]\nlevel = "debug"')
    mistakes = {
        good + "\n[log": "is not valid TOML",
        good + "\n[push]\nin_flight = 0": "push.in_flight",
        good + "\n[pull]\nx = 1": "no section [pull]",
        good.replace("client_id", "client_idd"): "did you mean client_id?",
        good.replace('client_id = "id"', ""): "freshbooks.client_id is not set",
        good.replace(LINK_KEY, "short"): "public.link_keys",
        good.replace('key = "', 'key = "x', 1): "encryption.keys",
    }
    async with running(tmp_path, settings_text(database)) as program:
        for text, reason in mistakes.items():
            told = await reload(program, text)
            assert (told["event"], reason in told["reason"]) == ("settings_refused", True), told
        # Had one of them been taken over in part, this would not have to be taken over any more.
        assert (await reload(program, good))["changes"] == ["sync.payments_interval", "log.level"]


async def test_promise_2_a_reload_is_atomic_whoever_holds_a_setting(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    new = partial(settings_text, database, more=f'{MINUTELY}\n[log]\nlevel = "debug"')
    async with running(tmp_path, settings_text(database)) as program:
        told = await reload(program, with_new_link_key(new(public="127.0.0.1:1")))
        assert told["event"] == "settings_refused"
        assert (await enters(program, "p1", LINK_KEY), await enters(program, "p2", NEW_KEY)) == (True, False)
        told = await reload(program, with_new_link_key(new()))
        assert set(told["changes"]) == {"sync.payments_interval", "public.link_keys", "log.level"}
        assert (await enters(program, "p1", LINK_KEY), await enters(program, "p2", NEW_KEY)) == (False, True)


# ---- 3 ---------------------------------------------------------------------------------------------------------------


async def test_promise_3_on_error_the_old_stays_and_log_gauge_status_probe_and_exit_code_say_so(
    database: str, tmp_path: Path
) -> None:
    async with notifications(tmp_path) as (address, heard):
        env = {"NOTIFY_SOCKET": address, "RUNTIME_DIRECTORY": str(tmp_path)}
        async with running(tmp_path, settings_text(database), env=env) as program:
            first = await program.metric(SUCCESS_AT)
            program.configure("[sync]\npayment_interval = 3")
            asked = await run("reload", env=env | {"MAINPID": str(program.process.pid)})
            assert (asked.code, "did you mean payments_interval?" in asked.sentence) == (2, True)
            told = await program.line("settings_refused")
            assert (told["level"], "did you mean payments_interval?" in told["reason"]) == ("error", True)
            assert (await program.metric(SUCCESS), await program.metric(SUCCESS_AT)) == (0, first)
            status, checks = await program.get("/readyz?verbose")
            assert (status, "did you mean payments_interval?" in checks) == (200, True)
            statuses = [line for line in heard if line.startswith("STATUS=Running with the former settings")]
            assert "did you mean payments_interval?" in statuses[-1]
            assert (await run("check-config", "--config", str(program.config))).code == 2
            # Mended, all five say that too.
            program.configure(settings_text(database))
            assert (await run("reload", env=env | {"MAINPID": str(program.process.pid)})).code == 0
            assert (await program.line("settings_reloaded"))["changes"] == []
            assert await program.metric(SUCCESS) == 1
            assert await program.metric(SUCCESS_AT) > first
            assert "did you mean" not in (await program.get("/readyz?verbose"))[1]
            assert [line for line in heard if line.startswith("STATUS=")][-1].startswith("STATUS=Running; settings")


# ---- 4 and 5 ---------------------------------------------------------------------------------------------------------


async def test_promise_4_unchanged_partners_are_untouched(database: str, tmp_path: Path) -> None:
    async with opened_books(database, "--rate-calls", "0") as books:
        partners = [await books.add(3), await books.add(3)]
        async with running(tmp_path, books.settings()) as program:
            for partner in partners:
                await eventually(partial(books.is_connected, partner), within_s=60)
            calls = await eventually(partial(quiet, books), within_s=30)
            leases = await books.database.fetch("SELECT * FROM sync.lease ORDER BY partner_id")
            told = await reload(program, with_new_link_key(books.settings('[log]\nlevel = "debug"')))
            assert (told["changes"], told["children"]) == (["public.link_keys", "log.level"], 0)
            assert await quiet(books) == calls
            assert await books.database.fetch("SELECT * FROM sync.lease ORDER BY partner_id") == leases
            # A policy that did change reaches each of them, and makes none of them start anew.
            told = await reload(program, with_new_link_key(books.settings(MINUTELY)))
            assert (told["changes"][0], told["children"]) == ("sync.payments_interval", 2)
            assert await quiet(books) == calls
            assert await books.database.fetch("SELECT * FROM sync.lease ORDER BY partner_id") == leases


async def quiet(books: Books) -> dict[str, int] | None:
    """FreshBooks' counters, once nobody asks anything of it; None while somebody does."""
    before: dict[str, int] = (await books.control("GET", "counters"))["by_call"]
    await anyio.sleep(QUIET_S)  # noqa: TID251 -- nothing announces that nothing happens
    return before if (await books.control("GET", "counters"))["by_call"] == before else None


@asynccontextmanager
async def visited(program: Program) -> AsyncIterator[list[int]]:
    """Visitors of the public listener, one after another on connections of their own; gives the answers' statuses."""
    statuses = list[int]()

    async def visit() -> None:
        while True:
            statuses.append((await program.get("/", "public"))[0])
            await anyio.sleep(0.02)  # noqa: TID251 -- leaves the processor to the daemon it asks

    async with anyio.create_task_group() as group:
        group.start_soon(visit)
        yield statuses
        group.cancel_scope.cancel()


@pytest.mark.timeout(180)
async def test_promise_5_a_hundred_reloads_during_a_running_sync_lose_no_effect_no_payment_and_no_request(
    database: str, tmp_path: Path
) -> None:
    async with opened_books(database, "--rate-calls", "0") as books:
        slow = {"match": {"query": "per_page=100"}, "action": {"kind": "latency", "seconds": 0.4}}
        await books.control("PUT", "faults", [slow])
        fast = "[rate]\ncalls_per_window = 100000\nburst = 1000\n"
        texts = [books.settings(f'{fast}[sync]\ninvoices_interval = "{minutes}m"') for minutes in (1, 2)]
        partner = await books.add(1500)
        async with running(tmp_path, texts[0]) as program, visited(program) as statuses:
            asked = 0
            await eventually(partial(payable, books, partner), within_s=60)
            assert await books.status(partner) == "pending"
            for number in range(100):
                told = await reload(program, texts[(number + 1) % 2])
                assert (told["changes"], told["children"]) == (["sync.invoices_interval"], 1)
                if number % 20 == 5 and (found := await payable(books, partner)) is not None:
                    asked += 1
                    await books.pay(partner, found, f"pay_{asked}")
            assert asked == 5
            await eventually(lambda: books.is_connected(partner), within_s=90)
            for paid in range(1, asked + 1):
                recorded = await eventually(partial(books.recorded, partner, f"pay_{paid}"), within_s=30)
                assert len(recorded) == 1
            await eventually(partial(is_equal, books, partner), within_s=30)
            wrong = ("settings_refused", "supervisor_crashed", "call_failed")
            assert [line for kind in wrong for line in program.lines(kind)] == []
            assert len(program.lines("settings_reloaded")) == 100
        assert len(statuses) > 20
        assert set(statuses) == {200}


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


# ---- 6, 7 and 8 ------------------------------------------------------------------------------------------------------


async def test_promise_6_repeated_signals_coalesce_and_the_last_file_counts(database: str, tmp_path: Path) -> None:
    text = settings_text(database, more=MINUTELY)
    async with running(tmp_path, settings_text(database)) as program:
        for _ in range(100):
            program.send(signal.SIGHUP)
        program.configure(text)
        for _ in range(100):
            program.send(signal.SIGHUP)
        await eventually(lambda: any(line["changes"] for line in program.lines("settings_reloaded")))
        assert len(program.lines("settings_reloaded")) < 50
        assert (await reload(program, text))["changes"] == []


async def test_promise_7_secrets_and_log_level_reload_too(database: str, tmp_path: Path) -> None:
    async with opened_books(database) as books:
        right = books.settings('[log]\nlevel = "debug"')
        text = books.settings().replace(books.greeting["client_secret"], "not-the-secret")
        partner = await books.add(3)
        await books.database.execute("INSERT INTO platform.partner (partner_id, name) VALUES ('acme', 'Acme')")
        await books.database.execute("UPDATE sync.token SET expires_at = now()")
        async with running(tmp_path, text) as program:
            await eventually(
                lambda: [line for line in program.lines("call_failed") if line["lane"] == "auth"], within_s=30
            )
            assert await books.status(partner) == "pending"
            assert [line for line in program.lines() if line["level"] == "debug"] == []
            assert await enters(program, "p1", LINK_KEY)
            assert not await enters(program, "p2", NEW_KEY)
            told = await reload(program, with_new_link_key(right))
            assert set(told["changes"]) == {"freshbooks.client_secret", "public.link_keys", "log.level"}
            await eventually(lambda: books.is_connected(partner), within_s=60)
            assert [line for line in program.lines() if line["level"] == "debug"]
            assert await enters(program, "p2", NEW_KEY)
            assert not await enters(program, "p1", LINK_KEY)
            assert [secret for secret in ("not-the-secret", NEW_KEY) if secret in program.log.read_text()] == []


async def test_promise_8_what_needs_a_restart_is_named_and_refused(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        told = await reload(program, settings_text(database, public="127.0.0.1:1", more=MINUTELY))
        assert told["reason"].startswith("public.listen needs a restart, and nothing was changed")
        both = settings_text(database, public="127.0.0.1:1", internal="127.0.0.1:2")
        told = await reload(program, both)
        assert told["reason"].startswith("public.listen, internal.listen need a restart, and nothing was changed")
        assert "systemctl restart freshbooks-syncd" in told["reason"]
        assert (await program.get("/readyz"))[0] == 200
        assert (await reload(program, settings_text(database, more=MINUTELY)))["changes"] == ["sync.payments_interval"]
