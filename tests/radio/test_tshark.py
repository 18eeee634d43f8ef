"""The standard services' bytes as an independent program reads them: tshark, from a capture of the virtual air.

tshark 4.0 shows every IEEE-11073 32-bit FLOAT as 0, so the temperature is compared by its raw bytes.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient

from vigil_firmware import VERSION
from vigil_firmware.monitor import STEP_MS
from vigil_hal.simulated.patient import parse_patient
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import NIMBLE
from vigil_host.simulated_device import simulated_device
from vigil_wire import current_time, health_thermometer, heart_rate, plx
from vigil_wire.settings import SERVICES_OPEN, Settings

pytestmark = [pytest.mark.anyio, pytest.mark.capture]

# Well, then the sensor taken off: values, and the reason why there is none.
SCRIPT = (
    "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact",
    "0,72,97.5,2,36.7,0.02,1",
    "20,72,97.5,2,36.7,0.02,0",
)
NORMAL = "btatt.plxs.spot_check_measurement."  # tshark's names, for continuous measurements too
FEATURES = "btatt.plxs.features.supported_features"
THERMOMETER = "btatt.temperature_measurement."
HEART_RATE = "btatt.heart_rate_measurement."
CONTINUOUS = "btatt.plxs.continuous_measurement."
RACP = "btatt.record_access_control_point."
NUMBER = "btatt.record_access_control_point_operand.number_of_records"

TOLD = (0x2A5E, 0x2A5F, 0x2A1C, 0x2A37, 0x2A19, 0x2A2B, 0x2A52)
READ = (0x2A60, 0x2A1D, 0x2A21, 0x2A38, 0x2A19, 0x2A29, 0x2A24, 0x2A26, 0x2A27)
# What the collector asks of the record access control point at its end, and what the answers are.
REQUESTS = ("04 01", "01 01", "01 06", "02 01", "01 01", "07 01", "03 00")
ANSWERS = ("05 00 01 00", "06 00 01 01", "06 00 01 04", "06 00 02 01", "06 00 01 06", "06 00 07 02", "06 00 03 01")
UTC = (9824, 52_205_000)  # 2026-11-24 14:30:05, a Tuesday, told after 25 s


def uuid_of(short: int) -> str:
    """The UUID as bleak writes it."""
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


@pytest.fixture
async def sent(air: Air, tmp_path: Path) -> tuple[Path, dict[int, list[bytes]], list[tuple[int | None, int | None]]]:
    """A capture of half a minute, what a central was told in it by UUID, and the SpO2 and pulse rate of each second."""
    capture = tmp_path / "air.btsnoop"
    air.capture(capture)
    now_ms = 0
    bluetooth = VirtualBluetooth(air, NIMBLE)
    settings = Settings(standard_services=SERVICES_OPEN, temperature_site=4)
    source = parse_patient(SCRIPT, "script")
    device = simulated_device(bytes(16), source, settings, bluetooth, lambda _: None, lambda: now_ms)
    told: dict[int, list[bytes]] = {uuid: [] for uuid in TOLD}
    shown: list[tuple[int | None, int | None]] = []

    async def live(seconds: int) -> None:
        nonlocal now_ms
        for _ in range(seconds * 1000 // STEP_MS):
            now_ms += STEP_MS
            second = device.monitor.second
            device.step(now_ms)
            if device.monitor.second != second:
                vitals = device.monitor.vitals
                both = (vitals.spo2, vitals.pulse_rate)
                shown.append(tuple(each.value if each.has_value else None for each in both))
            await asyncio.sleep(0.001)

    device.step(now_ms)
    address = ":".join(f"{byte:02X}" for byte in bluetooth.BLE().config("mac")[1])
    async with BleakClient(address, backend=AirClient, air=air) as client:
        for uuid, values in told.items():
            await client.start_notify(uuid_of(uuid), lambda _, value, values=values: values.append(bytes(value)))
        await live(25)
        device.monitor.anchor_time(*UTC)
        for uuid in READ:
            told.setdefault(uuid, []).append(bytes(await client.read_gatt_char(uuid_of(uuid))))
        await live(5)
        for request in REQUESTS:
            await client.write_gatt_char(uuid_of(0x2A52), bytes.fromhex(request), response=True)
            await live(1)
        await asyncio.sleep(0.05)
    await air.close()
    return capture, told, shown


@pytest.fixture
def packets(sent: Any, system_program: Callable[[str], str | None]) -> list[dict[str, Any]]:
    """What tshark shows of each packet of the attribute protocol: field to values, with their raw bytes."""
    tshark = system_program("capture")
    assert tshark
    command = [tshark, "-r", sent[0], "-Y", "btatt", "-T", "json", "-x", "--no-duplicate-keys"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [fields(packet["_source"]["layers"]["btatt"]) for packet in json.loads(done.stdout)]


def having(packets: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    """Those with that field."""
    return [packet for packet in packets if field in packet]


def fields(tree: Any) -> dict[str, Any]:
    """All fields of a tree, flat."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= fields(value)
        else:
            found[name] = value
    return found


async def test_continuous_measurements(sent: Any, packets: list[dict[str, Any]]) -> None:
    _, told, shown = sent
    read = having(packets, CONTINUOUS + "flags")
    assert len(read) == len(told[0x2A5F]) == len(shown) == 37
    for packet, (spo2, pulse_rate), value in zip(read, shown, told[0x2A5F], strict=True):
        assert packet[NORMAL + "spo2"] == ("NaN" if spo2 is None else f"{spo2 / 10:.1f}")
        assert packet[NORMAL + "pulse_rate"] == ("NaN" if pulse_rate is None else f"{pulse_rate / 10:.1f}")
        measured = plx.Continuous(value)
        assert int(packet[CONTINUOUS + "flags"], 16) == value[0]
        assert int(packet[NORMAL + "measurement_status"], 16) == measured.measurement_status
        assert int(packet[NORMAL + "device_and_sensor_status"], 16) == measured.sensor_status
        off = packet[NORMAL + "device_and_sensor_status.unconnected_to_user"] == "1"
        validated = packet[NORMAL + "measurement_status.validated_data"] == "1"
        assert not (off and validated)
        assert not validated or None not in (spo2, pulse_rate)
    assert off  # at the end; and before that there was something to read
    assert sum(None not in both for both in shown) >= 5


async def test_spot_checks(sent: Any, packets: list[dict[str, Any]]) -> None:
    _, told, shown = sent
    live, kept = having(packets, NORMAL + "flags")  # when it had settled, and on request
    assert [plx.SpotCheck(value).is_clock_set for value in told[0x2A5E]] == [False, True]
    assert int(live[NORMAL + "flags"], 16) == 0x1E  # all but the time, and that the clock is not set
    assert live[NORMAL + "flags.device_clock_is_not_set"] == "1"
    assert int(kept[NORMAL + "flags"], 16) == 0x0F
    for packet, value in zip((live, kept), told[0x2A5E], strict=True):
        assert (float(packet[NORMAL + "spo2"]) * 10, float(packet[NORMAL + "pulse_rate"]) * 10) in [
            (spo2, pulse_rate) for spo2, pulse_rate in shown if spo2 is not None
        ]
        index = plx.SpotCheck(value).pulse_amplitude_index_pct
        assert round(float(packet[NORMAL + "pulse_amplitude_index"]) * 100) == index[0]
        assert packet[NORMAL + "measurement_status.validated_data"] == "1"
        assert int(packet[NORMAL + "device_and_sensor_status"], 16) == 0
    storage = NORMAL + "measurement_status.data_from_measurement_storage"
    assert (live[storage], kept[storage]) == ("0", "1")
    # It was taken about ten seconds before the clock was set.
    assert [kept["btatt." + part] for part in ("year", "month", "day", "hours", "minutes")] == (
        ["2026", "11", "24", "14", "29"]
    )
    assert 45 <= int(kept["btatt.seconds"]) <= 59


async def test_record_access(sent: Any, packets: list[dict[str, Any]]) -> None:
    _, told, _ = sent
    assert [value.hex(" ") for value in told[0x2A52]] == list(ANSWERS)
    read = having(packets, RACP + "opcode")
    asked = [each for each in read if int(each[RACP + "opcode"]) not in (5, 6)]
    answers = [each for each in read if int(each[RACP + "opcode"]) in (5, 6)]
    assert [
        (int(each[RACP + "opcode"]), int(each[RACP + "operator"])) for each in asked if RACP + "operator" in each
    ] == [tuple(bytes.fromhex(request)) for request in REQUESTS]
    assert int(answers[0][NUMBER]) == 1
    assert [(int(each[RACP + "request_opcode"]), int(each[RACP + "response_code"])) for each in answers[1:]] == [
        tuple(bytes.fromhex(answer)[2:]) for answer in ANSWERS[1:]
    ]


async def test_heart_rates(sent: Any, packets: list[dict[str, Any]]) -> None:
    _, told, shown = sent
    rates = having(packets, HEART_RATE + "flags")
    assert len(rates) == len(told[0x2A37]) == len(shown)
    for packet, (_, pulse_rate), value in zip(rates, shown, told[0x2A37], strict=True):
        contact = packet[HEART_RATE + "flags.sensor_contact_status.contact"]
        assert packet[HEART_RATE + "flags.sensor_contact_status.support"] == "1"
        assert (contact, int(packet[HEART_RATE + "value.8"])) == (
            ("0", 0) if pulse_rate is None else ("1", (pulse_rate + 5) // 10)
        )
        intervals = packet.get(HEART_RATE + "rr_interval", [])
        read = [int(each) for each in ([intervals] if isinstance(intervals, str) else intervals)]
        assert read == heart_rate.Measurement(value).intervals


async def test_temperatures(sent: Any, packets: list[dict[str, Any]]) -> None:
    _, told, _ = sent
    temperatures = having(packets, THERMOMETER + "flags")
    assert len(temperatures) == len(told[0x2A1C]) >= 5
    timed = 0
    for packet, value in zip(temperatures, told[0x2A1C], strict=True):
        assert packet[THERMOMETER + "flags_raw"][0] + packet[THERMOMETER + "value.celsius_raw"][0] == value[:5].hex()
        mantissa, exponent = health_thermometer.Measurement(value).temperature
        assert (abs(mantissa - 3670) <= 1, exponent) == (True, -2)
        if packet[THERMOMETER + "flags.timestamp"] == "1":
            timed += 1
            assert [packet["btatt." + part] for part in ("year", "month", "day", "hours")] == ["2026", "11", "24", "14"]
    assert 0 < timed < len(temperatures)


async def test_current_time(sent: Any, packets: list[dict[str, Any]]) -> None:
    _, told, _ = sent
    (packet,) = having(packets, "btatt.day_of_week")
    (value,) = told[0x2A2B]
    read = current_time.CurrentTime(value)
    names = ("year", "month", "day", "hours", "minutes", "seconds", "day_of_week", "fractions256")
    shown = [int(packet["btatt." + name]) for name in names]
    assert shown == [*read.date, *read.time, read.weekday, read.fraction_256]
    assert shown[:5] + shown[6:7] == [2026, 11, 24, 14, 30, 2]
    assert 5 <= shown[5] <= 6
    assert packet["btatt.adjust_reason.external_reference_time_update"] == "1"


async def test_what_is_read(sent: Any, packets: list[dict[str, Any]]) -> None:
    def shown(field: str) -> str:
        (packet,) = having(packets, field)
        value: str = packet[field]
        return value

    _, told, _ = sent
    assert int(shown(FEATURES), 16) == 0x4F
    for feature in ("measurement_storage_for_spot_check", "timestamp_storage_for_spot_check", "pulse_amplitude_index"):
        assert shown(f"{FEATURES}.{feature}") == "1"
    for feature in ("spo2pr_slow", "spo2pr_fast", "multiple_bonds"):
        assert shown(f"{FEATURES}.{feature}") == "0"
    assert int(shown("btatt.temperature_type"), 0) == 4
    assert int(shown("btatt.measurement_interval"), 0) == 5
    assert int(shown("btatt.body_sensor_location"), 0) == heart_rate.FINGER
    assert shown("btatt.manufacturer_string") == "Vigil"
    assert shown("btatt.model_number_string") == "Vigil monitor"
    assert shown("btatt.firmware_revision_string") == ".".join(map(str, VERSION))
    assert shown("btatt.hardware_revision_string") == "simulated"
    levels = having(packets, "btatt.battery_level")  # notified in the first second, and read
    assert [each["btatt.battery_level"] for each in levels] == ["100", "100"]
    assert told[0x2A19] == [b"\x64", b"\x64"]
