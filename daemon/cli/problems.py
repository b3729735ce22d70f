"""How a command fails: one sentence on standard error that names the next step, an exit code, and no traceback."""

from typing import IO, Any, Final

import click
from typing_extensions import override

from daemon.app.errors import PartLost, StartRefused
from daemon.core.errors import SettingsError, StoreUnavailable

FAILED: Final = 1
WRONG_USE: Final = 2
FOUND: Final = 3
NOT_SO: Final = 4
EXIT_CODES: Final = """\b
Exit codes:
  0  all went well
  1  it failed: the surroundings do not allow it now
  2  wrong options or settings: trying again will not help
  3  it looked, and found something wrong
  4  there is no such partner or issue, or its state does not allow that
"""


class Failure(click.ClickException):
    """An expected failure that another try may not meet."""

    exit_code = FAILED

    @override
    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"freshbooks-syncd: {self.message}", err=True, file=file)


class WrongSettings(Failure):
    """A failure that stays until someone changes the settings."""

    exit_code = WRONG_USE


class NotSo(Failure):
    """What was named does not exist, or is in no state for what was asked."""

    exit_code = NOT_SO


class PlainGroup(click.Group):
    """Commands whose expected failures are sentences. An unexpected one keeps its traceback: it is ours to mend."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise WrongSettings(str(error)) from error
        except (StartRefused, PartLost, StoreUnavailable) as error:
            raise Failure(str(error)) from error
