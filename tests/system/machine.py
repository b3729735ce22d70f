"""A machine of its own with a real systemd as process 1, which costs half a second and leaves nothing behind.

It sees this machine's programs and files, writes to a layer that vanishes, and has only a loopback network.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.polling import until

HERE: Final = Path(__file__).parent
PROJECT: Final = HERE.parents[1]
HERE_INSIDE: Final = "/srv/freshbooks-syncd"
BOOT_S: Final = 30.0
COMMAND_S: Final = 120.0
INSTALL_S: Final = 400.0
NAMESPACES: Final = ("--pid", "--mount", "--cgroup", "--uts", "--ipc", "--net")
ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Machine:
    """A booted machine, driven from outside; `pid` is its process 1 as the host sees it."""

    pid: int

    def run(self, *command: str, check: bool = True, network: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root; with `network` in the host's network and environment, to install packages."""
        entered = ["--pid", "--mount", "--cgroup", "--uts", "--ipc", *(() if network else ("--net",))]
        done = subprocess.run(
            ["nsenter", "--target", str(self.pid), *entered, "--wdns=/", "--", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_S if network else COMMAND_S,
            stdin=subprocess.DEVNULL,
            env=dict(os.environ) | ENVIRONMENT if network else ENVIRONMENT,
        )
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}{done.stdout}"
        return done

    def shell(self, script: str, *, check: bool = True, network: bool = False) -> str:
        """Run a script inside that ends with its first failing command; tell what it printed."""
        return self.run("bash", "-euo", "pipefail", "-c", script, check=check, network=network).stdout

    def systemctl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Ask the machine's systemd."""
        return self.run("systemctl", *arguments, check=check)

    def shows(self, unit: str, name: str) -> str:
        """Read one property of a unit."""
        return self.systemctl("show", "--value", "-p", name, unit).stdout.strip()

    def journal(self, unit: str, since: str = "") -> str:
        """What a unit wrote, and what systemd wrote about it, since a cursor."""
        after = (f"--after-cursor={since}",) if since else ()
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "-o", "cat", *after, "-u", unit).stdout

    def cursor(self) -> str:
        """The journal's end now."""
        self.run("journalctl", "--sync")
        shown = self.run("journalctl", "--no-pager", "-n", "1", "--show-cursor", "-o", "cat").stdout
        return shown.rpartition("-- cursor: ")[2].strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a file in place at once, as an editor does."""
        place = self.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(place.name + ".new")
        new.write_text(text)
        new.chmod(mode)
        new.replace(place)

    def path(self, inside: str) -> Path:
        """A path of the machine's as the host reaches it."""
        return Path(f"/proc/{self.pid}/root{inside}")


@contextlib.contextmanager
def booted() -> Iterator[Machine]:
    """Boot a machine that has the project in /srv/freshbooks-syncd; it is switched off in the end."""
    with tempfile.TemporaryDirectory(prefix="machine-") as name, _cgroup(Path(name).name) as cgroup:
        scaffold, log = Path(name, "scaffold"), Path(name, "log")
        scaffold.mkdir()
        script = f'echo $$ >"{cgroup}/cgroup.procs"; exec unshare "$@"'
        namespaces = (*NAMESPACES, "--fork", "--propagation", "private", "--kill-child=KILL")
        command = [
            "bash",
            "-c",
            script,
            "boot",
            *namespaces,
            "bash",
            str(HERE / "machine.sh"),
            str(scaffold),
            str(PROJECT),
        ]
        with log.open("wb") as said, _ended(subprocess.Popen(command, stdin=-3, stdout=said, stderr=said)) as process:
            machine = Machine(until(lambda: _process_one(process, log), BOOT_S))
            until(lambda: _is_up(machine), BOOT_S)
            yield machine
            machine.systemctl("--force", "poweroff", check=False)


@contextlib.contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    try:
        yield process
    finally:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()  # and the kernel kills all that is inside, by --kill-child
            process.wait()


@contextlib.contextmanager
def _cgroup(name: str) -> Iterator[Path]:
    """A cgroup for the machine's systemd to rule over."""
    mounts = subprocess.run(["findmnt", "-nt", "cgroup2", "-o", "TARGET"], capture_output=True, text=True, check=True)
    place = Path(mounts.stdout.split()[0], name)
    place.mkdir()
    try:
        yield place
    finally:
        for directory in [*sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True), place]:
            with contextlib.suppress(OSError):
                until(lambda each=directory: not (each / "cgroup.procs").read_text(), 5.0)  # type: ignore[misc]
                directory.rmdir()


def _process_one(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """The child of `unshare`, once it is systemd and no longer the script; 0 before."""
    assert process.poll() is None, f"it did not boot: {log.read_text()}"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
    return 0


def _is_up(machine: Machine) -> bool:
    return machine.systemctl("is-system-running", check=False).stdout.strip() in {"running", "degraded"}


def install_in_place(machine: Machine) -> None:
    """Put the tests' own environment where an installed daemon has its program, without copying it."""
    packages = next((PROJECT / ".venv" / "lib").glob("python3*/site-packages")).relative_to(PROJECT / ".venv")
    python = (PROJECT / ".venv" / "bin" / "python").resolve()
    machine.shell(f"""
        mkdir -p /opt/freshbooks-syncd/bin /opt/freshbooks-syncd/{packages}
        ln -s {python} /opt/freshbooks-syncd/bin/python
        cp {HERE_INSIDE}/.venv/pyvenv.cfg /opt/freshbooks-syncd/
        printf '%s\\n' {HERE_INSIDE} {HERE_INSIDE}/.venv/{packages} >/opt/freshbooks-syncd/{packages}/here.pth
        printf '%s\\n' '#!/opt/freshbooks-syncd/bin/python' 'from daemon.cli import main' 'main()' \\
            >/opt/freshbooks-syncd/bin/freshbooks-syncd
        chmod 755 /opt/freshbooks-syncd/bin/freshbooks-syncd
    """)
    install_units(machine)


def install_units(machine: Machine, *drop_ins: str) -> None:
    """Copy the units, and these drop-ins."""
    units = PROJECT / "systemd"
    for unit in units.glob("freshbooks-syncd*"):
        shutil.copy(unit, machine.path("/etc/systemd/system/"))
    for name in drop_ins:
        place = machine.path("/etc/systemd/system/freshbooks-syncd.service.d")
        place.mkdir(exist_ok=True)
        shutil.copy(units / "drop-ins" / name, place)
    machine.systemctl("daemon-reload")
