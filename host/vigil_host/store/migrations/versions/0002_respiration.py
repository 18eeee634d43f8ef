"""Respiration in the vitals, and whose calibration SpO2 was read on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; rows from before say that there was no respiration, and SpO2 on the general curve."""
    op.add_column("vitals", sa.Column("respiration_mean_deci_per_min", sa.Integer))
    op.add_column("vitals", sa.Column("respiration_status", sa.Integer, nullable=False, server_default="0"))
    op.add_column("vitals", sa.Column("spo2_is_calibrated", sa.Integer, nullable=False, server_default="0"))
