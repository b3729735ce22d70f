"""The API of the real daemon, with a token that an operator made and takes back."""

import json
from pathlib import Path

import aiohttp

from tests.system.partner import insert_partner
from tests.system.program import Ended, config_file, run, running, settings_text


async def tokens(config: Path, *arguments: str) -> Ended:
    return await run("tokens", arguments[0], "--config", str(config), *arguments[1:])


async def status(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{url}/v1/connection") as answer:
        return answer.status


async def test_a_machine_calls_the_api_until_its_token_is_revoked(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    async with running(tmp_path, settings_text(database)) as program:
        made = await tokens(program.config, "create", "acme", "--name", "books", "--days", "3")
        assert made.code == 0, made.errors
        token, url = made.output.strip(), await program.url("public")
        assert await status(url, token) == 200
        listed = json.loads((await tokens(program.config, "list", "acme", "--json")).output)
        assert (listed["name"], listed["last_used_at"] is None, listed["revoked_at"]) == ("books", False, None)
        assert token not in json.dumps(listed)
        assert (await tokens(program.config, "revoke", "acme", "books")).code == 0
        assert await status(url, token) == 401
        assert "revoked" in (await tokens(program.config, "list")).output
        assert token not in program.log.read_text()


async def test_a_token_that_cannot_be_is_one_sentence(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    with config_file(tmp_path, settings_text(database)) as config:
        for code, words, arguments in (
            (4, "the platform knows no partner nobody", ("create", "nobody", "--name", "x")),
            (2, "no such scope: everything", ("create", "acme", "--name", "x", "--scope", "everything")),
            (2, "is no name of a token", ("create", "acme", "--name", "a b")),
            (4, "acme has no live token x", ("revoke", "acme", "x")),
        ):
            ended = await tokens(config, *arguments)
            assert (ended.code, words in ended.sentence) == (code, True), ended
        assert (await tokens(config, "create", "acme", "--name", "x")).code == 0
        again = await tokens(config, "create", "acme", "--name", "x")
        assert (again.code, "has a live token x already" in again.sentence) == (4, True)
