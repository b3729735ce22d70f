"""Asks a public listener without a pause over fresh connections until a file appears; each answer is a printed line.

Run inside a machine: load.py URL STOP_FILE
"""

import asyncio
import sys
from pathlib import Path

import aiohttp

WORKERS = 2
PAUSE_S = 0.005


def _tell(answer: str) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


async def _ask(url: str, stop: Path) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
        while not stop.exists():
            try:
                async with session.get(url, allow_redirects=False) as answer:
                    await answer.read()
                    _tell(str(answer.status))
            except (aiohttp.ClientError, TimeoutError) as error:
                _tell(repr(error))
            await asyncio.sleep(PAUSE_S)  # noqa: TID251 -- leaves the processor to the daemon it asks


async def _main(url: str, stop: Path) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(_ask(url, stop))


asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
