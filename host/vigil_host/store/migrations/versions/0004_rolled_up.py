"""Up to which record the roll-ups are."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the row: what is there has all been rolled up."""
    op.create_table(
        "rolled_up",
        sa.Column("record", sa.Integer, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("record", name="pk_rolled_up"),
    )
    op.execute("INSERT INTO rolled_up SELECT coalesce(max(id), 0) FROM record")
