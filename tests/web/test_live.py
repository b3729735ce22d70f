import anyio
import pytest

from daemon.adapters.http.sse import STREAMS_PER_PARTNER_MAX, Hub, HubFull
from daemon.core.desk import Topic
from tests.polling import eventually
from tests.web.rows import OTHER, PARTNER
from tests.web.site import Browser, Site


async def _events(browser: Browser, since: str, received: list[str]) -> None:
    async with browser.client.get(f"{browser.site.url}/events?since={since}") as answer:
        assert answer.status == 200
        async for line in answer.content:
            name, _, value = line.decode().strip().partition(": ")
            received += [value] if name == "event" else []


async def test_a_page_hears_what_changed_for_its_partner_and_nothing_else(site: Site, browser: Browser) -> None:
    received: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_events, browser, site.hub.mark(PARTNER), received)
        await eventually(lambda: site.hub.open_streams == 1)
        site.hub.publish(OTHER, frozenset({Topic.ISSUES}))
        site.hub.publish(PARTNER, frozenset({Topic.INVOICES}))
        await eventually(lambda: received)
        tasks.cancel_scope.cancel()
    assert received == ["invoices"]


async def test_a_page_that_missed_something_before_its_stream_opened_reads_everything_again(
    site: Site, browser: Browser
) -> None:
    since = site.hub.mark(PARTNER)
    site.hub.publish(PARTNER, frozenset({Topic.PAYMENTS}))
    received: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_events, browser, since, received)
        await eventually(lambda: len(received) == len(Topic))
        tasks.cancel_scope.cancel()
    assert received == [topic.value for topic in Topic]


async def test_the_mark_stands_in_the_page(site: Site, browser: Browser) -> None:
    page = await browser.get("/integrations")
    assert f'sse-connect="/events?since={site.hub.mark(PARTNER)}"' in page.text


async def test_the_stream_of_a_browser_that_left_is_closed(site: Site, browser: Browser) -> None:
    received: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_events, browser, "", received)
        await eventually(lambda: received)
        tasks.cancel_scope.cancel()
    # Nothing is published that would run into the closed connection.
    await eventually(lambda: site.hub.open_streams == 0)
    assert site.hub.open_streams == 0


async def test_streams_end_when_the_listener_stops(site: Site, browser: Browser) -> None:
    received: list[str] = []
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_events, browser, "", received)
            await eventually(lambda: received)
            site.hub.close()
    assert (await browser.get("/events")).status == 503


async def test_a_partner_has_no_more_streams_than_allowed(site: Site, browser: Browser) -> None:
    received: list[str] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(STREAMS_PER_PARTNER_MAX):
            tasks.start_soon(_events, browser, "", received)
        await eventually(lambda: site.hub.open_streams == STREAMS_PER_PARTNER_MAX)
        refused = await browser.get("/events")
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "30"
        tasks.cancel_scope.cancel()


# ---- the hub ---------------------------------------------------------------------------------------------------------


async def test_pings_before_a_look_are_one_and_take_no_room() -> None:
    hub = Hub()
    with hub.watching(PARTNER, hub.mark(PARTNER)) as watch:
        for _ in range(10_000):
            hub.publish(PARTNER, frozenset({Topic.INVOICES}))
        await watch.wait()
        assert watch.take() == (Topic.INVOICES,)
        assert watch.take() == ()


async def test_a_watch_that_took_everything_waits_for_the_next_ping() -> None:
    hub = Hub()
    with hub.watching(PARTNER, hub.mark(PARTNER)) as watch:
        hub.publish(PARTNER)
        watch.take()
        with anyio.move_on_after(0.01) as waited:
            await watch.wait()
        assert waited.cancelled_caught


def test_a_mark_of_another_process_never_passes_for_ours() -> None:
    assert Hub().mark(PARTNER) != Hub().mark(PARTNER)


def test_after_something_was_missed_every_page_reads_everything_again() -> None:
    hub = Hub()
    before = hub.mark(PARTNER)
    with hub.watching(PARTNER, before) as watch, hub.watching(OTHER, hub.mark(OTHER)) as another:
        hub.publish_all()
        assert watch.take() == another.take() == tuple(Topic)
    # A page that was read before, and opens its stream only now, as well.
    with hub.watching(PARTNER, before) as late:
        assert late.take() == tuple(Topic)


def test_a_closed_hub_takes_nobody_in() -> None:
    hub = Hub()
    hub.close()
    with pytest.raises(HubFull), hub.watching(PARTNER, ""):
        pass


def test_a_hub_forgets_who_left() -> None:
    hub = Hub()
    with hub.watching(PARTNER, ""):
        assert hub.open_streams == 1
    assert hub.open_streams == 0
