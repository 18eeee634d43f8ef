"""What the firmware's tests share: a monitor of simulated parts on a clock that the test turns, a radio, a host."""

from collections.abc import Callable, MutableSequence
from typing import Any

import pytest

from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.monitor import Monitor
from vigil_firmware.ticks import ticks_add
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_hal.simulated.patient import parse_patient
from vigil_hal.simulated.tmp117 import SimulatedTmp117
from vigil_hal.tmp117 import Tmp117
from vigil_wire import link, records, statuses
from vigil_wire.settings import Settings

PATIENT = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"
WELL = "0,72,97,2,36.7,0.02,1"
# The tick wraps in the first second, during the first window, after it, and not at all.
FIRST_TICKS = (0, (1 << 30) - 1, (1 << 30) - 4_000, (1 << 30) - 15_050)


class Source:
    """A patient whose part can be made silent, and whose thermometer too."""

    def __init__(self, rows: tuple[str, ...]) -> None:
        self._patient = parse_patient([PATIENT, *rows], "test")
        self.start_us = 0
        self.end_us: int | None = None
        self.is_silent = False
        self.has_temperature = True

    def sample_into(self, time_us: int, out: MutableSequence[int]) -> bool:
        """As the patient's, or nothing."""
        return not self.is_silent and self._patient.sample_into(time_us, out)

    def temperature_centi_c(self, time_us: int) -> int | None:
        """As the patient's, or nothing."""
        return self._patient.temperature_centi_c(time_us) if self.has_temperature else None


class Rig:
    """A monitor on simulated parts. `run` steps it; `shown` holds what it showed at the end of each second."""

    def __init__(
        self,
        *rows: str,
        first_tick: int = 0,
        settings: Settings | None = None,
        source: Any = None,
        sectors: int = 4,
        sector_bytes: int = 4096,
        clock_error_ppm: int = 0,
        prepare: Callable[[SimulatedI2C, SimulatedMax30102], object] = lambda bus, part: None,
        make_thermometer: Callable[["Rig"], Any] | None = None,
    ) -> None:
        self.first_tick = first_tick
        self.elapsed_ms = 0
        self.source = source or Source(rows or (WELL,))
        self.part = SimulatedMax30102(self.source, self.now, clock_error_ppm=clock_error_ppm)
        self.bus = SimulatedI2C(self.part)
        if make_thermometer is None:
            self.bus.attach(SimulatedTmp117(self.source, self.now))
        prepare(self.bus, self.part)
        self.journal = Journal(MemoryStore(sectors, sector_bytes), 7)
        self.settings = settings or Settings()
        thermometer = make_thermometer(self) if make_thermometer else Tmp117(self.bus)
        self.monitor = Monitor(
            Max30102(self.bus), thermometer, None, self.settings, self.journal, 3, 1, self.first_tick
        )
        self.shown: list[dict[str, Any]] = []

    def now(self) -> int:
        """The tick."""
        return ticks_add(self.first_tick, self.elapsed_ms)

    def run(self, seconds: int, step_ms: int = 100) -> None:
        """Step on for some seconds."""
        until_ms = self.elapsed_ms + seconds * 1000
        while self.elapsed_ms < until_ms:
            self.elapsed_ms += step_ms
            self.monitor.step(self.now())
            if self.elapsed_ms % 1000 == 0:
                self.shown.append(self.show())

    def show(self) -> dict[str, Any]:
        """What the monitor shows now; None where it has no reading."""
        vitals = self.monitor.vitals
        shown: dict[str, Any] = {"second": self.monitor.second, "bits": self.monitor.alarms.bits}
        for name in ("pulse_rate", "spo2", "temperature", "perfusion", "respiration"):
            measurement = getattr(vitals, name)
            shown[name] = measurement.value if measurement.has_value else None
            shown[name + "_status"] = statuses.NAMES[measurement.status]
        return shown

    def column(self, name: str) -> list[Any]:
        """One value of each second that was shown."""
        return [shown[name] for shown in self.shown]

    def records(self) -> list[records.Record]:
        """All that is in the journal."""
        found, buf = [], bytearray(records.MAX_LENGTH)
        for sequence in range(max(self.journal.oldest, 0), self.journal.newest + 1):
            length = self.journal.read_into(sequence, buf, 0)
            found.append(records.Record(buf[:length]))
        return found

    def alarm_events(self) -> list[tuple[int, int]]:
        """(condition, event) of each alarm record, in order."""
        return [
            (each.fields["condition"], each.fields["event"]) for each in self.records() if each.kind == records.ALARM
        ]


class FakeBle:
    """`bluetooth.BLE` as MicroPython has it, with what the radio was told, and the events a central causes."""

    def __init__(self) -> None:
        self.adverts: list[bytes] = []
        self.calls: list[str] = []
        self.configured: dict[str, Any] = {}
        self.services: list[Any] = []
        self.values: dict[int, bytes] = {}
        self.notified: list[tuple[int, int, bytes]] = []
        self.indicated: list[tuple[int, int, bytes]] = []
        self.dropped: list[int] = []
        self.passkeys: list[int] = []
        self.connected: set[int] = set()
        self.table = 1000  # how many characteristics fit
        self.room = 1000  # how many notifications fit
        self.advert_error: OSError | None = None
        self.is_advertising = False
        self.is_connectable = True
        self.most_connections = 4
        self.is_silent_in_link = False  # as BTstack is, which cannot pair either
        self.addresses: list[int] = []  # the modes in which addresses were drawn
        self._handler: Callable[[int, tuple[Any, ...]], Any] = lambda event, data: None

    def active(self, on: bool = True) -> bool:
        self.calls.append("active" if on else "inactive")
        if not on:
            self.is_advertising = False
            self.connected.clear()
        return on

    def config(self, **values: Any) -> None:
        if "mitm" in values and self.is_silent_in_link:
            raise ValueError("unknown config param")
        self.configured.update(values)
        if "addr_mode" in values:
            assert not self.is_advertising, "a random address set while advertising stops the board"
            self.addresses.append(values["addr_mode"])

    def irq(self, handler: Callable[[int, tuple[Any, ...]], Any]) -> None:
        self._handler = handler

    def gap_advertise(self, interval_us: int | None, adv_data: bytes = b"", **more: Any) -> None:
        self.is_advertising = interval_us is not None
        if interval_us is None:
            return
        if self.advert_error is not None:
            self.is_advertising = False
            raise self.advert_error
        assert not more.get("resp_data")
        self.is_connectable = more.get("connectable", True)
        if self.is_connectable and len(self.connected) >= self.most_connections:
            self.is_advertising = False
            raise OSError(12)
        self.interval_us = interval_us
        self.adverts.append(bytes(adv_data))

    def gap_passkey(self, connection: int, action: int, passkey: int) -> None:
        self.passkeys.append(passkey)

    def gap_disconnect(self, connection: int) -> bool:
        self.dropped.append(connection)
        return connection in self.connected

    def gatts_register_services(self, services: list[Any]) -> tuple[tuple[int, ...], ...]:
        assert not self.is_advertising, "registering while advertising: OSError 16"
        self.services = services
        handles, handle, count = [], 3, 0
        for _, characteristics in services:
            mine = []
            for _ in characteristics:
                count += 1
                handle += 3 if count <= self.table else 0
                mine.append(handle)
            handles.append(tuple(mine))
        return tuple(handles)

    def gatts_read(self, handle: int) -> bytes:
        return self.values.get(handle, b"")

    def gatts_write(self, handle: int, data: bytes, send_update: bool = False) -> None:
        self.values[handle] = bytes(data)

    def gatts_set_buffer(self, handle: int, length: int, append: bool = False) -> None:
        assert length >= link.MAX_FRAME
        assert not append

    def gatts_notify(self, connection: int, handle: int, data: bytes) -> None:
        if connection not in self.connected:
            raise OSError(107)
        if self.room == 0:
            raise OSError(12)
        self.room -= 1
        self.notified.append((connection, handle, bytes(data)))

    def gatts_indicate(self, connection: int, handle: int, data: bytes) -> None:
        if connection not in self.connected:
            raise OSError(107)
        self.indicated.append((connection, handle, bytes(data)))

    # What a central does.

    def connect(self, connection: int) -> None:
        self.connected.add(connection)
        self.is_advertising = False
        self._handler(1, (connection, 0, b"\0" * 6))

    def disconnect(self, connection: int) -> None:
        self.connected.discard(connection)
        self._handler(2, (connection, 0, b"\0" * 6))

    def write(self, connection: int, handle: int, data: bytes) -> None:
        self.values[handle] = bytes(data)
        self._handler(3, (connection, handle))

    def exchange_mtu(self, connection: int, mtu: int) -> None:
        self._handler(21, (connection, mtu))

    def encrypt(self, connection: int, authenticated: bool) -> None:
        self._handler(28, (connection, True, authenticated, authenticated, 16))


class FakeBluetooth:
    """The `bluetooth` module."""

    def __init__(self) -> None:
        self.ble = FakeBle()

    def BLE(self) -> FakeBle:
        return self.ble

    def UUID(self, value: Any) -> Any:
        return value


class Host:
    """The host's end of the record link, which keeps what it was sent."""

    def __init__(self, device_key: bytes) -> None:
        self.session = link.Session(device_key, False)
        self.nonce = b"hostnonc"
        self.info: link.Info | None = None
        self.sequences: list[int] = []
        self.missing: list[tuple[int, int]] = []
        self.bye_s: int | None = None
        self.rotated = 0
        self.counts: tuple[int, ...] | None = None
        self.live: list[bytes] = []
        self.alarms: list[link.AlarmState] = []
        self.frame_lengths: list[int] = []

    def hello(self) -> bytearray:
        return bytearray(link.hello(self.nonce))

    def sealed(self, message: bytes) -> bytearray:
        """A frame with a message."""
        self.session.out[4 : 4 + len(message)] = message
        return bytearray(self.session.out[: self.session.seal(len(message))])

    def hear(self, frame: bytes) -> None:
        """Take a frame of the device."""
        self.frame_lengths.append(len(frame))
        if frame[0] == link.HELLO:
            self.session.begin(self.nonce, link.nonce_of_hello(frame))
            return
        data = bytearray(frame)
        message = data[4 : 4 + self.session.open(data, len(data))]
        if message[0] == link.INFO:
            self.info = link.Info(message)
        elif message[0] == link.RECORDS:
            self.sequences += [records.Record(each).sequence for each in link.records_in(message)]
        elif message[0] == link.MISSING:
            self.missing.append(link.missing_range(message))
        elif message[0] == link.BYE:
            self.bye_s = message[1]
        elif message[0] == link.ROTATED:
            self.rotated += 1
        elif message[0] == link.COUNTS:
            self.counts = link.counts_in(message)
        elif message[0] == link.ALARMS:
            self.alarms.append(link.AlarmState(message))
        else:
            assert message[0] == link.LIVE
            self.live.append(bytes(message[1:]))


@pytest.fixture(params=FIRST_TICKS)
def first_tick(request: pytest.FixtureRequest) -> int:
    """Each first tick of a board: nothing may depend on it."""
    tick: int = request.param
    return tick


@pytest.fixture(scope="session")
def make_rig() -> type[Rig]:
    """Return the monitor on simulated parts."""
    return Rig


@pytest.fixture
def bluetooth() -> FakeBluetooth:
    """Return a radio."""
    return FakeBluetooth()


@pytest.fixture(scope="session")
def make_host() -> type[Host]:
    """Return the host's end of the link."""
    return Host
