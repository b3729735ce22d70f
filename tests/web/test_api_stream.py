"""The API's stream of events: told as they happen, read on after the last, and only to whom they belong (T4)."""

import aiohttp
import anyio
import pytest

from daemon.adapters.http.api.streaming import STREAM
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.core.desk.log import EventRow
from daemon.core.model import PartnerId
from tests.adapters.postgres_rows import PARTNER
from tests.polling import eventually
from tests.web.api_site import OTHER, ApiSite

INSERT = "INSERT INTO platform.event (partner_id, kind, subject) VALUES ($1, 'reconnect_needed', $2)"


async def test_events_are_streamed_as_they_happen_and_read_on_after_the_last(api: ApiSite) -> None:
    last = (await api.get("/events")).json["data"][-1]["id"]
    headers = {"Authorization": f"Bearer {api.jwt()}", "Last-Event-ID": str(last)}
    async with api.client.get(f"{api.site.url}{STREAM}", headers=headers) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        await eventually(lambda: api.site.hub.open_streams == 1)
        await api.books.execute(INSERT, PARTNER, "connection")
        api.site.hub.publish(PARTNER)
        text = await _heard(response, "changed")
    assert "event: reconnect_needed" in text
    assert f"id: {last + 1}" in text
    assert "issue_opened" not in text


async def test_an_event_that_comes_while_the_events_are_read_is_told_before_what_changed(
    api: ApiSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reads = DeskActions.events, 0

    async def events(self: DeskActions, partner_id: PartnerId, after: int) -> tuple[EventRow, ...]:
        nonlocal reads
        reads += 1
        rows = tuple(await read(self, partner_id, after))
        if reads == 1:
            await api.books.execute(INSERT, PARTNER, "late")
            api.site.hub.publish(PARTNER)
        return rows

    monkeypatch.setattr(DeskActions, "events", events)
    headers = {"Authorization": f"Bearer {api.jwt()}"}
    async with api.client.get(f"{api.site.url}{STREAM}", headers=headers) as response:
        text = await _heard(response, "event: changed")
    assert "late" in text


async def test_a_stranger_hears_nothing_of_another_partner(api: ApiSite) -> None:
    headers = {"Authorization": f"Bearer {api.jwt(OTHER)}"}
    async with api.client.get(f"{api.site.url}{STREAM}", headers=headers) as response:
        await eventually(lambda: api.site.hub.open_streams == 1)
        for partner, subject in ((PARTNER, "theirs"), (OTHER, "own")):
            await api.books.execute(INSERT, partner, subject)
            api.site.hub.publish(partner)
        text = await _heard(response, "own")
    assert "theirs" not in text
    assert "issue_opened" not in text


async def _heard(response: aiohttp.ClientResponse, wanted: str) -> str:
    text = ""
    with anyio.fail_after(10):
        while wanted not in text:
            text += (await response.content.readany()).decode()
    return text
