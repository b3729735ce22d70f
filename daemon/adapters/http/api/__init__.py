"""The HTTP API `/v1` for the platform's own dashboard and for machines: the pages' verbs, as JSON."""
