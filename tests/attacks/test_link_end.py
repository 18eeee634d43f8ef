"""Spoilt bytes to the device's end of the record link, from who has the key and who has not, over the real firmware."""

import contextlib
import os
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.attacks.conftest import KEY, attempt, spoil
from tests.attacks.table import AttackTable
from tests.firmware.conftest import Rig

from vigil_firmware.link_end import LinkEnd
from vigil_wire import link, racp, settings
from vigil_wire.settings import SettingsError

Times = Callable[[int], int]
CONTENT = bytearray(15)
# One of each message a host may say.
MESSAGES = (
    link.fetch(2),
    link.acknowledge(1),
    link.set_time(9_800, 1_000),
    bytes((link.ASK_INFO,)),
    link.set_curve(settings.pack_curve(((350, 980), (700, 850), (1200, 700)))),
    bytes((link.ASK_COUNTS,)),
    link.rotate(bytes(16)),
    bytes((link.STAY,)),
    bytes((link.PAIR,)),
)


class Device:
    """A device's end of the link on a monitor with some records, and what it was brought to do and to say."""

    advert_counter = (0, 1)
    flags = 0

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.refused = [0] * len(link.REFUSALS)
        self.done: list[object] = []
        self.sent: list[bytes] = []
        self.connect()

    def connect(self) -> None:
        """A new connection."""
        self.end = LinkEnd(KEY, self.rig.monitor, self._send, self)
        self.end.mtu = 247

    def _send(self, frame: memoryview) -> bool:
        self.sent.append(bytes(frame))
        return True

    def change_settings(self, changed: Any, author: bytes) -> None:
        """Note it."""
        self.done.append(changed)

    def open_pairing(self) -> None:
        """Note it."""
        self.done.append("pairing")

    def rotate_key(self, device_key: bytes, asked: LinkEnd) -> None:
        """Note it."""
        self.done.append(device_key)

    def take(self, frame: bytes) -> None:
        """Take a frame, and answer."""
        self.end.receive(bytearray(frame), os.urandom)
        self.end.step(CONTENT, 0, 1)

    @property
    def state(self) -> tuple[Any, ...]:
        """What no stranger may change."""
        journal = self.rig.journal
        return (journal.newest, journal.acknowledged, bytes(self.rig.monitor.settings.pack()), len(self.done))

    def host(self) -> link.Session:
        """A host with the key, after the hellos."""
        self.connect()
        self.sent.clear()
        nonce = os.urandom(8)
        self.take(link.hello(nonce))
        session = link.Session(KEY, False)
        session.begin(nonce, link.nonce_of_hello(self.sent.pop()))
        return session


@pytest.fixture(scope="module")
def device() -> Device:
    """A device that has been worn for twelve seconds."""
    rig = Rig()
    rig.run(12)
    return Device(rig)


def said(session: link.Session, message: bytes) -> bytes:
    """A message, sealed."""
    session.out[4 : 4 + len(message)] = message
    return bytes(session.out[: session.seal(len(message))])


def test_spoilt_bytes_from_a_stranger(attacks: AttackTable, times: Times, drawn: random.Random, device: Device) -> None:
    """He has heard a session: whatever he makes of it, nothing is done and nothing told."""
    row = attacks.row("record link: a stranger's bytes, made of a host's frames")
    host = device.host()
    genuine = [said(host, message) for message in MESSAGES]
    before = device.state

    def guess() -> bool:
        device.connect()
        device.sent.clear()
        frames = [link.hello(drawn.randbytes(8))] if drawn.random() < 0.7 else []
        frame = drawn.choice(genuine)
        frames.append(spoil(frame, drawn) if drawn.random() < 0.8 else frame)
        with contextlib.suppress(link.LinkError):
            for each in frames:
                device.take(each)
        device.end.step(CONTENT, 0, 2)
        is_told = any(each[0] != link.HELLO or len(each) != link.HELLO_LENGTH for each in device.sent)
        return is_told or device.end.is_proven or device.state != before

    for _ in range(times(400)):
        attempt(row, guess)
    row.by_chance += row.tried / 2 ** (8 * link.MIC_LENGTH)


def test_spoilt_messages_from_who_has_the_key(
    attacks: AttackTable, times: Times, drawn: random.Random, device: Device
) -> None:
    """He may do what a host may. What he says makes sense or ends the session; nothing falls over."""
    row = attacks.row("record link: nonsense from who has the key: fell over")

    def talk(messages: list[bytes]) -> None:
        host = device.host()
        for message in messages:
            device.take(said(host, message))
        device.rig.run(1)

    for _ in range(times(60)):
        messages = [drawn.choice(MESSAGES) for _ in range(drawn.randrange(1, 4))]
        nonsense = spoil(drawn.choice(MESSAGES), drawn)[: link.MAX_FRAME - link.OVERHEAD]
        messages.append(nonsense or b"\x00")
        attempt(row, partial(talk, messages), link.LinkError)
    host = device.host()  # and whoever comes after is served
    device.take(said(host, bytes((link.ASK_INFO,))))
    frame = bytearray(device.sent[0])
    assert frame[4 : 4 + host.open(frame, len(frame))][0] == link.INFO


def test_curves_that_are_spoilt(attacks: AttackTable, times: Times, drawn: random.Random, device: Device) -> None:
    """A curve that is in force after it was spoilt on its way is one that the settings themselves allow."""
    row = attacks.row("SpO2 curve that no device may use, from who has the key")
    genuine = bytes(settings.pack_curve(((350, 980), (700, 850), (1200, 700))))

    def give(curve: bytes) -> bool:
        device.done.clear()
        with contextlib.suppress(link.LinkError):
            device.take(said(device.host(), bytes((link.CURVE,)) + curve))
        return any(not is_allowed(changed) for changed in device.done)

    for _ in range(times(200)):
        attempt(row, partial(give, spoil(genuine, drawn)))


def is_allowed(changed: Any) -> bool:
    """Whether a device that kept these settings would take them at its next start."""
    try:
        settings.unpack(bytes(changed.pack()))
    except SettingsError:
        return False
    return True


def is_taken(request: bytes) -> bool:
    """Whether the record access control point would act on it."""
    return racp.judge(request) == racp.SUCCESS


def test_requests_for_spot_checks(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    """No request but the four there are is taken for one of them."""
    row = attacks.row("record access request that is none of the four")
    genuine = {bytes.fromhex(each) for each in ("0101", "0201", "0300", "0401")}
    for _ in range(times(300)):
        request = spoil(drawn.choice(sorted(genuine)), drawn)
        if request not in genuine:
            attempt(row, partial(is_taken, request))
