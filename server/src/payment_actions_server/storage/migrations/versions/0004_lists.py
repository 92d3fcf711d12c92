"""For lists: the payments of a store and status in the order of a list's pages."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the index of a store's payments: what has it may also say which statuses."""
    op.drop_index("ix_payments_store_changed", "payments")
    op.create_index("ix_payments_store_status_changed", "payments", ["store", "status", "update_time"])
