"""Who is told of alarms, what became of it, and what is snoozed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables. Nobody is told any more of alarms that are over."""
    op.create_table(
        "telling",
        sa.Column("alarm", sa.Integer, nullable=False),
        sa.Column("episode", sa.Integer, nullable=False),
        sa.Column("priority", sa.String, nullable=False),
        sa.Column("begun_ms", sa.Integer, nullable=False),
        sa.Column("held_ms", sa.Integer),
        sa.Column("acknowledged_ms", sa.Integer),
        sa.Column("ended_ms", sa.Integer),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("is_over", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("alarm", name="pk_telling"),
        sa.ForeignKeyConstraint(["alarm"], ["alarm.id"], name="fk_telling_alarm"),
    )
    op.create_index("ix_telling_open", "telling", ["alarm"], sqlite_where=sa.text("is_over = 0"))
    op.create_index("ix_telling_episode", "telling", ["episode"])
    op.execute(
        "INSERT INTO telling (alarm, episode, priority, begun_ms, stage, is_over) "
        "SELECT id, id, priority, noticed_utc_ms, 0, 1 FROM alarm WHERE ended_utc_ms IS NOT NULL"
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("alarm", sa.Integer, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("priority", sa.String, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("decided_ms", sa.Integer, nullable=False),
        sa.Column("decided_utc_ms", sa.Integer, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.ForeignKeyConstraint(["alarm"], ["alarm.id"], name="fk_message_alarm"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_alarm", "message", ["alarm"])
    op.create_table(
        "delivery",
        sa.Column("message", sa.Integer, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_ms", sa.Integer),
        sa.Column("sent_utc_ms", sa.Integer),
        sa.Column("problem", sa.String),
        sa.PrimaryKeyConstraint("message", "service", name="pk_delivery"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], name="fk_delivery_message"),
    )
    op.create_index("ix_delivery_pending", "delivery", ["next_ms"], sqlite_where=sa.text("next_ms IS NOT NULL"))
    op.create_table(
        "snooze",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("wearer", sa.Integer, nullable=False),
        sa.Column("condition", sa.String, nullable=False),
        sa.Column("priority", sa.String, nullable=False),
        sa.Column("until_ms", sa.Integer, nullable=False),
        sa.Column("made_utc_ms", sa.Integer, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snooze"),
        sa.ForeignKeyConstraint(["wearer"], ["wearer.id"], name="fk_snooze_wearer"),
    )
    op.create_index("ix_snooze_wearer", "snooze", ["wearer", "condition"])
