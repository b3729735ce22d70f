"""A small server that hears webhooks and checks their signatures on its own account."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.polling import eventually


@dataclass(frozen=True)
class Heard:
    fields: dict[str, str]
    signature: str

    def is_signed_with(self, verifier: str) -> bool:
        """Checked as FreshBooks documents it, without the sandbox's code."""
        text = json.dumps(self.fields)
        digest = hmac.new(verifier.encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode() == self.signature


@dataclass
class Ear:
    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    _taken: set[int] = field(default_factory=set)

    async def _hear(self, request: web.Request) -> web.Response:
        form = await request.post()
        fields = {key: str(value) for key, value in form.items()}
        self.heard.append(Heard(fields, request.headers["X-FreshBooks-Hmac-SHA256"]))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def named(self, name: str) -> list[Heard]:
        return [each for each in self.heard if each.fields["name"] == name]

    async def next(self, name: str) -> Heard:
        """The next delivery of this name that was not taken yet."""

        def fresh() -> list[int]:
            names = [each.fields["name"] for each in self.heard]
            return [n for n, each in enumerate(names) if each == name and n not in self._taken]

        first = (await eventually(fresh))[0]
        self._taken.add(first)
        return self.heard[first]


@asynccontextmanager
async def ear() -> AsyncIterator[Ear]:
    listener = Ear()
    app = web.Application()
    app.router.add_post("/hook", listener._hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield listener
    finally:
        await runner.cleanup()
