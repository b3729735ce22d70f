"""A daemon installed on a booted machine beside a Postgres and a local FreshBooks, as an operator would have it."""

import base64
import json
from dataclasses import dataclass
from typing import Any, Final

from tests.polling import until
from tests.system.machine import Machine, install_in_place

SERVICE: Final = "freshbooks-syncd.service"
SOCKET: Final = "freshbooks-syncd.socket"
PUBLIC: Final = "http://127.0.0.1:8080"
INTERNAL: Final = "http://127.0.0.1:9464"
SANDBOX: Final = "http://sandbox.localhost:8090"
CONFIG: Final = "/etc/freshbooks-syncd/daemon.toml"
CREDENTIALS: Final = "/etc/freshbooks-syncd/credentials"
PROGRAM: Final = "/opt/freshbooks-syncd/bin/freshbooks-syncd"
WATCHDOG_S: Final = 3
LINK_KEY: Final = "canary-link-key-" + "l" * 32
ENCRYPTION_KEY: Final = base64.b64encode(b"canary-encryption-key-32-bytes!!").decode()
# Shorter than the shipped ones, so that a test sees in seconds what takes an operator's host longer.
IMPATIENT: Final = f"""
[Unit]
StartLimitIntervalSec=0
[Service]
WatchdogSec={WATCHDOG_S}s
RestartSec=100ms
"""


@dataclass(slots=True)
class Host:
    """The machine, and what stands on it."""

    machine: Machine
    freshbooks: dict[str, Any]

    def configure(self, *, public: str = "systemd", internal: str = "127.0.0.1:9464", more: str = "") -> None:
        """Put a settings file in place; secrets are credentials."""
        self.machine.write(
            CONFIG,
            f'[freshbooks]\napi_url = "{SANDBOX}"\nauth_url = "{SANDBOX}"\n'
            f'client_id = "{self.freshbooks["client_id"]}"\n'
            f'redirect_uri = "{PUBLIC}/oauth/freshbooks/callback"\n'
            + ('egress_dir = "/run/freshbooks-syncd-egress"\n' if internal == "systemd" else "")
            + f'[public]\nlisten = "{public}"\nbase_url = "{PUBLIC}"\n[internal]\nlisten = "{internal}"\n{more}\n',
        )

    def credential(self, name: str, text: str) -> None:
        """Put a secret in place, for root alone to read."""
        self.machine.write(f"{CREDENTIALS}/{name}", text + "\n", mode=0o600)

    def serve(self) -> None:
        """See the service run with good settings on disk."""
        self.configure()
        self.machine.systemctl("start", SOCKET, SERVICE)

    def get(self, url: str, *options: str) -> tuple[int, str]:
        """Fetch a page from inside the machine; status 0 is no answer."""
        done = self.machine.run("curl", "-s", "-m", "10", "-w", "\\n%{http_code}", *options, url, check=False)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def metric(self, name: str) -> float:
        """Read a series of /metrics by its whole name."""
        lines = self.get(f"{INTERNAL}/metrics")[1].splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))

    def is_ready(self) -> bool:
        """Ask /readyz."""
        return self.get(f"{INTERNAL}/readyz")[0] == 200

    def sql(self, statement: str) -> str:
        """Ask the daemon's database as its superuser."""
        command = ("runuser", "-u", "postgres", "--", "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "freshbooks_syncd")
        return self.machine.run(*command, "-c", statement).stdout.strip()

    def link(self, partner_id: str) -> str:
        """Make a link into a partner's dashboard, as the operator's command does."""
        done = self.machine.run(PROGRAM, "link", "--config", CONFIG, "--credentials", CREDENTIALS, partner_id)
        return done.stdout.strip()

    def connect(self, partner_id: str) -> None:
        """Let the partner connect as a person would, and see the initial sync through."""
        who = self.freshbooks["logins"][0]
        script = "/srv/freshbooks-syncd/tests/system/visitor.py"
        python = "/opt/freshbooks-syncd/bin/python"
        self.machine.run(python, script, self.link(partner_id), who["email"], who["password"])
        asked = f"SELECT status FROM sync.connection WHERE partner_id = '{partner_id}'"  # noqa: S608 -- a test's own name
        until(lambda: self.sql(asked) == "connected", 30)


def start_sandbox(machine: Machine, *, invoices: int = 30) -> dict[str, Any]:
    """Run a local FreshBooks on the machine; give the line that it printed."""
    machine.write("/etc/hosts", "127.0.0.1 localhost sandbox.localhost machine\n::1 localhost\n")
    machine.run(
        *("systemd-run", "--unit=sandbox", "-q", "-p", "StandardOutput=file:/run/sandbox.json", PROGRAM, "sandbox"),
        *("--port", "8090", "--invoices", str(invoices), "--allow-http-redirects", "--no-webhooks"),
        *("--redirect-uri", f"{PUBLIC}/oauth/freshbooks/callback"),
    )
    told = machine.path("/run/sandbox.json")
    line = until(lambda: told.exists() and told.read_text().endswith("\n") and told.read_text(), 30)
    greeting: dict[str, Any] = json.loads(str(line))
    return greeting


def hosted(machine: Machine) -> Host:
    """Install everything but start only Postgres and the local FreshBooks."""
    install_in_place(machine)
    machine.write("/etc/systemd/system/freshbooks-syncd.service.d/impatient.conf", IMPATIENT)
    machine.systemctl("daemon-reload")
    host = Host(machine, start_sandbox(machine))
    host.configure()
    dsn = "postgresql:///freshbooks_syncd?host=/var/run/postgresql"
    machine.path(CREDENTIALS).mkdir(mode=0o700)
    host.credential("postgres.dsn", dsn)
    host.credential("freshbooks.client_secret", host.freshbooks["client_secret"])
    host.credential("encryption.keys", f"k1:{ENCRYPTION_KEY}")
    host.credential("public.link_keys", f"p1:{LINK_KEY}")
    machine.shell(f"""
        pg_lsclusters -h | grep -q '^15 *main' || pg_createcluster 15 main
        systemctl start postgresql@15-main
        cd /
        runuser -u postgres -- createdb freshbooks_syncd
        runuser -u postgres -- env SYNCD_POSTGRES__DSN='{dsn}' {PROGRAM} migrate
        runuser -u postgres -- createuser freshbooks-syncd
        runuser -u postgres -- psql -q -c 'GRANT syncd TO "freshbooks-syncd"'
    """)
    host.sql("INSERT INTO platform.partner (partner_id, name) VALUES ('acme', 'Acme')")
    return host
