"""The demo's check: the whole story through real pages, and every broken rule named by its step."""

import json
import socket
import sys

import anyio
import pytest

from tests.system.program import environment, run

STEPS = {
    "connect": ["C1", "C2"],
    "Pending, then Connected": ["C3"],
    "accounts": ["C4", "C5"],
    "pay in AP -> payment in FB": ["W1", "W4", "W7", "P8"],
    "pay in FB -> paid in AP": ["P4"],
    "edit unpaid -> changes": ["P2"],
    "edit paid -> frozen": ["P5"],
    "delete in FB -> not archived": ["P6"],
    "partial payment and credit -> amount due": ["P3"],
    "ACH fails after its push -> due again": ["W2", "P7"],
    "bookkeeper edits our payment -> issue": ["P8"],
    "payouts -> a month that adds up": ["W6"],
    "a PDF only while switched on": ["O4"],
    "deleted in FB -> archived while switched on": ["O1"],
}


def free_ports(count: int) -> list[str]:
    """Ports that nobody listens on."""
    with_sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(server.getsockname()[1]) for server in with_sockets]
    for server in with_sockets:
        server.close()
    return ports


@pytest.mark.timeout(120)
async def test_the_whole_story_holds_and_every_step_names_its_rules() -> None:
    public, sandbox, internal = free_ports(3)
    command = [
        *(sys.executable, "-m", "daemon", "demo", "--check", "--json"),
        *("--port", public, "--sandbox-port", sandbox, "--internal-port", internal),
    ]
    with anyio.fail_after(100):
        done = await anyio.run_process(command, check=False, env=environment())
    report = json.loads(done.stdout)
    wrong = [step for step in report["steps"] if not step["ok"]]
    assert wrong == [], wrong
    assert done.returncode == 0
    assert report["ok"] is True
    told = {step["name"]: step["rules"] for step in report["steps"]}
    assert {name: told.get(name) for name in STEPS} == STEPS
    assert all(step["seconds"] >= 0 and step["detail"] for step in report["steps"])


async def test_a_busy_port_is_one_sentence_with_the_next_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = await run("sandbox", "--port", port)
    assert done.code == 1
    assert "choose another --port" in done.errors
    assert "Traceback" not in done.errors
