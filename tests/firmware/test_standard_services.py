"""The standard services on a fake radio: one indication at a time, confirmed or not, and nobody's but the owner's."""

from typing import Any

import pytest

from vigil_firmware.bluetooth_stacks import BTSTACK, NIMBLE, Stack
from vigil_firmware.peripheral import Peripheral
from vigil_firmware.service_sets import services_on
from vigil_firmware.storage import BLOCK_COUNT, Storage
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_wire import health_thermometer, plx, racp
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OPEN, Settings

_NOT_CONNECTED, _NO_MEMORY = OSError(107), OSError(12)


class Device:
    """A peripheral on a monitor of simulated parts, with centrals that the test plays."""

    def __init__(self, rig: Any, bluetooth: Any, services: int) -> None:
        self.rig = rig
        self.ble = bluetooth.ble
        storage = Storage(SimulatedFlash(BLOCK_COUNT), lambda count: bytes(range(count)))
        storage.settings = Settings(standard_services=services)
        self.lines: list[str] = []
        self.peripheral = Peripheral(bluetooth, rig.monitor, storage, storage_random, self.lines.append, rig.now())
        self.standard = self.peripheral._standard

    def handle(self, uuid: int) -> int:
        """The handle of a characteristic."""
        return self.standard._handles[uuid]

    def run(self, seconds: float) -> None:
        """Step both."""
        for _ in range(round(seconds * 10)):
            self.rig.elapsed_ms += 100
            self.rig.monitor.step(self.rig.now())
            self.peripheral.step(self.rig.now())

    def indicated(self, connection: int = 1) -> list[tuple[int, bytes]]:
        """Take what was indicated to one."""
        taken = [(handle, data) for each, handle, data in self.ble.indicated if each == connection]
        self.ble.indicated = [each for each in self.ble.indicated if each[0] != connection]
        return taken

    def confirm(self, connection: int = 1, status: int = 0) -> None:
        """The central's stack confirms, or does not."""
        self.ble._handler(20, (connection, 0, status))

    def ask(self, request: bytes, connection: int = 1) -> None:
        """Write to the record access control point."""
        self.ble.write(connection, self.handle(racp.CONTROL_POINT_UUID), request)

    def keep(self, count: int) -> None:
        """Have so many spot checks."""
        for _ in range(count):
            self.standard._spot_checks._keep(self.rig.monitor.vitals, self.rig.monitor.uptime)


def storage_random(count: int) -> bytes:
    """No random bytes."""
    return bytes(count)


@pytest.fixture
def device(make_rig: Any, bluetooth: Any) -> Device:
    """Return an open device that has a reading, and one connection that was indicated nothing yet."""
    device = Device(make_rig(), bluetooth, SERVICES_OPEN)
    device.run(12)
    device.ble.connect(1)
    return device


def test_what_is_not_confirmed_holds_the_rest_back_for_half_a_minute(device: Device) -> None:
    device.run(6)
    ((handle, _),) = device.indicated()
    assert handle == device.handle(health_thermometer.MEASUREMENT_UUID)
    device.run(24)
    assert device.indicated() == []
    device.run(8)
    assert [handle for handle, _ in device.indicated()] == [device.handle(plx.SPOT_CHECK_UUID)]
    device.confirm()
    device.run(0.1)
    assert [handle for handle, _ in device.indicated()] == [device.handle(health_thermometer.MEASUREMENT_UUID)]


def test_a_radio_without_room_is_offered_the_same_again(device: Device, mocker: Any) -> None:
    device.keep(1)
    full = mocker.patch.object(device.ble, "gatts_indicate", side_effect=_NO_MEMORY)
    device.ask(b"\1\1")
    device.run(3)
    assert full.call_count >= 30
    mocker.stop(full)
    device.run(0.1)
    ((handle, data),) = device.indicated()
    assert handle == device.handle(plx.SPOT_CHECK_UUID)
    assert plx.SpotCheck(data).measurement_status == plx.VALIDATED | plx.FROM_STORAGE
    device.confirm()
    device.run(0.1)
    assert device.indicated() == [(device.handle(racp.CONTROL_POINT_UUID), b"\6\0\1\1")]


def test_a_lost_link_harms_nobody_else(device: Device) -> None:
    device.ble.connect(2)
    device.keep(2)
    device.ask(b"\1\1", 1)
    device.ask(b"\4\1", 2)
    device.ble.connected.discard(1)  # and its event comes later
    device.run(1)
    assert device.indicated(2)[0] == (device.handle(racp.CONTROL_POINT_UUID), b"\5\0\2\0")
    device.ble.disconnect(1)
    device.ble.connect(1)
    device.run(0.5)
    assert device.indicated(1) == []  # a new connection owes nothing of the old one's


def test_a_report_that_is_not_confirmed_ends(device: Device) -> None:
    device.keep(5)
    device.ask(b"\1\1")
    device.run(0.1)
    assert len(device.indicated()) == 1
    device.confirm(status=13)
    device.run(0.5)
    assert [data for handle, data in device.indicated() if handle == device.handle(plx.SPOT_CHECK_UUID)] == []
    device.ask(b"\4\1")
    device.confirm()
    device.run(0.1)
    assert (device.handle(racp.CONTROL_POINT_UUID), b"\5\0\5\0") in device.indicated()


def test_an_abort_after_the_answer_has_gone_out_is_answered_too(device: Device) -> None:
    device.ask(b"\4\1")
    device.run(0.1)
    assert [data for _, data in device.indicated()] == [b"\5\0\0\0"]
    device.ask(b"\3\0")  # the answer is not confirmed yet
    device.confirm()
    device.run(0.1)
    assert [data for _, data in device.indicated()] == [b"\6\0\3\1"]
    device.confirm()
    device.run(0.1)
    device.ask(b"\4\1")
    device.run(0.1)
    assert b"\5\0\0\0" in [data for _, data in device.indicated()]


def test_spot_checks_that_go_while_they_are_reported_end_the_report(device: Device) -> None:
    device.ble.connect(2)
    device.keep(5)
    device.ask(b"\1\1", 1)
    device.run(0.1)
    assert len(device.indicated(1)) == 1
    device.ask(b"\2\1", 2)
    device.confirm(1)
    device.run(0.1)
    assert device.indicated(1) == [(device.handle(racp.CONTROL_POINT_UUID), b"\6\0\1\1")]
    assert device.indicated(2) == [(device.handle(racp.CONTROL_POINT_UUID), b"\6\0\2\1")]


def test_a_request_of_who_may_not_hear_is_not_heard(make_rig: Any, bluetooth: Any) -> None:
    device = Device(make_rig(), bluetooth, SERVICES_BONDED)
    device.run(12)
    device.keep(3)
    for connection in (1, 2, 3):
        device.ble.connect(connection)
    device.ble.encrypt(2, authenticated=False)
    device.ble.encrypt(3, authenticated=True)
    for connection in (1, 2):  # as from a stack that lets the write through
        device.ask(b"\2\1", connection)
    device.run(1)
    assert device.standard._spot_checks.count == 3
    assert device.indicated(1) == device.indicated(2) == []
    device.ask(b"\4\1", 3)
    device.run(0.1)
    assert (device.handle(racp.CONTROL_POINT_UUID), b"\5\0\3\0") in device.indicated(3)


def test_trust_that_is_lost_ends_what_goes_on(make_rig: Any, bluetooth: Any) -> None:
    device = Device(make_rig(), bluetooth, SERVICES_BONDED)
    device.run(12)
    device.keep(5)
    device.ble.connect(1)
    device.ble.encrypt(1, authenticated=True)
    device.ask(b"\1\1")
    device.run(0.1)
    assert len(device.indicated()) == 1
    device.ble.encrypt(1, authenticated=False)  # paired anew, by somebody else
    device.confirm()
    device.ble.notified.clear()
    device.run(2)
    assert device.indicated() == device.ble.notified == []


@pytest.mark.parametrize("stack", [NIMBLE, BTSTACK], ids=lambda stack: stack.name)
def test_what_the_board_lacks_is_not_offered(make_rig: Any, bluetooth: Any, mocker: Any, stack: Stack) -> None:
    mocker.patch("vigil_firmware.bluetooth_stacks.stack_of", return_value=stack)
    rig = make_rig()  # without a battery
    everything = {service for service, _ in services_on(stack)}
    assert {service for service, _ in Device(rig, bluetooth, SERVICES_OPEN).standard.services} == everything - {0x180F}
    rig.monitor.has_battery, rig.monitor.has_thermometer = True, False
    assert {service for service, _ in Device(rig, bluetooth, SERVICES_OPEN).standard.services} == everything - {0x1809}
    Device(rig, bluetooth, SERVICES_OPEN).run(12)
