"""Whatever can happen to a connection tells whether anything was sent, and a payment is sent once or not at all."""

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.core.backfill import Pass
from daemon.core.errors import (
    FreshBooksAnswerInvalid,
    FreshBooksUnavailable,
)
from daemon.core.model import Resource
from tests.adapters import freshbooks_rows as rows
from tests.adapters.freshbooks_servers import account_at, answering, no, speaking, told, told_account, yes

INVOICES = Pass(resource=Resource.INVOICES)
PAYMENTS = Pass(resource=Resource.PAYMENTS)


# ---- no whole answer -------------------------------------------------------------------------------------------------


async def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with account_at(base_url) as account:
            with pytest.raises(FreshBooksUnavailable) as caught:
                await account.create_payment(rows.DRAFT, may_send=yes)
    assert caught.value.unsent


async def test_an_unknown_host_proves_that_nothing_was_sent() -> None:
    async with account_at("http://freshbooks.invalid") as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.create_payment(rows.DRAFT, may_send=yes)
    assert caught.value.unsent


@contextmanager
def full_backlog() -> Iterator[str]:
    """A port whose queue of connections is full: the next one is neither taken nor refused."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_connection_that_never_opens_proves_that_nothing_was_sent() -> None:
    with full_backlog() as base_url:
        async with account_at(base_url, timeout=timedelta(milliseconds=300)) as account:
            with pytest.raises(FreshBooksUnavailable) as caught:
                await account.create_payment(rows.DRAFT, may_send=yes)
    assert caught.value.unsent


async def test_an_answer_that_never_comes_proves_nothing() -> None:
    async def stall(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass

    async with speaking(stall) as base_url, account_at(base_url, timeout=timedelta(milliseconds=200)) as account:
        with pytest.raises(FreshBooksUnavailable, match="in time") as caught:
            await account.create_payment(rows.DRAFT, may_send=yes)
    assert not caught.value.unsent


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"response": {"re',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"220 mail.example ESMTP\r\n",
    ],
)
async def test_a_torn_answer_proves_nothing(said: bytes) -> None:
    async def tear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    async with speaking(tear) as base_url, account_at(base_url) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.create_payment(rows.DRAFT, may_send=yes)
    assert not caught.value.unsent


async def test_a_payment_is_never_sent_twice_even_on_a_connection_that_went_stale() -> None:
    posts = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal posts
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"POST"):
                posts += 1
                return
            body = json.dumps(rows.listed("invoices", [])).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()

    async with speaking(once) as base_url, account_at(base_url) as account:
        await account.list_page(INVOICES, 1, 100)
        with pytest.raises(FreshBooksUnavailable):
            await account.create_payment(rows.DRAFT, may_send=yes)
    assert posts == 1


async def test_an_answer_without_end_is_cut_off() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65536)
        except ConnectionError:
            return response

    async with answering(pour) as server, account_at(server.base_url, bytes_max=1_000_000) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="1000000 bytes"):
            await account.list_page(INVOICES, 1, 100)


async def test_a_small_packed_answer_cannot_grow_past_the_limit() -> None:
    bomb = web.Response(body=gzip.compress(b" " * 5_000_000), headers={"Content-Encoding": "gzip"})
    async with told_account(bomb, bytes_max=1_000_000) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="1000000 bytes"):
            await account.list_page(INVOICES, 1, 100)


async def test_a_token_is_not_carried_along_a_redirect() -> None:
    page = told(rows.listed("invoices", []))
    async with answering([page]) as elsewhere:
        moved = told("", 302, Location=elsewhere.base_url)
        async with answering([moved]) as server, account_at(server.base_url) as account:
            with pytest.raises(FreshBooksAnswerInvalid, match="302"):
                await account.list_page(INVOICES, 1, 100)
    assert elsewhere.asked == []


# ---- the last moment before a send -----------------------------------------------------------------------------------


async def test_a_claim_that_ran_out_sends_nothing() -> None:
    made = told(rows.single("payment", rows.payment()))
    async with answering([made]) as server, account_at(server.base_url) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.create_payment(rows.DRAFT, may_send=no)
    assert caught.value.unsent
    assert server.asked == []


async def test_a_claim_is_asked_for_only_once_the_connection_stands() -> None:
    connections = 0
    asked_at: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        assert await reader.read() == b""

    def may_send() -> bool:
        asked_at.append(connections)
        return False

    async with speaking(talk) as base_url, account_at(base_url) as account:
        with pytest.raises(FreshBooksUnavailable):
            await account.create_payment(rows.DRAFT, may_send=may_send)
    assert len(asked_at) == 1


async def test_a_claim_stands_for_its_own_payment_alone() -> None:
    made = told(rows.single("payment", rows.payment()))
    async with answering([made]) as server, account_at(server.base_url) as account:
        async with asyncio.TaskGroup() as group:
            good = group.create_task(account.create_payment(rows.DRAFT, may_send=yes))
            bad = group.create_task(expect_unsent(account))
        assert good.result().id == 31
        assert bad.result()
    assert len(server.asked) == 1


async def expect_unsent(account: FreshBooksAccount) -> bool:
    try:
        await account.create_payment(rows.DRAFT, may_send=no)
    except FreshBooksUnavailable as error:
        return error.unsent
    return False
