"""Less to write with each change: the store update in the payment's row, two indexes and a hidden rowid less."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOVED = (
    sa.Column("state", sa.String(), nullable=False, server_default=sa.text("'IN_SYNC'")),
    sa.Column("generation", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    sa.Column("platform_status", sa.String(), nullable=False, server_default=sa.text("''")),
    sa.Column("last_error", sa.String(), nullable=False, server_default=sa.text("''")),
    sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
    sa.Column("lease_expire_time", sa.BigInteger(), nullable=True),
    sa.Column("next_attempt_time", sa.BigInteger(), nullable=True),
)


def upgrade() -> None:
    """Move what the store is to hold of a payment into the payment's row; drop what nobody reads."""
    op.drop_index("ix_payments_changed", "payments")
    op.drop_index("ix_payments_status_changed", "payments")
    moved = ", ".join(f"store_update_{column.name} = u.{column.name}" for column in _MOVED)
    for column in _MOVED:
        name, default = f"store_update_{column.name}", column.server_default
        op.add_column("payments", sa.Column(name, column.type, nullable=column.nullable, server_default=default))
    op.execute(
        f"UPDATE payments SET {moved} FROM store_updates u"
        " WHERE u.store = payments.store AND u.order_id = payments.order_id"
    )
    op.drop_table("store_updates")
    due = sa.text("store_update_next_attempt_time IS NOT NULL")
    op.create_index(
        "ix_payments_store_update_due",
        "payments",
        ["store", "store_update_next_attempt_time"],
        sqlite_where=due,
        postgresql_where=due,
    )
    if op.get_bind().dialect.name == "sqlite":
        _drop_rowid()
    else:
        op.execute("ANALYZE payments")  # Or most payments would be thought to have something to be told.


def _drop_rowid() -> None:
    op.create_table(
        "references_by_key",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("store", "value", "order_id", name="pk_gateway_references"),
        sa.ForeignKeyConstraint(
            ["store", "order_id"], ["payments.store", "payments.order_id"], name="fk_gateway_references_payment"
        ),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO references_by_key (store, value, order_id)"
        " SELECT store, value, order_id FROM gateway_references ORDER BY store, value, order_id"
    )
    op.drop_table("gateway_references")
    op.rename_table("references_by_key", "gateway_references")
