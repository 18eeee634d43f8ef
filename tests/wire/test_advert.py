"""The encrypted advert: its bytes, its counter's permutation, and what a listener refuses."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import advert, keys, statuses

KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
OTHER_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFE")
ADVERT_KEYS = advert.AdvertKeys(KEY)
NOTHING = (advert.NO_U16, advert.NO_U16, advert.NO_S16, advert.NO_U8, advert.NO_U8, 0)
WELL = (723, 975, 3712, 25, 87, 0x12345)

COUNTERS = st.tuples(st.integers(0, (1 << 19) - 1), st.integers(0, (1 << 20) - 1))
STATUS = st.integers(0, 15)


def content(
    values: tuple[int, int, int, int, int, int] = WELL,
    measured: tuple[int, int, int] = (statuses.VALIDATED, statuses.VALIDATED, statuses.VALIDATED),
    alarm_bits: int = 0,
) -> bytearray:
    buf = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(buf, 0, measured, alarm_bits, values)
    return buf


def sealed(counter: int, of: bytearray | None = None, key: bytes = KEY) -> bytes:
    sealer = advert.AdvertSealer(key)
    sealer.seal(content() if of is None else of, 0, counter >> 20, counter & 0xFFFFF)
    return bytes(sealer.advert)


def heard(counter: int, of: bytearray | None = None, key: bytes = KEY) -> bytes:
    """Return what a host's radio hands over: the manufacturer data after the company id."""
    return sealed(counter, of, key)[7:]


def randomizer(high: int, low: int) -> bytes:
    out = bytearray(5)
    ADVERT_KEYS.randomizer_into(high, low, out, 0)
    return bytes(out)


def test_an_advert_is_31_bytes_of_flags_and_manufacturer_data() -> None:
    data = sealed(1)
    assert len(data) == advert.ADVERT_LENGTH == 31
    assert data[:3] == bytes.fromhex("02 01 06")
    assert data[3] == len(data) - 4
    assert data[4:7] == bytes.fromhex("FF FFFF")
    assert len(data) - 7 == advert.MANUFACTURER_LENGTH


def test_the_construction_is_encrypted_advertising_data() -> None:
    plain = content()
    data = heard(12345, plain)
    cipher = AESCCM(keys.derive(KEY, keys.ADVERT), 4)
    nonce = data[:5] + keys.derive(KEY, keys.ADVERT_IV)[:8]
    assert data[4] & 0x80
    assert cipher.decrypt(nonce, data[5:], b"\xea") == plain


def test_content_bytes() -> None:
    measured = (statuses.VALIDATED, statuses.EARLY_ESTIMATE, statuses.QUESTIONABLE)
    assert content(WELL, measured, 0x800001) == bytes.fromhex("13 12 010080 D302 CF03 800E 19 57 4523")
    assert content(NOTHING, (0, 0, 0)) == bytes.fromhex("10 00 000000 FFFF FFFF 0080 FF FF 0000")


@given(
    st.tuples(STATUS, STATUS, STATUS),
    st.integers(0, (1 << 24) - 1),
    st.tuples(
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF),
        st.integers(-0x8000, 0x7FFF),
        st.integers(0, 0xFF),
        st.integers(0, 0xFF),
        st.integers(0, 0xFFFFFFFF),
    ),
)
def test_content_round_trip(
    measured: tuple[int, int, int], alarm_bits: int, values: tuple[int, int, int, int, int, int]
) -> None:
    read = advert.Content(content(values, measured, alarm_bits))
    assert (read.pulse_rate_status, read.spo2_status, read.temperature_status) == measured
    assert read.alarm_bits == alarm_bits
    nones = (advert.NO_U16, advert.NO_U16, advert.NO_S16, advert.NO_U8, advert.NO_U8)
    expected = [None if value == none else value for value, none in zip(values, nones, strict=False)]
    assert [
        read.pulse_rate_deci_bpm,
        read.spo2_deci_pct,
        read.temperature_centi_c,
        read.perfusion_deci_pct,
        read.battery_pct,
    ] == expected
    assert read.newest_sequence_low == values[5] & 0xFFFF


def test_zero_is_a_value_and_none_is_none() -> None:
    zeros = advert.Content(content((0, 0, 0, 0, 0, 0)))
    assert (zeros.pulse_rate_deci_bpm, zeros.spo2_deci_pct, zeros.temperature_centi_c) == (0, 0, 0)
    assert (zeros.perfusion_deci_pct, zeros.battery_pct) == (0, 0)
    nothing = advert.Content(content(NOTHING))
    assert nothing.pulse_rate_deci_bpm is None
    assert nothing.spo2_deci_pct is None
    assert nothing.temperature_centi_c is None
    assert nothing.perfusion_deci_pct is None
    assert nothing.battery_pct is None


@given(COUNTERS)
def test_the_permutation_is_four_feistel_rounds(counter: tuple[int, int]) -> None:
    cipher = Cipher(algorithms.AES(keys.derive(KEY, keys.PERMUTATION)), modes.ECB()).encryptor()
    high, low = counter
    for number in range(4):
        block = bytes((number,)) + (low if number & 1 else high).to_bytes(15, "little")
        mask = int.from_bytes(cipher.update(block)[:3], "little")
        if number & 1:
            high ^= mask & (1 << 19) - 1
        else:
            low ^= mask & (1 << 20) - 1
    assert randomizer(*counter) == (1 << 39 | high << 20 | low).to_bytes(5, "little")


@given(COUNTERS)
def test_a_randomizer_gives_its_counter_back(counter: tuple[int, int]) -> None:
    data = randomizer(*counter)
    assert data[4] & 0x80
    assert ADVERT_KEYS.counter_of(data) == counter


@given(st.binary(min_size=4, max_size=4), st.integers(0x80, 0xFF))
def test_every_randomizer_is_of_some_counter(first: bytes, last: int) -> None:
    data = first + bytes((last,))
    assert randomizer(*ADVERT_KEYS.counter_of(data)) == data


@given(st.sets(COUNTERS, min_size=2))
def test_no_two_randomizers_are_equal(counters: set[tuple[int, int]]) -> None:
    assert len({randomizer(*counter) for counter in counters}) == len(counters)


def test_neighbouring_counters_say_nothing_of_each_other() -> None:
    """Each of the 39 bits changes between neighbours about every other time."""
    count = 2000
    flips = [0] * 39
    previous = int.from_bytes(randomizer(0, (1 << 20) - count // 2), "little")
    seen = {previous}
    for counter in range((1 << 20) - count // 2 + 1, (1 << 20) + count // 2):  # the carry from low to high is within
        this = int.from_bytes(randomizer(counter >> 20, counter & 0xFFFFF), "little")
        seen.add(this)
        for bit in range(39):
            flips[bit] += (this ^ previous) >> bit & 1
        previous = this
    assert len(seen) == count
    assert all(0.44 * count < flip < 0.56 * count for flip in flips)  # five standard deviations


@given(COUNTERS)
def test_counters_of_another_device_differ(counter: tuple[int, int]) -> None:
    other = bytearray(5)
    advert.AdvertKeys(OTHER_KEY).randomizer_into(*counter, other, 0)
    assert bytes(other) != randomizer(*counter)


def test_another_format_version_is_said_so() -> None:
    newer = content()
    newer[0] += 0x10
    with pytest.raises(ValueError, match="advert format 2, this program reads 1"):
        advert.Content(newer)


def test_content_anywhere_in_a_buffer() -> None:
    buf = bytearray(b"\xaa" * 20)
    advert.pack_content(buf, 3, (1, 1, 1), 0, WELL)
    assert buf == b"\xaa" * 3 + content() + b"\xaa" * 2
    sealer = advert.AdvertSealer(KEY)
    sealer.seal(buf, 3, 0, 9)
    assert bytes(sealer.advert) == sealed(9)
