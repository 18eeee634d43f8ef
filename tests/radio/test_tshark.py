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

from vigil_firmware.monitor import STEP_MS
from vigil_hal.simulated.patient import parse_patient
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import NIMBLE
from vigil_host.simulated_device import simulated_device
from vigil_wire import health_thermometer, heart_rate, plx
from vigil_wire.settings import SERVICES_OPEN, Settings

pytestmark = [pytest.mark.anyio, pytest.mark.capture]

# Well, then the sensor taken off: values, and the reason why there is none.
SCRIPT = (
    "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact",
    "0,72,97.5,2,36.7,0.02,1",
    "20,72,97.5,2,36.7,0.02,0",
)
NORMAL = "btatt.plxs.spot_check_measurement."  # tshark's names, for continuous measurements too
THERMOMETER = "btatt.temperature_measurement."
HEART_RATE = "btatt.heart_rate_measurement."
CONTINUOUS = "btatt.plxs.continuous_measurement."


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
    told: dict[int, list[bytes]] = {uuid: [] for uuid in (0x2A5F, 0x2A1C, 0x2A37, 0x2A19)}
    shown: list[tuple[int | None, int | None]] = []
    device.step(now_ms)
    address = ":".join(f"{byte:02X}" for byte in bluetooth.BLE().config("mac")[1])
    async with BleakClient(address, backend=AirClient, air=air) as client:
        for uuid, values in told.items():
            text = f"0000{uuid:04x}-0000-1000-8000-00805f9b34fb"
            await client.start_notify(text, lambda _, value, values=values: values.append(bytes(value)))
        told[0x2A19].append(bytes(await client.read_gatt_char("00002a19-0000-1000-8000-00805f9b34fb")))
        for _ in range(30_000 // STEP_MS):
            now_ms += STEP_MS
            second = device.monitor.second
            device.step(now_ms)
            if device.monitor.second != second:
                vitals = device.monitor.vitals
                both = (vitals.spo2, vitals.pulse_rate)
                shown.append(tuple(each.value if each.has_value else None for each in both))
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
    await air.close()
    return capture, told, shown


def decoded(tshark: str | None, capture: Path, about: str) -> list[dict[str, Any]]:
    """What tshark shows of each packet that has the field `about`: field to values, with their raw bytes."""
    assert tshark
    command = [tshark, "-r", capture, "-Y", about, "-T", "json", "-x", "--no-duplicate-keys"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [packet["_source"]["layers"]["btatt"] for packet in json.loads(done.stdout)]


def fields(tree: Any) -> dict[str, Any]:
    """All fields of a tree, flat."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= fields(value)
        else:
            found[name] = value
    return found


async def test_tshark_reads_what_was_measured(sent: Any, system_program: Callable[[str], str | None]) -> None:
    capture, told, shown = sent
    tshark = system_program("capture")
    packets = [fields(packet) for packet in decoded(tshark, capture, CONTINUOUS + "flags")]
    assert len(packets) == len(told[0x2A5F]) == len(shown) == 30
    for packet, (spo2, pulse_rate), value in zip(packets, shown, told[0x2A5F], strict=True):
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
    rates = [fields(packet) for packet in decoded(tshark, capture, HEART_RATE + "flags")]
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
    assert off  # at the end; and before that there was something to read
    assert sum(None not in both for both in shown) >= 5
    temperatures = [fields(packet) for packet in decoded(tshark, capture, THERMOMETER + "flags")]
    parts = (THERMOMETER + "flags_raw", THERMOMETER + "value.celsius_raw", "btatt.temperature_type_raw")
    read = ["".join(packet[part][0] for part in parts) for packet in temperatures]
    assert read == [value.hex() for value in told[0x2A1C]]
    assert len(read) >= 5
    for value in told[0x2A1C]:
        mantissa, exponent = health_thermometer.Measurement(value).temperature
        assert (abs(mantissa - 3670) <= 1, exponent) == (True, -2)
    (level,) = [fields(packet) for packet in decoded(tshark, capture, "btatt.battery_level")]
    assert level["btatt.battery_level"] == "100" == str(told[0x2A19][0][0])
