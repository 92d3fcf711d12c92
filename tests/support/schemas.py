"""Every schema that there ever was, and what its release could have kept there.

The rows are SQL, as it was then, and do not change any more. A migration that brings a table or a column adds to
`WRITTEN` what its release keeps there; one that takes something away ends the statements that need it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from payment_actions_server.storage import migrate
from support.databases import Database, SqliteDatabase

T = TypeVar("T")
HEAD = str(ScriptDirectory.from_config(migrate.config()).get_current_head())
REVISIONS = ["0001", "0002", "0003", "0004", "0005"]  #: Every schema that was ever released, but the newest.


class Written(NamedTuple):
    """What releases wrote into their schemas: from one on, up to another."""

    since: str
    until: str
    statement: str


_ZEROS = "0" * 64
_SEEN = "820a49ad185618183935e9e1d3076073103d40319b5456e1b207e893475036e1"
_STARTED = "a6e926aee5c0d2fa1291a4c7b660cf2b4b1bad88baaf94eeb3dd5999483ca4d6"
_OTHER_SEEN = "d4aaf6084437c8b538761c8c1ab3fbaf8843acde7f75c408515b691bf951050b"

WRITTEN = (
    Written(
        "0001",
        HEAD,
        f"""INSERT INTO payments (
            store, order_id, order_number, method_code, method_name, ours, gateway, status, currency_code,
            order_total_minor, authorized_minor, captured_minor, refunded_minor,
            "references", authorization_expire_time, under_way, reason_code, reason_message, anomaly,
            version, revision, last_hash, create_time, update_time, next_refresh_time, refreshes
        ) VALUES (
            'shop', '1', '#1', 'amazon', 'Amazon Pay', TRUE, 'fake', 'PARTIALLY_REFUNDED', 'USD',
            12990, 12990, 9000, 1000,
            '[["order","P01"]]', 1767603601000000, 'REFUND', 'AmazonClosed', 'By Amazon', 'more than was asked for',
            2, 2, '{_STARTED}', 1767603600000000, 1767603601000000, 1767603600000000, 3
        ), (
            'shop', '2', '#2', 'amazon', 'Amazon Pay', TRUE, 'fake', 'AUTHORIZED', 'USD',
            12990, 12990, 0, 0,
            '[]', NULL, NULL, '', '', '',
            1, 1, '{_OTHER_SEEN}', 1767603600000000, 1767603600000000, NULL, 0
        )""",
    ),
    Written(
        "0001",
        HEAD,
        """INSERT INTO operations (
            operation_id, store, order_id, action, amount_minor, currency_code, requested_amount_minor,
            request_id, reference, state, actor, note, base_minor, create_time, update_time,
            gateway_id, reason_code, message, attempts, checks, lease_id, lease_expire_time, next_check_time
        ) VALUES (
            '00000000000000000000000001', 'shop', '1', 'REFUND', 1000, 'USD', 1000,
            'request-1', 'pa-1', 'PENDING', 'ann', 'damaged', 1000, 1767603600000000, 1767603600000000,
            'P01-R01', 'Pending', 'Amazon decides later', 2, 1, 'lease', 1767603601000000, 1767603601000000
        ), (
            '00000000000000000000000002', 'shop', '2', 'CAPTURE', 12990, 'USD', NULL,
            'request-2', 'pa-2', 'DECLINED', 'ann', '', 0, 1767603600000000, 1767603600000000,
            '', 'AmazonRejected', '', 0, 0, '', NULL, NULL
        )""",
    ),
    Written(
        "0001",
        HEAD,
        f"""INSERT INTO events (
            sequence, store, order_id, number, type, time, actor, operation_id, status_before, status_after,
            message, details, previous_hash, hash
        ) VALUES (
            1, 'shop', '1', 1, 'PAYMENT_SEEN', 1767603600000000, 'test', '', NULL, 'PARTIALLY_REFUNDED',
            '', '{{}}', '{_ZEROS}', '{_SEEN}'
        ), (
            2, 'shop', '2', 1, 'PAYMENT_SEEN', 1767603600000000, 'test', '', NULL, 'AUTHORIZED',
            '', '{{}}', '{_ZEROS}', '{_OTHER_SEEN}'
        ), (
            4, 'shop', '1', 2, 'OPERATION_STARTED', 1767603601000000, 'ann', '00000000000000000000000001',
            'AUTHORIZED', 'PARTIALLY_REFUNDED', 'begun', '{{"action":"REFUND"}}', '{_SEEN}', '{_STARTED}'
        )""",
    ),
    Written(
        "0001",
        HEAD,
        """INSERT INTO gateway_references (store, value, order_id) VALUES
            ('shop', 'P01', '1'), ('shop', 'P01', '2'), ('shop', 'pa-1', '1')""",
    ),
    Written(
        "0001",
        HEAD,
        """INSERT INTO notifications (store, message_id, receive_time, subject) VALUES
            ('shop', 'm-1', 1767603600000000, 'PaymentRefund P01-R01'), ('shop', 'm-2', 1767603600000000, 'stray')""",
    ),
    Written("0001", HEAD, "INSERT INTO discoveries (store, changed_after) VALUES ('shop', 1767603600000000)"),
    Written(
        "0001",
        "0004",
        """INSERT INTO store_updates (
            store, order_id, state, generation, platform_status, last_error, attempts, lease_expire_time,
            next_attempt_time
        ) VALUES
            ('shop', '1', 'PENDING', 5, 'Paid', 'HTTP 500', 3, 1767603601000000, 1767603600000000),
            ('shop', '2', 'IN_SYNC', 0, '', '', 0, NULL, NULL)""",
    ),
    Written("0002", HEAD, "UPDATE payments SET lock_version = 7 WHERE order_id = '1'"),
    Written("0002", HEAD, "UPDATE event_counter SET last_sequence = 4"),
    Written(
        "0003",
        HEAD,
        """INSERT INTO gateway_references (store, value, order_id) VALUES
            ('shop', '#1', '1'), ('shop', '##1', '1'), ('shop', '#2', '2'), ('shop', '##2', '2')""",
    ),
    Written("0003", HEAD, """UPDATE notifications SET identifiers = '["P02"]' WHERE message_id = 'm-2'"""),
    Written(
        "0003",
        HEAD,
        """INSERT INTO daily_totals (day, up_to_sequence, totals) VALUES
            ('', 4, '[]'), ('2026-01-05', 3, '[["shop","captured","USD",9000]]')""",
    ),
    Written(
        "0005",
        HEAD,
        """UPDATE payments SET store_update_state = 'PENDING', store_update_generation = 5,
            store_update_platform_status = 'Paid', store_update_last_error = 'HTTP 500', store_update_attempts = 3,
            store_update_lease_expire_time = 1767603601000000, store_update_next_attempt_time = 1767603600000000
            WHERE order_id = '1'""",
    ),
    Written(
        "0006",
        HEAD,
        """UPDATE payments SET order_state = 'CANCELLED', order_detail = 'Cancelled',
            store_update_notice = 'Do not press it', store_update_reverts = 1 WHERE order_id = '1'""",
    ),
)


async def with_connection(database: Database, work: Callable[[Connection], T]) -> T:
    """Run ``work`` over SQLAlchemy's connection, in autocommit."""
    if isinstance(database, SqliteDatabase):
        engine = create_engine(database.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            return work(connection)
    url = database.url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        return await connection.run_sync(work)


async def upgrade(database: Database, revision: str) -> None:
    """Bring a database's schema to a revision."""
    await with_connection(database, lambda connection: migrate.command.upgrade(migrate.config(connection), revision))


async def fill(database: Database, revision: str) -> None:
    """Bring a database to a revision, and write what its release could have kept there."""
    await upgrade(database, revision)
    for written in WRITTEN:
        if written.since <= revision <= written.until:
            await database.run(written.statement)


async def tables(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table, by column."""

    def columns_of_tables(connection: Connection) -> dict[str, list[str]]:
        inspector = inspect(connection)
        found = {
            name: [column["name"] for column in inspector.get_columns(name)] for name in inspector.get_table_names()
        }
        return {name: columns for name, columns in found.items() if name != "alembic_version"}

    content = {}
    for name, columns in (await with_connection(database, columns_of_tables)).items():
        listed = ", ".join(f'"{column}"' for column in columns)
        rows = await database.run(f"SELECT {listed} FROM {name} ORDER BY {listed}")
        content[name] = [dict(zip(columns, row, strict=True)) for row in rows]
    return content
