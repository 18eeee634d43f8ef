"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "device",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
    )
    op.create_table(
        "wearer",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_wearer"),
        sa.UniqueConstraint("name", name="uq_wearer_name"),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("wearer", sa.Integer, nullable=False),
        sa.Column("from_utc_ms", sa.Integer, nullable=False),
        sa.Column("to_utc_ms", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_assignment"),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name="fk_assignment_device"),
        sa.ForeignKeyConstraint(["wearer"], ["wearer.id"], name="fk_assignment_wearer"),
    )
    op.create_index(
        "ix_assignment_open", "assignment", ["device"], unique=True, sqlite_where=sa.text("to_utc_ms IS NULL")
    )
    op.create_table(
        "record",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("journal", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("uptime_ms", sa.Integer, nullable=False),
        sa.Column("received_utc_ms", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_record"),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name="fk_record_device"),
        sa.UniqueConstraint("device", "journal", "sequence", name="uq_record_device_journal_sequence"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_record_device_journal_boot_uptime_ms", "record", ["device", "journal", "boot", "uptime_ms"])
    op.create_table(
        "vitals",
        sa.Column("record", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("pulse_rate_seconds", sa.Integer, nullable=False),
        sa.Column("spo2_seconds", sa.Integer, nullable=False),
        sa.Column("quality", sa.Integer, nullable=False),
        sa.Column("pulse_rate_status", sa.Integer, nullable=False),
        sa.Column("spo2_status", sa.Integer, nullable=False),
        sa.Column("temperature_status", sa.Integer, nullable=False),
        sa.Column("alarm_bits", sa.Integer, nullable=False),
        sa.Column("battery_pct", sa.Integer),
        sa.Column("pulse_rate_mean_deci_bpm", sa.Integer),
        sa.Column("pulse_rate_min_deci_bpm", sa.Integer),
        sa.Column("pulse_rate_max_deci_bpm", sa.Integer),
        sa.Column("spo2_mean_deci_pct", sa.Integer),
        sa.Column("spo2_min_deci_pct", sa.Integer),
        sa.Column("spo2_max_deci_pct", sa.Integer),
        sa.Column("temperature_mean_centi_c", sa.Integer),
        sa.Column("temperature_min_centi_c", sa.Integer),
        sa.Column("temperature_max_centi_c", sa.Integer),
        sa.Column("perfusion_centi_pct", sa.Integer),
        sa.PrimaryKeyConstraint("record", name="pk_vitals"),
        sa.ForeignKeyConstraint(["record"], ["record.id"], name="fk_vitals_record"),
    )
    op.create_table(
        "alarm_event",
        sa.Column("record", sa.Integer, nullable=False),
        sa.Column("condition", sa.Integer, nullable=False),
        sa.Column("event", sa.Integer, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("value", sa.Integer),
        sa.Column("onset_uptime_ms", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("record", name="pk_alarm_event"),
        sa.ForeignKeyConstraint(["record"], ["record.id"], name="fk_alarm_event_record"),
    )
    op.create_table(
        "anchor",
        sa.Column("record", sa.Integer, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("journal", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("uptime_ms", sa.Integer, nullable=False),
        sa.Column("utc_ms", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("record", name="pk_anchor"),
        sa.ForeignKeyConstraint(["record"], ["record.id"], name="fk_anchor_record"),
    )
    op.create_index("ix_anchor_device_journal_boot", "anchor", ["device", "journal", "boot"])
    op.create_table(
        "gap",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("journal", sa.Integer, nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("noted_utc_ms", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gap"),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name="fk_gap_device"),
        sa.UniqueConstraint("device", "journal", "first", "last", name="uq_gap_device_journal_first_last"),
    )
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("condition", sa.String, nullable=False),
        sa.Column("priority", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("noticed_utc_ms", sa.Integer, nullable=False),
        sa.Column("heard_sequence", sa.Integer),
        sa.Column("raised_record", sa.Integer),
        sa.Column("ended_utc_ms", sa.Integer),
        sa.Column("cleared_record", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name="fk_alarm_device"),
        sa.ForeignKeyConstraint(["raised_record"], ["record.id"], name="fk_alarm_raised_record"),
        sa.ForeignKeyConstraint(["cleared_record"], ["record.id"], name="fk_alarm_cleared_record"),
    )
    op.create_index(
        "ix_alarm_active",
        "alarm",
        ["device", "condition"],
        unique=True,
        sqlite_where=sa.text("ended_utc_ms IS NULL"),
    )
    op.create_index("ix_alarm_device_condition", "alarm", ["device", "condition"])
