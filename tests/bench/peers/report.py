"""What every peer's process prints when it is done: its figures from after its imports on, children included."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def job() -> dict[str, Any]:
    """What to do: `url`, `token`, `account`, `dsn`, `socket`, `database`, `user`, `scratch`."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def report(work: Callable[[], None], **known: float) -> None:
    """Do the work and print what it took, or what is `known` of it already."""
    began, used = time.monotonic(), _cpu_s()
    work()
    figures = {"seconds": time.monotonic() - began, "cpu_s": _cpu_s() - used, "peak_mb": _peak_mb(), **known}
    sys.__stdout__.write("\n" + json.dumps(figures) + "\n")
    sys.__stdout__.flush()
    os._exit(0)


def _cpu_s() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return (own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
