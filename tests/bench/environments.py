"""The peers' environments, each made by uv in a cache of its own; nothing of theirs is ever installed into ours."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PEERS: Final = Path(__file__).with_name("peers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another way to do the same work: a script, and the packages it stands on."""

    name: str
    script: str
    packages: tuple[str, ...]


SDK: Final = Peer(
    name="official SDK + psycopg",
    script="sdk_loop.py",
    packages=("freshbooks-sdk==1.3.0", "psycopg[binary]==3.3.6", "orjson==3.13.0"),
)
DLT: Final = Peer(name="dlt", script="dlt_source.py", packages=("dlt[postgres]==1.31.0",))
SINGER: Final = Peer(
    name="Singer", script="singer_tap.py", packages=("singer-sdk==0.54.9", "meltanolabs-target-postgres==0.8.1")
)
AIRBYTE: Final = Peer(name="PyAirbyte", script="airbyte_source.py", packages=("airbyte==0.71.3",))
ALL: Final = (SDK, DLT, SINGER, AIRBYTE)


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freshbooks-syncd-bench"


def python_of(peer: Peer) -> Path:
    return _place(peer) / "bin" / "python"


def is_made(peer: Peer) -> bool:
    return (_place(peer) / "made").exists()


def make(peer: Peer) -> None:
    """Make a peer's environment unless it is there. Raises CalledProcessError with what uv said."""
    if is_made(peer):
        return
    place, uv = _place(peer), [str(Path(sys.executable).with_name("uv")), "--no-config", "--system-certs"]
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python_of(peer)), *peer.packages], check=True)
    (place / "made").touch()


def _place(peer: Peer) -> Path:
    packages = hashlib.sha256(" ".join((sys.version, *peer.packages)).encode()).hexdigest()[:12]
    return cache() / f"{peer.script.removesuffix('.py')}-{packages}"
