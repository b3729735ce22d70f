"""What can be chosen when a sandbox is started."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Calls per window (FB API s7): all calls, and accounting creates apart. 0 means unlimited."""

    calls: int = 600
    creates: int = 250
    window_s: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Everything a sandbox needs to start; the same options always give the same books.

    `invoices` holds one size per account: `(1500, 120)` starts two logins, each with an account of its own.
    `allow_http_redirects` is the named exception from FreshBooks' https-only redirect rule (FB API s2.6).
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    invoices: tuple[int, ...] = (100,)
    data_dir: Path | None = None
    redirect_uris: tuple[str, ...] = ("https://localhost/callback",)
    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - a local simulator's well-known secret
    allow_http_redirects: bool = False
    webhooks: bool = True
    faults_file: Path | None = None
    clock_start: datetime | None = None
    clock_rate: float = 1.0
    rate_limits: RateLimits = RateLimits()
    request_log_size: int = 20_000
    cache_bytes: int = 512 * 1024 * 1024
    switches: tuple[tuple[str, object], ...] = ()
