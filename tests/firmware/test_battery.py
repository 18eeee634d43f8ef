"""The battery: what the monitor makes of a gauge that fails, lies or is not there, and when its alarms come."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from vigil_firmware.device import Device
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.storage import BLOCK_COUNT
from vigil_firmware.ticks import ticks_add
from vigil_hal.adc_divider import AdcDivider
from vigil_hal.max17048 import Max17048
from vigil_hal.parts import opened
from vigil_hal.simulated.adc_divider import SimulatedAdcDivider
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.cell import SimulatedCell
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_hal.simulated.max17048 import SimulatedMax17048
from vigil_hal.simulated.panel import SimulatedPanel
from vigil_hal.simulated.patient import parse_patient
from vigil_host.languages import load
from vigil_host.simulated_device import simulated_device
from vigil_wire import advert, conditions, records
from vigil_wire.settings import Settings

LOW = 1 << conditions.BATTERY_LOW
EMPTY = 1 << conditions.BATTERY_CRITICAL
UNKNOWN = 1 << conditions.BATTERY_FAULT
PATIENT = ["time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact", "0,72,97,2,36.7,0.02,1"]
WINDOW_S = 10  # until a divider's charge is known


class Wearable:
    """A whole device with a cell. `gauge` and `bus` are the MAX17048's, `adc` the divider's pin; one is used."""

    def __init__(
        self, bluetooth: Any, first_tick: int = 0, charge_pct: int = 80, divider: bool = False, version: int = 0x0012
    ) -> None:
        self._first_tick = first_tick
        self.elapsed_ms = 0
        self.lines: list[str] = []
        self.cell = SimulatedCell(self.now, charge_ppm=charge_pct * 10_000)
        self.gauge = SimulatedMax17048(self.cell, self.now, version=version)
        self.bus = SimulatedI2C(self.gauge)
        self.adc = SimulatedAdcDivider(self.cell)
        parts = Parts(parse_patient(PATIENT, "well"), True, self.now)
        store = MemoryStore(8)
        self.device = Device(
            parts.bus,
            parts.thermometer,
            AdcDivider(self.adc) if divider else Max17048(self.bus),
            SimulatedFlash(BLOCK_COUNT),
            (lambda: store,),
            bluetooth,
            bytes,
            self.lines.append,
            1,
            self.now(),
        )
        self.monitor = self.device.monitor

    def now(self) -> int:
        """The tick."""
        return ticks_add(self._first_tick, self.elapsed_ms)

    def run(self, seconds: int, step_ms: int = 100) -> None:
        """Step on for some seconds."""
        for _ in range(seconds * 1000 // step_ms):
            self.elapsed_ms += step_ms
            self.device.step(self.now())

    @property
    def charge(self) -> int | None:
        """What an advert, a record and the display would tell."""
        told = self.monitor.battery_pct
        return None if told == records.NO_U8 else told

    def faults(self) -> list[str]:
        """The lines about faults, and their ends."""
        return [line for line in self.lines if line.startswith("fault: ")]


def assert_oximeter_goes_on(wearable: Wearable) -> None:
    """Check that nothing else is touched by the battery's fault."""
    assert wearable.monitor.vitals.pulse_rate.has_value
    assert wearable.monitor.vitals.spo2.has_value
    assert wearable.monitor.alarms.bits & 1 << conditions.SENSOR_FAULT == 0


@pytest.mark.parametrize("divider", [False, True])
def test_charge_is_told_in_records(bluetooth: Any, first_tick: int, divider: bool) -> None:
    wearable = Wearable(bluetooth, first_tick, 80, divider)
    wearable.run(45)
    journal = wearable.monitor.journal
    out = bytearray(records.MAX_LENGTH)
    told = []
    for sequence in range(journal.oldest, journal.newest + 1):
        record = records.Record(bytes(out[: journal.read_into(sequence, out, 0)]))
        if record.kind == records.VITALS:
            told.append(record.fields["battery_pct"])
    assert told[-1] is not None
    assert set(told) <= {None, 76, 77, 78, 79, 80}, "under load a divider sees less"
    assert wearable.faults() == []


def test_gauge_is_asked_every_two_seconds_and_no_more(bluetooth: Any) -> None:
    wearable = Wearable(bluetooth)
    wearable.run(4)
    wearable.bus.log = log = []
    wearable.run(60)
    assert len(log) == 30 * 3
    for _ in range(100):
        assert wearable.charge == 80
    assert len(log) == 30 * 3


@pytest.mark.parametrize("step_ms", [200, 500, 3000])
def test_gauge_is_asked_however_the_steps_come(bluetooth: Any, step_ms: int) -> None:
    wearable = Wearable(bluetooth)
    wearable.run(60, step_ms)
    wearable.cell.set_charge_ppm(500_000)
    wearable.run(60, step_ms)
    assert wearable.charge == 50


def test_gauge_unplugged_in_use(bluetooth: Any, first_tick: int) -> None:
    wearable = Wearable(bluetooth, first_tick)
    wearable.run(20)
    assert wearable.charge == 80
    wearable.bus.detach(0x36)
    wearable.run(3)
    assert wearable.charge is None
    assert wearable.faults() == ["fault: MAX17048 at 0x36 does not answer (errno 19); check its power and wiring"]
    wearable.run(60)
    assert len(wearable.faults()) == 1, "the same fault is told once"
    assert wearable.monitor.alarms.bits == UNKNOWN
    assert_oximeter_goes_on(wearable)
    wearable.bus.attach(wearable.gauge)
    wearable.run(3)
    assert wearable.charge == 80
    assert wearable.faults()[1:] == ["fault: cleared"]
    wearable.run(60)
    assert wearable.monitor.alarms.bits == 0


def test_another_part_at_the_gauges_address_is_never_believed(bluetooth: Any) -> None:
    wearable = Wearable(bluetooth, version=0x0003)
    wearable.run(60)
    assert wearable.charge is None
    (line,) = wearable.faults()
    assert "0x0003 at 0x36 is no MAX17048" in line
    assert_oximeter_goes_on(wearable)


def test_another_part_that_takes_the_gauges_place(bluetooth: Any) -> None:
    wearable = Wearable(bluetooth)
    wearable.run(20)
    wearable.bus.stuck = True
    wearable.run(3)
    wearable.bus.stuck = False
    wearable.gauge.version = 0x0003
    wearable.run(20)
    assert wearable.charge is None
    assert "stuck" in wearable.faults()[0] and "is no MAX17048" in wearable.faults()[1]


def test_gauge_that_is_frozen(bluetooth: Any) -> None:
    wearable = Wearable(bluetooth)
    wearable.run(20)
    wearable.gauge.is_stuck = True
    wearable.run(35 * 60, 500)
    assert wearable.charge is None
    assert "measures no more" in wearable.faults()[0]


FAULTS: list[tuple[str, Callable[[Wearable], None], str]] = [
    ("unplugged", lambda wearable: setattr(wearable.adc, "is_floating", True), "ADC_DIVIDER"),
    ("ADC fails", lambda wearable: setattr(wearable.adc, "is_broken", True), "errno 5"),
    ("no ground", lambda wearable: setattr(wearable.adc, "offset_mv", 1500), "no voltage of this battery"),
    ("no battery", lambda wearable: setattr(wearable.adc, "offset_mv", -3000), "no voltage of this battery"),
    ("frozen", lambda wearable: setattr(wearable.adc, "is_stuck", True), "for ever"),
]


@pytest.mark.parametrize(("name", "break_it", "says"), FAULTS, ids=[each[0] for each in FAULTS])
def test_divider_that_fails_in_use(bluetooth: Any, name: str, break_it: Callable[[Wearable], None], says: str) -> None:
    wearable = Wearable(bluetooth, divider=True)
    wearable.run(30)
    assert wearable.charge is not None
    break_it(wearable)
    wearable.run(320 if name == "frozen" else 20, 200)
    assert wearable.charge is None
    assert any(says in line for line in wearable.faults())
    assert wearable.monitor.alarms.bits & UNKNOWN
    assert_oximeter_goes_on(wearable)
    wearable.adc.is_floating = wearable.adc.is_broken = wearable.adc.is_stuck = False
    wearable.adc.offset_mv = 0
    wearable.run(WINDOW_S + 4)
    assert wearable.charge is not None
    assert wearable.faults()[-1] == "fault: cleared"


def test_curve_that_is_not_monotonic_is_an_alarm_with_its_cause(bluetooth: Any) -> None:
    wearable = Wearable(bluetooth)
    buses = SimpleNamespace(i2c=wearable.bus, adc=lambda pin: wearable.adc)
    entry = {"part": "ADC_DIVIDER", "pin": 34, "curve": [[3400, 0], [3900, 50], [3800, 100]]}
    said: list[str] = []
    wearable.monitor._battery = opened(buses, [entry], said.append).battery  # type: ignore[arg-type]  # two buses do
    wearable.run(20)
    assert wearable.charge is None
    assert wearable.monitor.alarms.bits & UNKNOWN
    (line,) = said
    assert wearable.faults() == [line]
    assert line.endswith("the curve must rise from point to point, and point 3 [3800, 100] does not")
    assert_oximeter_goes_on(wearable)


@pytest.mark.parametrize("divider", [False, True])
def test_battery_that_is_used_up_is_low_and_then_empty(bluetooth: Any, divider: bool) -> None:
    wearable = Wearable(bluetooth, (1 << 30) - 300_000, 60, divider)
    wearable.run(80, 500)
    assert wearable.monitor.alarms.bits & (LOW | EMPTY) == 0
    wearable.cell.set_charge_ppm(150_000)
    wearable.run(220, 500)
    assert wearable.monitor.alarms.bits & (LOW | EMPTY) == LOW
    wearable.cell.set_charge_ppm(40_000)
    wearable.run(220, 500)
    assert wearable.monitor.alarms.bits & EMPTY
    wearable.cell.set_charge_ppm(900_000)
    wearable.run(300, 500)
    assert wearable.monitor.alarms.bits & (LOW | EMPTY) == 0


def test_gauge_that_is_lost_ends_no_alarm(bluetooth: Any) -> None:
    wearable = Wearable(bluetooth, charge_pct=15)
    wearable.run(90)
    assert wearable.monitor.alarms.bits & LOW
    wearable.bus.detach(0x36)
    wearable.run(200)
    assert wearable.charge is None
    assert wearable.monitor.alarms.bits & LOW


def test_advert_says_that_the_charge_is_not_known(bluetooth: Any) -> None:
    wearable = Wearable(bluetooth)
    wearable.run(20)
    assert advert.Content(wearable.device.peripheral._content).battery_pct == 80
    wearable.bus.nak(0x36)
    wearable.run(4)
    assert advert.Content(wearable.device.peripheral._content).battery_pct is None


def test_demo_whose_battery_is_used_up_says_so_and_what_to_do(bluetooth: Any) -> None:
    now_ms = 0
    panel = SimulatedPanel(lambda: now_ms)
    cell = SimulatedCell(lambda: now_ms, charge_ppm=190_000)
    device = simulated_device(
        bytes(16), parse_patient(PATIENT, "well"), Settings(), bluetooth, print, lambda: now_ms, panel.panel, cell
    )

    def live(seconds: int) -> list[str]:
        nonlocal now_ms
        for _ in range(seconds * 10):
            now_ms += 100
            device.step(now_ms)
        return conditions.names_of(device.monitor.alarms.bits)

    assert "battery_low" in live(70)
    assert "Battery low" in panel.oled.lines()
    cell.set_charge_ppm(60_000)
    assert "battery_critical" in live(40)
    assert panel.oled.lines()[0] == "Battery empty", panel.oled.lines()
    known = {"profile": "adult", "emergency_number": None, "is_calibrated": False, "has_cooled": False}
    advice = [load("en").alarm(name, **known).advice for name in ("battery_low", "battery_critical")]
    assert advice == ["Charge the device.", "Charge the device now."]
