"""Asks a public listener without a pause over fresh connections until a file appears, and prints what was answered.

Run inside a machine: load.py URL STOP_FILE
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import aiohttp

WORKERS = 2
PAUSE_S = 0.005


async def _ask(url: str, stop: Path, answers: Counter[str]) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
        while not stop.exists():
            try:
                async with session.get(url, allow_redirects=False) as answer:
                    await answer.read()
                    answers[str(answer.status)] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                answers[repr(error)] += 1
            await asyncio.sleep(PAUSE_S)  # noqa: TID251 -- leaves the processor to the daemon it asks


async def _main(url: str, stop: Path) -> None:
    answers: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(_ask(url, stop, answers))
    sys.stdout.write(json.dumps(answers))


asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
