"""The tables of a home's ledger.

Instants are milliseconds since 1970 UTC where a name ends in `_utc_ms`, milliseconds of the device's uptime where it
ends in `_uptime_ms`; readings keep the record's own integer units (0.1 bpm, 0.1 %, 0.01 C, 0.1/min). NULL means no
value.
A record's UTC is in no column: it follows from the anchors (`vigil_wire/uptime_time.py`).

A change here goes with a new migration; a test compares the two.
"""

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from vigil_wire import records

REVISION = "0010"
"""The newest migration: what a database must be at for this program."""

metadata = MetaData(
    naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

device = Table(
    "device",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("flags", Integer),  # as its last info message had them (vigil_wire/link.py); NULL before the first
    Column("refused", JSON),  # its newest counts message: a list in the order of `link.REFUSALS`
    Column("refused_utc_ms", Integer),  # when that came
)

wearer = Table(
    "wearer",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)

assignment = Table(
    "assignment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("device", ForeignKey("device.id"), nullable=False),
    Column("wearer", ForeignKey("wearer.id"), nullable=False),
    Column("from_utc_ms", Integer, nullable=False),
    Column("to_utc_ms", Integer),
    Index("ix_assignment_open", "device", unique=True, sqlite_where=text("to_utc_ms IS NULL")),
)

record = Table(
    "record",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("device", ForeignKey("device.id"), nullable=False),
    Column("journal", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("boot", Integer, nullable=False),
    Column("uptime_ms", Integer, nullable=False),
    Column("received_utc_ms", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False, server_default=text("x''")),  # see chain.py
    UniqueConstraint("device", "journal", "sequence"),
    Index("ix_record_device_journal_boot_uptime_ms", "device", "journal", "boot", "uptime_ms"),
    Index("ix_record_settings", "device", "id", sqlite_where=text(f"kind = {records.SETTINGS}")),
    sqlite_autoincrement=True,
)

_READING_COLUMNS = (
    "battery_pct",
    "pulse_rate_mean_deci_bpm",
    "pulse_rate_min_deci_bpm",
    "pulse_rate_max_deci_bpm",
    "spo2_mean_deci_pct",
    "spo2_min_deci_pct",
    "spo2_max_deci_pct",
    "temperature_mean_centi_c",
    "temperature_min_centi_c",
    "temperature_max_centi_c",
    "perfusion_centi_pct",
    "respiration_mean_deci_per_min",
)
_COUNT_COLUMNS = (
    "seconds",
    "pulse_rate_seconds",
    "spo2_seconds",
    "quality",
    "pulse_rate_status",
    "spo2_status",
    "temperature_status",
    "alarm_bits",
)

vitals = Table(
    "vitals",
    metadata,
    Column("record", ForeignKey("record.id"), primary_key=True),
    *(Column(name, Integer, nullable=False) for name in _COUNT_COLUMNS),
    *(Column(name, Integer) for name in _READING_COLUMNS),
    # What was stored before there were these columns: no sensor for it (0), the general curve (0).
    *(
        Column(name, Integer, nullable=False, server_default="0")
        for name in ("respiration_status", "spo2_is_calibrated", "movement")
    ),
)

alarm_event = Table(
    "alarm_event",
    metadata,
    Column("record", ForeignKey("record.id"), primary_key=True),
    Column("condition", Integer, nullable=False),
    Column("event", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("value", Integer),
    Column("onset_uptime_ms", Integer, nullable=False),
)

anchor = Table(
    "anchor",
    metadata,
    Column("record", ForeignKey("record.id"), primary_key=True),
    Column("device", String, nullable=False),
    Column("journal", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("boot", Integer, nullable=False),
    Column("uptime_ms", Integer, nullable=False),
    Column("utc_ms", Integer, nullable=False),
    Index("ix_anchor_device_journal_boot", "device", "journal", "boot"),
)

# The hash chain's head after the row `record`, signed: see chain.py.
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("record", Integer, nullable=False),  # no foreign key: it must outlive a row that is removed
    Column("hash", LargeBinary, nullable=False),
    Column("utc_ms", Integer, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

# How far a journal is stored: up to `stored_to` (-1: not its first) every record is here, or a gap with its reason,
# and often further (ledger.ROWS_BEHIND). `newest_told` is the newest sequence number the device has spoken of.
journal = Table(
    "journal",
    metadata,
    Column("device", ForeignKey("device.id"), primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("met_utc_ms", Integer, nullable=False),
    Column("stored_to", Integer, nullable=False),
    Column("newest_told", Integer),
)

# A gap with last = first - 1 is an open one: records from `first` on may have been, and how many is not known.
gap = Table(
    "gap",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("device", ForeignKey("device.id"), nullable=False),
    Column("journal", Integer, nullable=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("noted_utc_ms", Integer, nullable=False),
    UniqueConstraint("device", "journal", "first", "last"),
)

ROLLED_UP = ("pulse_rate", "spo2", "temperature", "respiration")

# All vitals whose uptime is in one span of one boot, from number * span_s seconds on, summed up. It is keyed by uptime
# because that never changes, while the UTC of an uptime may become known long after. Of each signal: seconds with a
# value, sum of value times seconds, least and most, in the vitals' units.
rollup = Table(
    "rollup",
    metadata,
    Column("device", ForeignKey("device.id"), primary_key=True),
    Column("journal", Integer, primary_key=True),
    Column("boot", Integer, primary_key=True),
    Column("span_s", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    *(
        Column(f"{signal}_{what}", Integer, nullable=what in ("min", "max"))
        for signal in ROLLED_UP
        for what in ("seconds", "sum", "min", "max")
    ),
    sqlite_with_rowid=False,
)

# One row: the id of the newest record that is in the roll-ups, as all before it are.
rolled_up = Table("rolled_up", metadata, Column("record", Integer, primary_key=True, autoincrement=False))

# One row per occurrence of an alarm condition. What the device's records say of it is referred to, not copied;
# `noticed_utc_ms` and `ended_utc_ms` are when the bridge learnt of its beginning and end (NULL: it is active).
# `boot` is the newest boot whose record says that it goes on from before (NULL: it is of one boot).
# `acknowledged_*` are NULL while nobody has acknowledged it, or it sounds again; by: DEVICE_BUTTON, or a person's name.
alarm = Table(
    "alarm",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("device", ForeignKey("device.id"), nullable=False),
    Column("condition", String, nullable=False),
    Column("priority", String, nullable=False),
    Column("source", String, nullable=False),
    Column("noticed_utc_ms", Integer, nullable=False),
    Column("heard_sequence", Integer),
    Column("raised_record", ForeignKey("record.id")),
    Column("ended_utc_ms", Integer),
    Column("cleared_record", ForeignKey("record.id")),
    Column("boot", Integer),
    Column("acknowledged_utc_ms", Integer),
    Column("acknowledged_by", String),
    Column("is_latched", Integer, nullable=False, server_default="0"),
    Index("ix_alarm_active", "device", "condition", unique=True, sqlite_where=text("ended_utc_ms IS NULL")),
    Index("ix_alarm_device_condition", "device", "condition"),
)

# How far the telling of people about an alarm has come: see delivery/escalation.py. Names that end in `_ms` alone are
# instants of the escalation's own time (delivery/steady.py). `episode` is the first alarm of a condition that came back
# soon after it had ended: people are told of all these as of one.
telling = Table(
    "telling",
    metadata,
    Column("alarm", ForeignKey("alarm.id"), primary_key=True),
    Column("episode", Integer, nullable=False),
    Column("priority", String, nullable=False),
    Column("begun_ms", Integer, nullable=False),
    Column("held_ms", Integer),
    Column("acknowledged_ms", Integer),
    Column("ended_ms", Integer),
    Column("stage", Integer, nullable=False),
    Column("is_over", Integer, nullable=False),
    Index("ix_telling_open", "alarm", sqlite_where=text("is_over = 0")),
    Index("ix_telling_episode", "episode"),
)

# A message to a person: written in the transaction that decided it. `kind`: alarm, all_clear, or late.
message = Table(
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alarm", ForeignKey("alarm.id"), nullable=False),
    Column("person", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("priority", String, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("decided_ms", Integer, nullable=False),
    Column("decided_utc_ms", Integer, nullable=False),
    Column("title", String, nullable=False),
    Column("body", String, nullable=False),
    Index("ix_message_alarm", "alarm"),
    sqlite_autoincrement=True,
)

# A message on its way to one of the person's addresses, which are told apart by names without secrets. It is pending
# while `next_ms` says when it is tried next; after that it was sent, or `problem` says why not.
delivery = Table(
    "delivery",
    metadata,
    Column("message", ForeignKey("message.id"), primary_key=True),
    Column("service", String, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", Integer),
    Column("sent_utc_ms", Integer),
    Column("problem", String),
    Index("ix_delivery_pending", "next_ms", sqlite_where=text("next_ms IS NOT NULL")),
)

# What somebody has asked not to be told of for a while; not what is of a higher priority than it was then.
snooze = Table(
    "snooze",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("wearer", ForeignKey("wearer.id"), nullable=False),
    Column("condition", String, nullable=False),
    Column("priority", String, nullable=False),
    Column("until_ms", Integer, nullable=False),
    Column("made_utc_ms", Integer, nullable=False),
    Column("by", String, nullable=False),
    Index("ix_snooze_wearer", "wearer", "condition"),
)
