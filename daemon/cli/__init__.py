"""The command line: `freshbooks-syncd`."""

from daemon.cli.commands import main

__all__ = ["main"]
