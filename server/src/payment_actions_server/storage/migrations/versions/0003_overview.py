"""For front ends: orders are found by the beginning of their id or number, and what moved is kept by day."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is missing."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("gateway_references", "value", type_=sa.String(collation="C"), existing_nullable=False)
    for name in ("order_id", "order_number"):
        op.execute(
            "INSERT INTO gateway_references (store, value, order_id)"
            f" SELECT store, '#' || {name}, order_id FROM payments WHERE TRUE ON CONFLICT DO NOTHING"
        )
    op.add_column("notifications", sa.Column("identifiers", sa.String(), nullable=False, server_default=sa.text("''")))
    open_authorization = sa.text("status IN ('AUTHORIZED', 'PARTIALLY_CAPTURED')")
    op.drop_index("ix_payments_expiring", "payments")
    op.create_index(
        "ix_payments_expiring",
        "payments",
        ["status", "authorization_expire_time", "store", "currency_code", "authorized_minor", "captured_minor"],
        sqlite_where=open_authorization,
        postgresql_where=open_authorization,
    )
    op.create_table(
        "daily_totals",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("up_to_sequence", sa.BigInteger(), nullable=False),
        sa.Column("totals", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_daily_totals"),
    )
