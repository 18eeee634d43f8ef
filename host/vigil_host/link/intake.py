"""Where what devices say goes in: live state and alarm bits to memory, records to the store."""

import logging
from collections.abc import Sequence

from vigil_host.alerts import Alerts
from vigil_host.events import Events
from vigil_host.link.adapter import InRoom
from vigil_host.live import Live, Source
from vigil_host.store import Gap, Store
from vigil_wire import link
from vigil_wire.advert import Content
from vigil_wire.link import AlarmState, Movement

_log = logging.getLogger(__name__)


class Intake:
    """Takes in what was opened with a device's key. `received` counts the records, those sent again too."""

    def __init__(self, store: Store, live: Live, alerts: Alerts, events: Events) -> None:
        self._store = store
        self._live = live
        self._alerts = alerts
        self._events = events
        self.received = 0

    def hear(
        self,
        device_id: str,
        content: Content,
        source: Source,
        rssi_dbm: int | None = None,
        quality: int | None = None,
        room: InRoom | None = None,
        movement: Movement | None = None,
    ) -> None:
        """Take in an advert's content, or a live frame's and what comes with it; returns at once.

        `room` is where it is heard best; None: here.
        """
        self._live.update(device_id, content, source, rssi_dbm, quality, room.name if room else None, movement)
        self._alerts.hear(device_id, content, source)
        self._events.publish("live")

    def hear_alarm_state(self, device_id: str, state: AlarmState) -> None:
        """Take in what the device says, over the link, of acknowledgements, pauses and standby."""
        self._live.update_alarm_state(device_id, state)
        self._events.publish("live")

    def hear_unconfirmed(self, device_id: str, content: Content) -> None:
        """Take in an advert that may be a forgery, however unlikely: it raises conditions, and tells nothing else."""
        self._alerts.hear(device_id, content, "advert", is_confirmed=False)

    def set_deaf(self, is_deaf: bool) -> None:
        """Take in that this machine's radio hears nothing at all, or that it hears again."""
        self._alerts.set_deaf(is_deaf)

    def set_connected(self, device_id: str, connected: bool) -> None:
        """Take in that the record link is up or down."""
        self._live.set_connected(device_id, connected)
        self._events.publish("live")

    async def meet(self, device_id: str, journal_id: int, newest_told: int | None, flags: int) -> None:
        """See `Store.meet`."""
        await self._store.on_writer(self._store.meet, device_id, journal_id, newest_told, flags)

    async def note_refused(self, device_id: str, refused: Sequence[int]) -> None:
        """See `Store.note_refused`. Forged frames are warned of: they are nobody's mistake."""
        before = await self._store.on_writer(self._store.note_refused, device_id, refused)
        more = refused[link.FORGED] - before[link.FORGED]
        if more < 0:  # it has restarted
            more = refused[link.FORGED]
        if more:
            _log.warning("device %s refused %d more forged or damaged frames: does somebody try?", device_id, more)

    async def highest(self, device_id: str, journal_id: int) -> int | None:
        """See `Store.highest`; after every commit that was asked for before."""
        return await self._store.on_writer(self._store.highest, device_id, journal_id)

    async def commit(self, device_id: str, journal_id: int, records: Sequence[bytes], gaps: Sequence[Gap]) -> None:
        """Put records and gaps on disk; on return they may be acknowledged. Raises StoreError."""
        self._live.heard(device_id)
        self.received += len(records)
        result = await self._store.on_writer(
            self._store.commit, device_id, journal_id, records, gaps, self._alerts.heard(device_id)
        )
        if result.new_rows:
            self._events.publish("row")
            await self._show_record(device_id, result.new_rows[0], result.new_rows[-1])
        if result.alarms_changed:
            await self._alerts.refresh()

    async def _show_record(self, device_id: str, first_row: int, last_row: int) -> None:
        """What adverts have no room for is live by the newest record, as old as its own time says."""
        rows = await self._store.on_writer(self._store.rows_after, first_row - 1, last_row - first_row + 1)
        for row in rows:
            if row.device_id == device_id and row.row_id <= last_row:
                self._live.update_record(row)
