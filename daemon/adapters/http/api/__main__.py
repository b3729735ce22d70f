"""Prints the API's description: `python -m daemon.adapters.http.api`."""

from daemon.adapters.http.api.app import OPERATIONS
from daemon.adapters.http.api.openapi import describe

print(describe(OPERATIONS))  # noqa: T201 -- it is what this is for
