"""The encrypted advert: fifteen bytes of vitals and alarm bits in one legacy 31-byte advertisement.

    02 01 06 | 1B FF FF FF | randomizer 5 | ciphertext 15 | MIC 4

The construction is the Bluetooth SIG's Encrypted Advertising Data (Core Specification Supplement, part A, 1.23):
AES-CCM, nonce = randomizer | IV, associated data 0xEA, top bit of the randomizer set. It is carried as manufacturer
data (company 0xFFFF, the SIG's id for testing) because AD type 0x31 does not reach every host.

The randomizer is the 39-bit advert counter through a keyed permutation (four Feistel rounds over AES): no nonce is
ever used twice, a tracker learns nothing, and a receiver that inverts it can drop replays.
A counter is two small integers, `high` (19 bits) and `low` (20 bits): 39 bits would be a heap object on a board.

Content, little-endian:
    0      format version (high nibble), temperature status (low nibble)
    1      pulse-rate status (high nibble), SpO2 status (low nibble)
    2..4   active alarm conditions, one bit each (vigil_wire.conditions)
    5..6   pulse rate, 0.1 bpm        7..8   SpO2, 0.1 %         (0xFFFF: no reading)
    9..10  temperature, 0.01 C, signed                           (0x8000: no reading)
    11     perfusion index, 0.1 %, at most 25.4                  (0xFF: none)
    12     battery, %                                            (0xFF: unknown)
    13..14 newest record's sequence number, low 16 bits

Respiration has no room here: it travels by record (vigil_wire.records).
"""

import struct

from vigil_wire import keys
from vigil_wire.aes import Aes
from vigil_wire.ccm import Ccm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT_VERSION = 1
COMPANY_ID = 0xFFFF
CONTENT_LENGTH = 15
MANUFACTURER_LENGTH = 24  # randomizer, ciphertext, MIC
ADVERT_LENGTH = 31
MIC_LENGTH = 4
ASSOCIATED = b"\xea"
NO_U16 = 0xFFFF
NO_S16 = -0x8000
NO_U8 = 0xFF

_HEADER = b"\x02\x01\x06\x1b\xff\xff\xff"
_CONTENT = "<BBBHHHhBBH"
_LOW_MASK = (1 << 20) - 1
_HIGH_MASK = (1 << 19) - 1


def pack_content(
    buf: bytearray,
    start: int,
    statuses: "Sequence[int]",
    alarm_bits: int,
    values: "Sequence[int]",
) -> None:
    """Write the fifteen bytes of content at `start`; nothing is allocated.

    statuses: pulse rate, SpO2, temperature. values: pulse rate (0.1 bpm), SpO2 (0.1 %), temperature (0.01 C),
    perfusion index (0.1 %), battery (%), newest sequence number.
    """
    buf[start] = FORMAT_VERSION << 4 | statuses[2]
    buf[start + 1] = statuses[0] << 4 | statuses[1]
    for index in range(3):
        buf[start + 2 + index] = alarm_bits >> 8 * index & 0xFF
        _put_u16(buf, start + 5 + 2 * index, values[index])
    buf[start + 11] = values[3]
    buf[start + 12] = values[4]
    _put_u16(buf, start + 13, values[5])


def _put_u16(buf: bytearray, start: int, value: int) -> None:
    buf[start] = value & 0xFF
    buf[start + 1] = value >> 8 & 0xFF


class Content:
    """The fifteen bytes of content, read: what a listener knows of the wearer at this second.

    Attributes hold None where the device gave no reading. Raises ValueError for another length or format version.
    """

    def __init__(self, content: "bytes | bytearray | memoryview") -> None:
        if len(content) != CONTENT_LENGTH:
            raise ValueError("an advert's content has %d bytes, this one has %d" % (CONTENT_LENGTH, len(content)))
        first, second, bits_low, bits_high, pulse_rate, spo2, temperature, perfusion, battery, newest = struct.unpack(
            _CONTENT, content
        )
        if first >> 4 != FORMAT_VERSION:
            raise ValueError("advert format %d, this program reads %d" % (first >> 4, FORMAT_VERSION))
        self.pulse_rate_status = second >> 4
        self.spo2_status = second & 15
        self.temperature_status = first & 15
        self.alarm_bits = bits_low | bits_high << 8
        self.pulse_rate_deci_bpm = None if pulse_rate == NO_U16 else pulse_rate
        self.spo2_deci_pct = None if spo2 == NO_U16 else spo2
        self.temperature_centi_c = None if temperature == NO_S16 else temperature
        self.perfusion_deci_pct = None if perfusion == NO_U8 else perfusion
        self.battery_pct = None if battery == NO_U8 else battery
        self.newest_sequence_low = newest


class AdvertKeys:
    """The three secrets of a device's adverts, ready to use."""

    def __init__(self, device_key: bytes) -> None:
        self.key = keys.derive(device_key, keys.ADVERT)
        self.iv = keys.derive(device_key, keys.ADVERT_IV)[:8]
        self._permute = Aes(keys.derive(device_key, keys.PERMUTATION)).encrypt_into
        self._block = bytearray(16)

    def randomizer_into(self, high: int, low: int, out: bytearray, start: int) -> None:
        """Write the five randomizer bytes of counter `high`, `low`."""
        low ^= self._round(0, high) & _LOW_MASK
        high ^= self._round(1, low) & _HIGH_MASK
        low ^= self._round(2, high) & _LOW_MASK
        high ^= self._round(3, low) & _HIGH_MASK
        out[start] = low & 0xFF
        out[start + 1] = low >> 8 & 0xFF
        out[start + 2] = low >> 16 | (high & 15) << 4
        out[start + 3] = high >> 4 & 0xFF
        out[start + 4] = high >> 12 | 0x80

    def counter_of(self, randomizer: "bytes | bytearray | memoryview") -> "tuple[int, int]":
        """The counter (`high`, `low`) whose randomizer this is."""
        low = randomizer[0] | randomizer[1] << 8 | (randomizer[2] & 15) << 16
        high = randomizer[2] >> 4 | randomizer[3] << 4 | (randomizer[4] & 0x7F) << 12
        high ^= self._round(3, low) & _HIGH_MASK
        low ^= self._round(2, high) & _LOW_MASK
        high ^= self._round(1, low) & _HIGH_MASK
        low ^= self._round(0, high) & _LOW_MASK
        return high, low

    def _round(self, number: int, half: int) -> int:
        block = self._block
        for index in range(16):
            block[index] = 0
        block[0] = number
        block[1] = half & 0xFF
        block[2] = half >> 8 & 0xFF
        block[3] = half >> 16
        self._permute(block, block)
        return block[0] | block[1] << 8 | block[2] << 16


class AdvertSealer:
    """Makes a device's adverts in one buffer, `advert`, of 31 bytes."""

    def __init__(self, device_key: bytes) -> None:
        self._keys = AdvertKeys(device_key)
        self._ccm = Ccm(Aes(self._keys.key), MIC_LENGTH)
        self._nonce = bytearray(13)
        self._nonce[5:13] = self._keys.iv
        self.advert = bytearray(ADVERT_LENGTH)
        self.advert[0:7] = _HEADER

    def seal(self, content: bytearray, start: int, high: int, low: int) -> None:
        """Put `content[start:start + 15]`, sealed under counter `high`, `low`, into `advert`."""
        advert = self.advert
        self._keys.randomizer_into(high, low, advert, 7)
        for index in range(5):
            self._nonce[index] = advert[7 + index]
        for index in range(CONTENT_LENGTH):
            advert[12 + index] = content[start + index]
        self._ccm.seal(self._nonce, ASSOCIATED, advert, 12, CONTENT_LENGTH)
