"""An operator's commands: what they print, do and refuse, and that every act has a name in the audit log."""

import json
import os
import pwd
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import asyncpg
import click
import pytest
from click.testing import CliRunner

from daemon.adapters.clock import SystemClock
from daemon.cli import main
from tests.polling import eventually
from tests.system.books import opened_books
from tests.system.partner import insert_partner
from tests.system.program import Ended, config_file, run, running, settings_text

pytestmark = pytest.mark.timeout(120)

WHO = f"operator:{os.environ.get('SUDO_USER') or pwd.getpwuid(os.getuid()).pw_name}"


class Desk:
    """A database with one partner, and the commands on it."""

    def __init__(self, config: Path, database: asyncpg.Connection) -> None:
        self.config, self.database = config, database

    async def run(self, *arguments: str) -> Ended:
        """Run a command in this process, which saves the start of an interpreter."""
        invoke = partial(CliRunner(env={"COLUMNS": "200"}).invoke, main, [*arguments, "--config", str(self.config)])
        ended = await anyio.to_thread.run_sync(invoke)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return Ended(code=ended.exit_code, output=ended.stdout, errors=ended.stderr)

    async def does(self, *arguments: str) -> str:
        ended = await self.run(*arguments)
        assert ended.code == 0, ended.errors
        return ended.output

    async def refuses(self, *arguments: str, code: int = 4) -> str:
        ended = await self.run(*arguments)
        assert (ended.code, ended.output) == (code, ""), ended
        return ended.sentence

    async def audit(self) -> list[tuple[str, str]]:
        rows = await self.database.fetch("SELECT who, what FROM sync.audit ORDER BY audit_id")
        return [(row["who"], row["what"]) for row in rows]

    async def connection(self) -> dict[str, Any]:
        (row,) = await self.database.fetch("SELECT * FROM sync.connection WHERE partner_id = 'acme'")
        return dict(row)


@pytest.fixture
async def desk(database: str, tmp_path: Path) -> Any:
    await insert_partner(database)
    connection = await asyncpg.connect(database)
    try:
        with config_file(tmp_path, settings_text(database)) as config:
            yield Desk(config, connection)
    finally:
        await connection.close()


# ---- partners --------------------------------------------------------------------------------------------------------


async def test_partners_are_listed_and_shown(desk: Desk) -> None:
    assert "acme" in await desk.does("partners", "list")
    assert json.loads(await desk.does("partners", "list", "--json"))["partner"] == "acme"
    shown = await desk.does("partners", "show", "acme")
    assert "status:                 Pending" in shown
    assert "token generation:" in shown
    assert json.loads(await desk.does("partners", "show", "acme", "--json"))["partner_id"] == "acme"


async def test_a_partner_is_paused_and_resumed_once(desk: Desk) -> None:
    assert "partners resume acme" in await desk.does("partners", "pause", "acme")
    assert (await desk.connection())["paused"]
    assert "paused already" in await desk.refuses("partners", "pause", "acme")
    assert "partners resume acme" in await desk.refuses("sync", "acme")
    await desk.does("partners", "resume", "acme")
    assert "not paused" in await desk.refuses("partners", "resume", "acme")
    assert await desk.audit() == [(WHO, "paused syncing"), (WHO, "resumed syncing")]


async def test_a_reset_needs_a_disconnect_first_and_cancels_what_was_not_sent_visibly(desk: Desk) -> None:
    assert "partners disconnect acme" in await desk.refuses("partners", "reset", "acme", "--yes")
    await desk.does("partners", "disconnect", "acme", "--yes")
    assert (await desk.connection())["disconnecting"]
    assert "being disconnected already" in await desk.refuses("partners", "disconnect", "acme", "--yes")
    await desk.database.execute("UPDATE sync.connection SET status = 'not_connected', disconnecting = false")
    await pay(desk)
    assert "1 unsent records were cancelled" in await desk.does("partners", "reset", "acme", "--yes")
    (push,) = await desk.database.fetch("SELECT state, reason FROM sync.push")
    assert tuple(push) == ("cancelled", "connection_reset")
    assert (await desk.connection())["account_id"] is None
    assert "any FreshBooks account already" in await desk.refuses("partners", "reset", "acme", "--yes")
    assert await desk.audit() == [(WHO, "asked to disconnect"), (WHO, "reset the connection")]


async def test_nobody_to_ask_is_no_yes(desk: Desk) -> None:
    for what in ("reset", "disconnect"):
        assert "give --yes" in await desk.refuses("partners", what, "acme", code=2)
    assert await desk.audit() == []


async def pay(desk: Desk) -> None:
    await desk.database.execute(
        "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, method, "
        "status, initiated_at) SELECT 'acme', 'pay_1', account_id, 1, 5, 'USD', 'card', 'processing', now() "
        "FROM sync.connection"
    )


async def test_another_id_than_the_partner_s_changes_nothing(desk: Desk) -> None:
    typed = f"echo acne | script -qec '{sys.executable} -m daemon partners reset acme -c {desk.config}' /dev/null"
    ended = await run("-c", typed, program=("sh",))
    assert "will never be recorded there" in ended.output
    assert "nothing was changed" in ended.output
    assert await desk.audit() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("partners", "show", "nobody"),
        ("partners", "pause", "nobody"),
        ("partners", "reset", "nobody", "--yes"),
        ("partners", "disconnect", "nobody", "--yes"),
        ("sync", "nobody"),
        ("issues", "list", "nobody"),
        ("issues", "show", "nobody", "1"),
        ("issues", "settle", "nobody", "1", "--choice", "reopen"),
    ],
)
async def test_a_partner_who_is_none_is_one_sentence_with_the_next_step(arguments: tuple[str, ...], desk: Desk) -> None:
    sentence = await desk.refuses(*arguments)
    assert sentence == "there is no partner nobody: `freshbooks-syncd partners list` shows them"


# ---- sync ------------------------------------------------------------------------------------------------------------


async def test_a_sync_and_one_invoice_are_asked_for_beside_the_running_daemon(database: str, tmp_path: Path) -> None:
    async with opened_books(database) as books:
        partner = await books.add(5)
        async with running(tmp_path, books.settings()) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            desk = Desk(program.config, books.database)
            since = (await books.requests(partner))[-1]["seq"]
            assert "changes are read" in await desk.does("sync", partner.partner_id)
            await eventually(lambda: _asked(books, partner, since, "updated_min"), within_s=20)
            invoice = (await books.rows(partner))[0][0]
            since = (await books.requests(partner))[-1]["seq"]
            await desk.does("sync", partner.partner_id, "--invoice", str(invoice))
            await eventually(lambda: _asked(books, partner, since, f"/{invoice}"), within_s=20)
            assert "have no invoice 1" in await desk.refuses("sync", partner.partner_id, "--invoice", "1")
            assert {who for who, _ in await desk.audit()} >= {WHO}


async def _asked(books: Any, partner: Any, since: int, what: str) -> bool:
    return any(what in row["path"] + row["query"] for row in await books.requests(partner, since))


# ---- issues ----------------------------------------------------------------------------------------------------------


async def open_issue(desk: Desk, kind: str, subject: tuple[str, str], *actions: str) -> int:
    number: int = await desk.database.fetchval(
        "INSERT INTO sync.issue (partner_id, account_id, kind, subject_type, subject_id, reason, next_step, actions) "
        "SELECT 'acme', account_id, $1, $2, $3, 'Because.', 'Do this.', $4 FROM sync.connection RETURNING issue_id",
        kind,
        *subject,
        list(actions),
    )
    return number


async def test_issues_are_listed_shown_and_tried_again(desk: Desk) -> None:
    number = await open_issue(desk, "quarantined", ("invoices", "77"), "read_again")
    other = await open_issue(desk, "reconnect_needed", ("connection", "freshbooks"), "reconnect")
    listed = await desk.run("issues", "list")
    assert listed.errors == "2 issues\n"
    assert f"acme {number}  quarantined  invoices/77: Because." in listed.output
    assert json.loads(await desk.does("issues", "list", "acme", "--kind", "quarantined", "--json"))["issue"] == number
    shown = await desk.does("issues", "show", "acme", str(number))
    assert "Next: Do this." in shown
    assert f"issues settle acme {number} --choice read_again" in shown
    assert "read again" in await desk.does("issues", "retry", "acme", str(number))
    assert await desk.database.fetchval("SELECT reason FROM sync.reread WHERE id = 77") == "asked"
    assert "Do this." in await desk.refuses("issues", "retry", "acme", str(other))
    assert await desk.audit() == [(WHO, "asked to read it again")]


async def test_a_choice_goes_through_the_dashboard_s_own_method_and_only_what_is_offered_can_be_chosen(
    desk: Desk,
) -> None:
    await desk.database.execute(
        "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net) "
        "VALUES ('acme', 'po_1', 'succeeded', 'USD', 5)"
    )
    await desk.database.execute("UPDATE sync.push SET state = 'needs_person', reason = 'sums_differ'")
    number = str(await open_issue(desk, "deposit_stopped", ("payout", "po_1"), "accept"))
    refused = await desk.refuses("issues", "settle", "acme", number, "--choice", "reopen")
    assert refused == f"issue {number} of acme does not offer reopen; it offers accept"
    assert "accept" in await desk.does("issues", "settle", "acme", number, "--choice", "accept")
    assert await desk.database.fetchval("SELECT choice FROM sync.push") == "accept"
    assert await desk.audit() == [(WHO, "chose accept")]
    assert "has no issue 999" in await desk.refuses("issues", "settle", "acme", "999", "--choice", "accept")


async def test_a_choice_that_names_a_record_needs_its_number(desk: Desk) -> None:
    await pay(desk)
    number = str(await open_issue(desk, "push_stopped", ("payment", "pay_1"), "settled_by_hand"))
    assert "Name the payment" in await desk.refuses("issues", "settle", "acme", number, "--choice", "settled_by_hand")


async def test_a_kind_that_is_none_names_those_that_are(desk: Desk) -> None:
    ended = await desk.run("issues", "list", "--kind", "nonsense")
    assert ended.code == 2
    assert "the kinds are account_gone, amount_differs" in ended.errors


# ---- the commands themselves -----------------------------------------------------------------------------------------


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


def test_every_command_explains_itself_its_exit_codes_and_every_option() -> None:
    found = dict(commands(main))
    assert len(found) >= 24
    for name, command in found.items():
        assert "Exit codes:\n  0  " in (command.epilog or ""), name
        assert command.help, name
        options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
        assert all(option.help or option.show_default for option in options), name


# ---- status, doctor, completion --------------------------------------------------------------------------------------


async def test_status_is_shown_again_and_again_until_ctrl_c(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def wait(_: SystemClock, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(SystemClock, "sleep", wait)
    ended = await desk.run("status", "--json", "--watch", "7")
    assert (ended.code, ended.errors, waits) == (0, "", [7, 7, 7])
    assert len(ended.output.splitlines()) == 3


async def test_doctor_prints_each_check_and_exits_3_with_a_fault(desk: Desk) -> None:
    desk.config.chmod(0o640)
    ended = await desk.run("doctor")
    assert ended.code == 3
    assert "FAULT  freshbooks:" in ended.output
    assert "mend it:" in ended.output
    assert ended.errors.endswith("1 faults\n"), ended
    rows = [json.loads(line) for line in (await desk.run("doctor", "--json")).output.splitlines()]
    assert {"check", "outcome", "detail", "cure"} == set(rows[0])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_every_shell_gets_its_script(shell: str) -> None:
    ended = await run("completion", shell)
    assert ended.code == 0
    assert "_FRESHBOOKS_SYNCD_COMPLETE" in ended.output
    assert f"completion {shell} >" in ended.errors


async def test_a_shell_completes_commands() -> None:
    asked = {"_FRESHBOOKS_SYNCD_COMPLETE": "bash_complete", "COMP_WORDS": "freshbooks-syncd part", "COMP_CWORD": "1"}
    named = "import sys; sys.argv[0] = 'freshbooks-syncd'; from daemon.cli import main; main()"
    ended = await run(env=asked, program=(sys.executable, "-c", named))
    assert ended.output == "plain,partners\n"
