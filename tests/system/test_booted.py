"""The service under a real systemd as process 1: start, reload, watchdog, restarts, stop, and no network at all."""

import json
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.polling import until
from tests.requirements import needs_root_systemd
from tests.system.hosted import (
    CONFIG,
    ENCRYPTION_KEY,
    INTERNAL,
    LINK_KEY,
    PUBLIC,
    SERVICE,
    SOCKET,
    Host,
    hosted,
)
from tests.system.machine import PROJECT, booted, install_units

pytestmark = [needs_root_systemd, pytest.mark.xdist_group("machine"), pytest.mark.timeout(180)]

REPLACED_WITHIN_S = 60.0
"""The watchdog's patience, a start, and a busy machine."""
ANSWERS_PER_RESTART = 10


@pytest.fixture(scope="module")
def installed() -> Iterator[Host]:
    with booted() as machine:
        yield hosted(machine)


@pytest.fixture
def host(installed: Host) -> Host:
    """The host with the service running and good settings in place."""
    installed.serve()
    return installed


def main_pid(host: Host) -> int:
    return int(host.machine.shows(SERVICE, "MainPID"))


def restarts(host: Host) -> int:
    return int(host.machine.shows(SERVICE, "NRestarts"))


def kill(host: Host, number: signal.Signals) -> None:
    host.machine.run("kill", f"-{number.value}", str(main_pid(host)))


def events(journal: str, name: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in journal.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == name]


# ---- start and reload ------------------------------------------------------------------------------------------------


def test_a_start_ends_when_the_daemon_is_ready(host: Host) -> None:
    assert host.machine.shows(SERVICE, "ActiveState") == "active"
    assert host.is_ready()
    assert host.machine.shows(SERVICE, "StatusText").startswith("Running")


def test_a_reload_returns_when_the_settings_are_in_force(host: Host) -> None:
    for minutes in (1, 2, 3, 4, 5):
        host.configure(more=f'[sync]\ninvoices_interval = "{minutes}m"\n[log]\nlevel = "debug"')
        since = host.machine.cursor()
        host.machine.systemctl("reload", SERVICE)
        (told,) = events(host.machine.journal(SERVICE, since), "settings_reloaded")
        assert "sync.invoices_interval" in told["changes"]  # type: ignore[operator]
    assert host.machine.shows(SERVICE, "ActiveState") == "active"


def test_a_reload_of_wrong_settings_fails_sends_no_signal_and_changes_nothing(host: Host) -> None:
    pid, since = main_pid(host), host.machine.cursor()
    host.configure(more="[rate]\nburst = 0")
    assert host.machine.systemctl("reload", SERVICE, check=False).returncode != 0
    journal = host.machine.journal(SERVICE, since)
    assert "rate.burst: it must be greater than or equal to 1" in journal
    assert events(journal, "signal_received") == []
    assert (main_pid(host), host.is_ready()) == (pid, True)
    assert host.metric("syncd_config_last_reload_successful") == 1


def test_a_reload_that_needs_a_restart_fails_by_name_and_changes_nothing(host: Host) -> None:
    pid, since = main_pid(host), host.machine.cursor()
    host.configure(internal="127.0.0.1:9999")
    assert host.machine.systemctl("reload", SERVICE, check=False).returncode != 0
    journal = host.machine.journal(SERVICE, since)
    assert "freshbooks-syncd: internal.listen needs a restart, and nothing was changed" in journal
    assert (main_pid(host), host.is_ready()) == (pid, True)
    assert host.metric("syncd_config_last_reload_successful") == 0


def test_a_reload_brings_new_secrets_though_systemd_reads_them_at_a_start_only(host: Host) -> None:
    old = host.link("acme")
    assert host.get(old)[0] == 303
    try:
        host.credential("public.link_keys", "p2:" + "n" * 40)
        new = host.link("acme")
        assert host.get(new)[0] in {401, 403}
        host.machine.systemctl("reload", SERVICE)
        assert host.get(new)[0] == 303
        assert host.get(old)[0] in {401, 403}
        handed_over = host.machine.shell("stat -Lc '%U %a' /run/freshbooks-syncd/credentials.json").split()
        assert handed_over == ["freshbooks-syncd", "600"]
        host.machine.systemctl("restart", SERVICE)
        assert not host.machine.path("/run/private/freshbooks-syncd/credentials.json").exists()
        assert host.get(host.link("acme"))[0] == 303
    finally:
        host.credential("public.link_keys", f"p1:{LINK_KEY}")


def test_sighup_alone_reloads_too(host: Host) -> None:
    since = host.machine.cursor()
    kill(host, signal.SIGHUP)
    until(lambda: events(host.machine.journal(SERVICE, since), "settings_reloaded"))
    assert host.is_ready()


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_blocked_loop_is_killed_by_the_watchdog_and_the_journal_shows_the_blocking_line(host: Host) -> None:
    before, since = restarts(host), host.machine.cursor()
    # A settings file that never ends its first byte: who opens a pipe waits for a writer.
    host.machine.shell(f"mkfifo -m 644 {CONFIG}.pipe; mv {CONFIG}.pipe {CONFIG}")
    kill(host, signal.SIGHUP)
    until(lambda: not host.is_ready())
    host.configure()
    until(lambda: restarts(host) > before and host.is_ready(), REPLACED_WITHIN_S)
    journal = host.machine.journal(SERVICE, since)
    assert "Watchdog timeout" in journal
    line = next(number for number, text in enumerate(lines_of("load.py"), 1) if 'path.open("rb")' in text)
    assert re.search(rf'File ".*/daemon/settings/load\.py", line {line} in _read_file', journal)


def lines_of(name: str) -> list[str]:
    return (PROJECT / "daemon" / "settings" / name).read_text().splitlines()


def test_a_frozen_process_is_replaced(host: Host) -> None:
    before, pid = restarts(host), main_pid(host)
    kill(host, signal.SIGSTOP)
    until(lambda: restarts(host) > before and host.is_ready(), REPLACED_WITHIN_S)
    assert main_pid(host) != pid


def test_a_killed_process_is_replaced(host: Host) -> None:
    before, pid = restarts(host), main_pid(host)
    kill(host, signal.SIGKILL)
    until(lambda: restarts(host) > before and host.is_ready())
    assert main_pid(host) != pid


def test_wrong_settings_at_a_start_are_not_tried_again_and_again(host: Host) -> None:
    host.machine.systemctl("stop", SERVICE)
    host.configure(more="[rate]\nburst = 0")
    host.machine.systemctl("start", SERVICE, check=False)
    assert host.machine.shows(SERVICE, "ActiveState") == "failed"
    assert host.machine.shows(SERVICE, "ExecMainStatus") == "2"


# ---- stop and restart ------------------------------------------------------------------------------------------------


def test_a_stop_drains_and_ends_well(host: Host) -> None:
    since = host.machine.cursor()
    host.machine.systemctl("stop", SERVICE)
    journal = host.machine.journal(SERVICE, since)
    assert [bool(events(journal, name)) for name in ("draining", "stopped", "drain_cut_short")] == [True, True, False]
    assert host.machine.shows(SERVICE, "Result") == "success"
    assert host.machine.shows(SERVICE, "ExecMainStatus") == "0"


def test_the_first_request_starts_a_stopped_service(host: Host) -> None:
    host.machine.systemctl("stop", SERVICE)
    assert host.get(f"{PUBLIC}/", "-m", "30")[0] == 200
    assert host.machine.shows(SERVICE, "ActiveState") == "active"


def _has_lines(file: Path, wanted: int) -> bool:
    return len(file.read_text().splitlines()) >= wanted


def test_five_restarts_under_load_fail_no_request(host: Host) -> None:
    stop, script = "/run/stop-load", "/srv/freshbooks-syncd/tests/system/load.py"
    host.machine.run("systemd-run", "--unit=load", "-q", "-p", "StandardOutput=file:/run/load.txt", "--collect",
                     "/opt/freshbooks-syncd/bin/python", script, f"{PUBLIC}/", stop)  # fmt: skip
    told = host.machine.path("/run/load.txt")
    for _ in range(5):
        wanted = len(told.read_text().splitlines()) + ANSWERS_PER_RESTART
        host.machine.systemctl("restart", SERVICE)
        assert host.is_ready()
        until(partial(_has_lines, told, wanted))
    host.machine.run("touch", stop)
    until(lambda: host.machine.shows("load.service", "ActiveState") == "inactive")
    assert set(told.read_text().splitlines()) == {"200"}


# ---- at work ---------------------------------------------------------------------------------------------------------


def test_a_partner_connects_and_is_synchronised(host: Host) -> None:
    host.connect("acme")
    assert int(host.sql("SELECT count(*) FROM platform.invoice WHERE partner_id = 'acme'")) == 30


def test_a_daemon_without_any_network_is_started_answers_and_reaches_freshbooks_and_nothing_else(host: Host) -> None:
    machine = host.machine
    machine.systemctl("stop", SERVICE, SOCKET)
    install_units(machine, "private-network.conf")
    egress = "freshbooks-syncd-egress@sandbox.localhost"
    machine.write(  # the local FreshBooks has another port than the real one
        f"/etc/systemd/system/{egress}.service.d/port.conf",
        "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:8090\n",
    )
    machine.systemctl("daemon-reload")
    try:
        host.configure(internal="systemd")
        machine.systemctl("start", f"{egress}.socket", SOCKET, SERVICE)
        assert host.is_ready()
        if host.sql("SELECT status FROM sync.connection WHERE partner_id = 'acme'") != "connected":
            host.connect("acme")
        before = host.metric('syncd_freshbooks_requests_total{answer="2xx",method="GET"}')
        host.sql("SELECT pg_notify('syncd_wake', 'acme:connection')")
        until(lambda: host.metric('syncd_freshbooks_requests_total{answer="2xx",method="GET"}') > before, 40)
        judged = machine.run("systemd-analyze", "security", "--no-pager", "--threshold=2", SERVICE, check=False)
        assert judged.returncode == 0, judged.stdout
        links = machine.run("nsenter", "--target", str(main_pid(host)), "--net", "--", "ip", "-br", "link").stdout
        assert [line.split()[0] for line in links.splitlines()] == ["lo"]
    finally:
        machine.run("rm", "/etc/systemd/system/freshbooks-syncd.service.d/private-network.conf")
        machine.systemctl("daemon-reload")
        machine.systemctl("stop", SERVICE, "freshbooks-syncd-internal.socket")


def test_the_instances_of_one_host_run_side_by_side(host: Host) -> None:
    machine = host.machine
    machine.write("/etc/systemd/system/freshbooks-syncd@.service.d/impatient.conf", "[Service]\nRestartSec=100ms\n")
    for name, port in (("one", 9471), ("two", 9472)):
        host.configure(internal=f"127.0.0.1:{port}")
        machine.run("cp", CONFIG, f"/etc/freshbooks-syncd/{name}.toml")
        machine.systemctl("start", f"freshbooks-syncd@{name}.socket", f"freshbooks-syncd@{name}.service")
        assert host.get(f"http://127.0.0.1:{port}/readyz")[0] == 200
        socket = ("--unix-socket", f"/run/freshbooks-syncd-{name}.sock")
        assert host.get("http://public/", *socket)[0] == 200
    machine.systemctl("reload", "freshbooks-syncd@one.service")
    machine.systemctl("stop", "freshbooks-syncd@one.service", "freshbooks-syncd@two.service")


def test_no_secret_stands_in_the_journal(host: Host) -> None:
    journal = host.machine.run("journalctl", "--no-pager", "-o", "export").stdout
    assert '"event": "ready"' in journal
    secrets = (LINK_KEY, ENCRYPTION_KEY, host.freshbooks["client_secret"], host.freshbooks["refresh_token"])
    assert [secret for secret in secrets if secret in journal] == []


def test_no_unit_of_ours_failed_and_the_host_s_audit_finds_it_confined(host: Host) -> None:
    found = host.machine.run("systemd-analyze", "security", "--no-pager", "--threshold=11", SERVICE, check=False)
    assert found.returncode == 0, found.stdout
    failed = host.machine.systemctl("--failed", "--plain", "--no-legend").stdout
    assert "freshbooks-syncd" not in failed
    assert host.get(f"{INTERNAL}/livez")[0] == 200
