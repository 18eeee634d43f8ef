"""A DS18B20 through the kernel's files: a made /sys/bus/w1, where a pipe stands for a reading that takes its time."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.monitor import Monitor
from vigil_firmware.simulation.parts import Parts
from vigil_hal.faults import ConfigRefused, NotAnswering, SensorFault, WrongPart
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.one_wire import crc_of
from vigil_hal.simulated.patient import built_in_patient
from vigil_host.linux.one_wire import KernelDs18b20
from vigil_wire import conditions, statuses
from vigil_wire.settings import Settings

ROM = "28-00000bbb9b13"
OTHER = "28-00000d2b5549"


def pad_of(centi_c: int, settings: int = 0x7F) -> bytes:
    """The scratchpad of a genuine part that has measured this."""
    raw = (centi_c * 4 + 12) // 25
    pad = bytes((raw & 0xFF, raw >> 8 & 0xFF, 0x4B, 0x46, settings, 0xFF, 0x10 - (raw & 0x0F), 0x10))
    return with_crc(pad)


def with_crc(pad: bytes) -> bytes:
    return pad + bytes((crc_of(pad),))


def told(pad: bytes) -> bytes:
    """What the kernel's file says of nine bytes."""
    text = pad.hex(" ")
    verdict = "YES" if crc_of(pad) == 0 else "NO"
    return f"{text} : crc={crc_of(pad[:8]):02x} {verdict}\n{text} t=36687\n".encode()


class Sysfs:
    """The devices of one bus master. As in the kernel, /sys/bus/w1/devices has links to them."""

    def __init__(self, folder: Path) -> None:
        self.devices = folder / "bus/w1/devices"
        self.master = folder / "devices/w1_bus_master1"
        self.devices.mkdir(parents=True)
        self.master.mkdir(parents=True)
        (self.devices / "w1_bus_master1").symlink_to(self.master)

    def add(self, name: str, content: bytes | None = None) -> Path:
        """Add a part, whose file is a pipe where there is no content yet."""
        (self.master / name).mkdir()
        file = self.master / name / "w1_slave"
        if content is None:
            os.mkfifo(file)
        else:
            file.write_bytes(content)
        (self.devices / name).symlink_to(self.master / name)
        return file

    def say(self, name: str, content: bytes) -> None:
        """Have the file say this at the next reading."""
        (self.master / name / "w1_slave").write_bytes(content)

    def remove(self, name: str) -> None:
        (self.devices / name).unlink()
        (self.master / name / "w1_slave").unlink()


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def soon(part: KernelDs18b20) -> int | None:
    """What is read, once the thread has come back."""
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        if (reading := part._reading) is not None and reading.has_ended:
            return part.read_centi_c()
        time.sleep(0.002)
    raise AssertionError("the reading did not come back")


def started(sysfs: Sysfs, rom: str | None = None, **more: Any) -> KernelDs18b20:
    part = KernelDs18b20(rom, sysfs.devices, **more)
    part.probe()
    part.configure()
    return part


def refused(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as raised:
        call()
    assert raised.type is kind
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("centi_c", [3669, 2500, 0, -1012, 4300])
def test_what_the_kernel_read_is_given(sysfs: Sysfs, centi_c: int) -> None:
    sysfs.add(ROM, told(pad_of(centi_c)))
    part = started(sysfs)
    assert soon(part) == centi_c
    assert soon(part) == centi_c


def test_the_kernels_own_lines_of_genuine_parts_are_understood(sysfs: Sysfs) -> None:
    sysfs.add(ROM, b"f3 00 4b 46 7f ff 0d 10 ee : crc=ee YES\nf3 00 4b 46 7f ff 0d 10 ee t=15187\n")
    assert soon(started(sysfs)) == 1519


def test_nobody_waits_for_a_reading(sysfs: Sysfs) -> None:
    pipe = sysfs.add(ROM)  # nobody has written: whoever reads it waits
    part = started(sysfs)
    began_s = time.monotonic()
    assert [part.read_centi_c() for _ in range(5)] == [None] * 5
    part.configure()
    assert time.monotonic() - began_s < 1
    assert [thread.name for thread in threading.enumerate()].count("1-wire") == 1, "threads must not pile up"
    pipe.write_bytes(told(pad_of(3669)))
    assert soon(part) == 3669
    pipe.write_bytes(b"")  # the next one's end
    refused(SensorFault, lambda: soon(part))


def test_reading_that_never_comes_back_is_a_fault(sysfs: Sysfs) -> None:
    now_s = 0.0
    pipe = sysfs.add(ROM)
    part = started(sysfs, clock_s=lambda: now_s)
    now_s = 5.0
    assert part.read_centi_c() is None
    now_s = 5.1
    assert "no reading" in refused(NotAnswering, part.read_centi_c)
    part.configure()
    assert "no reading" in refused(NotAnswering, part.read_centi_c)
    pipe.write_bytes(b"")


def test_reading_that_waited_for_long_is_not_given_as_new(sysfs: Sysfs) -> None:
    now_s = 0.0
    sysfs.add(ROM, told(pad_of(3669)))
    part = started(sysfs, clock_s=lambda: now_s)
    assert soon(part) == 3669
    reading = part._reading
    while reading is not None and not reading.has_ended:
        time.sleep(0.002)
    now_s = 3.1
    assert part.read_centi_c() is None
    assert soon(part) == 3669


def test_conversion_of_another_programs_bulk_read_is_passed_over(sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives the next reader the bulk's value, however old it is, and then converts again."""
    (sysfs.master / "therm_bulk_read").write_text("1\n")
    file = sysfs.add(ROM, told(pad_of(3900)))

    def read_once(path: Path) -> bytes:
        file.write_bytes(told(pad_of(3669)))
        (sysfs.master / "therm_bulk_read").write_text("0\n")
        return b""

    monkeypatch.setattr(Path, "read_bytes", read_once)
    assert soon(started(sysfs)) == 3669


_POWER_ON = b"\x50\x05\x4b\x46\x7f\xff\x0c\x10\x1c"


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (told(_POWER_ON), SensorFault, "85 C"),
        (told(pad_of(8500)), SensorFault, "85 C"),
        (told(pad_of(12794)), SensorFault, "too little power"),
        (told(bytes(9)), SensorFault, "held low"),
        (told(b"\xff" * 9), NotAnswering, "does not answer"),
        (told(pad_of(3669)[:8] + b"\x00"), SensorFault, "CRC"),
        (told(pad_of(3669, 0x3F)), ConfigRefused, "echo 12"),
        (told(with_crc(b"\x90\x01\x55\x05\x7f\x7e\x81\x66")), WrongPart, "counterfeit"),
        (told(with_crc(pad_of(3669)[:6] + b"\x0c\x10")), WrongPart, "byte 6"),
        (b"", SensorFault, "cannot read"),
        (b"-ERR\n", SensorFault, "cannot read"),
        (told(pad_of(3669))[:20], SensorFault, "cannot read"),
    ],
)
def test_what_is_no_measurement_is_a_fault(sysfs: Sysfs, content: bytes, kind: type[Exception], says: str) -> None:
    sysfs.add(ROM, content)
    part = started(sysfs)
    assert says in refused(kind, lambda: soon(part))
    sysfs.say(ROM, told(pad_of(3669)))
    part.configure()
    assert soon(part) == 3669


def test_part_that_leaves_the_bus_is_a_fault_and_comes_back(sysfs: Sysfs) -> None:
    sysfs.add(ROM, told(pad_of(3669)))
    part = started(sysfs)
    assert soon(part) == 3669
    sysfs.remove(ROM)
    part.configure()
    with pytest.raises(NotAnswering, match="left the 1-Wire bus"):
        for _ in range(2):  # one may have been read before
            soon(part)
    assert "pull-up" in refused(NotAnswering, part.probe)
    (sysfs.master / ROM).rmdir()
    sysfs.add(ROM, told(pad_of(3669)))
    part.probe()
    part.configure()
    assert soon(part) == 3669


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path, sysfs: Sysfs) -> None:
    assert "dtoverlay=w1-gpio" in refused(NotAnswering, KernelDs18b20(None, tmp_path / "none").probe)
    assert "there is nothing" in refused(NotAnswering, KernelDs18b20(None, sysfs.devices).probe)
    sysfs.add("10-000802bd8a63", b"")
    assert "10-000802bd8a63" in refused(NotAnswering, KernelDs18b20(None, sysfs.devices).probe)
    assert "10-000802bd8a63" in refused(NotAnswering, KernelDs18b20(ROM, sysfs.devices).probe)
    assert "is no DS18B20" in refused(WrongPart, KernelDs18b20("10-000802bd8a63", sysfs.devices).probe)
    (sysfs.master / ROM).mkdir()
    (sysfs.devices / ROM).symlink_to(sysfs.master / ROM)
    assert "modprobe w1_therm" in refused(NotAnswering, KernelDs18b20(None, sysfs.devices).probe)


def test_several_parts_are_refused_by_name_unless_one_is_meant(sysfs: Sysfs) -> None:
    sysfs.add(ROM, told(pad_of(3669)))
    sysfs.add(OTHER, told(pad_of(3850)))
    text = refused(WrongPart, KernelDs18b20(None, sysfs.devices).probe)
    assert ROM in text and OTHER in text
    assert soon(started(sysfs, OTHER.upper())) == 3850
    with pytest.raises(ValueError, match="a ROM is like"):
        KernelDs18b20("28-bbb9b13", sysfs.devices)


def test_counterfeit_is_refused_by_its_rom(sysfs: Sysfs) -> None:
    sysfs.add("28-0416117c5aff", told(pad_of(3669)))
    assert "counterfeit" in refused(WrongPart, KernelDs18b20(None, sysfs.devices).probe)


# In the monitor


@pytest.fixture
def steps(sysfs: Sysfs) -> Callable[[int], Monitor]:
    """Steps a monitor with the part through so many seconds, each of which begins when the reading has come back."""
    now_ms = [0]
    parts = Parts(built_in_patient(), False, lambda: now_ms[0])
    part = KernelDs18b20(None, sysfs.devices)
    journal = Journal(MemoryStore(4, 4096), 7)
    monitor = Monitor(Max30102(parts.bus), part, None, Settings(), journal, 1, 1, 0)

    def step(seconds: int) -> Monitor:
        for _ in range(seconds * 10):
            now_ms[0] += 100
            monitor.step(now_ms[0])
            end_s = time.monotonic() + 5
            while part._reading is not None and not part._reading.has_ended and time.monotonic() < end_s:
                time.sleep(0.001)
        return monitor

    return step


def test_in_the_monitor_it_is_the_temperature_and_its_trouble_an_alarm(
    sysfs: Sysfs, steps: Callable[[int], Monitor]
) -> None:
    sysfs.add(ROM, told(pad_of(3669)))
    monitor = steps(12)
    temperature, pulse = monitor.vitals.temperature, monitor.vitals.pulse_rate
    assert (temperature.status, temperature.value) == (statuses.VALIDATED, 3669)
    sysfs.say(ROM, told(_POWER_ON))
    steps(5)
    assert temperature.status == statuses.SENSOR_FAULT
    assert "85 C" in monitor.thermometer_fault
    assert monitor.alarms.bits == 1 << conditions.SENSOR_FAULT
    assert pulse.status == statuses.VALIDATED
    sysfs.say(ROM, told(pad_of(3675)))
    steps(5)
    assert (temperature.status, temperature.value) == (statuses.VALIDATED, 3675)
    assert monitor.alarms.bits == 0 and monitor.thermometer_fault == ""
