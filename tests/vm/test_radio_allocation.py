"""What the device makes each second for the radio allocates nothing: a new advert, and frames that come and go."""

import pytest

from vigil_host.vm.heap import heap_growth
from vigil_host.vm.runner import Runtime

# The block cipher is left out: the one that is injected into this VM makes objects, a board's own does not.
SETUP = """
from vigil_firmware.peripheral import Peripheral
from vigil_firmware.vitals import Vitals
from vigil_wire import advert, link, statuses

class NoCipher:
    def __init__(self, key):
        pass

    def encrypt_into(self, block, out):
        pass

advert.Aes = link.Aes = NoCipher

class Thing:
    pass

KEY = bytes(range(16))
device = object.__new__(Peripheral)
device._sealer = advert.AdvertSealer(KEY)
device._content = bytearray(advert.CONTENT_LENGTH)
device._statuses = [0] * 3
device._values = [0] * 6
device._high = 5
device._low = 1
device._must_advertise = False
device._connections = []
device._monitor = Thing()
device._monitor.battery_pct = 87
device._monitor.alarms = Thing()
device._monitor.alarms.bits = 5
device._monitor.journal = Thing()
device._monitor.journal.newest = 70000
device._monitor.vitals = Vitals()
device._monitor.vitals.pulse_rate.publish(723, statuses.VALIDATED)
host, board = link.Session(KEY, False), link.Session(KEY, True)
for session in (host, board):
    session.begin(b"hostside", b"wearable")
frame = bytearray(link.MAX_FRAME)

def renew_advert():
    device._renew_advert()

def no_frame():
    device._take_frames()

def a_frame_each_way():
    length = board.seal(160)
    for index in range(length):
        frame[index] = board.out[index]
    host.open(frame, length)
"""


@pytest.mark.parametrize("action", ["renew_advert", "no_frame", "a_frame_each_way"])
def test_nothing_is_allocated(vm: Runtime, action: str) -> None:
    assert heap_growth(vm, SETUP, action, calls=100) == 0
