"""The device's end of the record link, against the protocol's own host end."""

from typing import Any

import pytest

from vigil_firmware.link_end import LinkEnd
from vigil_wire import advert, conditions, link, movement, records, statuses
from vigil_wire.settings import LENGTH, Settings, pack_curve, unpack

_KEY = bytes(range(16))


class Wire:
    """A link end, the host at its other side, and a radio between them that can be full."""

    def __init__(self, rig: Any, host: Any, mtu: int = 247) -> None:
        self.rig = rig
        self.host = host
        self.room = 1000
        self.refused: list[bytes] = []
        self.changes: list[Settings] = []
        self.authors: list[bytes] = []
        self.advert_counter = (0x12345, 0x6789A)
        self.flags = link.CAN_PAIR
        self.keys: list[bytes] = []
        self.pairings = 0
        self.refused = [3, 0x12345, 0, 0, 0, 0, 9]
        self.end = LinkEnd(_KEY, rig.monitor, self._send, self)
        self.end.mtu = mtu
        self.content = bytearray(range(advert.CONTENT_LENGTH))

    def _send(self, frame: memoryview) -> bool:
        if self.room == 0:
            self.refused.append(bytes(frame))
            return False
        self.room -= 1
        self.host.hear(bytes(frame))
        return True

    def change_settings(self, settings: Settings, author: bytes) -> None:
        self.changes.append(settings)
        self.authors.append(author)
        self.rig.monitor.apply(settings, author)

    def rotate_key(self, device_key: bytes, asked: LinkEnd) -> None:
        assert asked is self.end
        assert self.host.rotated == len(self.keys)  # told only when it is kept
        self.keys.append(device_key)

    def open_pairing(self) -> None:
        self.pairings += 1

    def say(self, *messages: bytes) -> None:
        """Have the host send messages, each in a frame."""
        for message in messages:
            self.end.receive(self.host.sealed(message), _nonce)

    def step(self, second: int = 1) -> None:
        """Let the device send."""
        self.end.step(self.content, 0, second)

    def greet(self) -> None:
        """Exchange hellos."""
        self.end.receive(self.host.hello(), _nonce)
        self.step()


def _nonce(count: int) -> bytes:
    return b"dev-nonc"[:count]


def fill(rig: Any, count: int) -> None:
    """Have so many records in all, under numbers from 0."""
    while rig.journal.newest < count - 1:
        rig.monitor.anchor_time(1, rig.journal.newest)


@pytest.fixture
def wire(make_rig: Any, make_host: Any) -> Wire:
    """A link after the hellos, with 40 records in the journal."""
    made = Wire(make_rig(), make_host(_KEY))
    fill(made.rig, 40)
    made.greet()
    return made


def test_hello_is_answered_and_nothing_else_said(wire: Wire) -> None:
    assert wire.host.session.is_open
    assert not wire.end.is_proven
    assert wire.host.frame_lengths == [link.HELLO_LENGTH]
    wire.step(2)
    assert wire.host.live == []


def test_info(wire: Wire) -> None:
    wire.rig.run(3)
    wire.rig.journal.acknowledge(12)
    wire.say(bytes([link.ASK_INFO]))
    wire.step()
    info = wire.host.info
    assert wire.end.is_proven
    assert (info.journal_id, info.boot, info.oldest, info.acknowledged) == (7, 3, 0, 12)
    assert info.newest == wire.rig.journal.newest
    assert (info.day, info.day_ms) == (0, 3000)
    assert (info.advert_counter, info.flags) == (0x123456789A, link.CAN_PAIR)


def test_a_new_key_is_kept_before_it_is_confirmed_and_the_session_goes_on(wire: Wire) -> None:
    for number in range(2):
        wire.say(link.rotate(bytes([number]) * 16))
        wire.step()
        assert wire.host.rotated == number + 1
    assert wire.keys == [bytes(16), b"\x01" * 16]
    wire.say(link.fetch(0))
    wire.step()
    assert wire.host.sequences == list(range(40))


@pytest.mark.parametrize("length", [0, 15, 17])
def test_a_key_of_another_length_is_refused(wire: Wire, length: int) -> None:
    with pytest.raises(link.LinkError, match="a device key has 16 bytes"):
        link.rotate(bytes(length))
    with pytest.raises(link.LinkError, match="is not known"):
        wire.say(bytes([link.ROTATE]) + bytes(length))
    assert wire.keys == []


def test_pairing_is_opened_by_a_host_that_knows_the_key(wire: Wire) -> None:
    wire.say(bytes([link.PAIR]))
    assert wire.pairings == 1


def test_counts_of_what_was_refused(wire: Wire) -> None:
    wire.say(bytes([link.ASK_COUNTS]))
    wire.step()
    assert wire.host.counts == (3, 0xFFFF, 0, 0, 0, 0, 9)


def test_live_content_once_a_second(wire: Wire) -> None:
    wire.rig.monitor.vitals.quality = 87
    wire.say(bytes([link.ASK_INFO]))
    for second in (1, 1, 2, 2, 2, 3):
        wire.step(second)
    assert wire.host.live == [bytes(wire.content) + bytes((87,))] * 3


def test_movement_comes_with_it_to_hosts_that_ask_and_to_no_others(wire: Wire) -> None:
    vitals = wire.rig.monitor.vitals
    wire.say(bytes([link.ASK_INFO]))
    wire.step(1)
    wire.say(bytes([link.ASK_MOVEMENT]))
    wire.step(2)
    vitals.position, vitals.movement = movement.UPRIGHT, movement.WALKING
    vitals.activity.publish(142, statuses.VALIDATED)
    vitals.cadence.publish(104, statuses.VALIDATED)
    wire.step(3)
    before, none, walks = (bytes((link.LIVE,)) + live for live in wire.host.live)
    assert len(before) == link.LIVE_LENGTH
    told = link.Movement(none)
    assert (told.position, told.movement, told.activity_milli_g, told.cadence_per_min) == (0, 0, None, None)
    told = link.Movement(walks)
    assert (told.position, told.movement) == (movement.UPRIGHT, movement.WALKING)
    assert (told.activity_milli_g, told.cadence_per_min) == (142, 104)


@pytest.mark.parametrize("start", [0, 1, 17, 39])
def test_fetch_streams_every_record_once_in_order(wire: Wire, start: int) -> None:
    wire.say(link.fetch(start))
    wire.step()
    assert wire.host.sequences == list(range(start, 40))
    assert wire.host.missing == []
    wire.step()
    assert wire.host.sequences == list(range(start, 40))


def test_fetch_from_the_next_record_waits_for_it(wire: Wire) -> None:
    wire.say(link.fetch(40))
    wire.step()
    assert wire.host.sequences == []
    fill(wire.rig, 42)
    wire.step()
    assert wire.host.sequences == [40, 41]


def test_records_that_come_while_streaming_follow(wire: Wire) -> None:
    wire.say(link.fetch(0))
    for count in range(40, 60):
        fill(wire.rig, count)
        wire.step(count)
    assert wire.host.sequences == list(range(59))


@pytest.mark.parametrize("start", [0, 5, 19])
def test_what_was_overwritten_is_said_to_be_missing(make_rig: Any, make_host: Any, start: int) -> None:
    wire = Wire(make_rig(sectors=3, sector_bytes=512), make_host(_KEY))
    fill(wire.rig, 60)
    oldest = wire.rig.journal.oldest
    assert oldest > 20
    wire.greet()
    wire.say(link.fetch(start))
    wire.step()
    assert wire.host.missing == [(start, oldest - 1)]
    assert wire.host.sequences == list(range(oldest, 60))


def test_what_flash_has_lost_is_said_to_be_missing_and_the_rest_sent(make_rig: Any, make_host: Any) -> None:
    wire = Wire(make_rig(), make_host(_KEY))
    fill(wire.rig, 60)
    memory = wire.rig.journal._store._memory[0]
    slot = 32 + 29 * 20
    memory[slot + 1 : slot + 4] = b"\x12\x34\x56"  # of one record
    wire.greet()
    wire.say(link.fetch(0))
    wire.step()
    ((first, last),) = wire.host.missing
    assert first == last < 60
    assert wire.host.sequences == [number for number in range(60) if number != first]


def test_what_is_overwritten_while_the_host_is_slow_is_missing(make_rig: Any, make_host: Any) -> None:
    wire = Wire(make_rig(sectors=3, sector_bytes=512), make_host(_KEY))
    fill(wire.rig, 10)
    wire.greet()
    wire.say(link.fetch(0))
    wire.room = 1  # the live content
    wire.step()
    fill(wire.rig, 60)
    wire.room = 100
    wire.step()
    lost = [sequence for first, last in wire.host.missing for sequence in range(first, last + 1)]
    assert sorted(wire.host.sequences + lost) == list(range(60))
    assert lost != []


def test_window_holds_back_until_the_host_has_confirmed(make_rig: Any, make_host: Any) -> None:
    wire = Wire(make_rig(), make_host(_KEY))
    fill(wire.rig, 150)
    wire.greet()
    wire.say(link.fetch(10))
    wire.step()
    assert wire.host.sequences == list(range(10, 10 + link.WINDOW))
    wire.step()
    assert wire.host.sequences[-1] == 9 + link.WINDOW
    wire.say(link.acknowledge(9 + link.WINDOW))
    wire.step()
    assert wire.host.sequences == list(range(10, 10 + 2 * link.WINDOW))
    assert wire.rig.journal.acknowledged == 9 + link.WINDOW
    wire.say(link.acknowledge(3))  # an old one takes nothing back
    wire.step()
    assert wire.rig.journal.acknowledged == 9 + link.WINDOW


def test_only_what_the_host_names_is_acknowledged(wire: Wire) -> None:
    wire.say(link.fetch(30), link.acknowledge(3))
    assert wire.rig.journal.acknowledged == 3


@pytest.mark.parametrize("ahead", [150, 0xFFFFFFFF])
def test_confirming_what_does_not_exist_confirms_nothing(make_rig: Any, make_host: Any, ahead: int) -> None:
    wire = Wire(make_rig(), make_host(_KEY))
    fill(wire.rig, 150)
    wire.greet()
    wire.say(link.fetch(0))
    wire.step()
    wire.say(link.acknowledge(ahead))
    wire.step()
    assert wire.rig.journal.acknowledged == -1
    assert wire.host.sequences == list(range(link.WINDOW))


def test_frame_that_the_radio_refuses_is_offered_again_unchanged(wire: Wire) -> None:
    wire.say(bytes([link.ASK_INFO]), link.fetch(0))
    for second in range(1, 60):
        wire.room = second % 3
        wire.step(second // 10)
    assert wire.host.sequences == list(range(40))
    assert wire.host.info is not None
    assert len(wire.refused) > 3
    assert wire.host.session._received == wire.end._session._sent


def test_new_fetch_starts_from_there(wire: Wire) -> None:
    wire.say(link.fetch(30))
    wire.step()
    wire.say(link.fetch(5))
    wire.step()
    assert wire.host.sequences == [*range(30, 40), *range(5, 40)]


@pytest.mark.parametrize("mtu", [100, 101, 128, 185, 247, 512])
def test_frames_fit_the_mtu(make_rig: Any, make_host: Any, mtu: int) -> None:
    rig = make_rig()
    rig.run(20)  # all kinds of records
    wire = Wire(rig, make_host(_KEY), mtu)
    fill(rig, 60)
    wire.greet()
    wire.say(link.fetch(0))
    wire.step()
    assert wire.host.sequences == list(range(60))
    assert max(wire.host.frame_lengths) <= min(mtu - 3, link.MAX_FRAME)
    if mtu >= 185:
        assert max(wire.host.frame_lengths) > min(mtu, 247) // 2


@pytest.mark.parametrize("length", range(1, records.MAX_LENGTH + 1, 9))
def test_record_of_any_length_passes_at_the_least_mtu(make_rig: Any, make_host: Any, length: int) -> None:
    wire = Wire(make_rig(), make_host(_KEY), link.MIN_MTU)
    length = max(length, records.HEADER_LENGTH)
    wire.rig.journal.append(records.SETTINGS, length, 1, 0, 0)
    wire.greet()
    wire.say(link.fetch(2))
    wire.step()
    assert wire.host.sequences == [2]


def test_nothing_is_sent_before_the_mtu_is_known_but_the_hello(make_rig: Any, make_host: Any) -> None:
    wire = Wire(make_rig(), make_host(_KEY), mtu=23)
    wire.greet()
    wire.say(link.fetch(0), bytes([link.ASK_INFO]))
    wire.step()
    assert wire.host.frame_lengths == [link.HELLO_LENGTH]
    wire.end.mtu = 247
    wire.step()
    assert wire.host.info is not None
    assert wire.host.sequences == [0, 1]


def test_time_is_journalled(wire: Wire) -> None:
    wire.say(link.set_time(9_000, 123_456))
    record = wire.rig.records()[-1]
    assert record.fields == {"utc_day": 9_000, "utc_day_ms": 123_456}


def test_curve_is_taken_once_checked_and_journalled(wire: Wire) -> None:
    curve = ((400, 990), (700, 900), (1100, 760))
    wire.say(link.set_curve(pack_curve(curve)), link.set_curve(pack_curve(curve)))
    assert [settings.spo2_curve for settings in wire.changes] == [curve]
    record = wire.rig.records()[-1]
    assert record.kind == records.SETTINGS
    assert unpack(record.data[records.HEADER_LENGTH :]).spo2_curve == curve
    wire.say(link.set_curve(pack_curve(())))
    assert wire.rig.monitor.settings.spo2_curve == ()


@pytest.mark.parametrize("packed", [bytes(23), pack_curve(((400, 990), (700, 900))), b"\xff" * 24])
def test_curve_that_cannot_be_used_ends_the_session_and_changes_nothing(wire: Wire, packed: bytes) -> None:
    with pytest.raises(link.LinkError, match="a curve that cannot be used"):
        wire.say(link.set_curve(packed))
    assert wire.changes == []


def test_a_session_says_first_how_the_alarms_are_and_at_every_change(wire: Wire) -> None:
    wire.say(bytes([link.ASK_INFO]))
    wire.step(1)
    wire.step(2)
    (state,) = wire.host.alarms
    assert (state.active, state.acknowledged, state.latched, state.audio_paused_s, state.standby_min) == (0,) * 5
    wire.rig.source.is_silent = True
    wire.rig.run(30)
    wire.step(3)
    state = wire.host.alarms[-1]
    assert state.active == wire.rig.monitor.alarms.bits != 0
    wire.say(link.alarm_command(link.ACKNOWLEDGE, conditions.ALL, conditions.FROM_AFAR))
    wire.step(4)
    assert wire.host.alarms[-1].acknowledged == 0
    wire.say(link.alarm_command(link.PAUSE_AUDIO, conditions.ALL, conditions.FROM_AFAR))
    wire.step(5)
    assert wire.host.alarms[-1].audio_paused_s == 0
    wire.say(link.alarm_command(link.PAUSE_AUDIO, conditions.ALL, conditions.BESIDE_WEARER))
    wire.step(6)
    assert wire.host.alarms[-1].audio_paused_s == 120
    wire.say(link.alarm_command(link.RESUME_AUDIO, conditions.ALL, conditions.FROM_AFAR))
    wire.say(link.alarm_command(link.ACKNOWLEDGE, conditions.ALL, conditions.BESIDE_WEARER))
    wire.step(7)
    state = wire.host.alarms[-1]
    assert (state.acknowledged, state.audio_paused_s) == (state.active, 0)
    wire.say(link.alarm_command(link.BEGIN_STANDBY, conditions.ALL, conditions.FROM_AFAR, 90))
    wire.step(8)
    assert wire.host.alarms[-1].standby_min == 90
    wire.say(link.alarm_command(link.END_STANDBY, conditions.ALL, conditions.FROM_AFAR))
    wire.step(9)
    assert wire.host.alarms[-1].standby_min == 0
    wire.say(link.alarm_command(link.TRY_SIGNALS, conditions.ALL, conditions.FROM_AFAR))
    assert wire.rig.monitor.must_try_signals


@pytest.mark.parametrize("by", [conditions.AT_DEVICE, 3, 255])
def test_who_commands_alarms_over_the_air_is_beside_the_wearer_or_far(wire: Wire, by: int) -> None:
    with pytest.raises(link.LinkError, match=f"an alarm command by {by}"):
        wire.say(link.alarm_command(link.ACKNOWLEDGE, conditions.ALL, by))


@pytest.mark.parametrize("message", [b"\x1a", b"\x1a\x01\xff\x01\x00", b"\x1a\x01\xff\x01\x00\x00\x00"])
def test_alarm_command_of_another_length_is_refused(wire: Wire, message: bytes) -> None:
    with pytest.raises(link.LinkError, match="an alarm message has 6 bytes"):
        wire.say(message)


def test_settings_are_taken_once_checked_and_journalled_with_their_author(wire: Wire) -> None:
    curve = ((400, 990), (700, 900), (1100, 760))
    wire.say(link.set_curve(pack_curve(curve)))
    wanted = Settings(spo2_low_deci_pct=940)
    message = link.set_settings(wanted.pack_fields(), "Zoë Ngo".encode())
    wire.say(message, message)
    assert (wire.changes[-1].spo2_low_deci_pct, wire.changes[-1].spo2_curve) == (940, curve)
    assert wire.authors == [b"", "Zoë Ngo".encode()]
    kept = wire.rig.records()[-1].data[records.HEADER_LENGTH :]
    assert unpack(kept[:LENGTH]).spo2_low_deci_pct == 940
    assert kept[LENGTH:].decode() == "Zoë Ngo"


@pytest.mark.parametrize(
    "content", [b"", Settings().pack_fields()[:-1], b"\xff" * 28, Settings().pack_fields() + b"sixteen letters!"]
)
def test_settings_that_cannot_be_used_end_the_session_and_change_nothing(wire: Wire, content: bytes) -> None:
    with pytest.raises(link.LinkError):
        wire.say(link.set_settings(content, b""))
    assert wire.changes == []


def test_second_hello_is_refused(wire: Wire) -> None:
    with pytest.raises(link.LinkError, match="second hello"):
        wire.end.receive(wire.host.hello(), _nonce)


@pytest.mark.parametrize(
    "message", [b"\x77", b"\x10\x00", b"\x11\x00\x00", b"\x12\x00", b"\x13\x00", b"\x15\x00", b"\x90", bytes(40)]
)
def test_message_that_is_not_known_is_refused(wire: Wire, message: bytes) -> None:
    with pytest.raises(link.LinkError, match="is not known"):
        wire.say(message)


@pytest.mark.parametrize("frame", [b"", b"\x02", b"\x01", b"\x01\x01short", b"\x01\x02" + bytes(8), b"\x55" * 30])
def test_frame_that_is_none_is_refused(wire: Wire, frame: bytes) -> None:
    with pytest.raises(link.LinkError):
        wire.end.receive(bytearray(frame), _nonce)


@pytest.mark.parametrize("byte", [0, 1, 4, 6, -1])
def test_forged_frame_is_refused_and_proves_nothing(wire: Wire, byte: int) -> None:
    frame = wire.host.sealed(link.fetch(0))
    frame[byte] ^= 0x80
    with pytest.raises(link.LinkError):
        wire.end.receive(frame, _nonce)
    assert not wire.end.is_proven


def test_replayed_frame_is_refused(wire: Wire) -> None:
    frame = wire.host.sealed(link.fetch(0))
    wire.end.receive(bytearray(frame), _nonce)
    with pytest.raises(link.LinkError):
        wire.end.receive(bytearray(frame), _nonce)


def test_frame_before_the_hello_is_refused(make_rig: Any, make_host: Any) -> None:
    wire = Wire(make_rig(), make_host(_KEY))
    wire.host.session.begin(b"12345678", b"12345678")
    with pytest.raises(link.LinkError):
        wire.say(link.fetch(0))
