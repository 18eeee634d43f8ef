"""Who has acknowledged an alarm, whether it is latched, and whether it went on over a boot."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add them; nobody has acknowledged what is there."""
    op.add_column("alarm", sa.Column("boot", sa.Integer))
    op.add_column("alarm", sa.Column("acknowledged_utc_ms", sa.Integer))
    op.add_column("alarm", sa.Column("acknowledged_by", sa.String))
    op.add_column("alarm", sa.Column("is_latched", sa.Integer, nullable=False, server_default="0"))
