"""The control API, the request log, the limits' switches, persistence and the command."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from daemon.sandbox.faults import Kind
from daemon.sandbox.limits import RateWindows
from daemon.sandbox.options import RateLimits
from daemon.sandbox.server import build_app
from daemon.sandbox.switches import RULES, Switches
from tests.polling import eventually
from tests.sandbox.serving import NOON, Api, Json, consent, sandbox_api
from tests.sandbox.test_quirks import verified_callback
from tests.sandbox.webhook_ear import ear

SWITCHES = "/_sandbox/switches"


async def test_the_clock_is_set_advanced_and_sped_up(api: Api) -> None:
    assert (await api.get("/_sandbox/clock")).json == {"now": "2026-03-10T16:00:00+00:00", "rate": 0.0}
    assert (await api.post("/_sandbox/clock", {"advance": 90})).json["now"] == "2026-03-10T16:01:30+00:00"
    assert (await api.post("/_sandbox/clock", {"set": "2026-01-01T00:00:00Z"})).json[
        "now"
    ] == "2026-01-01T00:00:00+00:00"
    assert (await api.post("/_sandbox/clock", {"rate": 3600})).json["rate"] == 3600
    await eventually(lambda: api.sandbox.clock.now().isoformat() > "2026-01-01T00:00:30")
    for wrong in ({"set": "noon"}, {"advance": "much"}, {"rate": True}):
        assert (await api.post("/_sandbox/clock", wrong)).status == 400


async def test_the_request_log_tells_what_came_and_what_it_did(api: Api) -> None:
    invoice = await api.invoice("10.00")
    await api.pay(invoice, "10.00", note="marker-1")
    rows = (await api.get("/_sandbox/requests", account=api.account_id)).json["requests"]
    last = rows[-1]
    assert (last["method"], last["status"], last["committed"], last["account"]) == ("POST", 200, True, api.account_id)
    assert "marker-1" in last["body"]
    assert last["path"].endswith("/payments/payments")
    assert (await api.get("/_sandbox/requests", since=last["seq"])).json["requests"] == []
    counters = (await api.get("/_sandbox/counters")).json
    assert counters["by_call"]["POST /accounting/account/{account}/payments/payments"] == 1
    assert counters["committed"] == 3
    assert counters["by_status"] == {"200": 3}


async def test_the_manual_names_every_route_and_every_kind_of_fault(api: Api) -> None:
    text = (await api.get("/_sandbox/")).body.decode()
    assert [kind.value for kind in Kind if f"`{kind.value}`" not in text] == []
    routes = {resource.canonical for resource in build_app(api.sandbox).router.resources()}
    named = {route.split("/")[2] for route in routes if route.startswith("/_sandbox/")} - {"", "static"}
    assert [name for name in named if f"/_sandbox/{name}" not in text] == []


async def test_the_request_log_is_bounded() -> None:
    async with sandbox_api(request_log_size=3) as api:
        for _ in range(5):
            await api.get("invoices/invoices", per_page=1)
        rows = (await api.get("/_sandbox/requests")).json["requests"]
        assert [row["seq"] for row in rows] == [3, 4, 5]


async def test_an_account_made_at_run_time_is_ready_to_use(api: Api) -> None:
    body = {"name": "Tiny MSP", "email": "tiny@sandbox.example", "invoices": 5, "seed": 99, "currency": "CAD"}
    made = (await api.post("/_sandbox/accounts", body)).json
    assert api.sandbox.directory.accounts[made["account_id"]].has_open_books is False
    api.token = made["access_token"]
    rows = (await api.get(f"/accounting/account/{made['account_id']}/invoices/invoices")).result
    assert rows["total"] == 5
    again = await api.post("/_sandbox/accounts", body)
    assert again.status == 409
    pair = await api.token_call(grant_type="refresh_token", refresh_token=made["refresh_token"])
    assert pair.status == 200


async def test_a_bookkeeper_acts_through_the_control_api(api: Api) -> None:
    base = f"/_sandbox/books/{api.account_id}"
    client = (await api.post(f"{base}/clients", {"organization": "Walk-in"})).json
    line = {"name": "x", "qty": 1, "unit_cost": {"amount": "100"}}
    body = {"customerid": client["id"], "create_date": "2026-03-01", "lines": [line]}
    invoice = (await api.post(f"{base}/invoices", body)).json
    path = f"{base}/invoices/{invoice['id']}"
    assert (await api.post(f"{path}/send", {})).json["status"] == 2
    credit_body = {"clientid": client["id"], "create_date": "2026-03-01", "amount": "30"}
    credit = (await api.post(f"{base}/credits", credit_body)).json
    await api.post(f"{path}/apply_credit", {"amount": "30", "creditid": credit["id"]})
    assert (await api.get(f"{base}/credits/{credit['id']}")).json["left"] == "0.00"
    payment = (await api.post(f"{path}/pay", {"note": "by hand"})).json
    assert payment["amount"]["amount"] == "70.00"
    edited = (await api.put(f"{base}/payments/{payment['id']}", {"amount": {"amount": "20"}})).json
    assert edited["amount"]["amount"] == "20.00"
    await api.post(f"{base}/payments/{payment['id']}/delete", {})
    for verb, state in (("archive", 2), ("delete", 1), ("undelete", 0)):
        assert (await api.post(f"{path}/{verb}", {})).json["vis_state"] == state
    refused = await api.post(f"{path}/pay", {"type": "Stripe"})
    assert (refused.status, refused.error["errno"]) == (422, 1004)
    summary = (await api.get(f"{base}/summary")).json
    row = next(row for row in summary["invoices"] if row["invoiceid"] == invoice["id"])
    assert (row["payments"], row["payments_live"], row["payments_amount"], row["notes"]) == (
        2,
        1,
        "50.00",
        ["", "by hand"],
    )
    assert summary["counts"]["invoices"] == 14


async def test_the_books_are_read_raw_and_the_journal_is_entered_by_hand(api: Api) -> None:
    base = f"/_sandbox/books/{api.account_id}"
    for kind in ("clients", "invoices", "payments", "credits", "incomes"):
        assert isinstance((await api.get(f"{base}/{kind}")).json[kind], list)
    invoices = (await api.get(f"{base}/invoices")).json["invoices"]
    assert {row["vis_state"] for row in invoices} == {0, 1, 2}
    assert all("lines" in row for row in invoices)
    accounts = (await api.get(f"{base}/accounts")).json["accounts"]
    subs = [row["jesa_id"] for row in accounts if row["jesa_id"]]
    sides = [{"sub_accountid": subs[0], "debit": "5"}, {"sub_accountid": subs[1], "credit": "5"}]
    entry = {"name": "n", "user_entered_date": "2026-03-01", "currency_code": "USD", "details": sides}
    assert (await api.post(f"{base}/journal", entry)).json["name"] == "n"
    rows = (await api.get(f"{base}/journal", per_page=2)).json["journal"]
    assert [row["detail_type"] for row in rows] == ["adjustment", "adjustment"]
    assert (await api.get(f"{base}/nothing")).status == 404
    assert (await api.get("/_sandbox/books/nobody/invoices")).status == 404


async def test_a_bookkeepers_write_is_announced_like_any_other(api: Api) -> None:
    async with ear() as listener:
        await verified_callback(api, listener, "client.create")
        await api.post(f"/_sandbox/books/{api.account_id}/clients", {"organization": "x"})
        heard = await listener.next("client.create")
        assert heard.fields["identity_id"] == "512341"


async def test_switches_are_listed_with_what_they_decide_and_refuse_nonsense(api: Api) -> None:
    rows = (await api.get(SWITCHES)).json
    assert set(rows) == set(RULES)
    assert all(row["about"] and row["value"] == row["default"] for row in rows.values())
    assert (await api.put(SWITCHES, {"no_such": 1})).status == 400
    assert (await api.put(SWITCHES, {"max_bound": "sometimes"})).status == 400
    assert (await api.put(SWITCHES, {"client_limit": "many"})).status == 400


def test_every_default_is_one_of_its_choices() -> None:
    switches = Switches()
    for name, rule in RULES.items():
        switches.set(name, rule.default)
    assert {name: switches[name] for name in RULES} == {name: rule.default for name, rule in RULES.items()}


@pytest.mark.parametrize(
    ("style", "start"),
    [("accounting", b'{"response"'), ("google", b'{"code":8'), ("text", b"Too Many"), ("empty", b"")],
)
async def test_the_body_of_a_429_is_a_switch(style: str, start: bytes) -> None:
    async with sandbox_api(rate_limits=RateLimits(calls=1)) as api:
        await api.switch(rate_limit_body=style, rate_limit_retry_after=style != "text")
        replies = [await api.get("invoices/invoices") for _ in range(2)]
        assert (replies[1].status, replies[1].body[: len(start)]) == (429, start)
        assert ("retry-after" in replies[1].headers) == (style != "text")


@pytest.mark.parametrize(("scope", "second"), [("grant", 200), ("account", 200), ("app", 429), ("ip", 429)])
async def test_whose_calls_a_window_counts_is_a_switch(scope: str, second: int) -> None:
    async with sandbox_api(rate_limits=RateLimits(calls=1), invoices=(3, 3)) as api:
        await api.switch(rate_limit_scope=scope)
        assert (await api.get("invoices/invoices")).status == 200
        assert (await api.get("invoices/invoices")).status == 429
        other = list(api.sandbox.directory.logins.values())[1]
        api.token = api.sandbox.issue_tokens(other)["access_token"]
        path = f"/accounting/account/{other.memberships[0].account.account_id}/invoices/invoices"
        assert (await api.get(path)).status == second


async def test_a_refresh_does_not_renew_the_window() -> None:
    async with sandbox_api(rate_limits=RateLimits(calls=2)) as api:
        assert (await api.get("invoices/invoices")).status == 200
        fields = {"grant_type": "refresh_token", "refresh_token": api.greeting["refresh_token"]}
        api.token = (await api.token_call(**fields)).json["access_token"]
        assert [(await api.get("invoices/invoices")).status for _ in range(2)] == [200, 429]


def test_the_shipped_limits_are_those_of_2026() -> None:
    windows = RateWindows(RateLimits())
    calls = [windows.take("a", NOON, create=False).refused for _ in range(601)]
    creates = [windows.take("a", NOON, create=True).refused for _ in range(251)]
    assert (calls.index(True), creates.index(True)) == (600, 250)


async def test_a_restarted_sandbox_goes_on_where_it_stopped(tmp_path: Path) -> None:
    kept = {"data_dir": tmp_path, "invoices": (20,), "clock_rate": 1.0}
    lists = ("invoices/invoices?include[]=lines&per_page=100", "payments/payments?per_page=100", "users/clients",
             "credit_notes/credit_notes", "journal_entries/journal_entry_details?per_page=100")  # fmt: skip

    async def read(api: Api) -> list[bytes]:
        return [(await api.get(path)).body for path in lists]

    async with sandbox_api(**kept) as api:
        await api.pay(await api.invoice("60.00"), "100.00")
        await api.edit("invoices/invoices/200001", "invoice", vis_state=1)
        partner = (await api.post("/_sandbox/accounts", {"name": "P Q", "email": "p@sandbox.example"})).json
        await api.switch(payment_on_deleted="accept")
        await api.move_clock(advance=3 * 86_400)
        back = await consent(api)
        fields = {"grant_type": "authorization_code", "code": back["code"]}
        pair = (await api.token_call(**fields, redirect_uri=api.greeting["redirect_uris"][0])).json
        api.token = pair["access_token"]
        async with ear() as listener:
            await verified_callback(api, listener, "client.create")
        books, now = await read(api), api.sandbox.clock.now()
    async with sandbox_api(**kept) as api:
        assert api.greeting["refresh_token"] == pair["refresh_token"]
        api.token = pair["access_token"]
        assert await read(api) == books
        assert api.sandbox.clock.now() >= now
        assert [row.verified for row in api.books.callbacks.values()] == [True]
        assert (await api.get(SWITCHES)).json["payment_on_deleted"]["value"] == "accept"
        renewed = await api.token_call(grant_type="refresh_token", refresh_token=pair["refresh_token"])
        assert renewed.status == 200
        again = await api.token_call(grant_type="refresh_token", refresh_token=partner["refresh_token"])
        assert again.status == 200
    with pytest.raises(ValueError, match="--seed 1 --invoices 20"):
        async with sandbox_api(**{**kept, "invoices": (21,)}):
            pass


async def test_a_torn_last_line_on_disk_is_left_out(tmp_path: Path) -> None:
    kept = {"data_dir": tmp_path, "invoices": (3,)}
    async with sandbox_api(**kept) as api:
        await api.client(organization="Kept")
    with (tmp_path / "operations.jsonl").open("ab") as file:
        file.write(b'{"type":"written","at":"2026')
    for name in ("Second", "Third"):
        async with sandbox_api(**kept) as api:
            await api.client(organization=name)
    async with sandbox_api(**kept) as api:
        rows = (await api.get("users/clients", per_page=3)).result["clients"]
    assert [row["organization"] for row in rows] == ["Third", "Second", "Kept"]


async def start(*arguments: str) -> tuple[asyncio.subprocess.Process, Json]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.sandbox", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


async def test_the_command_prints_one_line_serves_and_stops_on_sigterm() -> None:
    process, greeting = await start("--invoices", "20,5", "--seed", "3", "--redirect-uri", "https://x.example/back")
    try:
        assert set(greeting) >= {
            "base_url", "auth_url", "client_id", "client_secret", "redirect_uris", "accounts", "refresh_token",
            "access_token", "logins", "control_url",
        }  # fmt: skip
        assert [row["role"] for row in greeting["accounts"]] == ["owner", "owner", "client"] * 2
        assert greeting["redirect_uris"] == ["https://x.example/back"]
        assert len(greeting["logins"]) == 2
    finally:
        os.kill(process.pid, signal.SIGTERM)
        rest, _ = await process.communicate()
    assert process.returncode == 0
    assert rest == b""


async def test_the_command_says_in_a_sentence_why_it_cannot_start(tmp_path: Path) -> None:
    plan = tmp_path / "faults.json"
    plan.write_text('{"action": {"kind": "nonsense"}}', encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.sandbox", "--faults-file", str(plan), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().startswith("The sandbox cannot start: The fault rules cannot be used: ")
    assert "Traceback" not in errors.decode()
