"""What ended a session, by what can be done about it: how soon it is worth trying again, and how to say it.

bleak has few types of errors: on Linux the rest is in the text that BlueZ gives (`src/error.h`, `doc/org.bluez.*.rst`).
"""

from typing import NamedTuple

from bleak.exc import BleakBluetoothNotAvailableError, BleakError

from vigil_host.store import StoreError
from vigil_wire.link import FORGED, OTHER_VERSION, LinkError


class Trouble(NamedTuple):
    """A kind of trouble: the wait after the first time, which doubles up to the longest, and what it is.

    `is_ours`: a session that began well does not mean that it is over.
    """

    first_s: float
    longest_s: float
    words: str
    is_ours: bool = False

    def wait_s(self, times_before: int) -> float:
        """How long to wait when it was there so many times before, in a row."""
        return min(self.first_s * 2.0 ** min(times_before, 16), self.longest_s)


LINK = Trouble(0.5, 30.0, "the link failed")
NO_SLOT = Trouble(4.0, 60.0, "the adapter has no connection free")
NO_ADAPTER = Trouble(2.0, 30.0, "this machine's Bluetooth cannot be used")
NOT_KNOWN = Trouble(10.0, 60.0, "what answered cannot prove that it is the device, or speaks another version")
NO_STORE = Trouble(5.0, 60.0, "what comes cannot be stored", is_ours=True)
FAULT = Trouble(2.0, 300.0, "a fault in Vigil", is_ours=True)

# Pieces of what bleak, BlueZ and ESPHome's proxies say. The first that fits decides; whatever fits none is the link's.
_SAID = (
    ("concurrent-connection-limit", NO_SLOT),
    ("connection slot", NO_SLOT),
    ("org.bluez.Error.InProgress", NO_SLOT),
    ("connection-busy", NO_SLOT),
    ("memory-allocation", NO_SLOT),
    ("org.bluez.Error.NotReady", NO_ADAPTER),
    ("adapter-not-powered", NO_ADAPTER),
    ("adapter '", NO_ADAPTER),  # bleak: adapter 'hci1' not found
    ("DBus.Error.ServiceUnknown", NO_ADAPTER),
    ("DBus.Error.NameHasNoOwner", NO_ADAPTER),
    ("DBus.Error.AccessDenied", NO_ADAPTER),
)


def trouble_of(error: Exception, is_established: bool) -> Trouble:
    """Which trouble it is; `is_established`: the device had proved that it has the key."""
    match error:
        case StoreError():
            return NO_STORE
        case LinkError():
            is_stranger = not is_established and error.kind in (FORGED, OTHER_VERSION)
            return NOT_KNOWN if is_stranger else LINK
        case BleakBluetoothNotAvailableError():
            return NO_ADAPTER
        case BleakError():
            said = str(error)
            return next((trouble for piece, trouble in _SAID if piece in said), LINK)
        case TimeoutError():
            return LINK
        case OSError() | EOFError():  # the system bus
            return NO_ADAPTER
        case _:
            return FAULT


def text_of(error: Exception) -> str:
    """What the error says of itself."""
    if isinstance(error, BleakBluetoothNotAvailableError):  # its text is that of a tuple
        return str(error.args[0])
    return str(error) or type(error).__name__
