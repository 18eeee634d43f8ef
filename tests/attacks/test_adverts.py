"""Attacks on the adverts: what was recorded, made up, bent or another device's is never heard."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.attacks.conftest import KEY, attempt, spoil
from tests.attacks.table import AttackTable

from vigil_host.link.hearing import WINDOW, Hearing
from vigil_host.link.marks import AHEAD, Marks
from vigil_wire import advert

MIC_BITS = 32
OTHER_KEY = bytes(range(1, 17))
Times = Callable[[int], int]


def sent(first: int, count: int, key: bytes = KEY, alarm_bits: int = 0) -> list[bytes]:
    """So many adverts in a row, as a host's radio hands them over."""
    sealer, content = advert.AdvertSealer(key), bytearray(advert.CONTENT_LENGTH)
    found = []
    for counter in range(first, first + count):
        advert.pack_content(content, 0, (1, 1, 1), alarm_bits, (600 + counter % 300, 970, 3660, 25, 80, counter))
        sealer.seal(content, 0, counter >> 20, counter & 0xFFFFF)
        found.append(bytes(sealer.advert[7:]))
    return found


def hearing_after(adverts: list[bytes]) -> Hearing:
    """A bridge's ear that has heard these."""
    hearing = Hearing(KEY, mark=-1)
    for each in adverts:
        assert hearing.take(each) is not None
    return hearing


def test_replayed_adverts(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    adverts = sent(0, times(300))
    row = attacks.row("advert replayed: same session, any order")
    hearing = hearing_after(adverts)
    for each in drawn.sample(adverts, len(adverts)):
        attempt(row, partial(hearing.take, each))


def test_adverts_of_before_the_devices_reboot(attacks: AttackTable, times: Times) -> None:
    before, after = sent(5, times(200)), sent(1 << 14, 20)  # a boot takes the next block of counters
    hearing = Hearing(KEY, mark=4)
    for each in before + after:
        hearing.take(each)
    row = attacks.row("advert replayed: of before the device's reboot")
    for each in before + after:
        attempt(row, partial(hearing.take, each))


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_adverts_of_before_the_bridges_restart(attacks: AttackTable, times: Times, tmp_path: Path, how: str) -> None:
    adverts = sent(0, 100)
    row = attacks.row("advert replayed: of before the bridge's restart")
    for heard in range(3, 100, 7 if times(1) == 1 else 1):
        marks = Marks(tmp_path / "heard.json")
        hearing = Hearing(KEY, -1)
        for each in adverts[:heard]:
            hearing.take(each)
            assert hearing.mark is not None
            if marks.is_due("device", hearing.mark):
                marks.write({"device": hearing.mark}, AHEAD)
        if how == "ended" and hearing.mark is not None:
            marks.write({"device": hearing.mark}, 0)
        again = Hearing(KEY, Marks(marks.path).of("device"))
        for each in adverts[:heard]:
            attempt(row, partial(again.take, each))
        marks.path.unlink()


def test_a_recording_of_an_emergency(attacks: AttackTable, times: Times) -> None:
    """Played back later, whole and in order, with the device off."""
    recording = sent(1000, times(100), alarm_bits=1)
    hearing = hearing_after(sent(0, 1000) + recording)
    for _ in range(10):
        hearing.take(sent((hearing.mark or 0) + 1, 1)[0])
    row = attacks.row("advert replayed: a recording, in its order")
    for each in recording:
        attempt(row, partial(hearing.take, each))


def test_spoilt_adverts(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    genuine = sent(10, 64)
    hearing = Hearing(KEY, mark=9)
    row = attacks.row("advert spoilt: a bit, a byte, cut, longer, in part random")
    for _ in range(times(2500)):
        spoilt = spoil(drawn.choice(genuine), drawn)
        attempt(row, partial(hearing.take, spoilt))
    row.by_chance += hearing.refused.forged / 2**MIC_BITS
    assert hearing.refused.forged > row.tried / 20  # many came as far as the MIC
    assert hearing.take(genuine[0]) is not None  # and none made the bridge deaf


def test_adverts_made_up(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    hearing = Hearing(KEY, mark=1 << 30)
    row = attacks.row("advert made up: of the right shape")
    for _ in range(times(2000)):
        made_up = drawn.randbytes(4) + bytes((drawn.randrange(0x80, 0x100),)) + drawn.randbytes(19)
        attempt(row, partial(hearing.take, made_up))
    row.by_chance += row.tried * WINDOW / 2**39 / 2**MIC_BITS


def test_a_right_randomizer_with_a_guessed_mic(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    """An attacker who has heard the newest advert may keep its randomizer, and the next he can only guess."""
    genuine = sent(5, 1)[0]
    hearing = Hearing(KEY, mark=4)
    row = attacks.row("advert forged: content and MIC guessed under a counter that is due")
    for _ in range(times(1500)):
        forged = genuine[:5] + drawn.randbytes(19)
        attempt(row, partial(hearing.take, forged))
    row.by_chance += row.tried / 2**MIC_BITS


def test_adverts_under_another_devices_key(attacks: AttackTable, times: Times) -> None:
    hearing = Hearing(KEY, mark=-1)
    row = attacks.row("advert of another device's key")
    for each in sent(0, times(1000), OTHER_KEY):
        attempt(row, partial(hearing.take, each))
    row.by_chance += hearing.refused.forged / 2**MIC_BITS
