"""Boots of a device and their place in time: by their anchors, or, without one, between the boots beside them."""

from collections.abc import Callable, Container, Iterator, Sequence
from itertools import groupby, repeat, zip_longest
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, func, literal_column, select

from vigil_host.store import schema
from vigil_host.store.prepared import Prepared
from vigil_host.store.times import DEVICE_EPOCH_MS, MS_PER_DAY, Anchor, Instant, from_days, since_1970, utc_ms_of
from vigil_wire.uptime_time import bounds_of, doubt_ms, drift_between, minus, plus, utc_of


class Boot(NamedTuple):
    """A boot with its anchors, its newest uptime, and the bounds of its UTC as the anchors' offsets have them."""

    latest_utc_ms: int
    earliest_utc_ms: int
    journal: int
    boot: int
    newest_ms: int
    anchors: list[Anchor]

    def uptimes_between(self, from_utc_ms: int, to_utc_ms: int) -> list[tuple[int, int]]:
        """Stretches of uptime, both ends included, that have all of from <= UTC < to and a little more.

        Within each, UTC goes on with the uptime: all its anchors agree.
        """
        found = []
        first = 0
        offsets: list[int] = []  # UTC less uptime; between two anchors that agree it lies between theirs
        for anchor, following in zip_longest(self.anchors, self.anchors[1:]):
            offsets.append(DEVICE_EPOCH_MS + from_days(anchor[2] - anchor[0], anchor[3] - anchor[1]))
            if following is not None and drift_between(anchor, following) is not None:
                continue
            end = self.newest_ms + 1 if following is None else from_days(*following[:2])
            begin = max(first, from_utc_ms - max(offsets))
            last = min(end, to_utc_ms - min(offsets)) - 1
            if begin <= last:
                found.append((begin, last))
            first, offsets = end, []
        return found

    def uptimes_around(self, from_utc_ms: int, to_utc_ms: int) -> tuple[int, int] | None:
        """One stretch that has all of from <= UTC < to, and where the bridge's clock was set, maybe much more."""
        if from_utc_ms <= self.earliest_utc_ms and self.latest_utc_ms < to_utc_ms:
            return 0, self.newest_ms
        found = self.uptimes_between(from_utc_ms, to_utc_ms)
        return (found[0][0], found[-1][1]) if found else None


class Place(NamedTuple):
    """Where an uptime lies in time: at `utc_ms`, or, where that is None, between the other two (None: not known)."""

    utc_ms: int | None
    earliest_utc_ms: int | None = None
    latest_utc_ms: int | None = None


class Extent(NamedTuple):
    """How far a boot goes: its first and newest uptime (ms), and the sequence number of the first record."""

    journal: int
    sequence: int
    boot: int
    first_ms: int
    newest_ms: int


class Untimed(NamedTuple):
    """A boot without an anchor; `before` and `after` are what bounds it (see `uptime_time.bounds_of`)."""

    extent: Extent
    before: Instant | None
    after: Instant | None
    beside: list[Extent]  # the boots that these two follow from: all up to the next ones with an anchor

    def place_of(self, uptime_ms: int) -> Place:
        """The place of one of its uptimes."""
        newest = divmod(self.extent.newest_ms, MS_PER_DAY)
        earliest, latest = bounds_of(divmod(uptime_ms, MS_PER_DAY), newest, self.before, self.after)
        return Place(None, since_1970(earliest), since_1970(latest))

    def bounds_utc_ms(self) -> tuple[int | None, int | None]:
        """The earliest and latest UTC of all of it."""
        return self.place_of(self.extent.first_ms).earliest_utc_ms, self.place_of(self.extent.newest_ms).latest_utc_ms

    def may_lie_between(self, from_utc_ms: int, to_utc_ms: int) -> bool:
        """Whether a record of it may be of from <= UTC < to."""
        earliest, latest = self.bounds_utc_ms()
        return (earliest is None or earliest < to_utc_ms) and (latest is None or latest >= from_utc_ms)


class Places:
    """Finds the place of any uptime; what that needs is read once for each boot and device."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._anchors: dict[tuple[str, int, int], list[Anchor]] = {}
        self._untimed: dict[str, dict[tuple[int, int], Untimed]] = {}

    def of(self, device: str, journal: int, boot: int, uptime_ms: int) -> Place:
        """The place of an uptime of a boot of which there is a record."""
        key = (device, journal, boot)
        if key not in self._anchors:
            self._anchors[key] = anchors_of(self._connection, *key)
        if self._anchors[key]:
            return Place(utc_ms_of(uptime_ms, self._anchors[key]))
        if device not in self._untimed:
            found = untimed_boots(self._connection, device)
            self._untimed[device] = {(each.extent.journal, each.extent.boot): each for each in found}
        return self._untimed[device][journal, boot].place_of(uptime_ms)


def boots_between(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int) -> Iterator[Boot]:
    """Boots of which some uptime may lie in from <= UTC < to, the one that may be newest first; none without an anchor.

    An offset of UTC to uptime is never outside those of the anchors, so they alone tell which boots need no look.
    """
    anchor = schema.anchor
    offset = anchor.c.utc_ms - anchor.c.uptime_ms
    known = connection.execute(
        select(anchor.c.journal, anchor.c.boot, func.min(offset).label("least"), func.max(offset).label("most"))
        .where(anchor.c.device == device)
        .group_by(anchor.c.journal, anchor.c.boot)
    ).all()
    found = []
    for journal, boot, least, most in known:
        if least >= to_utc_ms:
            continue
        newest_ms = _newest_ms(connection, device, journal, boot)
        if newest_ms is not None and newest_ms + most >= from_utc_ms:
            found.append((newest_ms + most, least, journal, boot, newest_ms))
    for latest, earliest, journal, boot, newest_ms in sorted(found, reverse=True):
        yield Boot(latest, earliest, journal, boot, newest_ms, anchors_of(connection, device, journal, boot))


def anchors_of(connection: Connection, device: str, journal: int, boot: int) -> list[Anchor]:
    """The anchors of a boot, as `uptime_time.utc_of` wants them."""
    return list(_ANCHORS.run(connection, of_device=device, of_journal=journal, of_boot=boot).fetchall())


def untimed_boots(connection: Connection, device: str) -> list[Untimed]:
    """All boots of a device that have no anchor."""
    found = extents(connection, device)
    timed = {
        (extent.journal, extent.boot)
        for extent in found
        if _first(_ANCHORED, connection, of_device=device, of_journal=extent.journal, of_boot=extent.boot)
    }
    return untimed_of(
        found,
        timed,
        lambda extent: anchors_of(connection, device, extent.journal, extent.boot),
    )


def untimed_of(
    extents: Sequence[Extent], timed: Container[tuple[int, int]], anchors_of: Callable[[Extent], Sequence[Anchor]]
) -> list[Untimed]:
    """The boots that are not `timed` (journal, boot), each bounded by those beside it; `extents` are sorted."""
    found: list[Untimed] = []
    for _, boots in groupby(extents, key=lambda extent: extent.journal):
        by_anchors = groupby(boots, key=lambda each: (each.journal, each.boot) in timed)
        runs = [(is_timed, list(run)) for is_timed, run in by_anchors]
        for index, (is_timed, run) in enumerate(runs):
            if is_timed:
                continue
            befores: list[Instant | None] = [None]
            afters: list[Instant | None] = [None]
            beside = list(run)
            if index > 0:
                last = runs[index - 1][1][-1]
                beside.append(last)
                befores = [_earliest(divmod(last.newest_ms, MS_PER_DAY), anchors_of(last))]
            if index + 1 < len(runs):
                following = runs[index + 1][1][0]
                beside.append(following)
                afters = [_latest(divmod(following.first_ms, MS_PER_DAY), anchors_of(following))]
            for extent in run[:-1]:
                newest = divmod(extent.newest_ms, MS_PER_DAY)
                befores.append(bounds_of(newest, newest, befores[-1], None)[0])
            for extent in reversed(run[1:]):
                first, newest = divmod(extent.first_ms, MS_PER_DAY), divmod(extent.newest_ms, MS_PER_DAY)
                afters.append(bounds_of(first, newest, None, afters[-1])[1])
            found += map(Untimed, run, befores, reversed(afters), repeat(beside))
    return found


def _earliest(uptime: Instant, anchors: Sequence[Anchor]) -> Instant:
    """The earliest UTC that the last uptime of a boot with anchors can have."""
    utc = utc_of(uptime, anchors)
    assert utc is not None
    return minus(utc, (0, doubt_ms(minus(uptime, anchors[-1][:2]))))


def _latest(uptime: Instant, anchors: Sequence[Anchor]) -> Instant:
    """The latest UTC that the first uptime of a boot with anchors can have."""
    utc = utc_of(uptime, anchors)
    assert utc is not None
    return plus(utc, (0, doubt_ms(minus(anchors[0][:2], uptime))))


def extents(connection: Connection, device: str) -> list[Extent]:
    """All boots of a device, in the order of their records in each journal."""
    return sorted(_extents(connection, device))


def _extents(connection: Connection, device: str) -> Iterator[Extent]:
    """All boots, found one after another: to read every row of the index would take long."""
    row = _first(_NEXT_JOURNAL, connection, of_device=device, after_journal=-1)
    while row is not None:
        journal, boot = row
        of_boot = {"of_device": device, "of_journal": journal, "of_boot": boot}
        first, newest_ms = _first(_FIRST, connection, **of_boot), _newest_ms(connection, device, journal, boot)
        assert first is not None and newest_ms is not None
        yield Extent(journal, first[1], boot, first[0], newest_ms)
        row = _first(_NEXT_BOOT, connection, of_device=device, of_journal=journal, after_boot=boot)
        if row is None:
            row = _first(_NEXT_JOURNAL, connection, of_device=device, after_journal=journal)


def _newest_ms(connection: Connection, device: str, journal: int, boot: int) -> int | None:
    found = _first(_NEWEST, connection, of_device=device, of_journal=journal, of_boot=boot)
    return None if found is None else found[0]


def _first(statement: Prepared, connection: Connection, **parameters: Any) -> Any:
    """The first row that a statement finds, or None; no further one is looked for."""
    cursor = statement.run(connection, **parameters)
    row = cursor.fetchone()
    cursor.close()
    return row


_record, _anchor = schema.record.c, schema.anchor.c
_OF_BOOT = (
    _record.device == bindparam("of_device"),
    _record.journal == bindparam("of_journal"),
    _record.boot == bindparam("of_boot"),
)
_DAY, _EPOCH = literal_column(str(MS_PER_DAY), Integer), literal_column(str(DEVICE_EPOCH_MS), Integer)
_ANCHORS = Prepared(
    select(
        _anchor.uptime_ms // _DAY,
        _anchor.uptime_ms % _DAY,
        (_anchor.utc_ms - _EPOCH) // _DAY,
        (_anchor.utc_ms - _EPOCH) % _DAY,
    )
    .where(
        _anchor.device == bindparam("of_device"),
        _anchor.journal == bindparam("of_journal"),
        _anchor.boot == bindparam("of_boot"),
    )
    .order_by(_anchor.uptime_ms, _anchor.sequence)
)
_ANCHORED = Prepared(
    select(_anchor.boot).where(
        _anchor.device == bindparam("of_device"),
        _anchor.journal == bindparam("of_journal"),
        _anchor.boot == bindparam("of_boot"),
    )
)
# Two statements, because SQLite reads all of a boot to come to the next one where pairs are compared.
_NEXT_BOOT = Prepared(
    select(_record.journal, _record.boot)
    .where(
        _record.device == bindparam("of_device"),
        _record.journal == bindparam("of_journal"),
        _record.boot > bindparam("after_boot"),
    )
    .order_by(_record.boot)
)
_NEXT_JOURNAL = Prepared(
    select(_record.journal, _record.boot)
    .where(_record.device == bindparam("of_device"), _record.journal > bindparam("after_journal"))
    .order_by(_record.journal, _record.boot)
)
_FIRST = Prepared(select(_record.uptime_ms, _record.sequence).where(*_OF_BOOT).order_by(_record.uptime_ms))
_NEWEST = Prepared(select(func.max(_record.uptime_ms)).where(*_OF_BOOT))
