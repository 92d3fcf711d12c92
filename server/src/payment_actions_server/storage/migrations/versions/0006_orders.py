"""What became of the order in the shop, and how often the shop changed a status back."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ADDED = (
    sa.Column("order_state", sa.String(), nullable=False, server_default=sa.text("'PLACED'")),
    sa.Column("order_detail", sa.String(), nullable=False, server_default=sa.text("''")),
    sa.Column("store_update_notice", sa.String(), nullable=False, server_default=sa.text("''")),
    sa.Column("store_update_reverts", sa.Integer(), nullable=False, server_default=sa.text("0")),
)


def upgrade() -> None:
    """Add the columns, and an index of the payments whose order is not as it was."""
    for column in _ADDED:
        op.add_column("payments", column)
    unusual = sa.text("(store_update_reverts > 0 OR order_state <> 'PLACED')")
    op.create_index(
        "ix_payments_unusual_order", "payments", ["update_time"], sqlite_where=unusual, postgresql_where=unusual
    )
