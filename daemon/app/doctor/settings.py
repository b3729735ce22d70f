"""The settings themselves: readable, private, complete, and with addresses that browsers and FreshBooks can use."""

import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from daemon.app.doctor.findings import Finding, fault, ok, split, warning
from daemon.app.keys import key_ring
from daemon.core.errors import SettingsError
from daemon.settings import Settings, require_complete
from daemon.settings.model import CALLBACK_PATH

_SECRETS: Final = (
    ("postgres", "dsn"),
    ("leases", "nats"),
    ("freshbooks", "client_secret"),
    ("encryption", "keys"),
    ("public", "link_keys"),
)


def check_file(path: Path | None, load: Callable[[], Settings]) -> tuple[Settings | None, Finding]:
    """Whether the settings can be read at all."""
    place = str(path or "the environment alone")
    try:
        return load(), ok("settings file", f"read from {place}")
    except SettingsError as error:
        return None, fault("settings file", *split(str(error)))


def check_permissions(path: Path | None) -> Iterator[Finding]:
    """Whether a file with secrets in it is closed to other users of the machine."""
    if path is None:
        return
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    held = [f"{section}.{key}" for section, key in _SECRETS if tables.get(section, {}).get(key)]
    mode = stat.S_IMODE(path.stat().st_mode)
    if held and mode & stat.S_IROTH:
        detail = f"{path} holds {', '.join(held)} and every user of this machine may read it (mode {mode:04o})"
        yield fault("settings private", detail, f"chmod 640 {path}   (and chgrp it to the daemon's group)")
    else:
        yield ok("settings private", f"mode {mode:04o}" + ("" if held else ", no secrets in it"))


def check_complete(settings: Settings) -> Finding:
    """Whether a daemon can run with them."""
    try:
        require_complete(settings)
        key_ring(settings)
    except SettingsError as error:
        return fault("settings complete", *split(str(error)))
    return ok("settings complete", "client id and secret, encryption and link keys are given")


def check_addresses(settings: Settings) -> Iterator[Finding]:
    """Whether browsers and FreshBooks can reach what they are told to reach."""
    base, redirect = settings.base_url(), settings.redirect_uri()
    at_home = _is_local(settings.freshbooks.api_url)
    if urlsplit(base).scheme == "https" or at_home:
        yield ok("public address", base or "none")
    else:
        yield fault(
            "public address",
            f"partners' browsers would be sent to {base or 'nowhere'}, which is not https",
            'set public.base_url = "https://..." to the address of your TLS proxy',
        )
    wanted = base + CALLBACK_PATH
    if urlsplit(redirect).scheme != "https" and not at_home:
        yield fault(
            "redirect address",
            f"FreshBooks takes https addresses only, not {redirect}",
            "set public.base_url to an https address, and register it with " + CALLBACK_PATH + " at FreshBooks",
        )
    elif redirect != wanted:
        yield warning(
            "redirect address",
            f"FreshBooks sends browsers to {redirect}; this daemon answers at {wanted}",
            f"leave freshbooks.redirect_uri unset, or let {urlsplit(redirect).netloc} pass it on to {wanted}",
        )
    else:
        yield ok("redirect address", f"exactly this must be registered at FreshBooks: {redirect}")


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")
