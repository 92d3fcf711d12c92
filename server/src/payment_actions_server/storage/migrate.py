"""Bring a database's schema up to date, with Alembic."""

from contextlib import suppress

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from payment_actions_server.storage._interface import StorageUnavailable
from payment_actions_server.storage.tables import metadata


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, over an open connection."""
    settings = Config()
    settings.set_main_option("script_location", "payment_actions_server.storage:migrations")
    settings.attributes["connection"] = connection
    settings.attributes["target_metadata"] = metadata
    return settings


def upgrade(connection: Connection, *, begin: str) -> None:
    """Run the migrations that are missing, in one transaction.

    :param connection: in autocommit.
    :param begin: SQL that begins the transaction; whoever else migrates waits there, and then finds it done.
    :raises StorageUnavailable: a later version of the service made the schema.
    """
    known = [script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()]  # The newest first.
    current = _current(connection)
    if current == known[0]:
        return
    if current is not None and current not in known:
        raise StorageUnavailable(
            f"the database has schema {current}, this version knows up to {known[0]}: use a later one"
        )
    for statement in begin.split(";"):
        connection.exec_driver_sql(statement)
    try:
        command.upgrade(config(connection), "head")
    except BaseException:
        with suppress(SQLAlchemyError):  # Of a connection that was lost nothing holds anyway.
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
