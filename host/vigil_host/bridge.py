"""The bridge: hears every known device, keeps a record session with each, stores and alerts."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vigil_host.alerts import Alerts
from vigil_host.answers.answers import Answers
from vigil_host.answers.drills import DRILLS_FILE
from vigil_host.answers.tokens import KEY_FILE, Tokens
from vigil_host.answers.ways import Asking
from vigil_host.clock import Clock
from vigil_host.delivery.delivery import Delivery
from vigil_host.devices import Devices, DevicesError, KnownDevice
from vigil_host.events import Events
from vigil_host.limits import LimitsInForce
from vigil_host.link.adapter import ClientFactory, ScannerFactory
from vigil_host.link.intake import Intake
from vigil_host.link.listener import Listener
from vigil_host.link.marks import Marks
from vigil_host.link.reconnect import keep_connected
from vigil_host.link.session import Session
from vigil_host.live import Live
from vigil_host.own_conditions import OwnConditions
from vigil_host.recheck import Recheck
from vigil_host.rooms.known import KnownRooms
from vigil_host.rooms.primary import Rooms
from vigil_host.store import Store
from vigil_wire import conditions, link

DEVICES_PERIOD_S = 2.0

_log = logging.getLogger(__name__)


class Bridge:
    """Ties the parts together. `store` and `devices` are the caller's, and stay open after `close`.

    `live`, `alerts`, `limits` and `events` are what a page shows; `received` counts the records that came. A bridge
    that is `listen_only` hears and shows adverts and connects with no device: the record is another bridge's. `rooms`
    are the home's room bridges, by which it hears and connects like by its own radio; None: this bridge takes none.
    `is_alone`: nothing else listens to the devices. `scan_restart_s`: how often the scan is started anew; None: only
    when it hears nothing. `people_path`: the people who are told of alarms; None: nobody is told.
    `public_url`: under which the page can be opened from outside; None: it cannot. `is_mute`: whether a device is this
    computer, is to be heard by others, and sends no adverts. Raises TokensError.
    """

    def __init__(
        self,
        store: Store,
        devices: Devices,
        scanner_factory: ScannerFactory,
        client_factory: ClientFactory,
        clock: Clock | None = None,
        listen_only: bool = False,
        known_rooms: KnownRooms | None = None,
        is_alone: bool = False,
        scan_restart_s: float | None = None,
        people_path: Path | None = None,
        public_url: str | None = None,
        is_mute: Callable[[str], bool] = lambda _device_id: False,
    ) -> None:
        self._listen_only = listen_only
        self._is_alone = is_alone
        self._clock = clock or Clock()
        self._store = store
        self._devices = devices
        self.events = Events()
        self.live = Live(devices.list, self._clock)
        self.limits = LimitsInForce(store, devices, self.events)
        recheck = Recheck(self.limits.settings, self._clock, self._is_elsewhere)
        self.alerts = Alerts(store, self.live, self.events, self._clock, recheck)
        self.delivery: Delivery | None = None
        self.answers: Answers | None = None
        if people_path and not listen_only:
            self.delivery = delivery = Delivery(store, self.events, self._clock, people_path, self.alerts.refresh)
            asking = Asking(Tokens.at(people_path.with_name(KEY_FILE)), public_url)
            drills_path = people_path.with_name(DRILLS_FILE)
            self.answers = Answers(store, asking, self._clock, self.acknowledge, lambda: delivery.people, drills_path)
            delivery.ask = self.answers.question
        unheard = self.answers.unheard if self.answers else list
        self._own = OwnConditions(
            store, self.live, self._clock, self.alerts.refresh, self._is_elsewhere, is_mute, unheard
        )
        self._intake = Intake(store, self.live, self.alerts, self.events)
        # Two that listen with the same folder would write over each other's marks: the record's owner keeps them.
        marks = None if listen_only else Marks(devices.path.with_name("heard.json"))
        self._shown_keys: dict[str, bytes] = {}  # of devices that have shown that they have their next key
        self._opened_pairing: set[str] = set()  # devices that were told to, as somebody wished
        self._listener = Listener(
            self._intake, self._clock, scanner_factory, marks, scan_restart_s, self._shown_keys.__setitem__
        )
        self.rooms = Rooms(known_rooms, self._listener.hear, self._clock) if known_rooms else None
        self._client_factory = self.rooms.clients_beside(client_factory) if self.rooms else client_factory
        self._followed: dict[str, KnownDevice] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._sessions: dict[str, Session] = {}  # the newest with each device
        self._running: asyncio.Task[None] | None = None

    @property
    def received(self) -> int:
        """How many records came over record links, those that were sent again too."""
        return self._intake.received

    def hear(self, ble_device: BLEDevice, data: AdvertisementData) -> None:
        """Take in an advert that came by another way than this bridge's scanner."""
        self._listener.take_advert(ble_device, data)

    def send(self, device_id: str, message: bytes) -> bool:
        """Send a message (`vigil_wire.link`) to a device; False where there is no session with it.

        It may be lost with the session: what it brought about is in the device's records.
        """
        session = self._sessions.get(device_id)
        return session is not None and session.post(message)

    async def acknowledge(self, alarm_id: int, by: str, is_beside: bool = False) -> bool:
        """Acknowledge an alarm in the name of a person; False where it is over or acknowledged already.

        `is_beside`: they say that they are with the wearer, so the device's sound ends too. Raises StoreError.
        """
        alarm = await self.alerts.acknowledge(alarm_id, by)
        if alarm is not None and alarm.condition in conditions.NAMES:
            number = conditions.NAMES.index(alarm.condition)
            where = conditions.BESIDE_WEARER if is_beside else conditions.FROM_AFAR
            self.send(alarm.device_id, link.alarm_command(link.ACKNOWLEDGE, number, where))
        return alarm is not None

    async def run(self) -> None:
        """Run until `close`, or until cancelled; raises what a part could not go on after."""
        self._running = asyncio.create_task(self._run())
        try:
            await self._running
        except asyncio.CancelledError:
            if not self._running.cancelled() or _is_cancelled():
                raise
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
        finally:
            self._running.cancel()
            await asyncio.wait((self._running,))

    async def close(self) -> None:
        """End every session and the scan, with all that came stored; end every subscription to events."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))
        self.events.close()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            await self._follow(group)
            if self.rooms:
                self.rooms.follow()
            group.create_task(self._listener.run())
            group.create_task(self.limits.run())
            group.create_task(self.alerts.run())
            if not self._listen_only:
                group.create_task(self._own.run())
            if self.delivery:
                group.create_task(self.delivery.run())
            if self.answers:
                group.create_task(self.answers.run())
            problem = ""
            while True:
                await self._clock.sleep(DEVICES_PERIOD_S)
                if self.rooms:
                    self.rooms.follow()
                try:
                    await self._forget_old_keys()
                    await self._forget_pairing_wishes()
                    await asyncio.to_thread(self._devices.reload)  # the system's keyring may take its time
                except DevicesError as error:
                    if str(error) != problem:
                        problem = str(error)
                        _log.error("%s", problem)
                    continue
                problem = ""
                if self._devices.list() != [*self._followed.values()]:
                    await self._follow(group)
                self._pass_on_pairing_wishes()

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Listen to and connect with the devices that are known now, and no others."""
        known = {device.id: device for device in self._devices.list()}
        for device in known.values():
            if device != self._followed.get(device.id):
                await self._store.on_writer(self._store.add_device, device.id, device.name, device.wearer)
        self._listener.follow(known.values())
        self.alerts.watch(set(known))
        for device_id, device in self._followed.items():
            is_known = device_id in known
            is_as_it_was = is_known and known[device_id].spo2_curve == device.spo2_curve
            if is_known and known[device_id].settings != device.settings:
                is_as_it_was = False
            if is_known and known[device_id].next_key not in (None, device.next_key):
                is_as_it_was = False
            if is_known and known[device_id].listen_only:
                is_as_it_was = False
            if not is_as_it_was and device_id in self._keepers:
                self._keepers.pop(device_id).cancel()  # a new session brings the new curve, settings or key
        for device in known.values():
            if device.id not in self._keepers and not self._listen_only and not device.listen_only:
                self._keepers[device.id] = group.create_task(self._keep(device.id, device.name))
        self._followed = known
        self.events.publish("live")

    def _is_elsewhere(self, device_id: str) -> bool:
        """Whether another computer keeps this device's record."""
        return self._listen_only or (device_id in self._followed and self._followed[device_id].listen_only)

    async def _forget_old_keys(self) -> None:
        """Forget the old key of each device that has shown that it has its next one. Raises DevicesError."""
        for device_id, key in [*self._shown_keys.items()]:
            await asyncio.to_thread(self._devices.settle, device_id, key)
            self._shown_keys.pop(device_id)

    async def _forget_pairing_wishes(self) -> None:
        """Take the wishes that came true out of the devices file, which tells who wished. Raises DevicesError."""
        for device_id in [*self._opened_pairing]:
            await asyncio.to_thread(self._devices.forget_pairing, device_id)
            self._opened_pairing.remove(device_id)

    def _pass_on_pairing_wishes(self) -> None:
        now_s = self._clock.utc_ms() / 1000
        for device in self._devices.list():
            session = self._sessions.get(device.id)
            is_wished = device.pair_before is not None and now_s <= device.pair_before.timestamp()
            if is_wished and session is not None and session.is_established and device.id not in self._opened_pairing:
                session.ask_pairing()

    async def _keep(self, device_id: str, name: str) -> None:
        await keep_connected(
            name,
            lambda: self._listener.next_advert(device_id),
            lambda: self._session(device_id),
            self._clock,
        )

    def _session(self, device_id: str) -> Session:
        self._sessions[device_id] = Session(
            self._followed[device_id],
            self._intake,
            self._clock,
            self._client_factory,
            lambda counter: self._listener.confirm(device_id, counter),
            self._is_alone,
            key=self._listener.key_of(device_id),
            has_key=self._shown_keys.__setitem__,
            opened_pairing=self._opened_pairing.add,
        )
        return self._sessions[device_id]


def _is_cancelled() -> bool:
    """Whether it is the calling task itself that was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
