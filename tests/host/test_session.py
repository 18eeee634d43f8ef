"""The record session, against a device that speaks the protocol: nothing lost, nothing twice, nothing too early."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bleak.exc import BleakError

from vigil_host.link import session as session_module
from vigil_host.link.session import Session, TurnOver
from vigil_host.store import Gap, StoreError
from vigil_host.store.ledger import HAD_ONCE, OVERWRITTEN, REPLACED
from vigil_host.store.times import to_days
from vigil_wire import link
from vigil_wire.link import LinkError


def fill(home: Any, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        home.device.journal.vitals(number * 10_000)


def test_fetches_all_and_acknowledges(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 200)
        assert await home.run_session(lambda: home.device.acknowledged == 199) is None
        assert home.device.fetched == [0]
        assert home.device.told_time == [link.set_time(*to_days(home.clock.utc_ms()))]
        audit = home.store.audit()
        assert (audit.stored, audit.missing, audit.duplicates) == (200, 0, 0)
        assert home.intake.received == 200

    run(scenario())


def test_acknowledged_means_on_disk(home: Any, run: Callable[[Any], Any]) -> None:
    """At the moment an acknowledgement arrives, another connection to the file finds what it speaks of."""

    def check(sequence: int) -> None:
        stored = [row.sequence for row in home.store.rows_after(0, 1000)]
        assert stored == list(range(len(stored))) and len(stored) > sequence

    async def scenario() -> None:
        fill(home, 150)
        home.device.when_acked = check
        assert await home.run_session(lambda: home.device.acknowledged == 149) is None
        assert len(home.device.acks) >= 3

    run(scenario())


def test_respiration_of_the_newest_record_is_live(home: Any, run: Callable[[Any], Any], utc_ms: int) -> None:
    async def scenario() -> None:
        journal = home.device.journal
        journal.anchor(0, utc_ms - 100_000)
        for second in range(10, 101, 10):
            journal.vitals(second * 1000, respiration_deci_per_min=140 + second // 10)
        journal.alarm(1, 100_000)
        assert await home.run_session(lambda: home.device.acknowledged == 11) is None
        (view,) = home.live.snapshot()
        assert (view.respiration_per_min, view.respiration_status) == (15.0, "validated")

    run(scenario())


def test_nothing_is_acknowledged_that_cannot_be_stored(home: Any, run: Callable[[Any], Any], mocker: Any) -> None:
    async def scenario() -> None:
        fill(home, 5)
        mocker.patch.object(home.store, "commit", side_effect=StoreError("the disk is full"))
        ended = await home.run_session(lambda: False)
        assert isinstance(ended, StoreError)
        assert home.device.acks == []

    run(scenario())


def test_new_records_come_as_they_are_made(home: Any, run: Callable[[Any], Any], until: Any) -> None:
    async def scenario() -> None:
        fill(home, 3)
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: home.device.acknowledged == 2)
        fill(home, 2, first=3)
        home.device.clients[0].stream()
        await until(lambda: home.device.acknowledged == 4)
        assert home.stored() == 5
        task.cancel()
        await asyncio.wait((task,))
        assert not home.device.clients[0].is_up

    run(scenario())


def test_the_link_cut_at_any_frame(home: Any, run: Callable[[Any], Any]) -> None:
    """However often and wherever the link goes, what is stored in the end is the journal."""

    async def scenario() -> None:
        fill(home, 30)
        for cut_after in range(18):
            home.device.cut_after = cut_after
            ended = await home.run_session(lambda: home.device.acknowledged == 29)
            assert isinstance(ended, BleakError) or home.device.acknowledged == 29
            assert home.stored() > home.device.acknowledged
        home.device.cut_after = None
        await home.run_session(lambda: home.device.acknowledged == 29)
        audit = home.store.audit()
        assert (audit.stored, audit.missing, audit.duplicates) == (30, 0, 0)
        assert home.store.gaps(home.device_id) == []

    run(scenario())


def test_a_lost_acknowledgement_is_made_good(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 6)
        home.device.deaf_to_acks = True
        await home.run_session(lambda: bool(home.device.acks))
        assert (home.stored(), home.device.acknowledged) == (6, -1)
        home.device.deaf_to_acks = False
        await home.run_session(lambda: home.device.acknowledged == 5)
        assert home.device.fetched == [0, 6]
        assert home.stored() == 6

    run(scenario())


def test_delivered_twice_is_stored_once(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 20)
        home.device.repeat = True
        await home.run_session(lambda: home.device.acknowledged == 19)
        assert home.intake.received == 40
        audit = home.store.audit()
        assert (audit.stored, audit.missing, audit.duplicates) == (20, 0, 0)

    run(scenario())


@pytest.mark.parametrize("forged", [0, 1, 3])
def test_a_forged_frame_ends_the_session(home: Any, run: Callable[[Any], Any], forged: int) -> None:
    async def scenario() -> None:
        fill(home, 10)
        home.device.forge = forged
        ended = await home.run_session(lambda: False)
        assert isinstance(ended, LinkError) and "forged or damaged" in str(ended)
        assert home.stored() == max(forged - 1, 0) * 2  # what came before it is authentic, and kept

    run(scenario())


def test_a_flood_of_frames_is_not_kept_and_ends_the_session(home: Any, run: Callable[[Any], Any], mocker: Any) -> None:
    mocker.patch.object(session_module, "MOST_FRAMES", 100)

    async def scenario() -> None:
        fill(home, 10)
        session = home.session()
        running = asyncio.create_task(session.run(home.device.ble_device()))
        while not session.is_established:
            await asyncio.sleep(0)
        for _ in range(1000):
            home.device.clients[0].send(bytes((link.LIVE,)) + bytes((1 << 4,)) + bytes(14) + b"\x50")
        assert session._frames.qsize() <= 100
        while session._frames.qsize():
            await asyncio.sleep(0)
        home.device.clients[0].send(bytes((link.LIVE,)) + bytes((1 << 4,)) + bytes(14) + b"\x50")
        with pytest.raises(LinkError, match="another came"):
            await running

    run(scenario())


def test_a_device_without_the_key_is_not_heard(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 10)
        known = home.device.known()
        home.device.known = lambda: known
        home.device.key = bytes(16)
        ended = await home.run_session(lambda: False)
        assert isinstance(ended, LinkError)
        assert home.stored() == 0
        assert home.live.snapshot()[0].connected is False

    run(scenario())


def test_another_protocol_version(home: Any, run: Callable[[Any], Any], mocker: Any) -> None:
    async def scenario() -> None:
        mocker.patch.object(link, "hello", lambda nonce: bytes((link.HELLO, 9)) + nonce)
        ended = await home.run_session(lambda: False)
        assert isinstance(ended, LinkError) and "protocol version 9" in str(ended)

    run(scenario())


def test_what_the_device_no_longer_has_is_a_gap(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 4)
        await home.run_session(lambda: home.device.acknowledged == 3)
        fill(home, 16, first=4)
        home.device.oldest = 9
        await home.run_session(lambda: home.device.acknowledged == 19)
        assert home.store.gaps(home.device_id) == [Gap(4, 8, OVERWRITTEN)]
        assert (home.stored(), home.store.audit().missing) == (15, 5)
        await home.run_session(lambda: len(home.device.fetched) == 3)
        assert home.device.fetched == [0, 4, 20]

    run(scenario())


def test_what_is_overwritten_while_it_waits_is_a_gap(home: Any, run: Callable[[Any], Any], until: Any) -> None:
    async def scenario() -> None:
        fill(home, 3)
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: home.device.acknowledged == 2)
        home.device.clients[0].send(struct.pack("<BII", link.MISSING, 5, 900))
        await until(lambda: home.device.acknowledged == 900)
        assert home.store.gaps(home.device_id) == [
            Gap(3, 4, session_module.SKIPPED),
            Gap(5, 900, OVERWRITTEN),
        ]
        task.cancel()
        await asyncio.wait((task,))
        assert await home.intake.highest(home.device_id, home.device.journal.id) == 900

    run(scenario())


def test_a_device_that_has_been_in_use_before(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 12)
        home.device.oldest = 7
        await home.run_session(lambda: home.device.acknowledged == 11)
        assert home.device.fetched == [7]
        assert home.store.gaps(home.device_id) == [Gap(0, 6, session_module.BEFORE_FIRST_MEETING)]
        await home.run_session(lambda: len(home.device.fetched) == 2)
        assert home.device.fetched == [7, 12]

    run(scenario())


def test_what_is_left_out_without_a_word_is_a_gap(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 10)
        home.device.skip = {2, 3, 6}
        await home.run_session(lambda: home.device.acknowledged == 9)
        assert home.store.gaps(home.device_id) == [
            Gap(2, 3, session_module.SKIPPED),
            Gap(6, 6, session_module.SKIPPED),
        ]
        assert home.store.audit().missing == 3

    run(scenario())


def test_a_replaced_journal_begins_anew(home: Any, make_journal: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 8)
        await home.run_session(lambda: home.device.acknowledged == 7)
        home.device.journal = make_journal(77)
        home.device.acknowledged = -1
        fill(home, 5)
        await home.run_session(lambda: home.device.acknowledged == 4)
        assert home.device.fetched == [0, 0]
        audit = home.store.audit()
        assert (audit.stored, audit.missing, audit.duplicates) == (13, 0, 0)

    run(scenario())


def test_a_device_that_has_lost_its_newest_records(home: Any, run: Callable[[Any], Any]) -> None:
    """Numbers used again must not pass for what is stored already."""

    async def scenario() -> None:
        fill(home, 8)
        await home.run_session(lambda: home.device.acknowledged == 7)
        del home.device.journal.records[5:]
        home.device.acknowledged = 4
        await home.run_session(lambda: len(home.device.fetched) == 2)
        assert home.device.fetched == [0, 5]

    run(scenario())


def test_an_empty_journal(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        await home.run_session(lambda: bool(home.device.fetched))
        assert home.device.fetched == [0]
        assert home.store.gaps(home.device_id) == []

    run(scenario())


def test_live_frames_are_live_state_and_no_rows(
    home: Any, content_bytes: Callable[..., bytearray], run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: bool(home.device.fetched))
        home.device.clients[0].send(bytes((link.LIVE,)) + content_bytes(pulse_rate=815) + bytes((93,)))
        await until(lambda: home.live.snapshot()[0].pulse_rate_bpm == 81.5)
        assert home.live.snapshot()[0].link == "connected"
        assert home.live.snapshot()[0].quality == 93
        assert home.stored() == 0
        home.device.clients[0].drop()
        await asyncio.wait((task,))
        assert home.live.snapshot()[0].link == "adverts"

    run(scenario())


@pytest.mark.parametrize("flags", [link.CAN_PAIR, link.CAN_PAIR | link.FEELS_MOVEMENT])
def test_only_a_device_that_feels_movement_is_asked_for_it(
    home: Any, content_bytes: Callable[..., bytearray], run: Callable[[Any], Any], until: Any, flags: int
) -> None:
    async def scenario() -> None:
        home.device.flags = flags
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: bool(home.device.fetched))
        feels = flags & link.FEELS_MOVEMENT != 0
        assert home.device.asked_movement == feels
        home.device.clients[0].send(bytes((link.LIVE,)) + content_bytes() + bytes((93, *(7, 142, 0, 104) * feels)))
        await until(lambda: home.live.snapshot()[0].quality == 93)
        view = home.live.snapshot()[0]
        told = (view.position, view.movement, view.activity_milli_g, view.cadence_per_min)
        assert told == (("upright", "walking", 142, 104) if feels else (None, None, None, None))
        home.device.clients[0].drop()
        await asyncio.wait((task,))

    run(scenario())


@pytest.mark.parametrize(
    "message",
    [
        bytes((link.LIVE, 1, 2)),
        bytes((link.LIVE, *bytes(9), 16, *bytes(5))),  # one byte too few
        bytes((link.LIVE, 16, *bytes(14), 101)),  # a quality above 100
        bytes((link.LIVE, 16, *bytes(15), 8, 0, 0, 0)),  # a movement that there is not
        bytes((link.LIVE, 16, *bytes(15), 1, 0, 0)),  # one byte too few
        bytes((link.RECORDS, 3, 1, 2, 3)),
        bytes((link.RECORDS, 200, 1)),
        bytes((link.MISSING, 1)),
        bytes((0xEE,)),
        bytes((link.INFO, 1)),
    ],
)
def test_a_message_that_makes_no_sense_ends_the_session(
    home: Any, run: Callable[[Any], Any], until: Any, message: bytes
) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: bool(home.device.fetched))
        home.device.clients[0].send(message)
        await asyncio.wait((task,), timeout=2)
        assert isinstance(task.exception(), LinkError)
        assert home.stored() == 0

    run(scenario())


def test_records_before_the_info_end_the_session(home: Any, run: Callable[[Any], Any], mocker: Any) -> None:
    def pack_nonsense(buf: bytearray, start: int, *_: Any) -> int:
        buf[start] = link.RECORDS
        return 1

    async def scenario() -> None:
        mocker.patch.object(link, "pack_info", pack_nonsense)
        ended = await home.run_session(lambda: False)
        assert isinstance(ended, LinkError) and "before the device's info" in str(ended)

    run(scenario())


def test_a_link_that_falls_silent_is_given_up(home: Any, run: Callable[[Any], Any], mocker: Any) -> None:
    async def scenario() -> None:
        mocker.patch.object(session_module, "QUIET_TIMEOUT_S", 0.05)
        ended = await home.run_session(lambda: False)
        assert isinstance(ended, LinkError) and "nothing came" in str(ended)

    run(scenario())


def test_a_device_that_never_answers(home: Any, run: Callable[[Any], Any], mocker: Any) -> None:
    async def scenario() -> None:
        mocker.patch.object(session_module, "CONNECT_TIMEOUT_S", 0.05)
        home.device.client = lambda *_: _DeadClient()
        assert isinstance(await home.run_session(lambda: False), TimeoutError)

    run(scenario())


class _DeadClient:
    async def connect(self) -> None:
        await asyncio.sleep(3600)

    async def disconnect(self) -> None:
        raise BleakError("not connected")


def test_a_clock_that_is_not_set_is_not_passed_on(home: Any, run: Callable[[Any], Any], mocker: Any) -> None:
    async def scenario() -> None:
        mocker.patch.object(home.clock, "utc_ms", return_value=3_000)
        fill(home, 2)
        await home.run_session(lambda: home.device.acknowledged == 1)
        assert home.device.told_time == []

    run(scenario())


def test_the_time_is_told_again_every_hour(home: Any, run: Callable[[Any], Any], until: Any) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: len(home.device.told_time) == 1)
        home.clock.now_s += 3600
        fill(home, 1)
        home.device.clients[0].stream()
        await until(lambda: len(home.device.told_time) == 2)
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())


def test_a_device_is_asked_what_it_refused_and_forged_frames_are_warned_of(
    home: Any, run: Callable[[Any], Any], until: Any, caplog: Any
) -> None:
    """After its records have begun to come, and every five minutes; the newest answer is kept."""

    async def scenario() -> None:
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: bool(home.device.fetched))
        home.device.refused[link.FORGED] = 2
        home.clock.now_s += 1
        home.device.clients[0].stream_live()
        await until(lambda: " 2 more forged" in caplog.text)
        home.device.refused[link.FORGED] = 9
        home.clock.now_s += 299
        home.device.clients[0].stream_live()
        await until(lambda: home.live.silence_s(home.device_id) == 0)
        assert home.device.asked_counts == 1
        home.clock.now_s += 1
        home.device.clients[0].stream_live()
        await until(lambda: " 7 more forged" in caplog.text)
        (noted,) = home.store.devices()
        assert (noted.refused, noted.refused_utc_ms) == (tuple(home.device.refused), home.clock.utc_ms())
        home.device.refused[link.FORGED] = 3  # since it has restarted
        home.clock.now_s += 300
        home.device.clients[0].stream_live()
        await until(lambda: " 3 more forged" in caplog.text)
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())


def test_pairing_is_opened_once_when_it_was_asked_for(home: Any, run: Callable[[Any], Any], until: Any) -> None:
    async def scenario() -> None:
        opened: list[str] = []
        session = Session(
            home.device.known(), home.intake, home.clock, home.device.client, opened_pairing=opened.append
        )
        session.ask_pairing()
        task = asyncio.create_task(session.run(home.device.ble_device()))
        await until(lambda: opened == [home.device_id])
        home.device.clients[0].stream_live()
        await asyncio.sleep(0.05)
        assert home.device.pairings == 1
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())


def test_rows_and_alarms_are_announced(home: Any, utc_ms: int, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        heard: list[str] = []
        events = home.events.subscribe()

        async def listen() -> None:
            heard.extend([kind async for kind in events])

        listening = asyncio.create_task(listen())
        home.device.journal.anchor(0, utc_ms)
        home.device.journal.alarm(1, 5000)
        await home.run_session(lambda: home.device.acknowledged == 1)
        home.events.close()
        await listening
        assert {"row", "alarms", "live"} <= set(heard)
        assert [alarm.onset_utc_ms for alarm in home.alerts.active()] == [utc_ms]

    run(scenario())


def test_what_the_ring_still_has_is_fetched_again_below_the_acknowledged_mark(
    home: Any, run: Callable[[Any], Any]
) -> None:
    """As after yesterday's backup was restored: the device has been told that more was stored than is."""

    async def scenario() -> None:
        fill(home, 20)
        home.store.commit(home.device_id, home.device.journal.id, home.device.journal.records[:5])
        home.device.acknowledged = 15
        home.device.oldest = 9
        await home.run_session(lambda: home.device.acknowledged == 19)
        assert home.device.fetched == [5]
        assert home.store.gaps(home.device_id) == [Gap(5, 8, HAD_ONCE)]
        assert home.stored() == 16
        assert home.store.verify().findings == []

    run(scenario())


def test_what_was_acknowledged_and_what_never_was_are_gaps_apart(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 20)
        home.device.acknowledged = 3
        home.device.oldest = 9
        await home.run_session(lambda: home.device.acknowledged == 19)
        first, second = home.store.gaps(home.device_id)
        assert (first, second[:2]) == (Gap(0, 3, HAD_ONCE), (4, 8))
        assert second.reason == session_module.BEFORE_FIRST_MEETING

    run(scenario())


def test_a_replaced_memory_leaves_a_gap_with_its_reason(
    home: Any, make_journal: Any, run: Callable[[Any], Any]
) -> None:
    async def scenario() -> None:
        fill(home, 12)
        home.device.cut_after = 3  # the hello, the info, and two records
        await home.run_session(lambda: False)
        home.device.cut_after = None
        stored = home.stored()
        assert 0 < stored < 12
        old, home.device.journal = home.device.journal, make_journal(77)
        home.device.acknowledged = -1
        fill(home, 4)
        await home.run_session(lambda: home.device.acknowledged == 3)
        assert home.store.gaps(home.device_id) == [Gap(stored, 11, REPLACED)]
        # The old memory comes back, with what it has: it is fetched, and no gap any more.
        home.device.journal, home.device.acknowledged = old, stored - 1
        await home.run_session(lambda: home.device.acknowledged == 11)
        assert home.stored() == 16
        assert home.store.gaps(home.device_id) == [Gap(4, 3, REPLACED)]  # of the other: nobody knows whether any
        assert home.store.verify().findings == []

    run(scenario())


def test_a_turn_that_is_over_ends_with_all_stored_and_acknowledged(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 9)
        home.device.bye_s = 11
        ended = await home.run_session(lambda: False)
        assert isinstance(ended, TurnOver) and ended.wait_s == 11
        assert (home.stored(), home.device.acknowledged, home.device.stays) == (9, 8, 0)

    run(scenario())


def test_the_adverts_counter_is_told_and_only_who_is_alone_says_so(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        fill(home, 3)
        home.device.counter = (5 << 20) + 7
        told: list[int] = []
        session = asyncio.create_task(home.session(told.append, True).run(home.device.ble_device()))
        while home.device.acknowledged < 2:
            await asyncio.sleep(0.001)
        session.cancel()
        await asyncio.wait((session,))
        assert (told, home.device.stays) == ([(5 << 20) + 7], 1)

    run(scenario())


@pytest.mark.parametrize("has_it", [False, True])
def test_a_key_that_waits_is_given_to_a_device_that_has_the_old_one(
    home: Any, run: Callable[[Any], Any], mocker: Any, until: Any, has_it: bool
) -> None:
    """And one that turns out to have it already is not given it again."""
    mocker.patch.object(session_module, "ROTATE_AFTER_S", 0.05)
    new = bytes(reversed(range(16)))
    known = replace(home.device.known(), next_key=new)

    async def scenario() -> None:
        shown: list[tuple[str, bytes]] = []
        if has_it:
            home.device.key = new
        session = Session(
            known,
            home.intake,
            home.clock,
            home.device.client,
            key=home.device.key,
            has_key=lambda *each: shown.append(each),
        )
        task = asyncio.create_task(session.run(home.device.ble_device()))
        await until(lambda: session.is_established)
        assert shown == ([(known.id, new)] if has_it else [])
        await asyncio.sleep(0.06)
        home.device.clients[0].stream_live()
        await asyncio.sleep(0.05)
        home.device.clients[0].stream_live()
        await asyncio.sleep(0.05)
        assert home.device.keys == ([] if has_it else [new])
        assert shown == [(known.id, new)]
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())


def test_what_a_device_says_of_its_radio_is_noted(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        for flags in (link.CAN_PAIR, link.ADDRESS_CHANGES):
            home.device.flags = flags
            fetched = len(home.device.fetched)
            await home.run_session(lambda fetched=fetched: len(home.device.fetched) > fetched)
            assert [device.flags for device in home.store.devices()] == [flags]

    run(scenario())


def test_an_answer_that_nobody_asked_for_ends_the_session(home: Any, run: Callable[[Any], Any], until: Any) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(home.session().run(home.device.ble_device()))
        await until(lambda: bool(home.device.fetched))
        home.device.clients[0].send(bytes((link.ROTATED,)))
        with pytest.raises(LinkError, match="unknown message 0x94"):
            await task

    run(scenario())
