"""Attacks on the record link's frames and handshake: nothing that the other side did not say now is taken."""

import random
from collections.abc import Callable
from functools import partial

import pytest
from tests.attacks.conftest import KEY, attempt, spoil
from tests.attacks.table import AttackTable

from vigil_wire import link

MIC_BITS = 64
OTHER_KEY = bytes(range(1, 17))
Times = Callable[[int], int]


def nonces(drawn: random.Random) -> tuple[bytes, bytes]:
    """A host's and a device's."""
    return drawn.randbytes(link.NONCE_LENGTH), drawn.randbytes(link.NONCE_LENGTH)


def sessions(drawn: random.Random, key: bytes = KEY) -> tuple[link.Session, link.Session]:
    """Host and device after a handshake that nobody touched."""
    both = link.Session(key, False), link.Session(key, True)
    chosen = nonces(drawn)
    for session in both:
        session.begin(*chosen)
    return both


def say(session: link.Session, message: bytes) -> bytes:
    """Seal one message."""
    session.out[4 : 4 + len(message)] = message
    return bytes(session.out[: session.seal(len(message))])


def hear(session: link.Session, frame: bytes) -> bytes:
    """Open one frame."""
    buf = bytearray(frame)
    return bytes(buf[4 : 4 + session.open(buf, len(buf))])


@pytest.mark.parametrize("to_device", [True, False])
def test_spoilt_frames(attacks: AttackTable, times: Times, drawn: random.Random, to_device: bool) -> None:
    row = attacks.row("frame spoilt: a bit, a byte, cut, longer, oversize, random")
    for _ in range(times(400)):
        host, device = sessions(drawn)
        sender, receiver = (host, device) if to_device else (device, host)
        frame = say(sender, drawn.randbytes(drawn.randrange(1, 200)))
        spoilt = spoil(frame, drawn)
        attempt(row, partial(hear, receiver, spoilt), link.LinkError)
        row.by_chance += (len(spoilt) > link.OVERHEAD and spoilt[:4] == frame[:4]) / 2**MIC_BITS
        with pytest.raises(link.LinkError):  # one wrong frame ends the session
            hear(receiver, frame)


def test_frames_replayed_reordered_and_dropped(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    for kind, order in (("replayed", (0, 0)), ("reordered", (1,)), ("dropped", (0, 2)), ("replayed", (0, 1, 0))):
        row = attacks.row(f"frame {kind}")
        for _ in range(times(40)):
            host, device = sessions(drawn)
            frames = [say(device, bytes((number,)) * 20) for number in range(3)]
            for number in order[:-1]:
                hear(host, frames[number])
            attempt(row, partial(hear, host, frames[order[-1]]), link.LinkError)


def test_frames_reflected(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    row = attacks.row("frame reflected to who sent it")
    for _ in range(times(60)):
        for session in sessions(drawn):
            frame = say(session, b"\x13")
            attempt(row, partial(hear, session, frame), link.LinkError)


def test_frames_of_another_session(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    row = attacks.row("frame of an earlier session of the same devices")
    for _ in range(times(60)):
        (host, _), (_, device) = sessions(drawn), sessions(drawn)
        attempt(row, partial(hear, device, say(host, b"\x13")), link.LinkError)


def test_a_whole_session_played_back(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    """The attacker says the host's recorded hello: the device's nonce is new, and so is the key."""
    row = attacks.row("a host's whole session played back, its hello too")
    for _ in range(times(60)):
        host_nonce, device_nonce = nonces(drawn)
        host, device = link.Session(KEY, False), link.Session(KEY, True)
        host.begin(host_nonce, device_nonce)
        device.begin(host_nonce, drawn.randbytes(link.NONCE_LENGTH))
        attempt(row, partial(hear, device, say(host, b"\x13")), link.LinkError)


def test_a_man_in_the_middle_of_the_handshake(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    """Whatever he does to the hellos, the two sides end with keys that differ, or do not begin."""
    row = attacks.row("hello changed on its way by a man in the middle")
    refused = 0
    for _ in range(times(300)):
        host_nonce, device_nonce = nonces(drawn)
        spoilt_host = drawn.random() < 0.5
        hellos = link.hello(host_nonce), link.hello(device_nonce)
        spoilt = spoil(hellos[0 if spoilt_host else 1], drawn)
        host, device = link.Session(KEY, False), link.Session(KEY, True)
        try:
            heard = link.nonce_of_hello(spoilt)
        except link.LinkError:
            refused += 1
            row.tried += 1
            continue
        host.begin(host_nonce, device_nonce if spoilt_host else heard)
        device.begin(heard if spoilt_host else host_nonce, device_nonce)
        to_device, to_host = say(host, b"\x13"), say(device, b"\x90")
        attempt(row, partial(hear, device, to_device), link.LinkError)
        attempt(row, partial(hear, host, to_host), link.LinkError)
        row.by_chance += 2 / 2**MIC_BITS
    assert 0 < refused < row.tried


def test_who_has_another_key(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    row = attacks.row("host or device with another device's key")
    for _ in range(times(100)):
        chosen = nonces(drawn)
        for is_device in (False, True):
            ours, theirs = link.Session(KEY, not is_device), link.Session(OTHER_KEY, is_device)
            ours.begin(*chosen)
            theirs.begin(*chosen)
            attempt(row, partial(hear, ours, say(theirs, b"\x13")), link.LinkError)
            row.by_chance += 1 / 2**MIC_BITS


def test_another_protocol_version(attacks: AttackTable) -> None:
    row = attacks.row("protocol version other than ours: an older, weaker one")
    for version in range(256):
        if version != link.PROTOCOL_VERSION:
            hello = bytes((link.HELLO, version)) + bytes(8)
            attempt(row, partial(link.nonce_of_hello, hello), link.LinkError)
