"""The store: one writer, many readers, over one SQLite file.

Every method blocks. Those that write take turns on one connection, in any thread; an event loop calls them through
`on_writer`, which runs them in one thread in the order they were asked for. Those that read may run at any time.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Concatenate, ParamSpec, TextIO, TypeVar

from sqlalchemy import Connection, Engine, and_, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from vigil_host.clock import Clock
from vigil_host.store import alarms, chain, export, history, ledger, opening, queries, rollups, schema, verify
from vigil_host.store.alarms import LiveBits
from vigil_host.store.chain import Head, Signer
from vigil_host.store.history import AlarmEvent, Snooze, StoredSettings, Told
from vigil_host.store.lease import Lease
from vigil_host.store.ledger import CommitResult, Gap
from vigil_host.store.opening import StoreError
from vigil_host.store.queries import Alarm, Audit, GapInTime, StoredDevice, TrendRow, UntimedReadings

BUSY_TIMEOUT_S = 5.0
DEFAULT_WEARER = "Wearer"

_P = ParamSpec("_P")
_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Store:
    """A home's ledger. Made by `open` or `read`; close it at the end."""

    def __init__(
        self,
        path: Path,
        writer: Engine | None,
        reader: Engine,
        clock: Clock,
        lease: Lease | None = None,
        signer: Signer | None = None,
    ) -> None:
        self.path = path
        self._writer = writer
        self._connection: Connection | None = None  # the one that writes, kept open
        self._transaction: opening.Transaction | None = None
        self._lock = RLock()
        if writer is not None:
            self._connection = writer.connect()
            self._transaction = opening.Transaction(path, self._connection, self._lock)
        self._reader = reader
        self._clock = clock
        self._lease = lease
        self._signer = signer
        self._head: Head | None = None  # as this store left it
        self._content = 0  # of the database when that was looked up
        self._newest: dict[tuple[str, int], int] = {}  # sequence numbers in the record, by device and journal
        self._signed_row_id = 0
        self._signed_s = clock.monotonic()
        self._thread = ThreadPoolExecutor(1, "store")

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        clock: Clock | None = None,
        signer: Signer | None = None,
    ) -> "Store":
        """Open for reading and writing; a missing file is made, an older one is brought up to date.

        `signer` signs the chain's checkpoints; without one there are none. Raises StoreError for a file that is
        locked, read-only, from a newer version or not a database, and AlreadyOwned while another program writes it.
        """
        opening.make_file(path)
        lease = Lease(path)
        writer = opening.writer(path, busy_timeout_s)
        try:
            with (
                opening.ErrorsNamed(path),
                writer.begin() as connection,
                opening.Transaction(path, connection, RLock()),
            ):
                opening.migrate(connection, path)
                signed = connection.execute(select(func.max(schema.checkpoint.c.record))).scalar()
        except BaseException:
            writer.dispose()
            lease.release()
            raise
        store = cls(path, writer, opening.reader(path, busy_timeout_s), clock or Clock(), lease, signer)
        store._signed_row_id = signed or 0
        return store

    @classmethod
    def read(cls, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> "Store":
        """Open for reading only, also while a bridge writes; raises StoreError as `open` does."""
        if not path.is_file():
            raise StoreError(f"{path} does not exist")
        store = cls(path, None, opening.reader(path, busy_timeout_s), Clock())
        try:
            with store._reading() as connection:
                opening.check(connection, path)
        except StoreError:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Finish what `on_writer` was asked for, roll up and sign, then close every connection."""
        self._thread.shutdown(wait=True)
        try:
            self._settle()
        except StoreError as error:
            _log.error("the newest rows are not signed: %s", error)
        self._reader.dispose()  # before the writer: the last connection to close checkpoints
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._writer is not None:
            self._writer.dispose()
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    async def on_writer(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run `function` in the writer's thread, after everything asked for before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: function(*args, **kwargs))

    def transact(self, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run `function` with the writer's connection, in one transaction: on return it is on disk."""
        with self._writing() as connection:
            return function(connection, *args, **kwargs)

    def look(self, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run `function`, which only reads, with a connection that sees one moment."""
        with self._reading() as connection:
            return function(connection, *args, **kwargs)

    # Devices and wearers

    def add_device(self, device_id: str, name: str, wearer: str = DEFAULT_WEARER) -> None:
        """Make the device known under `name`, worn by `wearer` from now on, unless it is so already."""
        now = self._clock.utc_ms()
        with self._writing() as connection:
            named = upsert(schema.device).values(id=device_id, name=name)
            connection.execute(named.on_conflict_do_update(index_elements=["id"], set_={"name": name}))
            connection.execute(upsert(schema.wearer).values(name=wearer).on_conflict_do_nothing())
            wearer_id = connection.execute(
                select(schema.wearer.c.id).where(schema.wearer.c.name == wearer)
            ).scalar_one()
            is_open = and_(schema.assignment.c.device == device_id, schema.assignment.c.to_utc_ms.is_(None))
            worn_by = connection.execute(select(schema.assignment.c.wearer).where(is_open)).scalar()
            if worn_by == wearer_id:
                return
            connection.execute(update(schema.assignment).where(is_open).values(to_utc_ms=now))
            connection.execute(insert(schema.assignment).values(device=device_id, wearer=wearer_id, from_utc_ms=now))

    def devices(self) -> list[StoredDevice]:
        """Return the devices that have, or may have, records here, by id."""
        with self._reading() as connection:
            return queries.devices(connection)

    # Records

    def commit(
        self,
        device_id: str,
        journal_id: int,
        raw_records: Sequence[bytes],
        gaps: Iterable[Gap] = (),
        live: LiveBits | None = None,
    ) -> CommitResult:
        """Store records and gaps in one transaction; on return they are on disk and may be acknowledged.

        A record that is stored already changes nothing; one of a kind this program does not know is kept as it came.
        `live` is the newest content heard: it keeps an alarm that is long over from being shown as active. Raises
        RecordError, storing nothing, where a record has not even a header, and StoreError.
        """
        arrivals = [ledger.arrival_of(data) for data in raw_records]
        now_utc_ms = self._clock.utc_ms()
        with self._lock:
            with self._writing() as connection:
                head = self._head_in(connection)
                newest = self._newest.get((device_id, journal_id))
                if newest is None:
                    newest = ledger.newest_sequence(connection, device_id, journal_id)
                result, head = ledger.commit(
                    connection, device_id, journal_id, arrivals, gaps, live, now_utc_ms, head, newest
                )
                is_signed = self._is_due(head) and self._sign(connection, head)
            self._head = head
            self._newest[device_id, journal_id] = max([newest, *(arrival.sequence for arrival in arrivals)])
            if is_signed:
                self._note_signed(head)
        return result

    def note_gap(self, device_id: str, journal_id: int, gap: Gap) -> None:
        """Store that these records are to be had from nowhere."""
        with self._writing() as connection:
            ledger.note_gaps(connection, device_id, journal_id, [gap], self._clock.utc_ms())
            ledger.advance(connection, device_id, journal_id, self._clock.utc_ms())

    def meet(self, device_id: str, journal_id: int, newest_told: int | None, flags: int | None = None) -> None:
        """Note that the device has this journal now, up to `newest_told`, and what it says of itself (`link.Info`).

        What an earlier journal of the device had and nobody fetched is a gap from now on.
        """
        with self._writing() as connection:
            if flags is not None:
                is_this = schema.device.c.id == device_id
                connection.execute(update(schema.device).where(is_this).values(flags=flags))
            ledger.meet(connection, device_id, journal_id, newest_told, self._clock.utc_ms())

    def note_refused(self, device_id: str, refused: Sequence[int]) -> tuple[int, ...]:
        """Note what the device says it has refused since its boot; return what was noted before, all 0 at first."""
        with self._writing() as connection:
            is_this = schema.device.c.id == device_id
            before = connection.execute(select(schema.device.c.refused).where(is_this)).scalar()
            now = {"refused": [*refused], "refused_utc_ms": self._clock.utc_ms()}
            connection.execute(update(schema.device).where(is_this).values(now))
        return tuple(before or [0] * len(refused))

    def highest(self, device_id: str, journal_id: int) -> int | None:
        """Newest sequence number up to which every one is stored or a noted gap: the next one is to be fetched.

        None where there is none: a new journal, or its beginning is missing.
        """
        with self._reading() as connection:
            return ledger.stored_to(connection, device_id, journal_id)

    def verify(self, public_keys: Iterable[bytes] = ()) -> verify.Report:
        """Look for anything in the record that is not as it was committed; reads all of it."""
        with self._reading() as connection:
            return verify.verify(connection, set(public_keys))

    def export(self, device_id: str, from_utc_ms: int, to_utc_ms: int, file: TextIO) -> int:
        """Write the device's records with from <= UTC < to so that they can be proved; see `export.write`."""
        with self._reading() as connection:
            return export.write(connection, device_id, from_utc_ms, to_utc_ms, file)

    def audit(self, device_id: str | None = None) -> Audit:
        """Count what is stored, missing and there twice, of one device or of all."""
        with self._reading() as connection:
            return queries.audit(connection, device_id)

    def gaps(self, device_id: str) -> list[Gap]:
        """Return all gaps noted for a device, in the order they were noted."""
        with self._reading() as connection:
            return queries.gaps(connection, device_id)

    def gaps_between(self, device_id: str, from_utc_ms: int, to_utc_ms: int) -> list[GapInTime]:
        """Return the newest gaps of a device that overlap from <= UTC < to, newest first."""
        with self._reading() as connection:
            return queries.gaps_between(connection, device_id, from_utc_ms, to_utc_ms)

    # Readings

    def rows_after(self, row_id: int, limit: int) -> list[TrendRow]:
        """Return the first `limit` vitals rows, of all devices, whose id is greater than `row_id`, by id."""
        with self._reading() as connection:
            return queries.rows_after(connection, row_id, limit)

    def newest_row_id(self) -> int:
        """Return the id of the newest vitals row, 0 where there is none."""
        with self._reading() as connection:
            return queries.newest_row_id(connection)

    def trend(self, device_id: str, from_utc_ms: int, to_utc_ms: int, limit: int) -> list[TrendRow]:
        """Return the newest `limit` vitals rows with from <= UTC < to, oldest first; none whose time is not known."""
        with self._reading() as connection:
            return queries.trend(connection, device_id, from_utc_ms, to_utc_ms, limit)

    def newest_rows(self, device_id: str, limit: int) -> list[TrendRow]:
        """Return the newest `limit` vitals rows, oldest first; one whose time is not known, where it can first be."""
        with self._reading() as connection:
            return queries.newest_rows(connection, device_id, limit)

    def untimed_between(self, device_id: str, from_utc_ms: int, to_utc_ms: int) -> list[UntimedReadings]:
        """Return what can lie in from <= UTC < to and has no known time, a boot each, newest first."""
        with self._reading() as connection:
            return queries.untimed_between(connection, device_id, from_utc_ms, to_utc_ms)

    def rollups(self, device_id: str, from_utc_ms: int, to_utc_ms: int, span_s: int) -> list[rollups.Rollup]:
        """Return the roll-ups (rollups.SPANS_S) that begin at from <= UTC < to, oldest first."""
        with self._reading() as connection:
            return rollups.between(connection, device_id, from_utc_ms, to_utc_ms, span_s)

    def newest_record(self, device_id: str, kind: int) -> bytes | None:
        """Return the newest stored record of one kind (vigil_wire.records), as it came; None when there is none."""
        with self._reading() as connection:
            return queries.newest_record(connection, device_id, kind)

    # Alarms

    def apply_live_alarms(self, device_id: str, live: LiveBits) -> bool:
        """Raise and clear by alarm bits that were heard; says whether anything changed."""
        with self._writing() as connection:
            return alarms.apply_live(connection, device_id, live, self._clock.utc_ms())

    def set_bridge_condition(self, device_id: str, condition: str, priority: str | None) -> bool:
        """Raise a condition the bridge itself has found, or clear it (None); says whether anything changed."""
        with self._writing() as connection:
            return alarms.set_bridge_condition(connection, device_id, condition, priority, self._clock.utc_ms())

    def acknowledge_alarm(self, alarm_id: int, by: str) -> bool:
        """Note that `by`, a person, acknowledges an alarm; False where it is over or acknowledged already."""
        with self._writing() as connection:
            return alarms.acknowledge(connection, alarm_id, by, self._clock.utc_ms())

    def unacknowledge_alarm(self, alarm_id: int) -> None:
        """Note that an alarm must be acknowledged again."""
        with self._writing() as connection:
            alarms.unacknowledge(connection, alarm_id)

    def active_alarms(self) -> list[Alarm]:
        """Return the alarms that are active, in the order they were noticed."""
        with self._reading() as connection:
            return queries.alarms(connection, None)

    def alarms_since(self, utc_ms: int) -> list[Alarm]:
        """Return the alarms that are active or were so at or after `utc_ms`, in the order they were noticed."""
        with self._reading() as connection:
            return queries.alarms(connection, utc_ms)

    def alarm_events(self, since_utc_ms: int) -> list[AlarmEvent]:
        """Return what records tell of the alarms that `alarms_since` gives, and of pauses and standby, oldest first."""
        with self._reading() as connection:
            return history.alarm_events(connection, since_utc_ms)

    def told(self, alarm_ids: list[int]) -> list[Told]:
        """Return who was told of these alarms, and how that went."""
        with self._reading() as connection:
            return history.told(connection, alarm_ids)

    def snoozes(self) -> list[Snooze]:
        """Return what nobody is told of now, as somebody has asked for; to a few seconds, by this machine's clock."""
        with self._reading() as connection:
            return history.snoozes(connection, self._clock.utc_ms())

    def newest_settings(self, device_id: str) -> StoredSettings | None:
        """Return the newest settings record of a device and its time; None when there is none."""
        with self._reading() as connection:
            return history.newest_settings(connection, device_id)

    def _head_in(self, connection: Connection) -> Head:
        """The head as this store left it; StoreError where another program has changed it."""
        content = opening.content_of(connection)
        if self._head is not None and content == self._content:
            return self._head
        head = ledger.newest(connection)
        if self._head not in (None, head):
            raise StoreError(f"{self.path} was changed by another program: nothing more is stored")
        self._content = content
        return head

    def _is_due(self, head: Head) -> bool:
        """Whether a checkpoint is to be signed."""
        unsigned = head.row_id - self._signed_row_id
        if self._signer is None or unsigned <= 0:
            return False
        return unsigned >= chain.SIGN_ROWS or self._clock.monotonic() - self._signed_s >= chain.SIGN_PERIOD_S

    def _sign(self, connection: Connection, head: Head) -> bool:
        """Add a checkpoint."""
        assert self._signer is not None
        now = self._clock.utc_ms()
        connection.execute(
            insert(schema.checkpoint).values(
                record=head.row_id,
                hash=head.hash,
                utc_ms=now,
                public_key=self._signer.public_key,
                signature=self._signer.sign(head, now),
            )
        )
        return True

    def _note_signed(self, head: Head) -> None:
        self._signed_row_id = head.row_id
        self._signed_s = self._clock.monotonic()

    def _settle(self) -> None:
        """Bring the roll-ups up to date and sign the newest rows, if this store has written any."""
        if self._connection is None or self._head is None:
            return
        with self._lock, self._writing() as connection:
            rollups.bring_up_to_date(connection)
            is_signed = self._signer is not None and self._head.row_id > self._signed_row_id
            if is_signed:
                self._sign(connection, self._head)
        if is_signed:
            self._note_signed(self._head)

    def _writing(self) -> opening.Transaction:
        if self._transaction is None:
            raise StoreError(f"{self.path} was opened for reading only")
        return self._transaction

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with opening.ErrorsNamed(self.path), self._reader.begin() as connection:
            yield connection
