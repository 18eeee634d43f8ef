"""Which adverts of one device are heard: each once, and none that was recorded, made up, or another device's.

An advert's counter is known before anything is decrypted. It must lie above the mark, the highest heard so far, and
not more than `WINDOW` above it. Four bytes of MIC let one forgery in 2^32 pass; so that a lucky one cannot make the
bridge deaf to the device, the mark goes further than `STEP_MOST` only when two adverts in a row agree, or the record
link tells it. Until then an advert may raise a condition; it tells no value, and clears nothing.
"""

from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from vigil_wire.advert import ASSOCIATED, MANUFACTURER_LENGTH, MIC_LENGTH, AdvertKeys, Content

WINDOW = 1 << 20
"""Twelve days of one advert a second."""
STEP_MOST = 1 << 10
"""Seventeen minutes: a device heard again after longer than that is believed at its second advert."""


@dataclass
class Refused:
    """How many adverts were refused, and why."""

    outside: int = 0  # heard before, or too far ahead: most of a recording, of forgeries and of other devices
    forged: int = 0


@dataclass(frozen=True)
class Heard:
    """What an advert says, and whether its counter is believed."""

    content: Content
    is_confirmed: bool


class Hearing:
    """One device's adverts. `mark` is the highest counter that was believed, None before the first.

    What is derived from the device's key is made at the first advert that it is tried on: a search among many devices
    takes its time, and to begin with ten thousand of them must not stop everything else.
    """

    def __init__(self, device_key: bytes, mark: int | None = None) -> None:
        self._device_key = device_key
        self._candidate: int | None = None
        self.mark = mark
        self.refused = Refused()

    def take(self, manufacturer_data: bytes) -> Heard | None:
        """Take in what follows the company id; None where it is refused. ValueError: of a format not known here."""
        counter = self._counter_of(manufacturer_data)
        if counter is None or not self._is_inside(counter):
            self.refused.outside += 1
            return None
        plain = self._open(manufacturer_data)
        if plain is None:
            self.refused.forged += 1
            return None
        is_confirmed = _follows(counter, self.mark) or _follows(counter, self._candidate)
        if is_confirmed:
            self.mark, self._candidate = counter, None
        elif counter == self._candidate:
            self.refused.outside += 1
            return None
        else:
            self._candidate = counter
        return Heard(Content(plain), is_confirmed)

    def is_ours(self, manufacturer_data: bytes) -> bool:
        """Whether this device made it, at whatever time: reason enough to connect, none to believe it."""
        return self._counter_of(manufacturer_data) is not None and self._open(manufacturer_data) is not None

    def confirm(self, counter: int) -> None:
        """Take in the counter of the device's next advert, as the record link tells it: it may also be a lower one."""
        self.mark, self._candidate = counter - 1, None

    @cached_property
    def _keys(self) -> AdvertKeys:
        return AdvertKeys(self._device_key)

    @cached_property
    def _ccm(self) -> AESCCM:
        return AESCCM(self._keys.key, MIC_LENGTH)

    def _counter_of(self, manufacturer_data: bytes) -> int | None:
        """The counter, a number by chance where it is not this device's; None for what has not an advert's shape."""
        if len(manufacturer_data) != MANUFACTURER_LENGTH or not manufacturer_data[4] & 0x80:
            return None
        high, low = self._keys.counter_of(manufacturer_data)
        return high << 20 | low

    def _open(self, manufacturer_data: bytes) -> bytes | None:
        try:
            return self._ccm.decrypt(manufacturer_data[:5] + self._keys.iv, manufacturer_data[5:], ASSOCIATED)
        except InvalidTag:
            return None

    def _is_inside(self, counter: int) -> bool:
        return self.mark is None or self.mark < counter <= self.mark + WINDOW


def _follows(counter: int, other: int | None) -> bool:
    return other is not None and other < counter <= other + STEP_MOST
