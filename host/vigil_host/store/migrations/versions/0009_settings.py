"""The newest settings of a device are found without looking through its years of vitals."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the index, of settings records (kind 5) alone."""
    op.create_index("ix_record_settings", "record", ["device", "id"], sqlite_where=sa.text("kind = 5"))
