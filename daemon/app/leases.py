"""Where the processes of a fleet agree on who works for which partner: in Postgres, or in NATS where that is set."""

import importlib.util
from typing import Protocol

from daemon.actors.membership import LeaseStore
from daemon.adapters.postgres.lease_register import LeaseRegister
from daemon.adapters.postgres.lease_store import LeaseStore as PostgresLeases
from daemon.app.database import Database
from daemon.core.errors import SettingsError
from daemon.settings import Settings


class SharedLeases(LeaseStore, Protocol):
    """Leases whose holder can be cut off from Postgres when it is buried."""

    @property
    def application(self) -> str:
        """What the process' connections are called in Postgres."""
        ...


def require_coordinator(settings: Settings) -> None:
    """Check that leases can be kept where the settings say. Raises SettingsError."""
    if not settings.leases.nats_servers():
        return
    if not settings.postgres.dsn.get_secret_value():
        raise SettingsError(
            "leases.nats is for several processes on one database, and a daemon with a Postgres of its own is alone: "
            "set postgres.dsn, or leave leases.nats empty"
        )
    if not all(importlib.util.find_spec(module) for module in ("nats", "nkeys")):
        raise SettingsError(
            "leases.nats is set, and the client of NATS is not installed: pip install 'freshbooks-syncd[nats]'"
        )


def lease_store(settings: Settings, database: Database, name: str) -> SharedLeases:
    """Make the store that the settings name; nothing is connected before it is joined. Raises SettingsError."""
    require_coordinator(settings)
    servers = settings.leases.nats_servers()
    if not servers:
        return PostgresLeases(database.dsn, name, alone=database.server is not None)
    # The extra is needed by nobody else.
    from daemon.adapters.nats.bucket import Bucket  # noqa: PLC0415
    from daemon.adapters.nats.lease_store import NatsLeaseStore  # noqa: PLC0415

    credentials = settings.leases.credentials.get_secret_value()
    bucket = Bucket(servers, settings.leases.bucket, replicas=settings.leases.replicas, credentials=credentials)
    return NatsLeaseStore(bucket, LeaseRegister(database.dsn, name))
