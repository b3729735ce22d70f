"""What can go wrong at the edges, named by whose fault it is and carrying what to do next."""

from datetime import timedelta


class FreshBooksUnavailable(Exception):
    """FreshBooks did not answer, or answered that it cannot now: try again later.

    `retry_after` is what FreshBooks asked for. `unsent` is True only when it is provable that nothing was read of the
    request: it never left this machine, or was answered by status 429 (W4); a time-out, a torn answer or a 5xx is never
    that. `throttled` asks for fewer calls, in whatever answer that is said.
    """

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, unsent: bool = False, throttled: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.unsent = unsent
        self.throttled = throttled


class FreshBooksRefused(Exception):
    """FreshBooks understood the request and said no, for good: nothing was written.

    `errno` is FreshBooks' own (FB API s8.3).
    """

    def __init__(self, message: str, *, status: int, errno: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.errno = errno
        self.field = field


class FreshBooksNotFound(FreshBooksRefused):
    """FreshBooks has no such record (404, errno 1012)."""


class FreshBooksAnswerInvalid(Exception):
    """FreshBooks answered something that its own documentation does not allow; the whole answer is unusable."""


class FilterIgnored(FreshBooksAnswerInvalid):
    """FreshBooks listed what was not asked for: it ignores filters that it does not know (FB API s4.2).

    `filter` names the one that was ignored.
    """

    def __init__(self, message: str, *, filter_name: str) -> None:
        super().__init__(message)
        self.filter = filter_name


class AuthorizationExpired(Exception):
    """The access token is no longer accepted; a refresh may help."""


class AuthorizationLost(Exception):
    """The refresh token is spent or revoked: only the partner can mend it, by connecting again (C7)."""


class StoreUnavailable(Exception):
    """Postgres cannot be reached or did not answer in time: the operator's to mend, ours to wait for."""


class CannotDecrypt(Exception):
    """A stored secret cannot be read; its subclasses say whose fault it is."""


class KeyMissing(CannotDecrypt):
    """The secret is sealed under a key that this process does not hold: the operator's to mend, ours to wait for."""


class SecretSpoiled(CannotDecrypt):
    """The secret was sealed for another place, or altered: no key opens it, it has to be made anew."""


class FenceLost(Exception):
    """Another process took over, or the claim ran out: whatever was about to be written must not be (W4)."""


class LeaseLost(Exception):
    """Another process works for this partner now: this one must stop, and nothing of it may be written any more."""


class SettingsError(Exception):
    """The operator's settings are wrong; the message is one sentence with the next step."""
