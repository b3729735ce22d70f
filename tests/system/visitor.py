"""A partner at a browser, run inside a machine: follows a link, presses Connect, logs in at FreshBooks, presses Allow.

visitor.py LINK EMAIL PASSWORD
"""

import asyncio
import sys
from urllib.parse import urljoin

import aiohttp

from daemon.demo.person import Person


async def _main(link: str, email: str, password: str) -> None:
    jar = aiohttp.CookieJar(unsafe=True)  # it keeps cookies of an address without a name, too
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        person = Person(session)
        await person.open(link)
        login = await person.open(urljoin(link, "/integrations/freshbooks/connect"))
        consent = await person.submit(login, "/oauth/login", {"email": email, "password": password})
        landed = await person.submit(consent, "/oauth/authorize", {"decision": "allow"})
        if landed.url.endswith("/business"):
            choice = next(iter(landed.form("/business").fields.items()), None)
            raise SystemExit(f"several businesses were offered: {choice}")
        sys.stdout.write(landed.url + "\n")


asyncio.run(_main(*sys.argv[1:]))
