"""The hash chain and its checkpoints, how far each journal is stored, and roll-ups."""

import sqlalchemy as sa
from alembic import op

from vigil_host.store import chain, ledger, rollups

revision = "0003"
down_revision = "0002"

_SIGNALS = ("pulse_rate", "spo2", "temperature", "respiration")


def upgrade() -> None:
    """Create what is new, and chain, count and sum up the records that are there."""
    op.add_column("record", sa.Column("hash", sa.LargeBinary, nullable=False, server_default=sa.text("x''")))
    op.create_table(
        "checkpoint",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("record", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("utc_ms", sa.Integer, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoint"),
    )
    op.create_table(
        "journal",
        sa.Column("device", sa.String, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("met_utc_ms", sa.Integer, nullable=False),
        sa.Column("stored_to", sa.Integer, nullable=False),
        sa.Column("newest_told", sa.Integer),
        sa.PrimaryKeyConstraint("device", "id", name="pk_journal"),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name="fk_journal_device"),
    )
    op.create_table(
        "rollup",
        sa.Column("device", sa.String, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("journal", "boot", "span_s", "number")),
        *(
            sa.Column(f"{signal}_{what}", sa.Integer, nullable=what in ("min", "max"))
            for signal in _SIGNALS
            for what in ("seconds", "sum", "min", "max")
        ),
        sa.PrimaryKeyConstraint("device", "journal", "boot", "span_s", "number", name="pk_rollup"),
        sa.ForeignKeyConstraint(["device"], ["device.id"], name="fk_rollup_device"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    _chain(connection)
    rollups.rebuild(connection)
    journals = "SELECT device, journal, min(received_utc_ms) FROM record GROUP BY device, journal"
    noted = "SELECT device, journal, min(noted_utc_ms) FROM gap GROUP BY device, journal"
    for device, journal, met in connection.execute(sa.text(f"{journals} UNION ALL {noted}")).all():
        ledger.advance(connection, device, journal, met)


def _chain(connection: sa.Connection) -> None:
    head = chain.GENESIS
    last = 0
    columns = "id, device, journal, sequence, received_utc_ms, data"
    page = sa.text(f"SELECT {columns} FROM record WHERE id > :last ORDER BY id LIMIT 5000")
    while rows := connection.execute(page, {"last": last}).all():
        hashes = []
        for row in rows:
            head = chain.follow(head, chain.digest(*row))
            hashes.append({"hash": head, "id": row.id})
        connection.execute(sa.text("UPDATE record SET hash = :hash WHERE id = :id"), hashes)
        last = rows[-1].id
