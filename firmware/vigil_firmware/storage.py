"""What a device must remember across a loss of power: its key, settings, boot number, advert counter, bonds and alarms.

Ten blocks of a block device, two for each. Advert counters are reserved 2^14 at a time before any of them is used, so
that none is used twice whenever the power fails. If one copy of the counters is damaged, the other may lack the newest
reservation: so each boot leaves one out, and writes both copies. If both are damaged, nobody knows how far the counter
was, and it starts at a random place (`_random_start`).
"""

import struct

from vigil_firmware.two_copies import TwoCopies
from vigil_wire import settings as settings_module
from vigil_wire.keys import KEY_LENGTH
from vigil_wire.settings import Settings, SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import BlockDevice

BLOCK_COUNT = 10
BONDS_MOST_BYTES = 1000  # five bonds of NimBLE
_COUNTERS = "<HHH"
# Adverts per write of the counter: 2^14 of them last four and a half hours at one a second.
RESERVED_SHIFT = 14

_START_BYTES = 3  # 2^24 of the 2^25 reservations that the 39-bit counter has: its lower half
_TO_BE_DRAWN = 0x3FFFFFFF  # no reservation: there are 2^25
_SETTINGS_BLOCK = 0
_COUNTERS_BLOCK = 2
_KEY_BLOCK = 4
_BONDS_BLOCK = 6
_ALARMS_BLOCK = 8


def provision(blocks: "BlockDevice", device_key: bytes, settings: Settings) -> None:
    """Give a device its key and its first settings, before it boots.

    The key may have been in use before, also here, where an image is written a second time: so the device draws the
    number that its adverts begin at, when it boots first.
    """
    _write_both(TwoCopies(blocks, _KEY_BLOCK), device_key)
    TwoCopies(blocks, _SETTINGS_BLOCK).write(settings.pack())
    TwoCopies(blocks, _COUNTERS_BLOCK).write(_pack_counters(0, _TO_BE_DRAWN))


def stored_key(blocks: "BlockDevice") -> "bytes | None":
    """The key that a device has; None where it has none yet, and draws it at its first boot."""
    key = TwoCopies(blocks, _KEY_BLOCK).read()
    return bytes(key) if key is not None and len(key) == KEY_LENGTH else None


def _write_both(copies: TwoCopies, key: bytes) -> None:
    """Leave two copies of a key and none of the one before, which damage to a copy would bring back into force."""
    copies.write(key)
    copies.write(key)


def _random_start(random: "Callable[[int], bytes]") -> int:
    """A reservation to start from under a key that was used nobody knows how far.

    Five years of one advert a second and a boot a day, before and after it together, are 9,631 + 2 x 1,826 reservations
    of 2^24: the chance that some number is used twice is 8e-4. The upper half of the counter is left to go on in.
    """
    drawn = random(_START_BYTES)
    return drawn[0] | drawn[1] << 8 | drawn[2] << 16


def _pack_counters(boot: int, reserved: int) -> bytes:
    return struct.pack(_COUNTERS, boot, reserved & 0xFFFF, reserved >> 16)


class Storage:
    """The device's memory.

    `problem` says what could not be read as it should be, `fault` what could not be written; "" when all was well.
    """

    def __init__(self, blocks: "BlockDevice", random: "Callable[[int], bytes]") -> None:
        self._settings_copies = TwoCopies(blocks, _SETTINGS_BLOCK)
        self._counter_copies = TwoCopies(blocks, _COUNTERS_BLOCK)
        self.problem = ""
        self.fault = ""
        self._key_copies = TwoCopies(blocks, _KEY_BLOCK)
        self.device_key, self.is_new = self._read_key(blocks, random)
        self.settings = self._read_settings()
        self._bond_copies = TwoCopies(blocks, _BONDS_BLOCK, BONDS_MOST_BYTES)
        self.bonds = bytes(self._bond_copies.read() or b"")
        self._alarm_copies = TwoCopies(blocks, _ALARMS_BLOCK)
        self.alarms = bytes(self._alarm_copies.read() or b"")
        boot, self._reserved = self._read_counters(random)
        self.boot = (boot + 1) & 0xFFFF
        self.reserve_adverts()
        self._keep_counters()

    def save_settings(self, settings: Settings) -> None:
        """Make `settings` those in force, now and, unless there is a `fault`, after the next boot."""
        self.settings = settings
        self._write(self._settings_copies, settings.pack(), "settings")

    def save_bonds(self, bonds: bytes) -> None:
        """Keep the secrets of the bonds, as vigil_firmware.bonds packs them, as `save_settings` keeps settings."""
        self.bonds = bonds
        self._write(self._bond_copies, bonds, "bonds")

    def save_alarms(self, state: bytearray) -> None:
        """Keep the state of the alarms, as vigil_firmware.alarms packs it, as `save_settings` keeps settings."""
        self._write(self._alarm_copies, state, "alarms")

    def rotate_key(self, device_key: bytes) -> None:
        """Make `device_key` this device's, now and later; cut at any instant, it is the old or the new.

        Raises the device's OSError; it is the old then, and at the next boot either.
        """
        _write_both(self._key_copies, device_key)
        self.device_key = device_key

    def pass_boot(self, newest: int) -> bool:
        """Make this boot's number one above `newest`, the journal's newest, where it is not; whether it was not."""
        if 0 < (self.boot - newest) & 0xFFFF < 0x8000:
            return False
        self.boot = (newest + 1) & 0xFFFF
        self.reserve_adverts()
        return True

    def reserve_adverts(self) -> None:
        """Put the boot number and the next 2^14 advert counters on flash before any of them is used.

        The first of them is then `advert_high`, `advert_low` (19 and 20 bits, as vigil_wire.advert counts). Raises the
        device's OSError: a counter that might be used again after a boot is not used at all.
        """
        self._reserved += 1
        self._keep_counters()
        self.advert_high = self._reserved >> 20 - RESERVED_SHIFT
        self.advert_low = self._reserved << RESERVED_SHIFT & (1 << 20) - 1

    def _write(self, copies: TwoCopies, packed: "bytes | bytearray", what: str) -> None:
        try:
            copies.write(packed)
            self.fault = ""
        except OSError as error:
            self.fault = "these %s end with the next boot, they cannot be written: %s" % (what, error)

    def _keep_counters(self) -> None:
        self._counter_copies.write(_pack_counters(self.boot, self._reserved))

    def _read_key(self, blocks: "BlockDevice", random: "Callable[[int], bytes]") -> "tuple[bytes, bool]":
        key = stored_key(blocks)
        if key is not None:
            return key, False
        fresh = random(KEY_LENGTH)
        _write_both(self._key_copies, fresh)
        return fresh, True

    def _read_settings(self) -> Settings:
        packed = self._settings_copies.read()
        if packed is None:
            return Settings()
        try:
            return settings_module.unpack(packed)
        except SettingsError as error:
            self._tell(f"stored settings refused ({error}): the defaults are in force")
            return Settings()

    def _read_counters(self, random: "Callable[[int], bytes]") -> "tuple[int, int]":
        """Boot number and reservation of the boot before."""
        packed = self._counter_copies.read()
        if packed is not None:
            boot, low, high = struct.unpack(_COUNTERS, packed)
            reserved = high << 16 | low
            return boot, _random_start(random) if reserved == _TO_BE_DRAWN else reserved + 1
        if self.is_new:
            return 0, 0
        self._tell("the advert counter is lost: it goes on from a random number, and boots from the journal's newest")
        return 0, _random_start(random)

    def _tell(self, problem: str) -> None:
        self.problem = self.problem + "; " + problem if self.problem else problem
