"""`python -m daemon.sandbox`: starts a sandbox alone."""

import argparse
import asyncio
from pathlib import Path

from daemon.sandbox.command import serve
from daemon.sandbox.options import RateLimits, SandboxOptions
from daemon.sandbox.times import parse_moment


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m daemon.sandbox", description=__doc__)
    defaults = SandboxOptions()
    parser.add_argument("--host", default=defaults.host)
    parser.add_argument("--port", type=int, default=defaults.port, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--invoices", type=_sizes, default=defaults.invoices, help="one size per account: 1500,120")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--redirect-uri", action="append", dest="redirect_uris")
    parser.add_argument("--client-id", default=defaults.client_id)
    parser.add_argument("--client-secret", default=defaults.client_secret)
    parser.add_argument("--allow-http-redirects", action="store_true")
    parser.add_argument("--no-webhooks", action="store_false", dest="webhooks")
    parser.add_argument("--faults-file", type=Path)
    parser.add_argument("--clock-start", type=parse_moment, help="an ISO 8601 moment")
    parser.add_argument("--clock-rate", type=float, default=defaults.clock_rate)
    parser.add_argument("--rate-calls", type=int, default=defaults.rate_limits.calls, help="0 is unlimited")
    parser.add_argument("--rate-creates", type=int, default=defaults.rate_limits.creates, help="0 is unlimited")
    parser.add_argument("--request-log-size", type=int, default=defaults.request_log_size)
    parser.add_argument("--cache-bytes", type=int, default=defaults.cache_bytes, help="rendered invoices to keep")
    return parser


def main() -> None:
    """Read the arguments and serve."""
    given = vars(_parser().parse_args())
    limits = RateLimits(calls=given.pop("rate_calls"), creates=given.pop("rate_creates"))
    given["redirect_uris"] = tuple(given["redirect_uris"] or SandboxOptions().redirect_uris)
    try:
        asyncio.run(serve(SandboxOptions(rate_limits=limits, **given)))
    except (OSError, ValueError) as error:
        raise SystemExit(f"The sandbox cannot start: {error}") from None


if __name__ == "__main__":
    main()
