"""FreshBooks over HTTP: authorisation, wire format, calls and webhooks."""
