"""Keys rotated beside the running daemon, by the command line alone: nothing is lost and the old key goes (Tokens)."""

import json
import signal
import stat
from pathlib import Path

import pytest

from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import ENCRYPTION_KEY, Program, config_file, run, running, settings_text

pytestmark = pytest.mark.timeout(120)


async def test_a_key_is_added_put_in_force_rotated_to_and_the_old_one_taken_away(database: str, tmp_path: Path) -> None:
    line = tmp_path / "encryption.keys"
    async with opened_books(database) as books:
        partner = await books.add(5)
        async with running(tmp_path, books.settings()) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await add_key(program, line)
            program.configure(with_keys(books, line.read_text()))
            program.send(signal.SIGHUP)
            await program.line("settings_reloaded")
            await rotate_to(program)
            await pays(books, partner, "pay_1")
            program.send(signal.SIGTERM)
            assert await program.end() == 0
        async with running(tmp_path, with_keys(books, line.read_text().split()[0])) as program:
            await pays(books, partner, "pay_2")
            found = await run("keys", "status", "--config", str(program.config))
            assert found.code == 0
            assert "k1" not in found.output


async def add_key(program: Program, line: Path) -> None:
    added = await run("keys", "add", "--config", str(program.config), "--id", "k2", "--to", str(line))
    assert added.code == 0, added.errors
    assert "systemctl reload" in added.errors
    assert stat.S_IMODE(line.stat().st_mode) == 0o600
    assert line.read_text().split()[1] == f"k1:{ENCRYPTION_KEY}"


async def rotate_to(program: Program) -> None:
    config = ("--config", str(program.config))
    before = await run("keys", "status", *config, "--json")
    found = [json.loads(line) for line in before.output.splitlines()]
    assert [(row["key"], row["total"], row["may_go"]) for row in found] == [("k2", 0, False), ("k1", 2, False)]
    rotated = await run("keys", "rotate", *config)
    assert (rotated.code, rotated.errors) == (0, "")
    assert "2 secrets were sealed anew" in rotated.output
    assert "may go" in rotated.output


async def pays(books: Books, partner: Partner, payment_id: str) -> None:
    """A payment still reaches FreshBooks: the tokens can be used."""
    (invoice,) = await books.unpaid(partner)
    await books.pay(partner, invoice, payment_id)
    await eventually(lambda: books.recorded(partner, payment_id), within_s=20)


async def test_a_key_that_is_missing_is_found_by_status(database: str, tmp_path: Path) -> None:
    async with opened_books(database) as books:
        await books.add(1)
    with config_file(tmp_path, settings_text(database).replace("k1", "k9")) as config:
        found = await run("keys", "status", "--config", str(config))
    assert found.code == 3
    assert "missing from the settings: put it back" in found.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--id", "k1"), "there is a key k1 already"),
        (("--id", "a b"), "a key id is 1 to 64 letters"),
        (("--id", "k2", "--to", "/nowhere/keys"), "cannot be written"),
    ],
)
async def test_a_key_that_cannot_be_added_is_refused_with_the_reason(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    with config_file(tmp_path, settings_text()) as config:
        ended = await run("keys", "add", "--config", str(config), *arguments)
    assert ended.code == 2
    assert sentence in ended.errors
    assert ended.output == ""


def with_keys(books: Books, line: str) -> str:
    """The settings with these keys, written as one line."""
    text = books.settings()
    present = next(row for row in text.splitlines() if row.startswith("keys = "))
    return text.replace(present, f'keys = "{line.strip()}"')
