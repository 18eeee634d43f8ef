"""Adverts: whose they are is known by the key alone; what was heard before counts for nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.link import hearing
from vigil_host.link.listener import LOST_AFTER_S, Listener
from vigil_host.link.marks import Marks
from vigil_host.link.scanning import DEAF_AFTER_S, RESTART_AFTER_S, keep_scanning
from vigil_host.link.search import AT_ONCE
from vigil_wire import keys
from vigil_wire.advert import AdvertKeys

KEYS = [bytes((number,)) * 16 for number in range(3)]


class Heard:
    """An intake that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []
        self.unconfirmed: list[str] = []
        self.deaf: list[bool] = []

    def hear(self, device_id: str, content: Any, source: str, rssi_dbm: int | None, room: Any) -> None:
        assert (source, rssi_dbm, room) == ("advert", -60, None)
        self.calls.append((device_id, content.pulse_rate_deci_bpm))

    def set_deaf(self, is_deaf: bool) -> None:
        self.deaf.append(is_deaf)

    def hear_unconfirmed(self, device_id: str, content: Any) -> None:
        self.unconfirmed.append(device_id)


def device_of(key: bytes) -> KnownDevice:
    return KnownDevice(keys.device_id(key), "Band", "Wearer", key)


@asynccontextmanager
async def listening(air: Any, clock: Clock, marks: Marks | None = None) -> AsyncIterator[tuple[Listener, Heard]]:
    heard = Heard()
    listener = Listener(heard, clock, air.scanner, marks)  # type: ignore[arg-type]
    listener.follow([device_of(key) for key in KEYS[:2]])
    task = asyncio.create_task(listener.run())
    await asyncio.sleep(0.01)
    yield listener, heard
    task.cancel()
    await asyncio.wait((task,))
    assert air.scanners == []


def test_only_known_devices_are_heard(air: Any, content_bytes: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        async with listening(air, Clock()) as (_, heard):
            for key, rate in zip(KEYS, (600, 700, 800), strict=True):
                air.advertise(key, content_bytes(pulse_rate=rate))
            air.repeat(b"of another maker")
            air.repeat(b"\x80" * 24)
        assert heard.calls == [(keys.device_id(KEYS[0]), 600), (keys.device_id(KEYS[1]), 700)]

    run(scenario())


def test_a_replayed_advert_is_dropped(air: Any, content_bytes: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        async with listening(air, Clock()) as (_, heard):
            old = air.advertise(KEYS[0], content_bytes(pulse_rate=600))
            air.repeat(old)
            air.advertise(KEYS[0], content_bytes(pulse_rate=610))
            air.repeat(old)
        assert [rate for _, rate in heard.calls] == [600, 610]

    run(scenario())


def test_a_device_may_change_its_address(air: Any, content_bytes: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        async with listening(air, Clock()) as (_, heard):
            for key in (KEYS[0], KEYS[1], KEYS[0]):
                for address in ("AA:AA:AA:AA:AA:AA", "BB:BB:BB:BB:BB:BB"):
                    air.advertise(key, content_bytes(), BLEDevice(address, None, None))
        assert len(heard.calls) == 6

    run(scenario())


def test_waiting_for_the_next_advert(air: Any, content_bytes: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        async with listening(air, Clock()) as (listener, _):
            old = air.advertise(KEYS[0], content_bytes())
            waiting = asyncio.create_task(listener.next_advert(keys.device_id(KEYS[0])))
            await asyncio.sleep(0)
            air.repeat(old)
            air.advertise(KEYS[1], content_bytes())
            await asyncio.sleep(0)
            assert not waiting.done()
            here = BLEDevice("CC:CC:CC:CC:CC:CC", None, None)
            air.advertise(KEYS[0], content_bytes(), here)
            assert await waiting is here

    run(scenario())


def test_following_other_devices_keeps_what_is_known(air: Any, content_bytes: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        async with listening(air, Clock()) as (listener, heard):
            old = air.advertise(KEYS[0], content_bytes())
            listener.follow([device_of(KEYS[0]), device_of(KEYS[2])])
            air.repeat(old)
            for key in KEYS:
                air.advertise(key, content_bytes())
        assert [device_id for device_id, _ in heard.calls] == [keys.device_id(KEYS[index]) for index in (0, 0, 2)]

    run(scenario())


def test_with_many_devices_only_so_many_keys_are_derived_at_a_turn(
    air: Any, content_bytes: Any, run: Callable[[Any], Any], monkeypatch: Any
) -> None:
    derived: list[bytes] = []

    def derive(key: bytes) -> AdvertKeys:
        derived.append(key)
        return AdvertKeys(key)

    async def scenario() -> None:
        devices = [device_of(number.to_bytes(16, "little")) for number in range(1_000)]
        async with listening(air, Clock()) as (listener, heard):
            monkeypatch.setattr(hearing, "AdvertKeys", derive)
            listener.follow(devices)
            air.advertise(devices[-1].key, content_bytes(pulse_rate=600))
            assert derived == []
            for _ in range(1_000 // AT_ONCE + 1):
                before = len(derived)
                await asyncio.sleep(0)
                assert len(derived) - before <= AT_ONCE
            await listener.searched()
        assert derived == [device.key for device in devices]
        assert heard.unconfirmed == [devices[-1].id]

    run(scenario())


def test_a_devices_first_advert_only_raises(air: Any, content_bytes: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        async with listening(air, Clock()) as (_, heard):
            air.advertise(KEYS[0], content_bytes(pulse_rate=600))  # its first: two
        assert heard.unconfirmed == [keys.device_id(KEYS[0])]
        assert heard.calls == [(keys.device_id(KEYS[0]), 600)]

    run(scenario())


def test_what_was_heard_before_a_restart_is_not_heard_again(
    air: Any, content_bytes: Any, run: Callable[[Any], Any], tmp_path: Path
) -> None:
    async def scenario() -> None:
        recorded = []
        for _ in range(3):
            async with listening(air, Clock(), Marks(tmp_path / "heard.json")) as (_, heard):
                for sealed in recorded:
                    air.repeat(sealed)
                assert heard.calls == heard.unconfirmed == []
                recorded += [air.advertise(KEYS[0], content_bytes()) for _ in range(40)]
            assert len(heard.calls) == 40

    run(scenario())


class LaterClock(Clock):
    """The machine's, `later_s` ahead."""

    later_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.later_s


def test_a_device_that_lost_its_counter_is_connected_with_and_then_heard(
    air: Any, content_bytes: Any, run: Callable[[Any], Any], caplog: Any
) -> None:
    async def scenario() -> None:
        clock = LaterClock()
        async with listening(air, clock) as (listener, heard):
            device_id = keys.device_id(KEYS[0])
            listener.confirm(device_id, 1 << 38)
            waiting = asyncio.create_task(listener.next_advert(device_id))
            await asyncio.sleep(0)
            air.advertise(KEYS[0], content_bytes())
            await asyncio.sleep(0)
            assert not waiting.done()
            clock.later_s += LOST_AFTER_S
            air.advertise(KEYS[0], content_bytes())
            await waiting
            assert heard.calls == heard.unconfirmed == []
            listener.confirm(device_id, 4)  # its record link says so
            air.advertise(KEYS[0], content_bytes(pulse_rate=610))
            assert heard.calls == [(device_id, 610)]

    run(scenario())
    assert "has lost its advert counter" in caplog.text


def test_a_scanner_that_falls_silent_is_replaced(air: Any, clock: Any, run: Callable[[Any], Any], until: Any) -> None:
    async def scenario() -> None:
        async with listening(air, clock):
            await until(lambda: air.started >= 3)
        assert clock.slept[: int(RESTART_AFTER_S)] == [1.0] * int(RESTART_AFTER_S)

    run(scenario())


def test_no_adapter_is_tried_again(air: Any, clock: Any, run: Callable[[Any], Any], until: Any, caplog: Any) -> None:
    async def scenario() -> None:
        air.broken = 3
        async with listening(air, clock):
            await until(lambda: bool(air.scanners))
            assert clock.slept[:3] == [0.5, 1, 2]

    run(scenario())
    assert "cannot scan: no adapter" in caplog.text


def test_a_radio_that_hears_nothing_is_told_of_once_until_it_hears(
    air: Any, content_bytes: Any, clock: Any, run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        started_s = clock.now_s
        async with listening(air, clock) as (_, heard):
            await until(lambda: bool(heard.deaf))
            assert clock.now_s - started_s >= DEAF_AFTER_S
            assert air.started >= 2
            await until(lambda: air.started >= 6)
            assert heard.deaf == [True]
            air.repeat(b"of another maker")
            assert heard.deaf == [True, False]

    run(scenario())


def test_a_radio_that_hears_strangers_is_not_deaf(
    air: Any, clock: Any, run: Callable[[Any], Any], until: Any, mocker: Any
) -> None:
    async def scenario() -> None:
        sleep = clock.sleep

        async def sleep_and_hear(seconds: float) -> None:
            air.repeat(b"of another maker")
            await sleep(seconds)

        mocker.patch.object(clock, "sleep", sleep_and_hear)
        async with listening(air, clock) as (_, heard):
            await until(lambda: clock.now_s > 1000 + 3 * DEAF_AFTER_S)
            assert (heard.deaf, air.started) == ([], 1)

    run(scenario())


def test_an_adapter_that_cannot_be_had_makes_deaf_too(
    air: Any, clock: Any, run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        air.broken = 10**6
        told: list[tuple[bool, float]] = []

        def tell_deaf(is_deaf: bool) -> None:
            told.append((is_deaf, clock.now_s))

        task = asyncio.create_task(keep_scanning(air.scanner, lambda *_: None, clock, tell_deaf=tell_deaf))
        await until(lambda: bool(told))
        air.broken = 0
        await until(lambda: bool(air.scanners))
        ((is_deaf, at_s),) = told
        assert is_deaf and at_s < 1000 + 10
        air.repeat(b"of another maker")
        assert told[-1][0] is False
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())


def test_a_scan_is_started_anew_as_often_as_is_asked_for(
    air: Any, clock: Any, run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        deaf: list[bool] = []
        task = asyncio.create_task(keep_scanning(air.scanner, lambda *_: None, clock, 10.0, deaf.append))
        await until(lambda: air.started >= 5)
        assert 10 * (air.started - 1) <= clock.now_s - 1000 <= 10 * air.started
        await until(lambda: bool(deaf))  # what is started anew hears nothing all the same
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())


def test_a_scanner_that_cannot_be_made_is_said_too(
    clock: Any, run: Callable[[Any], Any], until: Any, caplog: Any
) -> None:
    def none(_: Any) -> Any:
        raise BleakError("no passive scanning here")

    async def scenario() -> None:
        task = asyncio.create_task(keep_scanning(none, lambda *_: None, clock))
        await until(lambda: len(clock.slept) > 3)
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())
    assert "cannot scan: no passive scanning here" in caplog.text


def test_content_of_a_newer_format_is_said_and_skipped(
    air: Any, content_bytes: Any, run: Callable[[Any], Any], caplog: Any
) -> None:
    async def scenario() -> None:
        async with listening(air, Clock()) as (_, heard):
            newer = content_bytes()
            newer[0] = 0x21
            air.advertise(KEYS[0], newer)
            air.advertise(KEYS[0], content_bytes())
        assert len(heard.calls) == 1

    run(scenario())
    assert "advert format 2" in caplog.text


def test_a_device_with_a_next_key_is_heard_under_both_and_then_under_that_alone(
    air: Any, content_bytes: Any, run: Callable[[Any], Any]
) -> None:
    old, new = KEYS[0], KEYS[2]
    known = replace(device_of(old), next_key=new)

    async def scenario() -> None:
        heard = Heard()
        has_key: list[tuple[str, bytes]] = []
        listener = Listener(
            heard,  # type: ignore[arg-type]
            Clock(),
            air.scanner,
            has_key=lambda device_id, key: has_key.append((device_id, key)),
        )
        listener.follow([device_of(old)])
        task = asyncio.create_task(listener.run())
        await asyncio.sleep(0.01)
        air.advertise(old, content_bytes(pulse_rate=600))
        air.advertise(old, content_bytes(pulse_rate=610))
        waiting = asyncio.create_task(listener.next_advert(known.id))
        await asyncio.sleep(0)
        listener.follow([known])
        air.advertise(old, content_bytes(pulse_rate=620))
        await listener.searched()
        await waiting
        assert (listener.key_of(known.id), has_key) == (old, [])
        air._counters[new] = air._counters[old] - 1
        air.advertise(new, content_bytes(pulse_rate=630))  # its counter was used under the old key
        await listener.searched()
        assert listener.key_of(known.id) == old
        air.advertise(new, content_bytes(pulse_rate=640))
        await listener.searched()
        assert (listener.key_of(known.id), has_key) == (new, [(known.id, new)])
        listener.follow([replace(known, key=new, next_key=None)])
        air._counters[old] = air._counters[new]
        air.advertise(old, content_bytes(pulse_rate=650))
        await listener.searched()
        air.advertise(new, content_bytes(pulse_rate=660))
        assert [rate for _, rate in heard.calls] == [600, 610, 620, 640, 660]
        assert {device_id for device_id, _ in heard.calls} == {known.id}
        task.cancel()
        await asyncio.wait((task,))

    run(scenario())
