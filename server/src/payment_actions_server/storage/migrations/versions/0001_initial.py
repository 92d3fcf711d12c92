"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "discoveries",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("changed_after", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", name="pk_discoveries"),
    )
    op.create_table(
        "notifications",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("receive_time", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("store", "message_id", name="pk_notifications"),
    )
    op.create_table(
        "payments",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("order_number", sa.String(), nullable=False),
        sa.Column("method_code", sa.String(), nullable=False),
        sa.Column("method_name", sa.String(), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("currency_code", sa.String(), nullable=False),
        sa.Column("order_total_minor", sa.BigInteger(), nullable=False),
        sa.Column("authorized_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("references", sa.String(), nullable=False),
        sa.Column("authorization_expire_time", sa.BigInteger(), nullable=True),
        sa.Column("under_way", sa.String(), nullable=True),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("reason_message", sa.String(), nullable=False),
        sa.Column("anomaly", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.String(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("next_refresh_time", sa.BigInteger(), nullable=True),
        sa.Column("refreshes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_id", name="pk_payments"),
    )
    op.create_index(
        "ix_payments_anomaly",
        "payments",
        ["update_time"],
        unique=False,
        sqlite_where=sa.text("anomaly <> ''"),
        postgresql_where=sa.text("anomaly <> ''"),
    )
    op.create_index("ix_payments_changed", "payments", ["update_time", "store", "order_id"], unique=False)
    op.create_index(
        "ix_payments_due",
        "payments",
        ["next_refresh_time"],
        unique=False,
        sqlite_where=sa.text("next_refresh_time IS NOT NULL"),
        postgresql_where=sa.text("next_refresh_time IS NOT NULL"),
    )
    op.create_index("ix_payments_status_changed", "payments", ["status", "update_time"], unique=False)
    op.create_index("ix_payments_store_changed", "payments", ["store", "update_time", "order_id"], unique=False)
    op.create_table(
        "events",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("operation_id", sa.String(), nullable=False),
        sa.Column("status_before", sa.String(), nullable=True),
        sa.Column("status_after", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["store", "order_id"], ["payments.store", "payments.order_id"], name="fk_events_payment"
        ),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("store", "order_id", "number", name="uq_events_number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "gateway_references",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["store", "order_id"],
            ["payments.store", "payments.order_id"],
            name="fk_gateway_references_payment",
        ),
        sa.PrimaryKeyConstraint("store", "value", "order_id", name="pk_gateway_references"),
    )
    op.create_table(
        "operations",
        sa.Column("operation_id", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency_code", sa.String(), nullable=False),
        sa.Column("requested_amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("base_minor", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.String(), nullable=False),
        sa.Column("lease_expire_time", sa.BigInteger(), nullable=True),
        sa.Column("next_check_time", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["store", "order_id"], ["payments.store", "payments.order_id"], name="fk_operations_payment"
        ),
        sa.PrimaryKeyConstraint("operation_id", name="pk_operations"),
        sa.UniqueConstraint("reference", name="uq_operations_reference"),
        sa.UniqueConstraint("store", "request_id", name="uq_operations_request_id"),
    )
    op.create_index(
        "ix_operations_due",
        "operations",
        ["next_check_time"],
        unique=False,
        sqlite_where=sa.text("next_check_time IS NOT NULL"),
        postgresql_where=sa.text("next_check_time IS NOT NULL"),
    )
    op.create_index(
        "uq_operations_in_flight",
        "operations",
        ["store", "order_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('UNKNOWN', 'PENDING', 'NEEDS_REVIEW')"),
        postgresql_where=sa.text("state IN ('UNKNOWN', 'PENDING', 'NEEDS_REVIEW')"),
    )
    op.create_table(
        "store_updates",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("platform_status", sa.String(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_expire_time", sa.BigInteger(), nullable=True),
        sa.Column("next_attempt_time", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["store", "order_id"], ["payments.store", "payments.order_id"], name="fk_store_updates_payment"
        ),
        sa.PrimaryKeyConstraint("store", "order_id", name="pk_store_updates"),
    )
    op.create_index(
        "ix_store_updates_due",
        "store_updates",
        ["next_attempt_time"],
        unique=False,
        sqlite_where=sa.text("next_attempt_time IS NOT NULL"),
        postgresql_where=sa.text("next_attempt_time IS NOT NULL"),
    )
