"""NATS JetStream, where fleets of many processes may agree on leases: the one adapter that needs the extra `nats`."""
