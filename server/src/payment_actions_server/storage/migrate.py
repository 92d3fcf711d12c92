"""Bring a database's schema up to date, with Alembic."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from payment_actions_server.storage.tables import metadata


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, over an open connection."""
    settings = Config()
    settings.set_main_option("script_location", "payment_actions_server.storage:migrations")
    settings.attributes["connection"] = connection
    settings.attributes["target_metadata"] = metadata
    return settings


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing, in one transaction. Two processes that start at once migrate once."""
    with engine.connect() as connection:
        head = ScriptDirectory.from_config(config()).get_current_head()
        if _current(connection) == head:
            return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # The second process waits here, and then finds it done.
        try:
            command.upgrade(config(connection), "head")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
