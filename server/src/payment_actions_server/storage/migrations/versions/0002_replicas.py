"""For many replicas and many payments: an optimistic lock, a counter of events, indexes by store."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DUE = {"payments": "next_refresh_time", "operations": "next_check_time", "store_updates": "next_attempt_time"}


def upgrade() -> None:
    """Add what is missing."""
    op.add_column("payments", sa.Column("lock_version", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "event_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO event_counter (id, last_sequence) SELECT 1, coalesce(max(sequence), 0) FROM events")
    op.create_index("ix_notifications_received", "notifications", ["receive_time"])
    open_authorization = sa.text("status IN ('AUTHORIZED', 'PARTIALLY_CAPTURED')")
    op.create_index(
        "ix_payments_expiring",
        "payments",
        ["authorization_expire_time"],
        sqlite_where=open_authorization,
        postgresql_where=open_authorization,
    )
    # Without order_id: while the tables are empty PostgreSQL would take it for a way to find a payment.
    op.drop_index("ix_payments_store_changed", "payments")
    op.create_index("ix_payments_store_changed", "payments", ["store", "update_time"])
    for table, column in _DUE.items():
        due = sa.text(f"{column} IS NOT NULL")
        op.drop_index(f"ix_{table}_due", table)
        op.create_index(f"ix_{table}_due", table, ["store", column], sqlite_where=due, postgresql_where=due)
