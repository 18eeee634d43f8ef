"""What a device must remember across a loss of power: its key, its settings, its boot number and its advert counter.

Six blocks of a block device, two for each; counters are taken in blocks of their own so that neither ever repeats.
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

BLOCK_COUNT = 6
_COUNTERS = "<HHH"
# Adverts per write of the counter: 2^14 of them last four and a half hours at one a second.
RESERVED_SHIFT = 14


_SETTINGS_BLOCK = 0
_COUNTERS_BLOCK = 2
_KEY_BLOCK = 4


def provision(blocks: "BlockDevice", device_key: bytes, settings: Settings) -> None:
    """Give a device its key and its first settings, before it boots."""
    TwoCopies(blocks, _KEY_BLOCK).write(device_key)
    TwoCopies(blocks, _SETTINGS_BLOCK).write(settings.pack())


class Storage:
    """The device's memory.

    `problem` says what could not be read as it should be, `fault` what could not be written; "" when all was well.
    """

    def __init__(self, blocks: "BlockDevice", random: "Callable[[int], bytes]") -> None:
        self._settings_copies = TwoCopies(blocks, _SETTINGS_BLOCK)
        self._counter_copies = TwoCopies(blocks, _COUNTERS_BLOCK)
        self.problem = ""
        self.fault = ""
        self.device_key, self.is_new = self._read_key(TwoCopies(blocks, _KEY_BLOCK), random)
        self.settings = self._read_settings()
        boot, self._reserved = self._read_counters()
        self.boot = (boot + 1) & 0xFFFF
        self.reserve_adverts()

    def save_settings(self, settings: Settings) -> None:
        """Make `settings` those in force, now and, unless there is a `fault`, after the next boot."""
        self.settings = settings
        try:
            self._settings_copies.write(settings.pack())
            self.fault = ""
        except OSError as error:
            self.fault = "these settings end with the next boot, they cannot be written: " + str(error)

    def reserve_adverts(self) -> None:
        """Put the boot number and the next 2^14 advert counters on flash before any of them is used.

        The first of them is then `advert_high`, `advert_low` (19 and 20 bits, as vigil_wire.advert counts). Raises the
        device's OSError: a counter that might be used again after a boot is not used at all.
        """
        self._reserved += 1
        packed = struct.pack(_COUNTERS, self.boot, self._reserved & 0xFFFF, self._reserved >> 16)
        self._counter_copies.write(packed)
        self.advert_high = self._reserved >> 20 - RESERVED_SHIFT
        self.advert_low = self._reserved << RESERVED_SHIFT & (1 << 20) - 1

    def _read_key(self, copies: TwoCopies, random: "Callable[[int], bytes]") -> "tuple[bytes, bool]":
        key = copies.read()
        if key is not None and len(key) == KEY_LENGTH:
            return bytes(key), False
        fresh = random(KEY_LENGTH)
        copies.write(fresh)
        return fresh, True

    def _read_settings(self) -> Settings:
        packed = self._settings_copies.read()
        if packed is None:
            return Settings()
        try:
            return settings_module.unpack(packed)
        except SettingsError as error:
            self.problem = f"stored settings refused ({error}): the defaults are in force"
            return Settings()

    def _read_counters(self) -> "tuple[int, int]":
        packed = self._counter_copies.read()
        if packed is None:
            return 0, 0
        boot, low, high = struct.unpack(_COUNTERS, packed)
        return boot, high << 16 | low
