"""Postgres: the pool, the stores, the migrations and the server the daemon can bring along."""
