"""How the wearer moved and lay, in the vitals."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; rows from before say that nothing told it."""
    op.add_column("vitals", sa.Column("movement", sa.Integer, nullable=False, server_default="0"))
