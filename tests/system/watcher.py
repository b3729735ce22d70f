"""The shipped rules and dashboard, and a real Prometheus that judges them over one daemon."""

import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio

from tests.polling import eventually

CONFIG: Final = Path(__file__).parents[2] / "config"
RULES: Final = CONFIG / "prometheus"
DASHBOARD: Final = CONFIG / "grafana" / "freshbooks-syncd.json"
ALERT: Final = re.compile(r"- alert: (\w+)")
ALERTS: Final = ALERT.findall((RULES / "alerts.yml").read_text())
SCRAPE_S: Final = 1


def hurried(rules: str) -> str:
    """Make every minute of the rules a second, in durations and in thresholds, and change nothing else.

    Two rules wait for what cannot be hurried: starts get two seconds for a minute, and figures that are read from
    Postgres every fifteen seconds get six.
    """
    rules = rules.replace('{job="freshbooks-syncd"}[15m])', '{job="freshbooks-syncd"}[30s])')
    rules = rules.replace("> 3 * 60", "> 3 * 6")
    return re.sub(r"\b(\d+)m\b", r"\1s", rules).replace(" * 60", " * 1")


def expressions() -> list[tuple[str, str]]:
    """The dashboard's expressions with their panels' titles, and its variables filled in as Grafana does."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", ())]
    filled = {"$__rate_interval": "15s", "$instance": ".+"}
    for name, value in filled.items():
        found = [(title, expr.replace(name, value)) for title, expr in found]
    return found


@dataclass(frozen=True, slots=True)
class Watcher:
    """A running Prometheus."""

    url: str
    http: aiohttp.ClientSession

    async def ask(self, path: str, **params: str) -> Any:
        async with self.http.get(f"{self.url}/api/v1/{path}", params=params) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["data"]

    async def firing(self) -> set[str]:
        alerts = (await self.ask("alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    async def fire(self, *names: str, within_s: float = 90.0) -> None:
        """Wait until each has fired, were it only for as long as its window is."""
        fired = set[str]()

        async def all_fired() -> bool:
            fired.update(await self.firing())
            return set(names) <= fired

        await self._within(all_fired, names, within_s)

    async def clear(self, *names: str, within_s: float = 90.0) -> None:
        async def none_fires() -> bool:
            return not set(names) & await self.firing()

        await self._within(none_fires, names, within_s)

    async def _within(self, probe: Callable[[], Any], names: Collection[str], within_s: float) -> None:
        try:
            await eventually(probe, within_s=within_s, every_s=0.2)
        except AssertionError as error:
            raise AssertionError(f"of {names} fire {await self.firing() & set(names)}") from error


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def prometheus(directory: Path, target: str) -> AsyncIterator[Watcher]:
    """Run a Prometheus with the shipped rules, hurried, over one daemon."""
    for name in ("alerts.yml", "recording.yml"):
        (directory / name).write_text(hurried((RULES / name).read_text()))
    config = (RULES / "prometheus.yml").read_text().replace("127.0.0.1:9464", target).replace("15s", f"{SCRAPE_S}s")
    (directory / "prometheus.yml").write_text(f"global: {{evaluation_interval: {SCRAPE_S}s}}\n{config}")
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    process = await anyio.open_process(command, stdin=-3, stdout=None, stderr=None)
    try:
        async with aiohttp.ClientSession() as http:
            watcher = Watcher(f"http://{address}", http)

            async def is_up() -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{watcher.url}/-/ready") as answer:
                        return answer.status == 200
                return False

            await eventually(is_up, within_s=30)
            yield watcher
    finally:
        with anyio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.aclose()
