"""What a device has refused."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the counts and when they came, which are not known yet."""
    op.add_column("device", sa.Column("refused", sa.JSON))
    op.add_column("device", sa.Column("refused_utc_ms", sa.Integer))
