"""The record link: messages byte for byte, and sessions that refuse what is not the next frame."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import keys, link, records

KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
HOST_NONCE = bytes.fromhex("0102030405060708")
DEVICE_NONCE = bytes.fromhex("1112131415161718")
LONGEST = link.MAX_FRAME - link.OVERHEAD

MESSAGES = st.binary(min_size=1, max_size=LONGEST)
SEQUENCES = st.integers(0, 0xFFFFFFFE)


def sessions(
    *, device_key: bytes = KEY, host_nonce: bytes = HOST_NONCE, device_nonce: bytes = DEVICE_NONCE
) -> tuple[link.Session, link.Session]:
    """Return a host's and a device's end; what is given is the device's view of it."""
    host, device = link.Session(KEY, False), link.Session(device_key, True)
    host.begin(HOST_NONCE, DEVICE_NONCE)
    device.begin(host_nonce, device_nonce)
    return host, device


def send(session: link.Session, message: bytes) -> bytes:
    session.out[4 : 4 + len(message)] = message
    return bytes(session.out[: session.seal(len(message))])


def receive(session: link.Session, frame: bytes | bytearray) -> bytes:
    buf = bytearray(frame) + bytearray(5)  # a receive buffer is longer than the frame in it
    return bytes(buf[4 : 4 + session.open(buf, len(frame))])


@given(st.lists(st.tuples(st.booleans(), MESSAGES), max_size=8))
def test_a_conversation(messages: list[tuple[bool, bytes]]) -> None:
    host, device = sessions()
    for from_device, message in messages:
        sender, receiver = (device, host) if from_device else (host, device)
        frame = send(sender, message)
        assert len(frame) == len(message) + link.OVERHEAD
        assert receive(receiver, frame) == message


@pytest.mark.parametrize("from_device", [False, True])
def test_frames_are_ccm_under_the_session_key(from_device: bool) -> None:
    host, device = sessions()
    link_key = keys.derive(KEY, keys.LINK)
    session_key = HKDF(SHA256(), 16, HOST_NONCE + DEVICE_NONCE, b"session\x01").derive(link_key)
    cipher = AESCCM(session_key, link.MIC_LENGTH)
    for counter in range(300):
        frame = send(device if from_device else host, b"seventy-two")
        low = counter.to_bytes(3, "little")
        assert frame[:4] == bytes((link.SEALED,)) + low
        nonce = bytes((from_device,)) + bytes(9) + low
        assert cipher.decrypt(nonce, frame[4:], b"") == b"seventy-two"


def test_replay_is_refused() -> None:
    host, device = sessions()
    frames = [send(device, b"first"), send(device, b"second")]
    for frame in frames:
        receive(host, frame)
    with pytest.raises(link.LinkError, match="frame 2 expected"):
        receive(host, frames[0])


def test_a_refused_frame_ends_the_session() -> None:
    host, device = sessions()
    right = send(device, b"first")
    with pytest.raises(link.LinkError, match="not a sealed frame"):
        receive(host, right[:-9])
    assert not host.is_open
    with pytest.raises(link.LinkError, match="not open"):
        receive(host, right)
    with pytest.raises(link.LinkError, match="not open"):
        send(host, b"fetch")


def test_reordered_and_dropped_frames_are_refused() -> None:
    host, device = sessions()
    first, second, third = (send(device, message) for message in (b"first", b"second", b"third"))
    with pytest.raises(link.LinkError, match="frame 0 expected"):
        receive(sessions()[0], second)
    assert receive(host, first) == b"first"
    with pytest.raises(link.LinkError, match="frame 1 expected"):
        receive(host, third)


def test_a_counter_in_clear_does_not_choose_the_nonce() -> None:
    host, device = sessions()
    first, second = bytearray(send(device, b"first")), bytearray(send(device, b"second"))
    second[1:4] = first[1:4]
    with pytest.raises(link.LinkError, match="forged or damaged"):
        receive(host, second)


def test_reflection_is_refused() -> None:
    host, device = sessions()
    with pytest.raises(link.LinkError, match="forged or damaged"):
        receive(host, send(host, b"fetch"))
    with pytest.raises(link.LinkError, match="forged or damaged"):
        receive(device, send(device, b"record"))


def test_truncation_is_refused() -> None:
    host, device = sessions()
    frame = send(device, b"a record of some length")
    for length in range(len(frame)):
        with pytest.raises(link.LinkError):
            receive(sessions()[0], frame[:length])
    assert receive(host, frame) == b"a record of some length"


def test_every_flipped_bit_is_refused() -> None:
    host, device = sessions()
    frame = send(device, b"SpO2 97.5")
    for bit in range(8 * len(frame)):
        forged = bytearray(frame)
        forged[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(link.LinkError):
            receive(sessions()[0], forged)
    assert receive(host, frame) == b"SpO2 97.5"


def test_nothing_of_a_forged_frame_is_seen() -> None:
    host, device = sessions()
    frame = bytearray(send(device, b"SpO2 97.5"))
    frame[-1] ^= 1
    with pytest.raises(link.LinkError):
        host.open(frame, len(frame))
    assert frame[4:-8] == bytes(9)


@pytest.mark.parametrize(
    "device",
    [
        {"device_key": KEY[:-1] + b"\0"},
        {"host_nonce": HOST_NONCE[:-1] + b"\0"},
        {"device_nonce": DEVICE_NONCE[:-1] + b"\0"},
        {"host_nonce": DEVICE_NONCE, "device_nonce": HOST_NONCE},
    ],
)
def test_another_key_or_another_connection_is_refused(device: dict[str, bytes]) -> None:
    host, stranger = sessions(**device)
    with pytest.raises(link.LinkError, match="forged or damaged"):
        receive(host, send(stranger, b"record"))


def test_a_frame_of_the_previous_connection_is_refused() -> None:
    host, device = sessions()
    old = send(device, b"record")
    for session in (host, device):
        session.begin(b"\xaa" * 8, b"\xbb" * 8)
    with pytest.raises(link.LinkError, match="forged or damaged"):
        receive(host, old)


def test_before_both_hellos_nothing_is_opened() -> None:
    _, device = sessions()
    with pytest.raises(link.LinkError, match="not open"):
        receive(link.Session(KEY, False), send(device, b"record"))


@pytest.mark.parametrize("frame", [b"", b"\x02", b"\x01" + bytes(20), bytes.fromhex("02000000") + bytes(8)])
def test_no_sealed_frame(frame: bytes) -> None:
    host, _ = sessions()
    with pytest.raises(link.LinkError, match="not a sealed frame"):
        receive(host, frame)


def test_a_counter_never_starts_again() -> None:
    _, device = sessions()
    device._sent = (1 << 24) - 1  # sixteen million frames later
    assert send(device, b"last")[1:4] == b"\xff\xff\xff"
    with pytest.raises(link.LinkError, match="used up"):
        send(device, b"one more")


@pytest.mark.parametrize("nonces", [(b"short", DEVICE_NONCE), (HOST_NONCE, DEVICE_NONCE + b"long")])
def test_nonces_of_another_length_are_refused(nonces: tuple[bytes, bytes]) -> None:
    with pytest.raises(link.LinkError, match="8 bytes"):
        link.Session(KEY, False).begin(*nonces)


@given(st.binary(min_size=8, max_size=8))
def test_hello(nonce: bytes) -> None:
    frame = link.hello(nonce)
    assert frame == b"\x01\x01" + nonce
    assert len(frame) == link.HELLO_LENGTH
    assert link.nonce_of_hello(frame) == nonce


def test_no_hello() -> None:
    frame = link.hello(HOST_NONCE)
    for data in (*(frame[:length] for length in range(len(frame))), frame + b"\0", b"\x02" + frame[1:]):
        with pytest.raises(link.LinkError, match="not a hello"):
            link.nonce_of_hello(data)
    with pytest.raises(link.LinkError, match="protocol version 2, this side speaks 1"):
        link.nonce_of_hello(b"\x01\x02" + frame[2:])


def test_message_bytes() -> None:
    assert link.fetch(0x01020304) == bytes.fromhex("10 04030201")
    assert link.acknowledge(0xFFFFFFFE) == bytes.fromhex("11 FEFFFFFF")
    assert link.rotate(KEY) == b"\x16" + KEY
    assert link.set_time(0x2526, 86_399_999) == bytes.fromhex("12 2625 FF5B2605")
    buf = bytearray(b"\xaa" * 35)
    assert link.pack_info(buf, 1, (0x01020304, 7, -1, -1, -1), (2, 3), (0x12345, 0x6789A), 3) == 31
    packed = "AA 90 04030201 0700 FFFFFFFF FFFFFFFF FFFFFFFF 0200 03000000 9A78563412 03 AAAAAA"
    assert buf == bytes.fromhex(packed)


@given(
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFF),
    st.tuples(*[st.just(-1) | SEQUENCES] * 3),
    st.integers(0, 0xFFFF),
    st.integers(0, 86_399_999),
    st.integers(0, (1 << 39) - 1),
    st.integers(0, 255),
)
def test_info_round_trip(
    journal_id: int, boot: int, sequences: tuple[int, int, int], day: int, day_ms: int, counter: int, flags: int
) -> None:
    buf = bytearray(31)
    halves = (counter >> 20, counter & 0xFFFFF)
    link.pack_info(buf, 0, (journal_id, boot, *sequences), (day, day_ms), halves, flags)
    info = link.Info(buf)
    assert (info.journal_id, info.boot, info.day, info.day_ms) == (journal_id, boot, day, day_ms)
    assert (info.advert_counter, info.flags) == (counter, flags)
    expected = tuple(None if sequence < 0 else sequence for sequence in sequences)
    assert (info.oldest, info.newest, info.acknowledged) == expected
    for length in range(len(buf)):
        with pytest.raises(link.LinkError, match="an info message has 31 bytes"):
            link.Info(buf[:length])


@given(st.lists(st.integers(0, 0x20000), min_size=len(link.REFUSALS), max_size=len(link.REFUSALS)))
def test_counts_round_trip(counts: list[int]) -> None:
    buf = bytearray(40)
    length = link.pack_counts(buf, 2, counts)
    assert link.counts_in(buf[2 : 2 + length]) == tuple(min(count, 0xFFFF) for count in counts)
    for wrong in (length - 1, length + 1):
        with pytest.raises(link.LinkError, match="a counts message has 15 bytes"):
            link.counts_in(buf[2 : 2 + wrong])


def test_missing_range() -> None:
    assert link.missing_range(bytes.fromhex("93 05000000 FEFFFFFF")) == (5, 0xFFFFFFFE)
    for message in (bytes.fromhex("93 05000000 FEFFFF"), bytes(10), b""):
        with pytest.raises(link.LinkError, match="a missing message has 9 bytes"):
            link.missing_range(message)


@given(st.lists(st.binary(min_size=1, max_size=64), max_size=6))
def test_records_round_trip(sent: list[bytes]) -> None:
    message = bytes((link.RECORDS,)) + b"".join(bytes((len(record),)) + record for record in sent)
    assert link.records_in(message) == sent
    ends = [1 + sum(len(record) + 1 for record in sent[:count]) for count in range(len(sent) + 1)]
    for length in range(1, len(message)):
        if length in ends:
            assert link.records_in(message[:length]) == sent[: ends.index(length)]
        else:
            with pytest.raises(link.LinkError, match="cut short"):
                link.records_in(message[:length])


def test_the_smallest_mtu_takes_the_largest_record() -> None:
    assert 3 + link.OVERHEAD + 2 + records.MAX_LENGTH <= link.MIN_MTU
