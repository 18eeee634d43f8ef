"""What the standard services send each second makes no object."""

import pytest

from vigil_host.vm.heap import heap_growth
from vigil_host.vm.runner import Runtime

_SETUP = """
from array import array
from vigil_firmware.bluetooth_stacks import NIMBLE
from vigil_firmware.listener import Listener
from vigil_firmware.standard_services import StandardServices
from vigil_firmware.ticks import Uptime
from vigil_firmware.utc_clock import UtcClock
from vigil_firmware.vitals import Vitals
from vigil_wire.settings import SERVICES_OPEN, Settings

class Radio:
    def __init__(self):
        self.sent = 0
        self.indicated = 0

    def gatts_write(self, handle, data):
        self.sent += 1

    def gatts_indicate(self, connection, handle, data):
        self.indicated += 1

class Intervals:
    interval_ms = array("i", [830, 840, 850])
    count = 3

class Monitor:
    has_thermometer = True
    has_battery = True
    battery_pct = 90
    vitals = Vitals()
    intervals = Intervals()
    utc = UtcClock()
    uptime = Uptime(0)

class Connection:
    def __init__(self, handle):
        self.handle = handle
        self.is_trusted = False
        self.listener = Listener()

def notify(connection, handle, data):
    radio.sent += 1
    return True

monitor = Monitor()
radio = Radio()
standard = StandardServices(monitor, Settings(standard_services=SERVICES_OPEN), NIMBLE)
handles = []
for _, characteristics in standard.services:
    handles.append([len(handles) * 10 + index + 1 for index in range(len(characteristics))])
standard.registered(radio, handles)
connections = [Connection(1), Connection(2)]
monitor.utc.anchor(0, 0, 9824, 1000)
seconds = 0

def second():
    global seconds
    seconds += 1
    status = 1 if {has_reading} else 7
    monitor.vitals.pulse_rate.publish(720 + seconds % 50, status)
    monitor.vitals.spo2.publish(970, status)
    monitor.vitals.temperature.publish(3670, status)
    monitor.vitals.perfusion.publish(150, status)
    monitor.uptime.day_ms = seconds * 1000
    if seconds % 20 == 0:
        monitor.vitals.pulse_rate.withhold(5)
    step()
    for connection in connections:
        connection.listener.confirm(0)

def step():
    standard.step(connections, seconds, notify)

for _ in range(20):
    second()
assert radio.sent > 60 and (radio.indicated > 9 or not {has_reading})  # temperatures and a spot check
"""


@pytest.mark.parametrize("has_reading", [True, False])
@pytest.mark.parametrize("function", ["second", "step"])
def test_the_standard_services_make_no_object(runtime: Runtime, function: str, has_reading: bool) -> None:
    setup = _SETUP.replace("{has_reading}", str(has_reading))
    assert heap_growth(runtime, setup, function, calls=60, warm_up=12) == 0
