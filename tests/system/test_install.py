"""The README's install steps, followed line by line on a fresh machine, end with a connected partner."""

import re

import pytest

from tests.polling import until
from tests.requirements import needs_root_systemd, needs_system_postgres
from tests.system.hosted import CONFIG, SANDBOX, Host, start_sandbox
from tests.system.machine import PROJECT, booted

pytestmark = [
    needs_root_systemd,
    needs_system_postgres,
    pytest.mark.slow,
    pytest.mark.xdist_group("machine"),
    pytest.mark.timeout(600),
]


def steps() -> list[str]:
    """The scripts of the README's section, in order."""
    _, _, section = (PROJECT / "README.md").read_text().partition("\n## Install on a Debian host\n")
    return re.findall(r"^```sh\n(.*?)^```$", section.partition("\n## ")[0], re.MULTILINE | re.DOTALL)


def test_the_install_steps_followed_line_by_line_end_with_a_connected_partner() -> None:
    program, settings, database, service, partner = steps()
    with booted() as machine:
        machine.shell(program, network=True)
        host = Host(machine, start_sandbox(machine))
        machine.shell(f"CLIENT_SECRET={host.freshbooks['client_secret']}\n{settings}")
        edit(host)
        machine.shell(database)
        assert machine.shell(service).endswith("ok\n")
        link = machine.shell(partner).strip()
        who = host.freshbooks["logins"][0]
        visitor = "/srv/freshbooks-syncd/tests/system/visitor.py"
        machine.run("/opt/freshbooks-syncd/bin/python", visitor, link, who["email"], who["password"])
        status = "SELECT status FROM sync.connection WHERE partner_id = 'acme'"
        until(lambda: host.sql(status) == "connected", 60)
        assert machine.shell("systemctl is-enabled freshbooks-syncd.socket freshbooks-syncd").split() == ["enabled"] * 2
        assert machine.shell("stat -c '%U %a' /etc/freshbooks-syncd/credentials/*").split() == ["root", "600"] * 4


def edit(host: Host) -> None:
    """What the person sets, and, since the test's FreshBooks is a local one, where that is."""
    place = host.machine.path(CONFIG)
    text = place.read_text().replace("CLIENT_ID", host.freshbooks["client_id"])
    text = text.replace("https://books.example.com", "http://127.0.0.1:8080")
    place.write_text(text.replace("[freshbooks]\n", f'[freshbooks]\napi_url = "{SANDBOX}"\nauth_url = "{SANDBOX}"\n'))
