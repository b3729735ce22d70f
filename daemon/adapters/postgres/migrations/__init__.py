"""The schema as numbered files of SQL, and what alembic needs to run them."""
