"""A person at a browser, as far as the demo's check needs one: follows links, fills in forms, keeps cookies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import aiohttp
from typing_extensions import override

BAD_STATUS = 400


class PageRefused(Exception):
    """A page answered with an error, or does not offer what the person wants to press."""


@dataclass(slots=True)
class Form:
    """A form of a page: where it is sent, and the values its fields hold; `choices` are a select's options by label."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the person looks at."""

    url: str
    text: str
    forms: tuple[Form, ...]

    def form(self, action: str) -> Form:
        """Find the form that is sent to a path ending so."""
        for form in self.forms:
            if urlsplit(form.action).path.rstrip("/").endswith(action.rstrip("/")):
                return form
        raise PageRefused(f"{self.url} offers no form for {action}")


class Person:
    """One browser with its own cookies."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, url: str) -> Page:
        """Follow a link, redirects included."""
        async with self._session.get(url) as answer:
            return await _read(answer)

    async def submit(self, page: Page, action: str, values: Mapping[str, str] | None = None) -> Page:
        """Fill in a form of the page and press its button; fields not named keep what they hold."""
        form = page.form(action)
        url = urljoin(page.url, form.action)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        data = {**form.fields, **(values or {})}
        async with self._session.post(url, data=data, headers={"Origin": origin, "Referer": page.url}) as answer:
            return await _read(answer)


async def _read(answer: aiohttp.ClientResponse) -> Page:
    text = await answer.text()
    if answer.status >= BAD_STATUS:
        raise PageRefused(f"{answer.url} answered {answer.status}")
    reader = _Forms()
    reader.feed(text)
    return Page(url=str(answer.url), text=text, forms=tuple(reader.forms))


class _Forms(HTMLParser):
    """Collects a page's forms with their hidden, typed and chosen values."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False
        self._select = ""
        self._option: str | None = None

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(action=given.get("action", ""), method=given.get("method", "get")))
            self._open = True
        elif self._open and tag == "input":
            self._input(given)
        elif self._open and tag == "select":
            self._select = given.get("name", "")
        elif self._open and tag == "option":
            self._option = given.get("value", "")
            if "selected" in given:
                self.forms[-1].fields[self._select] = self._option

    @override
    def handle_data(self, data: str) -> None:
        if self._option is not None and data.strip():
            self.forms[-1].choices.setdefault(self._select, {})[data.strip()] = self._option

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        if tag == "option":
            self._option = None

    def _input(self, given: dict[str, str]) -> None:
        is_box = given.get("type") in {"checkbox", "radio"}
        if "name" in given and given.get("type") != "submit" and (not is_box or "checked" in given):
            self.forms[-1].fields[given["name"]] = given.get("value", "on" if is_box else "")
