"""Whatever bytes reach the device's end of the record link: LinkError, or a message sealed with its key."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigil_firmware.link_end import LinkEnd
from vigil_wire import link

KEY = bytes(range(16))
CONTENT = bytearray(15)

# Any bytes, and bytes that look like what the device expects.
FRAMES = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda nonce: link.hello(nonce), st.binary(min_size=8, max_size=8)),
    st.builds(lambda counter, rest: bytes((2, counter, 0, 0)) + rest, st.integers(0, 3), st.binary(max_size=260)),
)
# What a host with the key may say, in bytes of any sort.
MESSAGES = st.one_of(
    st.binary(min_size=1, max_size=link.MAX_FRAME - link.OVERHEAD),
    st.builds(
        lambda kind, rest: bytes((kind,)) + rest,
        st.integers(0x10, 0x1A),
        st.one_of(st.binary(max_size=30), st.just(bytes(4)), st.just(b"\xff" * 4), st.just(bytes(6))),
    ),
)


class Desk:
    """A device that notes what it was told to do."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.done: list[str] = []
        self.sent: list[bytes] = []
        self.advert_counter = (0, 1)
        self.flags = 0
        self.refused = [0] * len(link.REFUSALS)
        self.end = LinkEnd(KEY, rig.monitor, self.send, self)
        self.end.mtu = 247

    def send(self, frame: memoryview) -> bool:
        """The radio takes everything."""
        self.sent.append(bytes(frame))
        return True

    def change_settings(self, settings: Any, author: bytes) -> None:
        """Note it."""
        self.done.append("settings")

    def open_pairing(self) -> None:
        """Note it."""
        self.done.append("pairing")

    def rotate_key(self, device_key: bytes, asked: LinkEnd) -> None:
        """Note it."""
        assert len(device_key) == 16
        self.done.append("key")

    def receive(self, frame: bytes) -> bool:
        """Whether the frame was taken."""
        try:
            self.end.receive(bytearray(frame), lambda count: b"dev-nonc"[:count])
        except link.LinkError as error:
            assert str(error)
            assert 0 <= error.kind < len(link.REFUSALS)
            return False
        finally:
            self.end.step(CONTENT, 0, 1) if self.end.is_proven and self.end._session.is_open else None
        return True


RIGS: list[Any] = []


@pytest.fixture(autouse=True, scope="module")
def rig(make_rig: Any) -> Any:
    """A monitor with some records, the same for all examples."""
    made = make_rig()
    made.run(12)
    RIGS.append(made)
    yield
    RIGS.clear()


def state() -> tuple[Any, ...]:
    """What a frame of a stranger must not change."""
    rig = RIGS[0]
    return (rig.journal.newest, rig.journal.acknowledged, bytes(rig.monitor.settings.pack()))


@given(st.lists(FRAMES, max_size=12))
def test_a_stranger_changes_nothing_and_learns_nothing(frames: list[bytes]) -> None:
    desk = Desk(RIGS[0])
    before = state()
    for frame in frames:
        if desk.receive(frame):
            assert frame[0] == link.HELLO
        assert not desk.end.is_proven
        desk.end.step(CONTENT, 0, 1)
    assert desk.done == []
    assert all(sent == link.hello(b"dev-nonc") for sent in desk.sent)
    assert state() == before


CHANGES = st.tuples(MESSAGES, st.integers(0, 400), st.sampled_from(("flip", "cut", "twice", "none")))


@given(st.lists(CHANGES, max_size=8))
def test_one_wrong_bit_or_byte_is_refused_and_nothing_after_it_is_taken(changes: list[tuple[bytes, int, str]]) -> None:
    desk = Desk(RIGS[0])
    host = link.Session(KEY, False)
    desk.receive(link.hello(b"hostnonc"))
    host.begin(b"hostnonc", b"dev-nonc")
    is_right = True
    for message, place, kind in changes:
        host.out[4 : 4 + len(message)] = message
        frame = bytearray(host.out[: host.seal(len(message))])
        if kind == "flip":
            frame[place % len(frame)] ^= 1 << place % 8
        elif kind == "cut":
            del frame[place % len(frame) :]
        taken = desk.receive(frame)
        assert not taken or (is_right and kind in ("none", "twice"))
        is_right = taken
        if kind == "twice":
            assert not desk.receive(frame)
            is_right = False


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=10)
@given(st.lists(FRAMES, min_size=1, max_size=5))
def test_a_flood_keeps_nothing(frames: list[bytes]) -> None:
    desk = Desk(RIGS[0])
    for _ in range(20):
        for frame in frames:
            desk.receive(frame)
    desk.sent.clear()
    tracemalloc.start()
    try:
        for _ in range(200):
            for frame in frames:
                desk.receive(frame)
        desk.sent.clear()
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()
