"""Each thermometer in the monitor: what is wrong is an alarm with its cause, never a number, and the pulse goes on.

How each driver takes it, to the byte: tests/contract.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from vigil_hal.ds18b20 import Ds18b20
from vigil_hal.max30205 import Max30205
from vigil_hal.mcp9808 import Mcp9808
from vigil_hal.mlx90614 import Mlx90614
from vigil_hal.simulated.ds18b20 import SimulatedDs18b20
from vigil_hal.simulated.max30205 import SimulatedMax30205
from vigil_hal.simulated.mcp9808 import SimulatedMcp9808
from vigil_hal.simulated.mlx90614 import SimulatedMlx90614
from vigil_hal.simulated.one_wire import SimulatedOneWire, crc_of
from vigil_hal.simulated.tmp117 import SimulatedTmp117
from vigil_hal.tmp117 import Tmp117
from vigil_wire import conditions

_CLONE_ROM = bytes((0x28, 0xFF, 0x64, 0x1D, 0xCD, 0x96, 0xF2))
_ON_BUS: dict[str, tuple[Any, Any]] = {
    "TMP117": (Tmp117, SimulatedTmp117),
    "MAX30205": (Max30205, SimulatedMax30205),
    "MLX90614": (Mlx90614, SimulatedMlx90614),
    "MCP9808": (Mcp9808, SimulatedMcp9808),
}
_PARTS = (*_ON_BUS, "DS18B20")
_LONGEST_S = 12  # until the alarm sounds


@dataclass
class Bench:
    """A monitor with one thermometer, its part, and the wire where it is on one."""

    rig: Any
    part: Any
    wire: SimulatedOneWire


def _bench(make_rig: Any, name: str, first_tick: int = 0) -> Bench:
    wire = SimulatedOneWire()
    parts: list[Any] = []

    def thermometer(rig: Any) -> Any:
        if name == "DS18B20":
            parts.append(SimulatedDs18b20(rig.source, rig.now))
            wire.parts.append(parts[0])
            return Ds18b20(wire)
        driver, double = _ON_BUS[name]
        parts.append(double(rig.source, rig.now))
        rig.bus.attach(parts[0])
        return driver(rig.bus)

    return Bench(make_rig(first_tick=first_tick, make_thermometer=thermometer), parts[0], wire)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with a part, what is said of it, and how it ends; `each_second`: it happens again and again."""

    part: str
    what: str
    begin: Callable[[Bench], object]
    end: Callable[[Bench], object]
    each_second: bool = False


def _set(name: str, value: object) -> Callable[[Bench], object]:
    return lambda bench: setattr(bench.part, name, value)


def _nothing(bench: Bench) -> None:
    """It mends itself."""


def _replace(part: Callable[[Bench], Any]) -> Callable[[Bench], object]:
    return lambda bench: bench.rig.bus.attach(part(bench))


def _put_back(bench: Bench) -> None:
    bench.rig.bus.attach(bench.part)


def _hot(bench: Bench) -> None:
    bench.rig.source.temperature_centi_c = lambda time_us: 8500


def _as_before(bench: Bench) -> None:
    del bench.rig.source.temperature_centi_c


def _nak(bench: Bench) -> None:
    bench.rig.bus.nak(bench.part.address)


def _release(bench: Bench) -> None:
    bench.rig.bus.release(bench.part.address)


def _brown_out(bench: Bench) -> None:
    bench.part.brown_out()


def _fix_byte_6(bench: Bench) -> None:
    bench.part.has_fixed_byte_6 = True
    bench.part.scratchpad[6] = 0x0C


def _with_crc(pad: bytes) -> bytes:
    return pad + bytes((crc_of(pad),))


def _lm75(bench: Bench) -> SimulatedMax30205:
    return SimulatedMax30205(bench.rig.source, bench.rig.now, kept_bits=9)


def _tmp117(bench: Bench) -> SimulatedTmp117:
    return SimulatedTmp117(bench.rig.source, bench.rig.now, address=bench.part.address)


def _max30205(bench: Bench) -> SimulatedMax30205:
    return SimulatedMax30205(bench.rig.source, bench.rig.now, address=bench.part.address)


def _second_part(bench: Bench) -> None:
    """After a power cut of all: the driver looks anew at who is there."""
    bench.part.brown_out()
    bench.wire.parts.append(SimulatedDs18b20(bench.rig.source, bench.rig.now, rom=b"\x28\x49\x55\x2b\x0d\0\0"))


def _clone(bench: Bench) -> None:
    bench.wire.parts[:] = [SimulatedDs18b20(bench.rig.source, bench.rig.now, rom=_CLONE_ROM)]


def _genuine(bench: Bench) -> None:
    bench.wire.parts[:] = [bench.part]


_TROUBLES = [
    Trouble("TMP117", "does not answer", _nak, _release),
    Trouble("TMP117", "is no TMP117", _replace(_max30205), _put_back),
    Trouble("TMP117", "says 85 C", _hot, _as_before),
    Trouble("MAX30205", "does not answer", _nak, _release),
    Trouble("MAX30205", "as an LM75 does", _replace(_lm75), _put_back),
    Trouble("MAX30205", "may be a TMP117", _replace(_tmp117), _put_back),
    Trouble("MAX30205", "lost its configuration", _brown_out, _nothing, each_second=True),
    Trouble("MAX30205", "says 85 C", _hot, _as_before),
    Trouble("MLX90614", "does not answer", _nak, _release),
    Trouble("MLX90614", "with a PEC", _set("bad_pecs", 1000), _set("bad_pecs", 0)),
    Trouble("MLX90614", "with a PEC", _replace(_tmp117), _put_back),
    Trouble("MLX90614", "reading is in error", _set("has_error", True), _set("has_error", False)),
    Trouble("MLX90614", "says 85 C", _hot, _as_before),
    Trouble("MCP9808", "does not answer", _nak, _release),
    Trouble("MCP9808", "is no MCP9808", _replace(_tmp117), _put_back),
    Trouble("MCP9808", "lost its configuration", _brown_out, _nothing, each_second=True),
    Trouble("MCP9808", "says 85 C", _hot, _as_before),
    Trouble("DS18B20", "does not answer", _set("is_absent", True), _set("is_absent", False)),
    Trouble(
        "DS18B20",
        "line is held low",
        lambda bench: setattr(bench.wire, "is_low", True),
        lambda bench: setattr(bench.wire, "is_low", False),
    ),
    Trouble("DS18B20", "line is held low", _set("says", bytes(9)), _set("says", None)),
    Trouble("DS18B20", "does not answer", _set("says", b"\xff" * 9), _set("says", None)),
    Trouble("DS18B20", "bad CRC", _set("damaged", 1000), _set("damaged", 0)),
    Trouble("DS18B20", "85 C means that", _brown_out, _nothing, each_second=True),
    Trouble("DS18B20", "85 C means that", _hot, _as_before),
    Trouble("DS18B20", "does not begin to convert", _set("ignores_convert", True), _set("ignores_convert", False)),
    Trouble("DS18B20", "2 parts on one wire", _second_part, _genuine),
    Trouble("DS18B20", "counterfeit", _clone, _genuine),
    Trouble(
        "DS18B20",
        "counterfeit",
        _set("says", _with_crc(b"\x90\x01\x55\x05\x7f\x7e\x81\x66")),
        _set("says", None),
    ),
    Trouble("DS18B20", "byte 6 does not follow", _fix_byte_6, _set("has_fixed_byte_6", False)),
]


@pytest.mark.parametrize("trouble", _TROUBLES, ids=lambda trouble: f"{trouble.part}, {trouble.what}")
def test_trouble_is_an_alarm_with_its_cause_and_no_number_and_passes(make_rig: Any, trouble: Trouble) -> None:
    bench = _bench(make_rig, trouble.part)
    rig = bench.rig
    rig.run(12)
    assert rig.shown[-1]["temperature_status"] == "validated"
    assert abs(rig.shown[-1]["temperature"] - 3670) <= 4
    trouble.begin(bench)
    _until_told(bench, trouble)
    since = len(rig.shown)
    for _ in range(5):
        if trouble.each_second:
            trouble.begin(bench)
        rig.run(1)
    assert set(rig.column("temperature_status")[since:]) == {"sensor_fault"}, "and so it stays"
    assert trouble.what in rig.monitor.thermometer_fault
    assert all(value is None or abs(value - 3670) <= 4 for value in rig.column("temperature")[12:])
    assert all(value is None for value in rig.column("temperature")[since:])
    assert set(rig.column("pulse_rate_status")[12:]) == {"validated"}
    assert rig.shown[-1]["bits"] == 1 << conditions.SENSOR_FAULT
    trouble.end(bench)
    rig.run(8)
    assert rig.shown[-1]["temperature_status"] == "validated"
    assert abs(rig.shown[-1]["temperature"] - 3670) <= 4
    assert rig.shown[-1]["bits"] == 0
    assert rig.monitor.thermometer_fault == ""


def _until_told(bench: Bench, trouble: Trouble) -> None:
    rig = bench.rig
    for _ in range(_LONGEST_S):
        rig.run(1)
        told = trouble.what in rig.monitor.thermometer_fault
        if told and rig.shown[-1]["bits"] == 1 << conditions.SENSOR_FAULT:
            return
        if trouble.each_second:
            trouble.begin(bench)
    raise AssertionError(f"not told in {_LONGEST_S} s: {rig.monitor.thermometer_fault!r}, {rig.shown[-1]}")


@pytest.mark.parametrize("part", _PARTS)
def test_first_reading_comes_within_three_seconds_and_then_one_each_second(
    make_rig: Any, first_tick: int, part: str
) -> None:
    rig = _bench(make_rig, part, first_tick).rig
    rig.run(12)
    status = rig.column("temperature_status")
    assert status[0] in ("acquiring", "validated"), "not a fault"
    assert set(status[2:]) == {"validated"}
    assert all(value is None or abs(value - 3670) <= 4 for value in rig.column("temperature"))


@pytest.mark.parametrize("part", _PARTS)
def test_seconds_that_are_made_up_for_give_no_reading_twice_as_new(make_rig: Any, part: str) -> None:
    """Five times a second for a while: there is a reading or none, and no fault."""
    rig = _bench(make_rig, part).rig
    rig.run(12)
    rig.run(3, step_ms=3000)
    rig.run(5)
    assert "sensor_fault" not in rig.column("temperature_status")
    assert rig.shown[-1]["temperature_status"] == "validated"


def test_bus_that_is_stuck_is_said_of_both_sensors(make_rig: Any) -> None:
    for part in _ON_BUS:
        rig = _bench(make_rig, part).rig
        rig.run(12)
        rig.bus.stuck = True
        rig.run(3)
        assert "stuck" in rig.monitor.thermometer_fault
        assert rig.shown[-1]["temperature_status"] == rig.shown[-1]["pulse_rate_status"] == "sensor_fault"
