"""`doctor`: looks at everything a first run needs, and names each fault with the command that mends it."""

from daemon.app.doctor.examine import examine
from daemon.app.doctor.findings import Finding, Outcome

__all__ = ["Finding", "Outcome", "examine"]
