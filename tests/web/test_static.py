import hashlib
import re
from pathlib import Path

import pytest

from daemon.adapters.http.rendering import HERE, STATIC
from tests.web.site import Browser, Site

VENDORS = (STATIC / "vendor", Path(__file__).parent / "vendor")


@pytest.mark.parametrize("vendor", VENDORS, ids=["shipped", "for tests"])
def test_every_vendored_file_is_the_one_its_hash_names(vendor: Path) -> None:
    named = dict(
        re.findall(r"^\| (\S+\.(?:js|css)) \|.*\| ([0-9a-f]{64}) \|$", (vendor / "README.md").read_text(), re.MULTILINE)
    )
    vendored = [path for path in vendor.iterdir() if path.suffix in {".js", ".css"}]
    assert named == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendored}


def test_no_page_holds_a_script_or_a_style_of_its_own() -> None:
    for path in (HERE / "templates").glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path.name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path.name
        assert not re.search(r"(src|href)=\"(https?:)?//", text), path.name


async def test_a_static_file_asked_for_by_its_hash_may_be_kept(site: Site) -> None:
    stranger = await site.browser(None)
    page = await stranger.get("/")
    style = re.findall(r'href="(/static/app\.css\?v=[0-9a-f]{12})"', page.text)[0]
    answer = await stranger.get(style)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_static_files_stay_in_their_folder(browser: Browser) -> None:
    for path in ("/static/", "/static/%2e%2e/security.py", "/static/..%2fsecurity.py", "/static//etc/passwd"):
        assert (await browser.get(path)).status in {400, 403, 404}
