"""Builds the web application that serves one sandbox."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from daemon.sandbox import (
    api_accounting,
    api_auth,
    api_business,
    api_documents,
    api_events,
    api_journal,
    control,
    control_books,
    control_faults,
    pages_books,
    pages_oauth,
)
from daemon.sandbox.call import SANDBOX
from daemon.sandbox.sandbox import Sandbox

_BODY_MAX = 4 * 1024 * 1024


def build_app(sandbox: Sandbox) -> web.Application:
    """The application with the API, the pages and the control API of `sandbox`."""
    app = web.Application(client_max_size=_BODY_MAX)
    app[SANDBOX] = sandbox
    control.add_routes(app)
    control_books.add_routes(app)
    control_faults.add_routes(app)
    pages_oauth.add_routes(app)
    pages_books.add_routes(app)
    api_auth.add_routes(app)
    api_documents.add_routes(app)
    api_accounting.add_routes(app)
    api_business.add_routes(app)
    api_events.add_routes(app)
    api_journal.add_routes(app)
    app.cleanup_ctx.append(_courier)
    return app


async def _courier(app: web.Application) -> AsyncIterator[None]:
    """Deliver webhooks while the application runs."""
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(app[SANDBOX].courier.run())
        yield
        delivering.cancel()
