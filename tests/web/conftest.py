"""What the tests of the pages may ask for."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser as Chromium

from tests.web.api_site import ApiSite, serving_api
from tests.web.chromium import Window, launch, open_window
from tests.web.site import Browser, Site, serve


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serve() as running:
        yield running


@pytest.fixture
async def browser(site: Site) -> Browser:
    return await site.browser()


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    async with launch() as running:
        yield running


@pytest.fixture
async def window(site: Site, chromium: Chromium) -> AsyncIterator[Window]:
    async with open_window(site, chromium) as opened:
        yield opened


@pytest.fixture
async def api(database: str) -> AsyncIterator[ApiSite]:
    async with serving_api(database) as site:
        yield site
