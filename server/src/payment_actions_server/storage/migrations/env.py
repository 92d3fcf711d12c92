"""Alembic's entry: runs over the connection, and in the transaction, that `storage.migrate` opened."""

from alembic import context

settings = context.config
context.configure(
    connection=settings.attributes["connection"],
    target_metadata=settings.attributes["target_metadata"],
    transactional_ddl=False,
)
context.run_migrations()
