"""NATS, where leases are agreed on in it: its client installed, itself there, new enough, with streams."""

from typing import Final

from daemon.app.doctor.findings import Finding, fault, ok, split
from daemon.app.leases import require_coordinator
from daemon.core.errors import SettingsError, StoreUnavailable
from daemon.settings import Settings

VERSION_MIN: Final = (2, 11)
"""Since then a key may have a life time of its own."""


async def check_leases(settings: Settings) -> list[Finding]:
    """Look at NATS where it is set; nothing is written there."""
    servers = settings.leases.nats_servers()
    if not servers:
        return []
    try:
        require_coordinator(settings)
        from daemon.adapters.nats.bucket import probe  # noqa: PLC0415 -- the extra is installed

        version = await probe(servers, settings.leases.credentials.get_secret_value())
    except (SettingsError, StoreUnavailable) as error:
        return [fault("leases", *split(str(error)))]
    told = ".".join(str(part) for part in version)
    if version < VERSION_MIN:
        return [fault("leases", f"NATS {told} lets no key end by itself", "run nats-server 2.11 or newer")]
    return [ok("leases", f"agreed on in NATS {told}, in the bucket {settings.leases.bucket}")]
