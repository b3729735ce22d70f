"""Why a daemon does not start, or cannot go on: sentences for the operator."""


class StartRefused(Exception):
    """The surroundings do not allow a start: a busy port, an old schema. The message says the next step."""


class PartLost(Exception):
    """A part that the daemon cannot work without has ended by itself; the service manager should start it anew."""
