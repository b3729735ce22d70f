"""The commands and their options; each imports what it runs only when it runs, so that --help stays quick."""

import sys
from pathlib import Path
from typing import Final

import click

from daemon.cli.api_tokens import tokens
from daemon.cli.audit import audit
from daemon.cli.completion import completion
from daemon.cli.doctor import doctor
from daemon.cli.issues import issues
from daemon.cli.keys import keys
from daemon.cli.options import load_complete, load_settings, with_config
from daemon.cli.partners import partners, sync
from daemon.cli.problems import EXIT_CODES, PlainGroup
from daemon.cli.service import check_config, link, reload
from daemon.cli.verify import verify

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=PlainGroup, context_settings=CONTEXT, epilog=EXIT_CODES)
@click.version_option(package_name="freshbooks-syncd", prog_name="freshbooks-syncd")
def main() -> None:
    """Keep partners' FreshBooks books and the Alternative Payments platform in step."""


@main.command(epilog=EXIT_CODES)
@with_config
@click.option("--migrate", is_flag=True, help="Bring the database up to date first. The daemon's own always is.")
@click.option("--demo", is_flag=True, hidden=True, help="Let the pages act as a customer would.")
def run(config: Path | None, *, migrate: bool, demo: bool) -> None:
    """Run the daemon in the foreground.

    SIGHUP reloads the settings; SIGTERM and SIGINT finish the work in flight and stop, a second one stops at once.
    """
    from daemon.app.launch import Launch
    from daemon.app.run import run_daemon

    settings = load_complete(config)
    sys.exit(run_daemon(Launch(settings=settings, load=lambda: load_settings(config), migrate=migrate, demo=demo)))


@main.command(epilog=EXIT_CODES)
@with_config
def migrate(config: Path | None) -> None:
    """Bring the database's schema up to date; several at once do no harm."""
    import anyio

    from daemon.app.database import bring_up_to_date, opened_database

    settings = load_settings(config)

    async def work() -> list[str]:
        async with opened_database(settings) as database:
            return await bring_up_to_date(database.dsn)

    done = anyio.run(work)
    for line in done:
        click.echo(line)
    click.echo("The database is up to date.")


@main.command(epilog=EXIT_CODES)
@with_config
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per partner instead of a table.")
@click.option(
    "--watch",
    is_flag=False,
    flag_value=2.0,
    type=click.FloatRange(min=0.2),
    metavar="[SECONDS]",
    help="Show it again every so often, until Ctrl-C.",
)
def status(config: Path | None, *, as_json: bool, watch: float | None) -> None:
    """Show how every partner stands: state, last success per feed, open issues, payments on their way."""
    from daemon.cli.fleet import show_fleet

    show_fleet(load_settings(config), as_json=as_json, every_s=watch)


for _command in (audit, check_config, completion, doctor, issues, keys, link, partners, reload, sync, tokens, verify):
    main.add_command(_command)


@main.command(epilog=EXIT_CODES)
@click.option("--check", is_flag=True, help="Walk through the whole scenario without a person; exit 1 if a step fails.")
@click.option("--json", "as_json", is_flag=True, help="With --check: print the steps as one JSON object.")
@click.option("--directory", type=click.Path(path_type=Path), help="Keep the data here.  [default: removed at the end]")
@click.option("--port", default=8080, show_default=True, help="Of the dashboard.")
@click.option("--sandbox-port", default=8090, show_default=True, help="Of the local FreshBooks.")
@click.option("--internal-port", default=9464, show_default=True, help="Of /metrics and /readyz.")
@click.option("--invoices", default="1500,120", show_default=True, help="Size of each partner's books.")
def demo(
    *,
    check: bool,
    as_json: bool,
    directory: Path | None,
    port: int,
    sandbox_port: int,
    internal_port: int,
    invoices: str,
) -> None:
    """Show the whole product on this machine: dashboard, daemon, its own Postgres and a local FreshBooks."""
    import anyio

    from daemon.demo.play import DemoOptions
    from daemon.demo.play import main as play

    options = DemoOptions(
        check=check,
        as_json=as_json,
        directory=directory,
        port=port,
        sandbox_port=sandbox_port,
        internal_port=internal_port,
        invoices=_sizes(invoices),
    )
    sys.exit(anyio.run(play, options))


@main.command(epilog=EXIT_CODES)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free one.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same books.")
@click.option("--invoices", default="100", show_default=True, help="One size per account: 1500,120 makes two.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where consents may return to; may be repeated.")
@click.option("--client-id", default="sandbox-client-id", show_default=True)
@click.option("--client-secret", default="sandbox-client-secret", show_default=True)
@click.option(
    "--allow-http-redirects", is_flag=True, help="Accept redirect URIs without TLS, which FreshBooks does not."
)
@click.option("--no-webhooks", is_flag=True, help="Send no webhooks.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep the books here over restarts.")
@click.option("--faults-file", type=click.Path(path_type=Path), help="A plan of faults to play.")
@click.option("--rate-calls", default=600, show_default=True, help="Calls per minute; 0 is unlimited.")
@click.option("--rate-creates", default=250, show_default=True, help="Creates per minute; 0 is unlimited.")
def sandbox(invoices: str, redirect_uris: tuple[str, ...], no_webhooks: bool, **given: object) -> None:  # noqa: FBT001 -- click names its arguments
    """Run a local FreshBooks: OAuth pages, accounting API, webhooks, limits, faults. Prints one JSON line when up."""
    import anyio

    from daemon.sandbox.command import serve
    from daemon.sandbox.options import RateLimits, SandboxOptions

    limits = RateLimits(calls=given.pop("rate_calls"), creates=given.pop("rate_creates"))  # type: ignore[arg-type]
    chosen = {**given, **({"redirect_uris": redirect_uris} if redirect_uris else {})}
    options = SandboxOptions(invoices=_sizes(invoices), webhooks=not no_webhooks, rate_limits=limits, **chosen)  # type: ignore[arg-type]
    try:
        anyio.run(serve, options)
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"the sandbox did not start: {error}; choose another --port or --data-dir"
        ) from error


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text} is no list of sizes such as 1500,120") from error
