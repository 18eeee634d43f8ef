"""What a bridge believes of one device's adverts: each once, nothing recorded, forged or another's, never deaf."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_host.link.hearing import STEP_MOST, WINDOW, Heard, Hearing
from vigil_wire import advert

KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
OTHER_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFE")
LAST = (1 << 39) - 1


def sent(counter: int, pulse_rate: int = 723, key: bytes = KEY, version: int = 0) -> bytes:
    """What a host's radio hands over of one advert: the manufacturer data after the company id."""
    content = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(content, 0, (1, 1, 1), 0, (pulse_rate, 975, 3712, 25, 87, 5))
    content[0] += version << 4
    sealer = advert.AdvertSealer(key)
    sealer.seal(content, 0, counter >> 20, counter & 0xFFFFF)
    return bytes(sealer.advert[7:])


def is_believed(heard: Heard | None) -> bool:
    return heard is not None and heard.is_confirmed


def test_each_advert_is_heard_once() -> None:
    hearing = Hearing(KEY, mark=10)
    for counter in (11, 12, 30):
        heard = hearing.take(sent(counter, pulse_rate=600 + counter))
        assert heard is not None and heard.is_confirmed
        assert heard.content.pulse_rate_deci_bpm == 600 + counter
        assert hearing.take(sent(counter)) is None
    assert [hearing.take(sent(counter)) for counter in (0, 10, 11, 29)] == [None] * 4
    assert hearing.refused.outside == 7


@given(st.lists(st.integers(0, 3 * STEP_MOST), min_size=1, max_size=20))
def test_what_is_believed_rises(counters: list[int]) -> None:
    hearing = Hearing(KEY, mark=-1)
    believed = [counter for counter in counters if is_believed(hearing.take(sent(counter)))]
    assert believed == sorted(set(believed))
    assert hearing.mark == (believed[-1] if believed else -1)


def test_the_first_advert_ever_is_believed_with_the_second() -> None:
    hearing = Hearing(KEY)
    first = hearing.take(sent(1 << 38))
    assert first is not None and not first.is_confirmed
    assert hearing.take(sent(1 << 38)) is None
    assert hearing.mark is None
    assert is_believed(hearing.take(sent((1 << 38) + 1)))
    assert hearing.mark == (1 << 38) + 1


def test_one_lucky_forgery_does_not_make_the_bridge_deaf() -> None:
    hearing = Hearing(KEY, mark=100)
    lucky = hearing.take(sent(100 + WINDOW))  # as if four bytes of MIC had been guessed
    assert lucky is not None and not lucky.is_confirmed
    assert hearing.mark == 100
    assert is_believed(hearing.take(sent(101)))


def test_heard_again_after_days_away() -> None:
    hearing = Hearing(KEY, mark=100)
    assert not is_believed(hearing.take(sent(900_000)))
    assert is_believed(hearing.take(sent(900_002)))


@pytest.mark.parametrize("counter", [0, 99, 100, 101 + WINDOW, LAST])
def test_outside_the_window_nothing_is_even_decrypted(counter: int) -> None:
    hearing = Hearing(KEY, mark=100)
    assert hearing.take(sent(counter)) is None
    assert (hearing.refused.outside, hearing.refused.forged) == (1, 0)
    assert hearing.is_ours(sent(counter))


def test_the_record_link_puts_the_mark_right() -> None:
    hearing = Hearing(KEY, mark=LAST - 5)
    assert hearing.take(sent(500)) is None
    hearing.confirm(500)  # the device lost its counter and drew another; the next advert has 500
    assert is_believed(hearing.take(sent(500)))
    assert hearing.take(sent(499)) is None


def test_every_flipped_bit_is_noticed() -> None:
    hearing = Hearing(KEY, mark=76)
    data = sent(77)
    for bit in range(8 * len(data)):
        forged = bytearray(data)
        forged[bit >> 3] ^= 1 << (bit & 7)
        assert hearing.take(bytes(forged)) is None
    assert is_believed(hearing.take(data))
    assert hearing.refused.outside + hearing.refused.forged == 8 * len(data)


@given(st.binary(max_size=40))
def test_noise_is_nobody(data: bytes) -> None:
    hearing = Hearing(KEY)
    assert hearing.take(data) is None
    assert not hearing.is_ours(data)
    assert hearing.mark is None


def test_another_devices_advert_is_not_ours() -> None:
    assert Hearing(KEY).take(sent(1, key=OTHER_KEY)) is None
    assert not Hearing(KEY).is_ours(sent(1, key=OTHER_KEY))


def test_of_any_other_length_is_refused() -> None:
    data = sent(1)
    for wrong in [data[:length] for length in range(len(data))] + [data + b"\0"]:
        assert Hearing(KEY).take(wrong) is None
        assert not Hearing(KEY).is_ours(wrong)


def test_most_of_what_others_send_costs_no_decryption() -> None:
    """A counter by chance lies within the window once in 2^19."""
    hearing = Hearing(KEY, mark=1 << 30)
    drawn = random.Random(5)
    for _ in range(2000):
        assert hearing.take(drawn.randbytes(4) + b"\x80" + drawn.randbytes(19)) is None
    assert hearing.refused.forged <= 1


def test_another_format_is_said_so() -> None:
    hearing = Hearing(KEY, mark=0)
    with pytest.raises(ValueError, match="advert format 2, this program reads 1"):
        hearing.take(sent(1, version=1))
