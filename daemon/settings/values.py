"""How single settings are written: durations, addresses, lists in one line, secrets and keys."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, SecretStr
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class NeedsRestart:
    """Marks a key that a running daemon cannot change: a reload that would change it is refused by name."""


RESTART: Final = NeedsRestart()

# ---- durations -------------------------------------------------------------------------------------------------------

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(value: object) -> object:
    """Read "20s", "3m", "1h30m", "7d" or a number of seconds; anything else is refused with these examples."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _seconds(value)
    if isinstance(value, str):
        text = value.replace(" ", "")
        if _NUMBER.fullmatch(text):
            return _seconds(float(text))
        parts = _PART.findall(text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            return _seconds(sum(float(number) * _UNITS[unit] for number, unit in parts))
    raise ValueError(f'{value!r} is no duration: write it as "20s", "3m", "1h30m", "7d" or a number of seconds')


def _seconds(number: float) -> timedelta:
    try:
        return timedelta(seconds=number)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{number} seconds is no duration: write a number of seconds below 1e13") from error


def format_duration(value: timedelta) -> str:
    """Write a duration as the settings file does, in its largest whole units: 3m, 1h30m, 1.5s."""
    seconds, parts = value.total_seconds(), []
    for unit in ("d", "h", "m"):
        whole, seconds = divmod(seconds, _UNITS[unit])
        if whole:
            parts.append(f"{whole:.0f}{unit}")
    if seconds or not parts:
        parts.append(f"{seconds:g}s")
    return "".join(parts)


def _above_zero(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError('the duration must be above 0: write it as "20s", "3m", "1h30m" or "7d"')
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    AfterValidator(_above_zero),
    PlainSerializer(format_duration, when_used="json"),
]
"""A length of time above zero."""

# ---- addresses -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and port to listen on; port 0 lets the system choose one."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a unix socket to listen on."""

    path: Path

    @override
    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class InheritedSocket:
    """The socket that systemd opened for us (socket activation)."""

    @override
    def __str__(self) -> str:
        return "systemd"


Listen = TcpAddress | UnixAddress | InheritedSocket
_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]]+)):(?P<port>\d{1,5})")
_PORT_MAX: Final = 65535


def parse_listen(value: object) -> object:
    """Read "HOST:PORT", "[::1]:PORT", "unix:/path" or "systemd"."""
    if not isinstance(value, str):
        return value
    if value == "systemd":
        return InheritedSocket()
    if value.startswith("unix:/"):
        return UnixAddress(Path(value.removeprefix("unix:")))
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match["port"]) > _PORT_MAX:
        raise ValueError(
            f'{value!r} is no address: write it as "127.0.0.1:8080", "[::1]:8080", "unix:/run/NAME.sock" or "systemd"'
        )
    return TcpAddress(match["six"] or match["host"], int(match["port"]))


ListenOn = Annotated[Listen, BeforeValidator(parse_listen), PlainSerializer(str, when_used="json")]
"""Where a listener listens."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def parse_url(value: object) -> object:
    """Accept https anywhere and http on this machine only; a path below the host is kept, a trailing slash is not."""
    if not isinstance(value, str):
        return value
    if value == "":
        return value
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("this is no URL: write it as https://host") from error
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise ValueError("this is no URL: write it as https://host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a URL here has no user, query or fragment: write it as https://host/path")
    if parts.scheme == "http" and host not in _LOOPBACK and not host.endswith(".localhost"):
        raise ValueError("plain http would send secrets in the clear: use https (http is for this machine only)")
    return value.rstrip("/")


Url = Annotated[str, BeforeValidator(parse_url)]
"""An https URL, or an http one of this machine."""

# ---- words, paths, secrets -------------------------------------------------------------------------------------------


def split_words(text: str) -> tuple[str, ...]:
    """Read words that blanks or commas separate."""
    return tuple(re.split(r"[\s,]+", text.strip())) if text.strip() else ()


def _split(value: object) -> object:
    return split_words(value) if isinstance(value, str) else value or ()


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A list of words; in one line they are separated by blanks or commas."""


def _path(value: object) -> object:
    return None if value == "" else value


OptionalPath = Annotated[
    Path | None, BeforeValidator(_path), PlainSerializer(lambda path: str(path or ""), when_used="json")
]
"""A path; empty means none."""

Secret = SecretStr
"""A value that no print, log or error ever shows."""


def parse_dsn(value: SecretStr) -> SecretStr:
    """Accept the address of a Postgres, of several hosts too; nothing of it is echoed, as it may hold a password."""
    text = value.get_secret_value()
    refusal = "this is no address of a Postgres: write it as postgresql://USER@HOST/DATABASE"
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError(refusal)
    try:
        parts = urlsplit(text)
        is_possible = "," in parts.netloc or parts.port != 0
    except ValueError as error:
        raise ValueError(refusal) from error
    if not is_possible:
        raise ValueError(refusal)
    return value


def parse_nats(value: SecretStr) -> SecretStr:
    """Accept the addresses of one NATS; nothing of them is echoed, as they may hold a password or a token."""
    for server in split_words(value.get_secret_value()):
        try:
            parts = urlsplit(server)
            is_possible = parts.scheme in {"nats", "tls"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_possible = False
        if not is_possible or any(sign in server.partition("://")[2] for sign in "/?#"):
            raise ValueError(
                "this is no address of a NATS: write it as tls://HOST:4222, or nats://HOST:4222 without TLS, with "
                "USER:PASSWORD@ or TOKEN@ before the host where it asks for one, and several separated by commas"
            )
    return value


_NKEY_SEED: Final = r"SU[A-Z2-7]{56}"
_CREDS_FILE: Final = re.compile(
    rf"-+BEGIN NATS USER JWT-+\s+\S+\s+-+END NATS USER JWT-+.*-+BEGIN USER NKEY SEED-+\s+{_NKEY_SEED}\s+-+END",
    re.DOTALL,
)


def parse_nats_credentials(value: SecretStr) -> SecretStr:
    """Accept what a NATS user signs in with: the text of a .creds file, or an nkey's seed. Nothing of it is echoed."""
    text = value.get_secret_value().strip()
    if text and not re.fullmatch(_NKEY_SEED, text) and not _CREDS_FILE.search(text):
        raise ValueError(
            "these are no credentials of a NATS user: give the whole text of the .creds file, its user's JWT and seed, "
            "or the seed of an nkey, which begins with SU"
        )
    return SecretStr(text)


KEY_BYTES: Final = 32
LINK_KEY_CHARACTERS_MIN: Final = 32
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def parse_key_id(value: str) -> str:
    """Accept a short name that can stand in front of a colon or a dot."""
    if not _KEY_ID.fullmatch(value):
        raise ValueError("a key id is 1 to 64 letters, digits, dashes or underscores: for example 2026-01")
    return value


def parse_key(value: SecretStr) -> SecretStr:
    """Accept the base64 text of exactly 32 bytes."""
    try:
        size = len(base64.b64decode(value.get_secret_value(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the key is no base64 text: {HOW_TO_MAKE_A_KEY}") from error
    if size != KEY_BYTES:
        raise ValueError(f"the key has {size} bytes and needs {KEY_BYTES}: {HOW_TO_MAKE_A_KEY}")
    return value


def parse_link_key(value: SecretStr) -> SecretStr:
    """Accept a text that is too long to be guessed."""
    size = len(value.get_secret_value())
    if size < LINK_KEY_CHARACTERS_MIN:
        raise ValueError(
            f"the key has {size} characters and needs {LINK_KEY_CHARACTERS_MIN} or more: {HOW_TO_MAKE_A_LINK_KEY}"
        )
    return value


HOW_TO_MAKE_A_LINK_KEY: Final = "make one with: openssl rand -hex 32"
HOW_TO_MAKE_A_KEY: Final = "make one with: openssl rand -base64 32"


def parse_keys(value: object) -> object:
    """Read "ID:KEY ID:KEY" in one line, as a credential or an environment variable has it; tables pass."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":") for part in re.split(r"[\s,]+", value.strip()) if part]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError("keys in one line are written ID:KEY, separated by blanks")
    return [{"id": name, "key": key} for name, _, key in pairs]
