"""The tables. Times are integers (microseconds since 1970, UTC), so that every database orders them alike."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, String, nullable=False, **options)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _amount(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


# As the partial indexes say it, word for word: so that they are used.
IN_FLIGHT_SQL: Final = "state IN ('UNKNOWN', 'PENDING', 'NEEDS_REVIEW')"
OPEN_AUTHORIZATION_SQL: Final = "status IN ('AUTHORIZED', 'PARTIALLY_CAPTURED')"
# Columns that hardly any change of a payment changes.
UNUSUAL_ORDER_SQL: Final = "(store_update_reverts > 0 OR order_state <> 'PLACED')"

metadata = MetaData()

payments = Table(
    "payments",
    metadata,
    _text("store"),
    _text("order_id"),
    _text("order_number"),
    _text("method_code"),
    _text("method_name"),
    Column("ours", Boolean, nullable=False),
    _text("gateway"),
    _text("status"),
    _text("currency_code"),
    _amount("order_total_minor"),
    _amount("authorized_minor"),
    _amount("captured_minor"),
    _amount("refunded_minor"),
    _text("references"),  # JSON: [[role, value], ...]
    _time("authorization_expire_time", nullable=True),
    Column("under_way", String),
    _text("reason_code"),
    _text("reason_message"),
    _text("anomaly"),
    Column("version", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _text("last_hash"),
    _time("create_time"),
    _time("update_time"),
    _time("next_refresh_time", nullable=True),
    Column("refreshes", Integer, nullable=False),
    # Counts every write to anything of the payment, where several replicas write (PostgreSQL); 0 in SQLite.
    Column("lock_version", BigInteger, nullable=False, server_default=text("0")),
    # What the store is to hold of it: in the payment's own row, which nearly every change of it changes, too.
    _text("store_update_state", server_default=text("'IN_SYNC'")),
    Column("store_update_generation", BigInteger, nullable=False, server_default=text("0")),
    _text("store_update_platform_status", server_default=text("''")),
    _text("store_update_last_error", server_default=text("''")),
    Column("store_update_attempts", Integer, nullable=False, server_default=text("0")),
    _time("store_update_lease_expire_time", nullable=True),
    _time("store_update_next_attempt_time", nullable=True),
    _text("order_state", server_default=text("'PLACED'")),
    _text("order_detail", server_default=text("''")),
    _text("store_update_notice", server_default=text("''")),
    Column("store_update_reverts", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("store", "order_id", name="pk_payments"),
    Index("ix_payments_store_status_changed", "store", "status", "update_time"),
    Index(
        "ix_payments_due",
        "store",
        "next_refresh_time",
        sqlite_where=text("next_refresh_time IS NOT NULL"),
        postgresql_where=text("next_refresh_time IS NOT NULL"),
    ),
    Index(
        "ix_payments_store_update_due",
        "store",
        "store_update_next_attempt_time",
        sqlite_where=text("store_update_next_attempt_time IS NOT NULL"),
        postgresql_where=text("store_update_next_attempt_time IS NOT NULL"),
    ),
    Index(
        "ix_payments_anomaly",
        "update_time",
        sqlite_where=text("anomaly <> ''"),
        postgresql_where=text("anomaly <> ''"),
    ),
    Index(
        "ix_payments_unusual_order",
        "update_time",
        sqlite_where=text(UNUSUAL_ORDER_SQL),
        postgresql_where=text(UNUSUAL_ORDER_SQL),
    ),
    Index(
        "ix_payments_expiring",
        "status",  # First: SQLite prefers to look for equals.
        "authorization_expire_time",
        # The rest is to add up what runs out without a look at each payment.
        "store",
        "currency_code",
        "authorized_minor",
        "captured_minor",
        sqlite_where=text(OPEN_AUTHORIZATION_SQL),
        postgresql_where=text(OPEN_AUTHORIZATION_SQL),
    ),
)


def _of_payment(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["store", "order_id"], ["payments.store", "payments.order_id"], name=name)


operations = Table(
    "operations",
    metadata,
    _text("operation_id"),
    _text("store"),
    _text("order_id"),
    _text("action"),
    _amount("amount_minor"),
    _text("currency_code"),
    Column("requested_amount_minor", BigInteger),
    _text("request_id"),
    _text("reference"),
    _text("state"),
    _text("actor"),
    _text("note"),
    _amount("base_minor"),
    _time("create_time"),
    _time("update_time"),
    _text("gateway_id"),
    _text("reason_code"),
    _text("message"),
    Column("attempts", Integer, nullable=False),
    Column("checks", Integer, nullable=False),
    _text("lease_id"),
    _time("lease_expire_time", nullable=True),
    _time("next_check_time", nullable=True),
    PrimaryKeyConstraint("operation_id", name="pk_operations"),
    _of_payment("fk_operations_payment"),
    UniqueConstraint("store", "request_id", name="uq_operations_request_id"),
    UniqueConstraint("reference", name="uq_operations_reference"),
    # At most one operation in flight per payment: the database itself says so, whatever the code does.
    Index(
        "uq_operations_in_flight",
        "store",
        "order_id",
        unique=True,
        sqlite_where=text(IN_FLIGHT_SQL),
        postgresql_where=text(IN_FLIGHT_SQL),
    ),
    Index(
        "ix_operations_due",
        "store",
        "next_check_time",
        sqlite_where=text("next_check_time IS NOT NULL"),
        postgresql_where=text("next_check_time IS NOT NULL"),
    ),
)

events = Table(
    "events",
    metadata,
    # SQLite gives an increasing rowid to this type only; AUTOINCREMENT keeps it from reusing one.
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    _text("store"),
    _text("order_id"),
    Column("number", BigInteger, nullable=False),
    _text("type"),
    _time("time"),
    _text("actor"),
    _text("operation_id"),
    Column("status_before", String),
    _text("status_after"),
    _text("message"),
    _text("details"),  # JSON object of strings
    _text("previous_hash"),
    _text("hash"),
    _of_payment("fk_events_payment"),
    UniqueConstraint("store", "order_id", "number", name="uq_events_number"),
    sqlite_autoincrement=True,
)

# The last sequence that was given. One row: whoever appends events holds it until the commit, so that sequences become
# visible in their order, whichever replica commits. SQLite, which has one writer, keeps such a counter by itself.
event_counter = Table(
    "event_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_sequence", BigInteger, nullable=False),
)

gateway_references = Table(
    "gateway_references",
    metadata,
    _text("store"),
    # Searched by its beginning, which PostgreSQL's index serves under this collation only.
    Column("value", String().with_variant(String(collation="C"), "postgresql"), nullable=False),
    _text("order_id"),  # Several orders may share one: X-Cart can authorize them together.
    PrimaryKeyConstraint("store", "value", "order_id", name="pk_gateway_references"),
    _of_payment("fk_gateway_references_payment"),
    sqlite_with_rowid=False,  # Its key is all of it.
)

notifications = Table(
    "notifications",
    metadata,
    _text("store"),
    _text("message_id"),
    _time("receive_time"),
    _text("subject"),
    _text(
        "identifiers", server_default=text("''")
    ),  # JSON: what it is about, where no order was known that it could be.
    PrimaryKeyConstraint("store", "message_id", name="pk_notifications"),
    Index("ix_notifications_received", "receive_time"),
)

discoveries = Table(
    "discoveries",
    metadata,
    _text("store"),
    _time("changed_after"),  # How far the store's orders have been looked through.
    PrimaryKeyConstraint("store", name="pk_discoveries"),
)

# What moved by day, added up from the events in the background. Each row is absolute: all of its day's events up to a
# sequence. The greatest of these sequences is how far events were counted. Kept apart from what actions write.
daily_totals = Table(
    "daily_totals",
    metadata,
    _text("day"),  # "2026-11-25"; empty: a row that only says how far.
    Column("up_to_sequence", BigInteger, nullable=False),
    _text("totals"),  # JSON: [[store, kind, word, number], ...]
    PrimaryKeyConstraint("day", name="pk_daily_totals"),
)
