"""The radio side against a fake of MicroPython's `bluetooth`: who hears what, and when."""

import os
import re
from typing import Any

import pytest

from vigil_firmware import peripheral as peripheral_module
from vigil_firmware.device import Device
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.peripheral import Peripheral, RadioError
from vigil_firmware.storage import BLOCK_COUNT, RESERVED_SHIFT, Storage
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_host.link.hearing import Hearing
from vigil_wire import advert, conditions, keys, link
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OFF, SERVICES_OPEN, Settings

_VALIDATED = 1


def _random(count: int) -> bytes:
    return bytes(range(count))


class Air:
    """A peripheral on a monitor of simulated parts, and the fake radio under it."""

    def __init__(self, rig: Any, bluetooth: Any, services: int, table: int = 1000) -> None:
        self.rig = rig
        self.ble = bluetooth.ble
        self.ble.table = table
        self.storage = Storage(SimulatedFlash(BLOCK_COUNT), _random)
        self.storage.settings = Settings(standard_services=services)
        self.lines: list[str] = []
        self.peripheral = Peripheral(bluetooth, rig.monitor, self.storage, _random, self.lines.append, rig.now())
        self.hearing = Hearing(self.storage.device_key, -1)
        self.control, self.stream = 6, 9

    def run(self, seconds: float) -> None:
        """Step both for some seconds."""
        for _ in range(round(seconds * 10)):
            self.rig.elapsed_ms += 100
            self.rig.monitor.step(self.rig.now())
            self.peripheral.step(self.rig.now())

    def step(self) -> None:
        """Step the radio side alone."""
        self.peripheral.step(self.rig.now())

    def opened(self) -> list[advert.Content]:
        """What a listener with the key makes of all adverts; repeats are dropped."""
        found = [self.hearing.take(bytes(data[7:])) for data in self.ble.adverts]
        return [heard.content for heard in found if heard is not None]


@pytest.fixture
def air(make_rig: Any, bluetooth: Any, request: pytest.FixtureRequest) -> Air:
    """Return a peripheral whose standard services are as the test says (default: off)."""
    return Air(make_rig(), bluetooth, getattr(request, "param", SERVICES_OFF))


def greeted(air: Air, make_host: Any, connection: int = 1, mtu: int = 247) -> Any:
    """Connect a host that proves itself, and return it."""
    host = make_host(air.storage.device_key)
    air.ble.connect(connection)
    air.ble.exchange_mtu(connection, mtu)
    air.ble.write(connection, air.control, host.hello())
    air.step()
    _, _, frame = next(each for each in air.ble.notified if each[0] == connection)
    host.hear(frame)
    air.ble.notified.clear()
    return host


def hear(air: Air, host: Any, connection: int = 1) -> None:
    """Let the host hear what it was notified."""
    for handle, characteristic, frame in air.ble.notified:
        if handle == connection and characteristic == air.stream:
            host.hear(frame)
    air.ble.notified.clear()


@pytest.mark.parametrize("air", [SERVICES_OFF, SERVICES_BONDED, SERVICES_OPEN], indirect=True)
def test_our_service_is_the_first_and_its_handles_are_used(air: Air) -> None:
    uuid, ((control, write), (stream, notify)) = air.ble.services[0]
    assert (uuid, control, stream) == (link.SERVICE_UUID, link.CONTROL_UUID, link.STREAM_UUID)
    assert (write, notify) == (0x08, 0x10)
    assert len(air.ble.services) == (1 if air.storage.settings.standard_services == SERVICES_OFF else 6)


@pytest.mark.parametrize("table", [1, 2, 3, 5, 8])
def test_table_that_did_not_take_all_is_refused(make_rig: Any, bluetooth: Any, table: int) -> None:
    with pytest.raises(RadioError, match="set standard_services to 0"):
        Air(make_rig(), bluetooth, SERVICES_BONDED, table)


def test_advert_is_renewed_each_second_and_tells_the_vitals(make_rig: Any, bluetooth: Any, first_tick: int) -> None:
    air = Air(make_rig(first_tick=first_tick), bluetooth, SERVICES_OFF)
    air.step()
    assert len(air.ble.adverts) == 1
    air.run(20)
    assert len(air.ble.adverts) == 21
    contents = air.opened()
    assert len(contents) == 21
    assert contents[3].pulse_rate_deci_bpm is None
    newest = contents[-1]
    vitals = air.rig.monitor.vitals
    assert (newest.pulse_rate_deci_bpm, newest.spo2_deci_pct) == (vitals.pulse_rate.value, vitals.spo2.value)
    assert (newest.temperature_centi_c, newest.pulse_rate_status) == (vitals.temperature.value, _VALIDATED)
    assert newest.newest_sequence_low == air.rig.journal.newest
    assert newest.battery_pct is None
    assert 200_000 <= air.ble.interval_us <= 250_000


def test_advert_says_nothing_in_clear(air: Air) -> None:
    air.run(30)
    adverts = air.ble.adverts
    assert {len(data) for data in adverts} == {31}
    assert {data[:7] for data in adverts} == {b"\x02\x01\x06\x1b\xff\xff\xff"}
    assert len({data[7:12] for data in adverts}) == len(adverts)
    for position in range(7, 31):  # no byte stays, or counts, or grows
        values = [data[position] for data in adverts]
        assert len(set(values)) > 10
        assert values != sorted(values)


def test_name_is_neutral(air: Air) -> None:
    assert air.ble.configured["gap_name"] == "Vigil"
    assert air.ble.configured["mtu"] == 247


def test_alarm_change_is_advertised_at_once(air: Air) -> None:
    air.run(2)
    count = len(air.ble.adverts)
    air.step()
    assert len(air.ble.adverts) == count
    air.rig.monitor.alarms.bits = 1 << conditions.SPO2_LOW
    air.step()
    assert len(air.ble.adverts) == count + 1
    assert air.opened()[-1].alarm_bits == 1


def test_advertising_starts_again_after_connect_and_disconnect(air: Air) -> None:
    air.run(1)
    for happens in (air.ble.connect, air.ble.disconnect):
        count = len(air.ble.adverts)
        happens(1)
        air.step()
        assert len(air.ble.adverts) == count + 1
    assert air.ble.adverts[-1] == air.ble.adverts[-2]  # no counter is spent on it


def test_address_changes_every_quarter_of_an_hour_and_never_during_a_link(
    make_rig: Any, bluetooth: Any, first_tick: int
) -> None:
    air = Air(make_rig(first_tick=first_tick), bluetooth, SERVICES_OFF)
    air.peripheral.step(air.rig.now())
    drawn = len(air.ble.addresses)
    assert air.ble.addresses[-1] == 1  # at boot

    def wait(seconds: int) -> int:
        for _ in range(seconds):
            air.rig.elapsed_ms += 1000
            air.peripheral.step(air.rig.now())
        return len(air.ble.addresses) - drawn

    assert wait(899) == 0
    assert wait(2) == 1
    assert wait(900) == 2
    assert air.ble.is_advertising
    air.ble.connect(1)
    air.ble.encrypt(1, authenticated=True)  # trusted: it stays
    assert wait(2000) == 2
    air.ble.disconnect(1)
    assert wait(1) == 3
    assert wait(899) == 3
    assert air.ble.is_advertising
    assert set(air.ble.addresses[drawn:]) == {1}
    assert air.peripheral.flags == link.CAN_PAIR | link.ADDRESS_CHANGES


def test_address_stays_where_phones_look_for_it_and_where_the_stack_has_no_other(make_rig: Any, bluetooth: Any) -> None:
    for services, is_silent, flags in (
        (SERVICES_BONDED, False, link.CAN_PAIR),
        (SERVICES_OPEN, False, link.CAN_PAIR),
        (SERVICES_OFF, True, 0),
    ):
        bluetooth.ble.addresses.clear()
        bluetooth.ble.is_advertising = False
        bluetooth.ble.adverts.clear()
        bluetooth.ble.is_silent_in_link = is_silent
        air = Air(make_rig(), bluetooth, services)
        for _ in range(1000):
            air.rig.elapsed_ms += 1000
            air.peripheral.step(air.rig.now())
        assert (air.ble.addresses, air.peripheral.flags) == ([], flags)


def test_radio_that_cannot_advertise_now_is_asked_again(air: Air) -> None:
    air.run(1)
    air.ble.advert_error = OSError(12)
    count = len(air.ble.adverts)
    air.run(3)
    air.ble.advert_error = None
    air.step()
    assert len(air.ble.adverts) == count + 1
    assert air.rig.monitor.second == 4


def test_host_fetches_all_records_over_the_air(air: Air, make_host: Any) -> None:
    air.run(12)
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(link.fetch(0)))
    air.step()
    hear(air, host)
    assert host.sequences == list(range(air.rig.journal.newest + 1))
    air.run(6)
    hear(air, host)
    assert host.sequences == list(range(air.rig.journal.newest + 1))
    assert 6 <= len(host.live) <= 8


def test_full_radio_loses_nothing(air: Air, make_host: Any) -> None:
    for number in range(50):
        air.rig.monitor.anchor_time(1, number)
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(link.fetch(0)))
    for _ in range(40):
        air.ble.room = 1
        air.run(0.1)
    hear(air, host)
    assert host.sequences == list(range(air.rig.journal.newest + 1))


def test_two_hosts_are_served_each_for_itself(air: Air, make_host: Any) -> None:
    hosts = {connection: greeted(air, make_host, connection) for connection in (1, 2)}
    for connection, host in hosts.items():
        air.ble.write(connection, air.control, host.sealed(link.fetch(connection)))
    air.step()
    heard = list(air.ble.notified)
    for connection, host in hosts.items():
        air.ble.notified = list(heard)
        hear(air, host, connection)
        assert host.sequences == list(range(connection, air.rig.journal.newest + 1))
    air.ble.disconnect(1)
    assert air.peripheral.connection_count == 1


def test_link_that_went_away_does_no_harm(air: Air, make_host: Any) -> None:
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(link.fetch(0)))
    air.ble.connected.clear()  # notify: not connected; the event comes later
    air.run(2)
    air.ble.disconnect(1)
    air.run(1)
    assert air.peripheral.connection_count == 0


def test_stranger_is_dropped_after_five_seconds(make_rig: Any, bluetooth: Any, first_tick: int) -> None:
    air = Air(make_rig(first_tick=first_tick), bluetooth, SERVICES_BONDED)
    air.run(1)
    air.ble.connect(1)
    air.run(5)
    assert air.ble.dropped == []
    air.run(0.2)
    assert air.ble.dropped == [1]
    assert air.peripheral.connection_count == 0
    assert re.search("did not prove itself", air.lines[-1])
    air.ble.disconnect(1)
    air.run(1)
    assert air.ble.dropped == [1]


def test_stranger_who_says_hello_only_is_dropped(air: Air) -> None:
    air.ble.connect(1)
    air.ble.write(1, air.control, link.hello(bytes(8)))
    air.run(6)
    assert air.ble.dropped == [1]


@pytest.mark.parametrize("air", [SERVICES_OPEN], indirect=True)
def test_open_device_lets_strangers_stay(air: Air) -> None:
    air.ble.connect(1)
    air.run(20)
    assert air.ble.dropped == []


def test_proven_host_and_bonded_phone_stay(air: Air, make_host: Any) -> None:
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(bytes([link.ASK_INFO])))
    air.ble.connect(2)
    air.ble.encrypt(2, authenticated=True)
    air.run(20)
    assert air.ble.dropped == []


def test_forged_frame_drops_the_connection_and_no_other(air: Air, make_host: Any) -> None:
    good = greeted(air, make_host, 1)
    bad = greeted(air, make_host, 2)
    air.ble.write(1, air.control, good.sealed(link.fetch(0)))
    frame = bad.sealed(link.fetch(0))
    frame[-1] ^= 1
    air.ble.write(2, air.control, frame)
    air.run(1)
    assert air.ble.dropped == [2]
    assert "forged" in air.lines[-1]
    hear(air, good)
    assert good.sequences != []


def try_once(air: Air, frame: bytes = b"\x02" + bytes(40)) -> None:
    """A stranger connects, guesses and is dropped."""
    air.ble.connect(9)
    air.ble.write(9, air.control, frame)
    air.step()
    air.ble.disconnect(9)
    air.run(0.1)


@pytest.mark.parametrize("air", [SERVICES_OFF, SERVICES_BONDED, SERVICES_OPEN], indirect=True)
def test_strangers_who_keep_guessing_find_the_door_shut_and_alarms_are_heard(air: Air, make_host: Any) -> None:
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(bytes([link.ASK_INFO])))
    air.run(1)
    for _ in range(3):
        assert air.ble.is_connectable
        try_once(air)
    assert not air.ble.is_connectable
    assert air.lines[-1] == "link: strangers keep trying: nobody can connect for 5 s"
    air.ble.dropped.clear()
    air.ble.connect(9)  # to a connectable advert that was on its way
    air.ble.write(9, air.control, link.hello(bytes(8)))
    air.run(0.1)
    assert (air.ble.dropped, air.peripheral.refused[link.TURNED_AWAY]) == ([9], 1)
    assert [each for each in air.ble.notified if each[0] == 9] == []
    air.ble.disconnect(9)
    heard = len(air.ble.adverts)
    air.rig.monitor.alarms.bits = 1 << conditions.SPO2_LOW
    air.step()
    assert air.opened()[-1].alarm_bits == 1
    air.run(4)
    assert len(air.ble.adverts) >= heard + 4
    assert not air.ble.is_connectable
    air.run(1)
    assert air.ble.is_connectable
    assert air.peripheral.connection_count == 1  # who proved itself was never bothered
    hear(air, host)
    assert len(host.live) >= 5
    late = greeted(air, make_host, 2)
    air.ble.write(2, air.control, late.sealed(bytes([link.ASK_INFO])))
    air.step()
    hear(air, late, 2)
    assert late.info is not None


def test_who_knows_the_key_gets_in_within_a_minute_while_strangers_keep_trying(air: Air, make_host: Any) -> None:
    """Half a minute of a shut door, and the seconds that a stranger may hold his place."""
    waits = []
    for _ in range(8):
        for _ in range(600):  # a minute and more of strangers
            if air.ble.is_connectable:
                try_once(air)
            air.run(0.1)
        waited = 0
        while not air.ble.is_connectable:
            air.run(0.1)
            waited += 100
            if waited % 1000 == 0:
                try_once(air)
        waits.append(waited)
    assert max(waits) <= 30_000
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(bytes([link.ASK_INFO])))
    air.step()
    hear(air, host)
    assert host.info is not None


def test_strangers_who_come_and_go_without_a_word_are_counted_too(air: Air) -> None:
    for _ in range(3):
        air.ble.connect(1)
        air.run(0.2)
        air.ble.disconnect(1)
        air.run(0.1)
    assert not air.ble.is_connectable
    assert air.peripheral.refused[link.UNPROVEN] == 3


def test_all_connections_taken_leave_adverts_on_the_air(air: Air) -> None:
    for handle in range(4):
        air.ble.connect(handle)
    count = len(air.ble.adverts)
    air.run(4)
    assert len(air.ble.adverts) >= count + 4
    assert not air.ble.is_connectable


@pytest.fixture
def silent(make_rig: Any, bluetooth: Any) -> Air:
    """A peripheral on a stack that has one link, and no adverts during it."""
    bluetooth.ble.is_silent_in_link = True
    return Air(make_rig(), bluetooth, SERVICES_OFF)


def test_turns_where_nobody_hears_adverts_during_a_link(silent: Air, make_host: Any) -> None:
    host = greeted(silent, make_host)
    silent.ble.write(1, silent.control, host.sealed(link.fetch(0)))
    silent.run(7.5)
    assert silent.ble.dropped == []
    silent.run(0.7)
    hear(silent, host)
    assert (host.bye_s, silent.ble.dropped) == (11, [])
    lives = len(host.live)
    silent.run(1)
    hear(silent, host)
    assert (len(host.live), silent.ble.dropped) == (lives, [1])
    assert "dropped" not in "".join(silent.lines)
    silent.ble.disconnect(1)
    silent.run(9.9)
    assert silent.ble.is_advertising
    assert not silent.ble.is_connectable
    silent.run(0.3)
    assert silent.ble.is_connectable
    assert silent.peripheral.refused == [0] * len(link.REFUSALS)


def test_a_host_that_says_that_nobody_else_listens_stays_and_may_return_at_once(silent: Air, make_host: Any) -> None:
    host = greeted(silent, make_host)
    silent.ble.write(1, silent.control, host.sealed(bytes([link.STAY])))
    silent.run(60)
    assert silent.ble.dropped == []
    hear(silent, host)
    assert host.bye_s is None
    silent.ble.disconnect(1)
    silent.run(0.1)
    assert silent.ble.is_connectable


def test_a_phone_at_open_services_has_its_turn_too(make_rig: Any, bluetooth: Any) -> None:
    bluetooth.ble.is_silent_in_link = True
    air = Air(make_rig(), bluetooth, SERVICES_OPEN)
    air.ble.connect(1)
    air.run(9.2)
    assert air.ble.dropped == [1]


def test_a_link_that_outlasts_its_end_makes_the_radio_start_anew(silent: Air) -> None:
    silent.ble.connect(1)
    silent.run(5.2)
    assert silent.ble.dropped == [1]
    silent.ble.adverts.clear()
    silent.run(3.2)
    assert silent.lines[-1] == "link: a dropped connection did not end: the radio starts anew"
    assert silent.ble.calls[-2:] == ["inactive", "active"]
    silent.run(1)
    assert silent.ble.is_advertising


def test_what_is_refused_is_counted_by_its_kind(air: Air, make_host: Any) -> None:
    def refuse(frame: bytes, *before: bytes) -> None:
        host = greeted(air, make_host)
        for message in before:
            air.ble.write(1, air.control, host.sealed(message))
        air.ble.write(1, air.control, frame or host.sealed(b"\x77"))
        air.step()
        assert air.ble.dropped[-1] == 1
        air.ble.disconnect(1)
        air.run(0.1)
        while not air.ble.is_connectable:
            air.run(1)

    frames = make_host(air.storage.device_key)
    frames.session.begin(b"another!", b"session!")
    refuse(frames.sealed(link.fetch(0)))  # forged: of another session
    refuse(frames.sealed(link.fetch(0)))  # its second frame: out of order
    refuse(link.hello(bytes(8)))  # a second hello
    refuse(b"\x02\x00\x00\x00short")
    refuse(bytes(link.MAX_FRAME + 1))
    refuse(link.fetch(0) + bytes(3))
    air.ble.connect(1)
    air.ble.write(1, air.control, b"\x01\x02" + bytes(8))
    air.run(0.1)
    air.ble.disconnect(1)
    refuse(b"", link.fetch(0))  # sealed, and unknown
    assert air.peripheral.refused[:5] == [1, 2, 3, 1, 1]
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(bytes([link.ASK_COUNTS])))
    air.step()
    hear(air, host)
    assert host.counts == tuple(air.peripheral.refused)


def test_a_session_that_has_used_up_its_frames_is_dropped(air: Air, make_host: Any) -> None:
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(bytes([link.ASK_INFO])))
    air.step()
    (connection,) = air.peripheral._connections
    connection.end._session._sent = 1 << 24  # half a year on
    air.run(1.1)
    assert air.ble.dropped == [1]
    assert "used up" in air.lines[-1]


def test_a_new_key_is_in_force_at_once_for_all_but_the_session_that_gave_it(air: Air, make_host: Any) -> None:
    air.run(2)
    old, new = air.storage.device_key, b"\x55" * 16
    asking, other = greeted(air, make_host, 1), greeted(air, make_host, 2)
    air.ble.write(2, air.control, other.sealed(bytes([link.ASK_INFO])))
    air.run(0.1)
    air.ble.notified.clear()
    heard, newest = len(air.ble.adverts), air.peripheral.advert_counter
    air.ble.write(1, air.control, asking.sealed(link.rotate(new)))
    air.step()
    hear(air, asking)
    assert asking.rotated == 1
    hearing = Hearing(new, mark=(newest[0] << 20 | newest[1]) - 1)  # the counter goes on
    assert hearing.take(bytes(air.ble.adverts[-1][7:])) is not None
    air.run(3)
    assert air.ble.dropped == [2]
    assert not any(Hearing(old).is_ours(bytes(data[7:])) for data in air.ble.adverts[heard:])
    hear(air, asking)
    assert len(asking.live) >= 3
    again = make_host(new)
    air.ble.connect(3)
    air.ble.exchange_mtu(3, 247)
    air.ble.write(3, air.control, again.hello())
    air.step()
    hear(air, again, 3)
    air.ble.write(3, air.control, again.sealed(bytes([link.ASK_INFO])))
    air.step()
    hear(air, again, 3)
    assert again.info is not None
    assert (new.hex() in "".join(air.lines), keys.device_id(new) in air.lines[0]) == (False, True)
    writes = air.storage._key_copies._generation
    air.ble.write(3, air.control, again.sealed(link.rotate(new)))  # again, as when the answer was lost
    air.step()
    hear(air, again, 3)
    assert (again.rotated, air.storage._key_copies._generation) == (1, writes)


def test_flood_of_frames_ends_that_connection_only(air: Air, make_host: Any) -> None:
    host = greeted(air, make_host)
    air.ble.write(1, air.control, host.sealed(link.fetch(0)))
    air.ble.connect(2)
    for _ in range(1000):
        air.ble.write(2, air.control, b"\xff" * 200)
    air.run(1)
    assert air.ble.dropped == [2]
    hear(air, host)
    assert host.sequences == [0, 1]


def test_end_of_a_link_while_it_is_being_dropped(air: Air, mocker: Any) -> None:
    air.ble.connect(1)
    air.ble.write(1, air.control, b"\xff")
    said = mocker.patch.object(air.peripheral, "_log", side_effect=lambda line: air.ble.disconnect(1))
    air.run(0.1)
    said.assert_called_once()
    assert air.peripheral.connection_count == 0


@pytest.mark.parametrize("air", [SERVICES_BONDED], indirect=True)
def test_a_bond_is_on_flash_once_it_is_authenticated_and_there_after_a_boot(air: Air, bluetooth: Any) -> None:
    air.peripheral.open_pairing()
    air.ble.connect(1)
    event = air.ble._handler
    event(31, (1, 3, 0))
    assert len(air.ble.passkeys) == 1
    assert event(30, (2, memoryview(b"peer"), memoryview(b"secret"))) is True
    air.run(0.2)
    assert air.storage.bonds == b""
    air.ble.encrypt(1, authenticated=True)
    event(30, (1, memoryview(b"peer"), memoryview(b"their secret")))  # before or after: stacks differ
    air.run(0.2)
    again = Storage(air.storage._counter_copies._blocks, _random)
    again.settings = air.storage.settings
    air.ble.is_advertising = False
    Peripheral(bluetooth, air.rig.monitor, again, _random, air.lines.append, air.rig.now())
    assert bluetooth.ble._handler(29, (2, 0, memoryview(b"peer"))) == b"secret"
    assert bluetooth.ble._handler(29, (1, 0, None)) == b"their secret"
    assert bluetooth.ble._handler(29, (1, 1, None)) is None


@pytest.mark.parametrize("air", [SERVICES_BONDED], indirect=True)
def test_pairing_is_open_for_two_minutes(make_rig: Any, air: Air) -> None:
    air.peripheral.open_pairing()
    for seconds, shown in ((110, 1), (11, 1)):
        air.run(seconds)
        air.ble.connect(1)
        air.ble._handler(31, (1, 3, 0))
        assert len(air.ble.passkeys) == shown
        air.ble.encrypt(1, authenticated=True) if seconds == 110 else air.run(0.1)
        air.ble.disconnect(1)
    assert air.ble.dropped == [1]
    assert "pairing is not open" in air.lines[-1]


@pytest.mark.parametrize("air", [SERVICES_BONDED], indirect=True)
def test_passkey_is_there_for_a_display_only_while_something_pairs(air: Air) -> None:
    air.peripheral.open_pairing()
    for end in (lambda: air.ble.encrypt(1, authenticated=True), lambda: air.ble.disconnect(1)):
        air.ble.connect(1)
        assert air.peripheral.passkey == -1
        air.ble._handler(31, (1, 3, 0))
        assert air.peripheral.passkey == air.ble.passkeys[-1] >= 0
        end()
        assert air.peripheral.passkey == -1
        air.ble.disconnect(1)


@pytest.mark.parametrize("air", [SERVICES_OFF, SERVICES_OPEN], indirect=True)
def test_pairing_cannot_be_opened_where_there_is_nothing_to_pair_for(air: Air) -> None:
    air.peripheral.open_pairing()
    air.ble.connect(1)
    air.ble._handler(31, (1, 3, 0))
    assert air.ble.passkeys == []


def standard_notifications(air: Air) -> set[int]:
    """Connections that heard or were indicated anything of the standard services."""
    heard = {connection for connection, handle, _ in air.ble.notified if handle != air.stream}
    return heard | {connection for connection, _, _ in air.ble.indicated}


@pytest.mark.parametrize(
    ("air", "hears"), [(SERVICES_OFF, set()), (SERVICES_BONDED, {3}), (SERVICES_OPEN, {1, 2, 3, 4})], indirect=["air"]
)
def test_standard_services_tell_only_those_that_may_hear(air: Air, make_host: Any, hears: set[int]) -> None:
    host = greeted(air, make_host, 4)  # knows the device key, but its link is not encrypted by the stack
    air.ble.write(4, air.control, host.sealed(bytes([link.ASK_INFO])))
    for connection in (1, 2, 3):
        air.ble.connect(connection)
    air.ble.encrypt(2, authenticated=False)  # just works: anybody can
    air.ble.encrypt(3, authenticated=True)
    air.run(4.9)
    air.ble.indicated.clear()
    air.run(1)
    assert standard_notifications(air) == hears


@pytest.mark.parametrize("air", [SERVICES_BONDED], indirect=True)
def test_trust_ends_with_the_connection(air: Air) -> None:
    air.ble.connect(1)
    air.ble.encrypt(1, authenticated=True)
    air.run(2)
    assert standard_notifications(air) == {1}
    air.ble.disconnect(1)
    air.ble.connect(1)
    air.ble.notified.clear()
    air.ble.indicated.clear()
    air.run(3)
    assert standard_notifications(air) == set()


@pytest.mark.parametrize("air", [SERVICES_BONDED, SERVICES_OPEN], indirect=True)
def test_standard_values_are_for_authenticated_readers_unless_open(air: Air) -> None:
    flags = [flag for _, characteristics in air.ble.services[1:] for _, flag in characteristics if flag & 0x02]
    assert flags
    is_open = air.storage.settings.standard_services == SERVICES_OPEN
    assert all(bool(flag & 0x0400) != is_open for flag in flags)


@pytest.mark.parametrize("low", [(1 << RESERVED_SHIFT) - 3, (1 << 20) - 3])
def test_advert_counter_goes_on_into_a_block_that_was_reserved_first(air: Air, low: int) -> None:
    air.peripheral._low = low
    air.peripheral._high = 0
    air.storage._reserved = low >> RESERVED_SHIFT
    air.run(6)
    counters = [advert.AdvertKeys(air.storage.device_key).counter_of(data[7:12]) for data in air.ble.adverts]
    numbers = [high << 20 | low for high, low in counters]
    assert numbers == list(range(low, low + len(numbers)))
    again = Storage(air.storage._counter_copies._blocks, _random)
    assert (again.advert_high << 20 | again.advert_low) > numbers[-1]


def test_lost_reservation_uses_no_counter(air: Air, mocker: Any) -> None:
    mocker.patch.object(air.storage, "reserve_adverts", side_effect=OSError(5))
    air.peripheral._low = (1 << RESERVED_SHIFT) - 1
    with pytest.raises(OSError):
        air.run(1)


def test_device_starts_and_runs(make_rig: Any, bluetooth: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    lines: list[str] = []
    flash = SimulatedFlash(BLOCK_COUNT)
    device = Device(
        rig.bus, None, None, flash, (lambda: MemoryStore(3),), bluetooth, _random, lines.append, 1, rig.now()
    )
    for _ in range(150):
        rig.elapsed_ms += 100
        device.step(rig.now())
    assert device.monitor.vitals.pulse_rate.has_value
    assert len(bluetooth.ble.adverts) == 15 or len(bluetooth.ble.adverts) == 16
    assert len(lines) == 2
    assert keys.setup_code(device.storage.device_key) in lines[0]
    rig.bus.nak(0x57)
    for _ in range(100):
        rig.elapsed_ms += 100
        device.step(rig.now())
    rig.bus.release(0x57)
    for _ in range(30):
        rig.elapsed_ms += 100
        device.step(rig.now())
    assert [line.split(":")[0] for line in lines] == ["vigil", "vigil", "fault", "fault"]
    assert lines[-1] == "fault: cleared"


def test_boot_and_adverts_repeat_nothing_after_the_counters_are_lost(make_rig: Any, bluetooth: Any) -> None:
    flash, journal, lines = SimulatedFlash(BLOCK_COUNT), SimulatedFlash(16, 4096), []
    boots = []
    for _ in range(4):
        bluetooth.ble = type(bluetooth.ble)()
        rig = make_rig()
        device = Device(
            rig.bus, None, None, flash, (lambda: NorStore(journal),), bluetooth, os.urandom, lines.append, 1, rig.now()
        )
        device.monitor.journal.flush()
        boots.append(device.monitor.boot)
        if len(boots) == 3:
            flash.memory[2 * 4096 : 4 * 4096] = b"\xff" * 8192
    assert boots == [1, 2, 3, 4]
    assert [line for line in lines if line.startswith("storage")] == [
        "storage: the advert counter is lost: it goes on from a random number, and boots from the journal's newest",
        "storage: boots go on from 3, the journal's newest",
    ]


def test_medical_words_stay_out_of_what_the_air_may_know() -> None:
    assert not re.search("pulse|vital|spo2|oxi|health|medic", peripheral_module.DEVICE_NAME, re.IGNORECASE)
