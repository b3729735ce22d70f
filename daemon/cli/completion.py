"""`completion`: lets a shell complete commands and options."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from daemon.cli.problems import EXIT_CODES

PROGRAM: Final = "freshbooks-syncd"
_PLACES: Final = {
    "bash": "/usr/share/bash-completion/completions/freshbooks-syncd",
    "zsh": "/usr/share/zsh/vendor-completions/_freshbooks-syncd",
    "fish": "/usr/share/fish/vendor_completions.d/freshbooks-syncd.fish",
}


@click.command("completion", epilog=EXIT_CODES)
@click.argument("shell", type=click.Choice(tuple(_PLACES)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete this program; put it where the last line on standard error says."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.BadParameter(f"{shell} is not known")
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, "_FRESHBOOKS_SYNCD_COMPLETE").source())
    click.echo(f"freshbooks-syncd completion {shell} > {_PLACES[shell]}", err=True)
