"""Every setting of the daemon with its default: frozen models, one per section of the settings file."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from daemon.core.policy import BackoffPolicy, Policy, PullPolicy, PushPolicy, RatePolicy, VerifyPolicy
from daemon.settings.values import (
    RESTART,
    Duration,
    ListenOn,
    OptionalPath,
    Secret,
    TcpAddress,
    Url,
    Words,
    parse_dsn,
    parse_key,
    parse_key_id,
    parse_keys,
    parse_link_key,
    parse_nats,
    parse_nats_credentials,
    split_words,
)

CALLBACK_PATH: Final = "/oauth/freshbooks/callback"
"""Where FreshBooks sends the partner's browser back to (C1)."""
_POLICY: Final = Policy()
"""What supervisors work by unless told otherwise: the source of these keys' defaults."""


class Section(BaseModel):
    """What all sections share: nothing changes after loading, nothing unknown is taken, errors echo no input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PostgresSettings(Section):
    """Where the data is kept. Without a `dsn` the daemon runs a Postgres of its own below `state_dir`."""

    dsn: Annotated[Secret, AfterValidator(parse_dsn), RESTART] = SecretStr("")
    state_dir: Annotated[OptionalPath, RESTART] = None
    connections_max: Annotated[int, RESTART] = Field(default=10, ge=2, le=500)
    acquire_timeout: Annotated[Duration, RESTART] = timedelta(seconds=10)
    command_timeout: Annotated[Duration, RESTART] = timedelta(seconds=30)


class LeasesSettings(Section):
    """Where several processes agree on who works for which partner: in Postgres unless `nats` is set."""

    nats: Annotated[Secret, AfterValidator(parse_nats), RESTART] = SecretStr("")
    credentials: Annotated[Secret, AfterValidator(parse_nats_credentials), RESTART] = SecretStr("")
    bucket: Annotated[str, RESTART] = Field(default="freshbooks-syncd", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    replicas: Annotated[int, RESTART] = Field(default=1, ge=1, le=5)

    def nats_servers(self) -> tuple[str, ...]:
        """The addresses of one NATS, in the order they are tried."""
        return split_words(self.nats.get_secret_value())


class FreshBooksSettings(Section):
    """The FreshBooks application that partners authorise, and where FreshBooks is."""

    api_url: Annotated[Url, RESTART] = "https://api.freshbooks.com"
    auth_url: Annotated[Url, RESTART] = "https://auth.freshbooks.com"
    client_id: Annotated[str, RESTART] = ""
    client_secret: Secret = SecretStr("")
    redirect_uri: Annotated[Url, RESTART] = ""
    scopes: Annotated[Words, RESTART] = (
        "user:profile:read",
        "user:business:read",
        "user:clients:read",
        "user:invoices:read",
        "user:payments:read",
        "user:payments:write",
        "user:credit_notes:read",
        "user:journal_entries:read",
        "user:journal_entries:write",
    )
    invoice_link: Annotated[str, RESTART] = "https://my.freshbooks.com"
    api_version: Annotated[str, RESTART] = "2023-02-20"
    connections_max: Annotated[int, RESTART] = Field(default=100, ge=1, le=10_000)
    egress_dir: Annotated[OptionalPath, RESTART] = None


class EncryptionKey(Section):
    """One key for the tokens at rest: a name, and the base64 text of 32 random bytes."""

    id: Annotated[str, AfterValidator(parse_key_id)]
    key: Annotated[Secret, AfterValidator(parse_key)]


class LinkKey(Section):
    """One key that signs the links into the dashboard: a name, and a long text."""

    id: Annotated[str, AfterValidator(parse_key_id)]
    key: Annotated[Secret, AfterValidator(parse_link_key)]


AnyKey = TypeVar("AnyKey", EncryptionKey, LinkKey)


def _ids_differ(keys: tuple[AnyKey, ...]) -> tuple[AnyKey, ...]:
    ids = [key.id for key in keys]
    for name in ids:
        if ids.count(name) > 1:
            raise ValueError(f"the key id {name} is used twice: give each key an id of its own")
    return keys


def by_id(keys: tuple[EncryptionKey, ...] | tuple[LinkKey, ...]) -> dict[str, str]:
    """The plain keys by their ids, in the order they stand in."""
    return {key.id: key.key.get_secret_value() for key in keys}


class EncryptionSettings(Section):
    """The keys for the tokens at rest; the first encrypts, all decrypt."""

    keys: Annotated[tuple[EncryptionKey, ...], BeforeValidator(parse_keys), AfterValidator(_ids_differ)] = ()


class PublicSettings(Section):
    """The listener for partners' browsers and the platform."""

    listen: Annotated[ListenOn, RESTART] = TcpAddress("127.0.0.1", 8080)
    base_url: Annotated[Url, RESTART] = ""
    link_keys: Annotated[tuple[LinkKey, ...], BeforeValidator(parse_keys), AfterValidator(_ids_differ)] = ()


class InternalSettings(Section):
    """The listener for operators and Prometheus: /livez, /readyz, /metrics."""

    listen: Annotated[ListenOn, RESTART] = TcpAddress("127.0.0.1", 9464)
    partner_series: Annotated[bool, RESTART] = True


class SyncSettings(Section):
    """How often and how wide FreshBooks is read."""

    payments_interval: Duration = _POLICY.pull.payments_interval
    invoices_interval: Duration = _POLICY.pull.invoices_interval
    accounts_interval: Duration = _POLICY.pull.accounts_interval
    census_interval: Duration = _POLICY.pull.census_interval
    callbacks_interval: Duration = _POLICY.pull.callbacks_interval
    callbacks_retry: Duration = _POLICY.pull.callbacks_retry
    page_size: int = Field(default=_POLICY.pull.page_size, ge=1, le=100)
    pages_in_flight: int = Field(default=_POLICY.pull.pages_in_flight, ge=1, le=32)
    first_months: int = Field(default=_POLICY.pull.first_months, ge=1, le=120)
    overlap: Duration = _POLICY.pull.overlap
    rereads_per_step: int = Field(default=_POLICY.pull.rereads_per_step, ge=1, le=100)
    closing_passes_max: int = Field(default=_POLICY.pull.closing_passes_max, ge=1, le=100)
    history_kept: Duration = _POLICY.pull.history_kept
    call_timeout: Duration = _POLICY.call_timeout
    token_refresh_margin: Duration = _POLICY.token_refresh_margin
    backoff_first: Duration = _POLICY.backoff.first
    backoff_maximum: Duration = _POLICY.backoff.maximum
    backoff_factor: float = Field(default=_POLICY.backoff.factor, ge=1.0, le=10.0)

    @model_validator(mode="after")
    def _limits_hold(self) -> Self:
        if self.overlap < timedelta(days=1):
            raise ValueError("overlap is below a day, and FreshBooks lists changes by whole days: set it to 1d or more")
        if self.backoff_first > self.backoff_maximum:
            raise ValueError("backoff_first is above backoff_maximum: raise backoff_maximum")
        return self


class RateSettings(Section):
    """FreshBooks' two call budgets per partner."""

    calls_per_window: int = Field(default=_POLICY.rate.calls_per_window, ge=1)
    creates_per_window: int = Field(default=_POLICY.rate.creates_per_window, ge=1)
    window: Duration = _POLICY.rate.window
    burst: int = Field(default=_POLICY.rate.burst, ge=1)
    floor_fraction: float = Field(default=_POLICY.rate.floor_fraction, gt=0, le=1)


class PushSettings(Section):
    """How payments are recorded in FreshBooks."""

    in_flight: int = Field(default=_POLICY.push.in_flight, ge=1, le=32)
    post_timeout: Duration = _POLICY.push.post_timeout
    lookup_margin: Duration = _POLICY.push.lookup_margin
    lookup_again_after: Duration = _POLICY.push.lookup_again_after
    attempts_max: int = Field(default=_POLICY.push.attempts_max, ge=1, le=100)
    sweep_interval: Duration = _POLICY.push.sweep_interval
    candidate_days: int = Field(default=_POLICY.push.candidate_days, ge=0, le=365)
    waiting_interval: Duration = _POLICY.push.waiting_interval


class VerifySettings(Section):
    """When partners' books are compared with FreshBooks by themselves."""

    nightly: bool = _POLICY.verify.nightly
    begin_hour: int = Field(default=_POLICY.verify.begin_hour, ge=0, le=23)
    spread: Duration = _POLICY.verify.spread
    quick_days: int = Field(default=_POLICY.verify.quick_days, ge=1, le=365)
    sample: int = Field(default=_POLICY.verify.sample, ge=0, le=10_000)
    suspects_max: int = Field(default=_POLICY.verify.suspects_max, ge=1, le=100_000)
    history_kept: Duration = _POLICY.verify.history_kept


LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]


class LogSettings(Section):
    """What is logged to standard error."""

    level: LogLevel = "info"
    format: Annotated[LogFormat, RESTART] = "auto"


class ShutdownSettings(Section):
    """How long a stop may take."""

    grace: Duration = timedelta(seconds=20)


class Settings(BaseSettings):
    """All settings. Made from keywords it reads nothing else; `load` adds the file and the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    postgres: PostgresSettings = PostgresSettings()
    leases: LeasesSettings = LeasesSettings()
    freshbooks: FreshBooksSettings = FreshBooksSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    public: PublicSettings = PublicSettings()
    internal: InternalSettings = InternalSettings()
    sync: SyncSettings = SyncSettings()
    rate: RateSettings = RateSettings()
    push: PushSettings = PushSettings()
    verify: VerifySettings = VerifySettings()
    log: LogSettings = LogSettings()
    shutdown: ShutdownSettings = ShutdownSettings()

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take keywords only; what else is read is for `load` to say."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    def policy(self) -> Policy:
        """The part that supervisors work by."""
        return Policy(
            rate=RatePolicy(**dict(self.rate)),
            pull=PullPolicy(**_fields(self.sync, PullPolicy)),
            push=PushPolicy(**dict(self.push)),
            verify=VerifyPolicy(**dict(self.verify)),
            backoff=BackoffPolicy(
                first=self.sync.backoff_first, maximum=self.sync.backoff_maximum, factor=self.sync.backoff_factor
            ),
            call_timeout=self.sync.call_timeout,
            token_refresh_margin=self.sync.token_refresh_margin,
        )

    def base_url(self) -> str:
        """The address partners use: the configured one, else the public listener's own."""
        if self.public.base_url or not isinstance(self.public.listen, TcpAddress):
            return self.public.base_url
        host = "localhost" if self.public.listen.host in {"0.0.0.0", "::", "127.0.0.1"} else self.public.listen.host  # noqa: S104 -- only compared
        return f"http://{TcpAddress(host, self.public.listen.port)}"

    def redirect_uri(self) -> str:
        """Where FreshBooks sends the browser back to: exactly this must be registered there (FB API s2.6)."""
        return self.freshbooks.redirect_uri or self.base_url() + CALLBACK_PATH

    def origin(self) -> str:
        """Scheme, host and port of `base_url`, as a browser's Origin header has it."""
        parts = urlsplit(self.base_url())
        return f"{parts.scheme}://{parts.netloc}"

    def state_dir(self) -> Path:
        """Where files are kept: the configured directory, systemd's, or the user's own."""
        if self.postgres.state_dir is not None:
            return self.postgres.state_dir
        given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
        if given:
            return Path(given)
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "freshbooks-syncd"


def _fields(section: Section, policy: type[PullPolicy]) -> dict[str, Any]:
    return {name: getattr(section, name) for name in policy.__dataclass_fields__}
