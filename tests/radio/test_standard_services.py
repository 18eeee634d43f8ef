"""The standard services over the virtual radio: what they tell, and whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from bumble.pairing import PairingDelegate

from vigil_firmware import VERSION, attribute_table, service_sets
from vigil_firmware.monitor import STEP_MS
from vigil_firmware.peripheral import OURS, RadioError
from vigil_hal.simulated.cell import SimulatedCell
from vigil_hal.simulated.patient import parse_patient
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import BTSTACK, NIMBLE, Personality
from vigil_host.simulated_device import simulated_device
from vigil_wire import battery, current_time, health_thermometer, heart_rate, link, plx, racp
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OFF, SERVICES_OPEN, Settings

pytestmark = pytest.mark.anyio

SCRIPT = (
    "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact",
    "0,72,97.5,2,36.7,0.02,1",
)
FINGER = 4


def uuid_of(short: int) -> str:
    """The UUID as bleak writes it."""
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


SPOT_CHECK, PLX, PLX_FEATURES, RACP = map(uuid_of, (0x2A5E, 0x2A5F, 0x2A60, 0x2A52))
TEMPERATURE, TEMPERATURE_TYPE, INTERVAL = map(uuid_of, (0x2A1C, 0x2A1D, 0x2A21))
HEART_RATE, SENSOR_LOCATION = map(uuid_of, (0x2A37, 0x2A38))
BATTERY, CURRENT_TIME = map(uuid_of, (0x2A19, 0x2A2B))
ABOUT = {
    uuid_of(0x2A29): "Vigil",
    uuid_of(0x2A24): "Vigil monitor",
    uuid_of(0x2A26): ".".join(map(str, VERSION)),
}
HARDWARE = uuid_of(0x2A27)
TOLD = (PLX, TEMPERATURE, HEART_RATE, BATTERY)
READABLE = (PLX_FEATURES, TEMPERATURE_TYPE, SENSOR_LOCATION, BATTERY, *ABOUT)
# What the board's stack is big enough for, and sure enough of.
ONLY_NIMBLE_TELLS = (SPOT_CHECK, RACP, CURRENT_TIME)
ONLY_NIMBLE_READS = (INTERVAL, CURRENT_TIME, HARDWARE)


class Wearable:
    """The firmware on simulated parts, stepped by the test."""

    def __init__(self, air: Air, personality: Personality, services: int, *frames: str) -> None:
        """Start it with its standard services off, bonded or open."""
        self.air = air
        self.now_ms = 0
        self.lines: list[str] = []
        self.bluetooth = VirtualBluetooth(air, personality)
        self.cell = SimulatedCell(lambda: self.now_ms)
        self.device = simulated_device(
            bytes(16),
            parse_patient([*SCRIPT[:1], *(frames or SCRIPT[1:])], "script"),
            Settings(standard_services=services, temperature_site=FINGER),
            self.bluetooth,
            self.lines.append,
            lambda: self.now_ms,
            cell=self.cell,
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


def told_by(personality: Personality) -> tuple[str, ...]:
    """What can be subscribed to."""
    return TOLD + (ONLY_NIMBLE_TELLS if personality is NIMBLE else ())


def readable_of(personality: Personality) -> tuple[str, ...]:
    """What can be read."""
    return READABLE + (ONLY_NIMBLE_READS if personality is NIMBLE else ())


async def heard_by(client: BleakClient) -> dict[str, list[bytes]]:
    """Subscribe to everything, and return what will come."""
    there = {each.uuid for each in client.services.characteristics.values()}
    heard: dict[str, list[bytes]] = {uuid: [] for uuid in (*TOLD, *ONLY_NIMBLE_TELLS) if uuid in there}
    assert heard
    for uuid, values in heard.items():
        await client.start_notify(uuid, lambda _, value, values=values: values.append(bytes(value)))
    return heard


def is_silent(heard: dict[str, list[bytes]]) -> bool:
    """Whether nothing came."""
    return not any(heard.values())


async def test_open_services_tell_everybody_the_vitals(air: Air, personality: Personality) -> None:
    wearable = Wearable(air, personality, SERVICES_OPEN)
    await wearable.live(15)
    async with wearable.central() as client:
        heard = await heard_by(client)
        wearable.cell.set_charge_ppm(980_000)
        await wearable.live(5)
        await asyncio.sleep(0.02)
        vitals = wearable.device.monitor.vitals
        measured = plx.Continuous(heard[PLX][-1])
        assert 4 <= len(heard[PLX]) <= 6
        assert measured.spo2_pct == (vitals.spo2.value, -1)
        assert measured.pulse_rate_bpm == (vitals.pulse_rate.value, -1)
        assert measured.pulse_amplitude_index_pct == (vitals.perfusion.value, -2)
        assert abs(vitals.pulse_rate.value - 720) < 20
        both = (vitals.pulse_rate.status, vitals.spo2.status)
        assert measured.measurement_status == plx.measurement_status(*both)
        assert measured.sensor_status == plx.sensor_status(*both)
        (taken,) = map(health_thermometer.Measurement, heard[TEMPERATURE])
        assert (taken.temperature, taken.unit) == ((vitals.temperature.value, -2), "C")
        assert (taken.site, taken.timestamp) == (None, None)  # the site is not told twice, and the clock is not set
        rates = [heart_rate.Measurement(value) for value in heard[HEART_RATE]]
        assert (rates[-1].rate_bpm, rates[-1].has_contact) == ((vitals.pulse_rate.value + 5) // 10, True)
        intervals = [each for rate in rates for each in rate.intervals]
        assert 4 <= len(intervals) <= 7
        assert all(abs(each * 1000 / 1024 - 833) < 25 for each in intervals)
        assert heart_rate.decode_location(await client.read_gatt_char(SENSOR_LOCATION)) == heart_rate.FINGER
        assert [battery.decode(value) for value in heard[BATTERY]] == [98]
        assert battery.decode(await client.read_gatt_char(BATTERY)) == 98
        features = plx.Features(await client.read_gatt_char(PLX_FEATURES))
        assert features.supported == (0x4F if personality is NIMBLE else 0x43)
        assert set(heard) == set(told_by(personality))
        assert health_thermometer.decode_type(await client.read_gatt_char(TEMPERATURE_TYPE)) == FINGER
        assert {uuid: (await client.read_gatt_char(uuid)).decode() for uuid in ABOUT} == ABOUT
        if personality is NIMBLE:
            assert health_thermometer.decode_interval(await client.read_gatt_char(INTERVAL)) == 5
            assert (await client.read_gatt_char(HARDWARE)).decode() == "simulated"


async def test_what_is_measured_cannot_be_read(air: Air, personality: Personality) -> None:
    wearable = Wearable(air, personality, SERVICES_OPEN)
    await wearable.live(15)
    async with wearable.central() as client:
        await wearable.live(6)
        for uuid in set(told_by(personality)) - set(readable_of(personality)):
            with pytest.raises(BleakGATTProtocolError) as caught:
                await client.read_gatt_char(uuid)
            assert caught.value.code == BleakGATTProtocolErrorCode.READ_NOT_PERMITTED
            kept = client.services.get_characteristic(uuid)
            assert kept is not None
            assert wearable.bluetooth.BLE().gatts_read(kept.handle) == b""  # nor would another stack have it
        for short, flags in characteristics(personality):
            assert not flags & 0x02 or uuid_of(short) in readable_of(personality)


def characteristics(personality: Personality) -> list[tuple[Any, int]]:
    """All that a stack is given, with its flags."""
    stack = service_sets.NIMBLE if personality is NIMBLE else service_sets.BTSTACK
    return [each for _, mine in stack.services for each in mine]


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


class Gateway:
    """A collector that uses the record access control point."""

    def __init__(self, wearable: Wearable, client: BleakClient, heard: dict[str, list[bytes]]) -> None:
        self.wearable = wearable
        self.client = client
        self.heard = heard

    async def asks(self, *requests: str) -> list[racp.Answer]:
        """Write requests, and return the answers of the next second."""
        self.heard[RACP].clear()
        self.heard[SPOT_CHECK].clear()
        for request in requests:
            await self.client.write_gatt_char(RACP, bytes.fromhex(request), response=True)
        await self.wearable.live(1)
        return [racp.Answer(value) for value in self.heard[RACP]]

    async def codes(self, *requests: str) -> list[tuple[int | None, int | None]]:
        """As `asks`; the op codes and response codes."""
        return [(each.op_code, each.code) for each in await self.asks(*requests)]

    def checks(self) -> list[plx.SpotCheck]:
        """The spot checks that came since the last request."""
        return [plx.SpotCheck(value) for value in self.heard[SPOT_CHECK]]


@asynccontextmanager
async def gateway(air: Air, *frames: str) -> AsyncIterator[Gateway]:
    """A gateway that is subscribed to all of an open device."""
    wearable = Wearable(air, NIMBLE, SERVICES_OPEN, *frames)
    await wearable.live(1)
    async with wearable.central() as client:
        yield Gateway(wearable, client, await heard_by(client))


DAY, DAY_MS = 9824, 52_205_000  # 2026-11-24 14:30:05


async def test_a_spot_check_is_told_once_it_has_settled_and_kept(air: Air) -> None:
    async with gateway(air) as collector:
        assert [each.count for each in await collector.asks("0401")] == [0]
        assert await collector.codes("0101") == [(racp.REPORT, racp.NO_RECORDS_FOUND)]
        assert await collector.codes("0201") == [(racp.DELETE, racp.NO_RECORDS_FOUND)]
        await collector.wearable.live(25)
        (told,) = collector.checks()
        assert told.measurement_status == plx.VALIDATED
        assert (told.timestamp, told.is_clock_set) == (None, False)
        assert abs(told.pulse_rate_bpm[0] - 720) < 20 and abs(told.spo2_pct[0] - 975) < 20
        assert told.pulse_amplitude_index_pct is not None
        # The clock is set afterwards: the one that is kept gets its time.
        collector.wearable.device.monitor.anchor_time(DAY, DAY_MS)
        assert [each.count for each in await collector.asks("0401")] == [1]
        assert await collector.codes("0101") == [(racp.REPORT, racp.SUCCESS)]
        (kept,) = collector.checks()
        assert kept.measurement_status == plx.VALIDATED | plx.FROM_STORAGE
        assert (kept.spo2_pct, kept.pulse_rate_bpm) == (told.spo2_pct, told.pulse_rate_bpm)
        assert kept.timestamp is not None and kept.is_clock_set
        date, (hours, minutes, seconds) = kept.timestamp
        assert date == (2026, 11, 24)
        assert 5 <= DAY_MS // 1000 - ((hours * 60 + minutes) * 60 + seconds) <= 20
        assert await collector.codes("0201") == [(racp.DELETE, racp.SUCCESS)]
        assert [each.count for each in await collector.asks("0401")] == [0]


async def test_requests_that_cannot_be_done_are_answered_with_the_reason(air: Air) -> None:
    async with gateway(air) as collector:
        for request, op_code, code in (
            ("0001", 0, racp.OP_CODE_NOT_SUPPORTED),
            ("0701", 7, racp.OP_CODE_NOT_SUPPORTED),
            ("0100", 1, racp.INVALID_OPERATOR),
            ("0301", 3, racp.INVALID_OPERATOR),
            ("0106", 1, racp.OPERATOR_NOT_SUPPORTED),
            ("040300", 4, racp.OPERATOR_NOT_SUPPORTED),
            ("010100", 1, racp.INVALID_OPERAND),
            ("0300", 3, racp.SUCCESS),  # nothing goes on that could be aborted: that is as asked
        ):
            assert await collector.codes(request) == [(op_code, code)]


async def test_one_procedure_at_a_time_and_an_abort(air: Air) -> None:
    async with gateway(air) as collector:
        monitor = collector.wearable.device.monitor
        checks = collector.wearable.device.peripheral._standard._spot_checks
        await collector.wearable.live(25)
        for _ in range(30):
            checks._keep(monitor.vitals, monitor.uptime)
        assert [each.count for each in await collector.asks("0401")] == [24]
        assert await collector.asks("0101") == []
        some = len(collector.checks())
        assert await collector.codes("0300") == [(racp.ABORT, racp.SUCCESS)]
        assert 0 < some + len(collector.checks()) < 24
        # A request while a report goes on is refused, after it: it has come to its end.
        assert await collector.asks("0101", "0401") == []
        await collector.wearable.live(4)
        assert len(collector.checks()) == 24
        answers = [racp.Answer(value) for value in collector.heard[RACP]]
        assert [(each.op_code, each.code) for each in answers] == [
            (racp.REPORT, racp.SUCCESS),
            (racp.REPORT_NUMBER, racp.PROCEDURE_NOT_COMPLETED),
        ]


async def test_the_current_time_is_told_when_it_is_known_and_when_it_is_corrected(air: Air) -> None:
    async with gateway(air) as collector:
        monitor, told = collector.wearable.device.monitor, collector.heard[CURRENT_TIME]
        assert await collector.client.read_gatt_char(CURRENT_TIME) == current_time.NOT_KNOWN
        await collector.wearable.live(2)
        assert told == []
        monitor.anchor_time(DAY, DAY_MS)
        await collector.wearable.live(2)
        (first,) = map(current_time.CurrentTime, told)
        assert (first.date, first.weekday, first.reason) == ((2026, 11, 24), 2, current_time.EXTERNAL_REFERENCE)
        assert (first.time[0], first.time[1]) == (14, 30) and 5 <= first.time[2] <= 6
        read = current_time.CurrentTime(await collector.client.read_gatt_char(CURRENT_TIME))
        assert read.date == (2026, 11, 24) and 6 <= read.time[2] <= 8
        monitor.anchor_time(DAY, DAY_MS + 31_000)  # half a minute: no adjustment
        await collector.wearable.live(2)
        assert len(told) == 1
        monitor.anchor_time(DAY - 1, DAY_MS)
        await collector.wearable.live(2)
        assert current_time.CurrentTime(told[1]).date == (2026, 11, 23)
        with pytest.raises(BleakGATTProtocolError):
            await collector.client.write_gatt_char(CURRENT_TIME, current_time.NOT_KNOWN, response=True)


async def test_a_temperature_has_the_time_once_that_is_known(air: Air) -> None:
    async with gateway(air) as collector:
        collector.wearable.device.monitor.anchor_time(DAY, DAY_MS)
        await collector.wearable.live(6)
        (taken,) = map(health_thermometer.Measurement, collector.heard[TEMPERATURE])
        assert taken.timestamp is not None
        date, time = taken.timestamp
        assert (date, time[:2]) == ((2026, 11, 24), (14, 30))


async def refusals(client: BleakClient, personality: Personality = NIMBLE) -> set[BleakGATTProtocolErrorCode]:
    """Try to read everything; return the codes of the refusals."""
    codes = set()
    for uuid in readable_of(personality):
        with pytest.raises(BleakGATTProtocolError) as caught:
            await client.read_gatt_char(uuid)
        codes.add(caught.value.code)
    with pytest.raises(BleakGATTProtocolError) as caught:
        await client.write_gatt_char(RACP, b"\1\1", response=True)
    return codes | {caught.value.code}


async def test_bonded_services_tell_nothing_to_who_did_not_pair(air: Air) -> None:
    wearable = Wearable(air, NIMBLE, SERVICES_BONDED)
    await wearable.live(20)
    async with wearable.central() as client:
        heard = await heard_by(client)
        assert await refusals(client) == {BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION}
        await wearable.live(4.5)
        await asyncio.sleep(0.02)
        assert is_silent(heard)


async def test_a_board_that_cannot_pair_says_so_and_offers_no_bonded_services(air: Air) -> None:
    wearable = Wearable(air, BTSTACK, SERVICES_BONDED)
    (line,) = [line for line in wearable.lines if "standard services are off" in line]
    assert "BTstack cannot pair" in line
    await wearable.live(1)
    async with wearable.central() as client:
        found = {each.uuid for each in client.services.characteristics.values()}
        assert found >= {link.CONTROL_UUID, link.STREAM_UUID}
        assert found.isdisjoint((*TOLD, *READABLE))


async def test_a_pico_w_whose_micropython_can_pair_starts_its_radio_and_pairs(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_sets, "sys", SimpleNamespace(platform="rp2"))
    wearable = Wearable(air, replace(BTSTACK, pairing=True), SERVICES_BONDED)
    assert not [line for line in wearable.lines if "standard services are off" in line]
    await wearable.live(15)
    wearable.device.peripheral.open_pairing()
    async with wearable.central(Reader(wearable)) as phone:
        await wearable.live(0.2)
        told = await heard_by(phone)
        await phone.pair()
        await wearable.live(4.5)
        await asyncio.sleep(0.02)
        assert plx.Continuous(told[PLX][-1]).spo2_pct == (wearable.device.monitor.vitals.spo2.value, -1)
        assert told.keys().isdisjoint(ONLY_NIMBLE_TELLS)


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
            assert is_silent(untold)
            await wearable.live(15)
            assert [plx.SpotCheck(each).measurement_status for each in told[SPOT_CHECK]] == [plx.VALIDATED]
            await phone.write_gatt_char(RACP, b"\4\1", response=True)
            await wearable.live(1)
            assert [racp.Answer(each).count for each in told[RACP]] == [1]


async def test_just_works_is_not_trusted(air: Air) -> None:
    wearable = Wearable(air, NIMBLE, SERVICES_BONDED)
    await wearable.live(15)
    async with wearable.central() as client:
        heard = await heard_by(client)
        await client.pair()
        assert await refusals(client) == {BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION}
        await wearable.live(0.5)
        assert is_silent(heard)
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
    assert not [line for line in wearable.lines if "standard" in line]


def open_services() -> list[Any]:
    """All that an open Pico W registers."""
    return [OURS, *service_sets.BTSTACK.services]


async def found_in(air: Air, table_bytes: int, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The characteristics that a central finds on a BTstack whose table has this size; {} where it does not start."""
    with monkeypatch.context() as patch:
        patch.setattr(service_sets.BTSTACK, "table_bytes", 512)  # what the firmware believes
        wearable = Wearable(air, replace(BTSTACK, attribute_table_bytes=table_bytes), SERVICES_OPEN)
    await wearable.live(1)
    async with wearable.central() as client:
        return {each.uuid for each in client.services.characteristics.values()}


async def test_all_services_fit_the_table_of_a_pico_w_and_their_size_is_known_to_the_byte(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = attribute_table.size_bytes(open_services())
    assert needed <= 512
    everything = {*TOLD, *READABLE, link.CONTROL_UUID, link.STREAM_UUID}
    assert await found_in(air, needed, monkeypatch) >= everything
    # One byte less, and the last characteristic is lost without a word: its handle is as good as any.
    assert everything - await found_in(air, needed - 1, monkeypatch) == {SENSOR_LOCATION}


async def test_a_table_that_is_too_small_is_refused_before_anything_is_registered(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = attribute_table.size_bytes(open_services())
    monkeypatch.setattr(service_sets.BTSTACK, "table_bytes", needed)
    Wearable(air, BTSTACK, SERVICES_OPEN)
    monkeypatch.setattr(service_sets.BTSTACK, "table_bytes", needed - 1)
    with pytest.raises(RadioError, match=f"need {needed} bytes of BTstack's attribute table, which has {needed - 1}"):
        Wearable(air, BTSTACK, SERVICES_OPEN)


async def test_what_overflows_all_the_same_is_seen_in_the_handles(air: Air) -> None:
    for size in (75, 120, 200, 300, 400):
        with pytest.raises(RadioError, match="set standard_services to 0"):
            Wearable(air, replace(BTSTACK, attribute_table_bytes=size), SERVICES_OPEN)
