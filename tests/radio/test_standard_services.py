"""The standard services over the virtual radio: what they tell, and whom."""

import asyncio
import bisect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from bleak import BleakClient
from bleak.exc import BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from bumble.pairing import PairingDelegate

from vigil_firmware import VERSION
from vigil_firmware.monitor import STEP_MS
from vigil_firmware.peripheral import RadioError
from vigil_hal.simulated.patient import parse_patient
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import BTSTACK, NIMBLE, Personality
from vigil_host.simulated_device import simulated_device
from vigil_wire import battery, health_thermometer, heart_rate, plx
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OFF, SERVICES_OPEN, Settings

pytestmark = pytest.mark.anyio

SCRIPT = (
    "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact",
    "0,72,97.5,2,36.7,0.02,1",
)
FINGER = 4
PLX = "00002a5f-0000-1000-8000-00805f9b34fb"
PLX_FEATURES = "00002a60-0000-1000-8000-00805f9b34fb"
TEMPERATURE = "00002a1c-0000-1000-8000-00805f9b34fb"
TEMPERATURE_TYPE = "00002a1d-0000-1000-8000-00805f9b34fb"
HEART_RATE = "00002a37-0000-1000-8000-00805f9b34fb"
SENSOR_LOCATION = "00002a38-0000-1000-8000-00805f9b34fb"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
ABOUT = {
    "00002a29-0000-1000-8000-00805f9b34fb": "Vigil",
    "00002a24-0000-1000-8000-00805f9b34fb": "Vigil monitor",
    "00002a26-0000-1000-8000-00805f9b34fb": ".".join(map(str, VERSION)),
}
TOLD = (PLX, TEMPERATURE, HEART_RATE, BATTERY)
NOTHING: dict[str, list[bytes]] = {uuid: [] for uuid in TOLD}
READABLE = (PLX_FEATURES, TEMPERATURE_TYPE, SENSOR_LOCATION, BATTERY, *ABOUT)


class Wearable:
    """The firmware on simulated parts, stepped by the test."""

    def __init__(self, air: Air, personality: Personality, services: int, *frames: str) -> None:
        """Start it with its standard services off, bonded or open."""
        self.air = air
        self.now_ms = 0
        self.lines: list[str] = []
        self.bluetooth = VirtualBluetooth(air, personality)
        self.device = simulated_device(
            bytes(16),
            parse_patient([*SCRIPT[:1], *(frames or SCRIPT[1:])], "script"),
            Settings(standard_services=services, temperature_site=FINGER),
            self.bluetooth,
            self.lines.append,
            lambda: self.now_ms,
        )

    async def live(self, seconds: float) -> None:
        """Let so much of the device's own time go by, fifty times as fast."""
        for _ in range(round(seconds * 1000 / STEP_MS)):
            self.now_ms += STEP_MS
            self.device.step(self.now_ms)
            await asyncio.sleep(0.002)

    @asynccontextmanager
    async def central(self, person: PairingDelegate | None = None) -> AsyncIterator[BleakClient]:
        """A central that is connected."""
        address = ":".join(f"{byte:02X}" for byte in self.bluetooth.BLE().config("mac")[1])
        async with BleakClient(address, backend=AirClient, air=self.air, pairing_delegate=person) as client:
            yield client


class Reader(PairingDelegate):
    """Somebody who reads the passkey on the serial port and types it, after `thinking` seconds of the device's time."""

    def __init__(self, wearable: Wearable, thinking: float = 0, misread: int = 0) -> None:
        super().__init__(PairingDelegate.KEYBOARD_INPUT_ONLY)
        self.wearable = wearable
        self.thinking = thinking
        self.misread = misread

    async def get_number(self) -> int:
        """Wait for the line, and type."""
        while "passkey" not in self.wearable.lines[-1]:
            await asyncio.sleep(0.002)
        passkey = int(self.wearable.lines[-1].split()[2])
        await self.wearable.live(self.thinking)
        return passkey + self.misread


async def heard_by(client: BleakClient) -> dict[str, list[bytes]]:
    """Subscribe to everything, and return what will come."""
    heard: dict[str, list[bytes]] = {uuid: [] for uuid in TOLD}
    for uuid, values in heard.items():
        await client.start_notify(uuid, lambda _, value, values=values: values.append(bytes(value)))
    return heard


async def test_open_services_tell_everybody_the_vitals(air: Air, personality: Personality) -> None:
    wearable = Wearable(air, personality, SERVICES_OPEN)
    await wearable.live(15)
    async with wearable.central() as client:
        heard = await heard_by(client)
        wearable.device.monitor._battery._started_ms -= 1_200_000
        await wearable.live(5)
        await asyncio.sleep(0.02)
        vitals = wearable.device.monitor.vitals
        measured = plx.Continuous(heard[PLX][-1])
        assert 4 <= len(heard[PLX]) <= 6
        assert measured.spo2_pct == (vitals.spo2.value, -1)
        assert measured.pulse_rate_bpm == (vitals.pulse_rate.value, -1)
        assert measured.pulse_amplitude_index_pct == (vitals.perfusion.value, -2)
        assert abs(vitals.pulse_rate.value - 720) < 20
        both = plx.status_bits(vitals.pulse_rate.status, vitals.spo2.status)
        assert (measured.measurement_status, measured.sensor_status) == both
        (taken,) = map(health_thermometer.Measurement, heard[TEMPERATURE])
        assert (taken.temperature, taken.unit, taken.site) == ((vitals.temperature.value, -2), "C", FINGER)
        rates = [heart_rate.Measurement(value) for value in heard[HEART_RATE]]
        assert (rates[-1].rate_bpm, rates[-1].has_contact) == ((vitals.pulse_rate.value + 5) // 10, True)
        intervals = [each for rate in rates for each in rate.intervals]
        assert 4 <= len(intervals) <= 7
        assert all(abs(each * 1000 / 1024 - 833) < 25 for each in intervals)
        assert heart_rate.decode_location(await client.read_gatt_char(SENSOR_LOCATION)) == heart_rate.FINGER
        assert [battery.decode(value) for value in heard[BATTERY]] == [98]
        assert battery.decode(await client.read_gatt_char(BATTERY)) == 98
        features = plx.Features(await client.read_gatt_char(PLX_FEATURES))
        assert features.supported & plx.PULSE_AMPLITUDE_INDEX_SUPPORTED
        assert health_thermometer.decode_type(await client.read_gatt_char(TEMPERATURE_TYPE)) == FINGER
        assert {uuid: (await client.read_gatt_char(uuid)).decode() for uuid in ABOUT} == ABOUT


async def test_a_phone_is_told_each_second_that_there_is_no_pulse_rate(air: Air, personality: Personality) -> None:
    wearable = Wearable(air, personality, SERVICES_OPEN, "0,72,97.5,2,36.7,0.02,1", "12,72,97.5,2,36.7,0.02,0")
    await wearable.live(11)
    async with wearable.central() as client:
        heard = await heard_by(client)
        await wearable.live(8)
        await asyncio.sleep(0.02)
        rates = [heart_rate.Measurement(value) for value in heard[HEART_RATE]]
        assert (rates[0].rate_bpm, rates[0].has_contact) == (72, True)
        assert len(rates) >= 7
        for rate in rates[4:]:  # three seconds after the sensor was taken off, at the latest
            assert (rate.has_contact, rate.rate_bpm, rate.intervals) == (False, 0, [])


async def refusals(client: BleakClient) -> set[BleakGATTProtocolErrorCode]:
    """Try to read everything; return the codes of the refusals."""
    codes = set()
    for uuid in READABLE:
        with pytest.raises(BleakGATTProtocolError) as caught:
            await client.read_gatt_char(uuid)
        codes.add(caught.value.code)
    return codes


async def test_bonded_services_tell_nothing_to_who_did_not_pair(air: Air, personality: Personality) -> None:
    wearable = Wearable(air, personality, SERVICES_BONDED)
    await wearable.live(15)
    async with wearable.central() as client:
        heard = await heard_by(client)
        assert await refusals(client) == {BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION}
        await wearable.live(4.5)
        await asyncio.sleep(0.02)
        assert heard == NOTHING


async def test_a_passkey_makes_a_bonded_device_tell_one_central_and_not_the_next(air: Air) -> None:
    wearable = Wearable(air, NIMBLE, SERVICES_BONDED)
    await wearable.live(15)
    wearable.device.peripheral.open_pairing()
    async with wearable.central(Reader(wearable, thinking=20)) as phone:
        await wearable.live(0.2)
        async with wearable.central() as other:
            told, untold = await heard_by(phone), await heard_by(other)
            await phone.pair()
            assert not other.is_connected  # a stranger has five seconds, who pairs has thirty
            await wearable.live(6)
            assert (await phone.read_gatt_char(next(iter(ABOUT)))).decode() == "Vigil"
            await asyncio.sleep(0.02)
            assert plx.Continuous(told[PLX][-1]).spo2_pct == (wearable.device.monitor.vitals.spo2.value, -1)
            assert told[TEMPERATURE]
            assert untold == NOTHING


async def test_just_works_is_not_trusted(air: Air) -> None:
    wearable = Wearable(air, NIMBLE, SERVICES_BONDED)
    await wearable.live(15)
    async with wearable.central() as client:
        heard = await heard_by(client)
        await client.pair()
        assert await refusals(client) == {BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION}
        await wearable.live(0.5)
        assert heard == NOTHING
        assert not client.is_connected


async def test_a_misread_passkey_is_refused_and_the_next_is_another(air: Air) -> None:
    wearable = Wearable(air, NIMBLE, SERVICES_BONDED)
    await wearable.live(15)
    wearable.device.peripheral.open_pairing()
    for _ in range(2):
        async with wearable.central(Reader(wearable, misread=1)) as client:
            with pytest.raises(BleakError):
                await client.pair()
            assert await refusals(client) == {BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION}
        wearable.lines.append("")
        await wearable.live(0.2)
    passkeys = [line for line in wearable.lines if "passkey" in line]
    assert len(set(passkeys)) == len(passkeys) == 2


async def test_services_that_are_off_are_not_there(air: Air, personality: Personality) -> None:
    wearable = Wearable(air, personality, SERVICES_OFF)
    await wearable.live(1)
    async with wearable.central() as client:
        assert set(TOLD).isdisjoint(each.uuid for each in client.services.characteristics.values())


@pytest.mark.parametrize("services", [SERVICES_BONDED, SERVICES_OPEN])
async def test_all_services_fit_the_table_of_a_pico_w(air: Air, services: int) -> None:
    def starts(size: int) -> bool:
        try:
            Wearable(air, replace(BTSTACK, attribute_table_bytes=size), services)
        except RadioError as error:
            assert "set standard_services to 0" in str(error)
            return False
        return True

    needed = bisect.bisect_left(range(1024), True, key=starts)
    assert 400 < needed <= 512
    assert not any(starts(size) for size in (75, 120, 200, 300, needed - 1))
    wearable = Wearable(air, BTSTACK, services)
    await wearable.live(1)
    async with wearable.central() as client:
        found = {each.uuid for each in client.services.characteristics.values()}
        assert found >= {*TOLD, *READABLE}
