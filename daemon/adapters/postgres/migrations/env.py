"""What alembic runs: the pending revisions, each in a transaction, on the connection that `migrate` hands over."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table="alembic_version",
    version_table_schema="sync",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
