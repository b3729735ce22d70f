"""The shipped rules and dashboard as files: right by Prometheus' own tools, and asking only for what there is."""

import json
import re
import subprocess
from typing import Final

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from daemon.adapters.metrics import Metrics
from tests.requirements import needs_prometheus
from tests.system.watcher import ALERTS, CONFIG, DASHBOARD, RULES, expressions

FOREIGN: Final = frozenset(
    {"up", "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"}
)


def known_series() -> frozenset[str]:
    """Every series that the daemon can have, by name."""
    text = generate_latest(Metrics(CollectorRegistry()).registry).decode()
    named = re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE)
    parts = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("", "_total"), "info": ("_info",)}
    return frozenset(name + part for name, kind in named for part in parts.get(kind, ("",)))


@needs_prometheus
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml", "recording.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "tests.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_the_rules_right(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_runbook_and_a_case_in_which_it_fires_and_one_in_which_it_clears(alert: str) -> None:
    rules, cases = (RULES / "alerts.yml").read_text(), (RULES / "tests.yml").read_text()
    assert f'runbook_url: "runbooks.md#{alert.lower()}"' in rules
    _, _, section = (CONFIG / "runbooks.md").read_text().partition(f"\n## {alert}\n")
    for word in ("**Symptom.**", "**Means.**", "**First.**", "**Clears**"):
        assert word in section.partition("\n## ")[0]
    assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", cases)
    assert re.search(rf"alertname: {alert}, exp_alerts: \[\]", cases)


def test_rules_and_dashboard_ask_only_for_series_that_there_are() -> None:
    text = "\n".join(expr for _, expr in expressions()) + (RULES / "alerts.yml").read_text()
    text += (RULES / "recording.yml").read_text()
    asked = set(re.findall(r"\b(?:syncd_|process_)\w+", re.sub(r"instance:\w+:\w+|record: .*", "", text)))
    assert asked - known_series() - FOREIGN - {"syncd_partner_drift"} == set()


def test_every_panel_counts_by_rates_and_chooses_the_instance() -> None:
    for title, expr in expressions():
        assert 'instance=~".+"' in expr, title
        for counter in re.findall(r"syncd_\w+_(?:total|bucket)\b", expr):
            assert re.search(rf"(?:rate|increase)\({counter}", expr), title


def test_every_panel_says_what_it_shows() -> None:
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["title"] for panel in panels}) == len(panels)
