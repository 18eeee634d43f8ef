"""What a device says of its radio."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the flags, which are not known yet."""
    op.add_column("device", sa.Column("flags", sa.Integer))
