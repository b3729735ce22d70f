"""A local FreshBooks: OAuth, accounting API, webhooks, limits and faults, for tests, benches and trying things out."""
