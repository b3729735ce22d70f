"""The way out of a daemon without a network: one socket per host, TLS from end to end, and nothing else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from daemon.adapters.freshbooks.calls import Call, Caller, open_session
from daemon.core.errors import FreshBooksUnavailable
from tests.certificate import self_signed


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server shows as api.example, and what this process trusts."""
    both = self_signed("api.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(both))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@asynccontextmanager
async def served(path: Path, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"host": request.host, "path": request.path})

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(path), ssl_context=tls).start()
        yield
    finally:
        await runner.cleanup()


async def ask(base_url: str, directory: Path) -> bytes:
    async with open_session(egress=directory) as session:
        caller = Caller(session=session, base_url=base_url, user_agent="tests")
        return (await caller.call(Call(method="GET", path="/x"))).body


async def test_a_host_is_reached_through_its_socket_with_tls_from_end_to_end(
    certificate: ssl.SSLContext, tmp_path: Path
) -> None:
    async with served(tmp_path / "api.example.sock", certificate):
        assert await ask("https://api.example", tmp_path) == b'{"host": "api.example", "path": "/x"}'


async def test_whoever_sits_behind_the_socket_must_be_that_host(certificate: ssl.SSLContext, tmp_path: Path) -> None:
    async with served(tmp_path / "auth.example.sock", certificate):
        with pytest.raises(FreshBooksUnavailable, match=r"auth\.example") as caught:
            await ask("https://auth.example", tmp_path)
    assert caught.value.unsent


async def test_a_host_without_a_socket_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(FreshBooksUnavailable, match=r"elsewhere\.example") as caught:
        await ask("https://elsewhere.example", tmp_path)
    assert caught.value.unsent


async def test_a_host_of_this_machine_needs_no_tls(tmp_path: Path) -> None:
    async with served(tmp_path / "sandbox.localhost.sock"):
        assert b"sandbox.localhost:8090" in await ask("http://sandbox.localhost:8090", tmp_path)


async def test_a_socket_that_nobody_answers_is_given_up_in_time(tmp_path: Path) -> None:
    held = list[asyncio.StreamWriter]()
    server = await asyncio.start_unix_server(lambda _, writer: held.append(writer), str(tmp_path / "slow.example.sock"))
    async with server, open_session(egress=tmp_path) as session:
        timeout = aiohttp.ClientTimeout(sock_connect=0.2)
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            await session.get("https://slow.example/", timeout=timeout)
    for writer in held:
        writer.close()
