"""One record session: connect, agree on a key, fetch what is missing, put it on disk, and only then acknowledge it."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from typing import NoReturn

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.link.adapter import Client, ClientFactory, InRoom, room_of
from vigil_host.link.intake import Intake
from vigil_host.store import Gap, StoreError
from vigil_host.store.ledger import HAD_ONCE, OVERWRITTEN
from vigil_host.store.times import to_days
from vigil_wire import link, records, settings
from vigil_wire.advert import Content
from vigil_wire.link import LinkError, Movement

CONNECT_TIMEOUT_S = 30.0
DISCONNECT_TIMEOUT_S = 5.0
QUIET_TIMEOUT_S = 15.0
BATCH_S = 0.1
BATCH_RECORDS = link.WINDOW // 2
TIME_PERIOD_S = 3600.0
COUNTS_AFTER_S = 1.0
COUNTS_PERIOD_S = 300.0
"""A device is asked what it has refused when its records have begun to come, and then every so often."""
MOST_FRAMES = 1024
"""Frames that may wait to be read. A device has at most a window of records under way; a flood is dropped, and the
number of the next frame then ends the session."""
PROBE_PERIOD_S = 3.0
LATE_S = 3.0
"""Through a room bridge, the device is asked for its info every PROBE_PERIOD_S, and the answer must come within LATE_S.
It is sealed behind everything before it: what is taken as live is no older than both, whatever lies in between."""
ROTATE_AFTER_S = 1.0
"""A new key is given so long after the session was agreed on: a device that cannot keep it ends the session, and its
records have come that far all the same."""
EARLIEST_UTC_MS = 1_767_225_600_000
"""2026-01-01: a machine whose clock is earlier has not been told the time yet, and passes none on."""

BEFORE_FIRST_MEETING = "gone from the device before this bridge first met it"
SKIPPED = "left out by the device without a reason"

_log = logging.getLogger(__name__)


class TurnOver(Exception):
    """The device has ended the session, so that others hear its adverts: it is to be had again after `wait_s`."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"its turn is over for {wait_s} s")
        self.wait_s = wait_s


class Session:
    """One connection to one device, from `run` to its end.

    `told_counter` is told the counter of the device's next advert. `is_alone`: nobody else listens to the device's
    adverts, which therefore may stay silent for as long as the session lasts.
    `key`: the one of its possible keys that the device seems to have. `has_key` is told its id and next key once it has
    shown that it has that. `opened_pairing` is told its id when it was told to open pairing, after `ask_pairing`.
    """

    def __init__(
        self,
        device: KnownDevice,
        intake: Intake,
        clock: Clock,
        client_factory: ClientFactory,
        told_counter: Callable[[int], None] = lambda counter: None,
        is_alone: bool = False,
        key: bytes | None = None,
        has_key: Callable[[str, bytes], None] = lambda _device_id, _key: None,
        opened_pairing: Callable[[str], None] = lambda _device_id: None,
    ) -> None:
        self._device = device
        self._intake = intake
        self._clock = clock
        self._client_factory = client_factory
        self._told_counter = told_counter
        self._is_alone = is_alone
        self._key = device.key if key is None else key
        self._has_key = has_key
        self._opened_pairing = opened_pairing
        self._is_pairing_asked = False
        self._rotate_due_s: float | None = None
        self._seal = link.Session(self._key, is_device=False)
        # Frames with the time they came, messages to be sent, and None for the end of the link.
        self._frames: asyncio.Queue[tuple[bytearray, float] | bytes | None] = asyncio.Queue()
        self._came_s = 0.0  # when the frame came that is being read
        self._journal_id = 0
        self._expected = 0
        self._had_to = -1  # up to here some bridge has had, and acknowledged, this device's records
        self._records: list[bytes] = []
        self._gaps: list[Gap] = []
        self._due_s = 0.0
        self._time_due_s = 0.0
        self._counts_due_s = 0.0
        self._room: InRoom | None = None
        self._probe_due_s = 0.0
        self._probed_s: float | None = None  # when the info was asked for that has not come yet
        self.is_established = False
        self._has_ended = False

    async def run(self, ble_device: BLEDevice) -> NoReturn:
        """Connect and receive until the connection ends, which is always an exception.

        BleakError, OSError, TimeoutError: the connection failed or was lost. TurnOver: the device ended it, to come
        back. LinkError: the device cannot be trusted or understood. StoreError: nothing can be stored, so nothing more
        is fetched.
        """
        self._room = room_of(ble_device)
        client = self._client_factory(ble_device, lambda _client: self._frames.put_nowait(None))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.connect()
                await client.start_notify(link.STREAM_UUID, self._arrived)
                await self._greet(client)
            await self._receive(client)
        finally:
            await self._end(client)

    def post(self, message: bytes) -> bool:
        """Send a message, in its turn; False where there is no session. It is lost where that ends before."""
        if not self.is_established or self._has_ended:
            return False
        self._frames.put_nowait(message)
        return True

    def ask_pairing(self) -> None:
        """Have the device open pairing, within a second while the session is established."""
        self._is_pairing_asked = True

    def _arrived(self, _characteristic: object, frame: bytearray) -> None:
        if self._frames.qsize() < MOST_FRAMES:
            self._frames.put_nowait((bytearray(frame), asyncio.get_running_loop().time()))

    async def _greet(self, client: Client) -> None:
        """Exchange nonces and ask for the device's info."""
        nonce = os.urandom(link.NONCE_LENGTH)
        await client.write_gatt_char(link.CONTROL_UUID, link.hello(nonce), response=True)
        self._seal.begin(nonce, link.nonce_of_hello(await self._next_frame()))
        await self._send(client, bytes((link.ASK_INFO,)))

    async def _receive(self, client: Client) -> NoReturn:
        loop = asyncio.get_running_loop()
        quiet_s = loop.time() + QUIET_TIMEOUT_S
        while True:
            wake_s = self._due_s if self._is_pending() else quiet_s
            if self.is_established and self._room:
                wake_s = min(wake_s, self._probe_due_s)
            try:
                async with asyncio.timeout_at(wake_s):
                    frame = await self._next_frame()
            except TimeoutError:
                if not self._is_pending() and loop.time() >= quiet_s:
                    raise LinkError(f"nothing came for {QUIET_TIMEOUT_S:.0f} s") from None
            else:
                if isinstance(frame, bytes):  # posted here
                    await self._send(client, frame)
                    continue
                quiet_s = loop.time() + QUIET_TIMEOUT_S
                was_pending = self._is_pending()
                await self._take(client, frame)
                if not was_pending:
                    self._due_s = loop.time() + BATCH_S
            if self._is_pending() and (loop.time() >= self._due_s or len(self._records) >= BATCH_RECORDS):
                await self._commit_and_acknowledge(client)
            if self.is_established and self._clock.monotonic() >= self._time_due_s:
                await self._send_time(client)
            if self.is_established and self._clock.monotonic() >= self._counts_due_s:
                self._counts_due_s = self._clock.monotonic() + COUNTS_PERIOD_S
                await self._send(client, bytes((link.ASK_COUNTS,)))
            if self.is_established and self._is_pairing_asked:
                self._is_pairing_asked = False
                await self._send(client, bytes((link.PAIR,)))
                self._opened_pairing(self._device.id)
            if self._rotate_due_s is not None and loop.time() >= self._rotate_due_s:
                await self._rotate(client)
            if self.is_established and self._room and loop.time() >= self._probe_due_s:
                self._probe_due_s = loop.time() + PROBE_PERIOD_S
                await self._probe(client)

    async def _take(self, client: Client, frame: bytearray) -> None:
        if self._probed_s is not None and self._came_s - self._probed_s > LATE_S:
            raise LinkError("what comes through the room bridge comes too late")
        length = self._seal.open(frame, len(frame))
        message = bytes(frame[4 : 4 + length])
        kind = message[0]
        if kind == link.LIVE:
            content, quality, movement = _live_of(message)
            self._intake.hear(self._device.id, content, "link", quality=quality, room=self._room, movement=movement)
        elif kind == link.ALARMS:
            self._intake.hear_alarm_state(self._device.id, link.AlarmState(message))
        elif kind == link.INFO:
            info = link.Info(message)
            self._probed_s = None
            if not self.is_established:
                await self._start(client, info)
            elif info.journal_id != self._journal_id:
                raise LinkError("the device's journal was replaced")
        elif not self.is_established:
            raise LinkError(f"message {kind:#x} came before the device's info")
        elif kind == link.RECORDS:
            for data in link.records_in(message):
                self._take_record(data)
        elif kind == link.MISSING:
            first, last = link.missing_range(message)
            self._skip_to(first)
            self._gone(first, last, OVERWRITTEN)
            self._expected = max(self._expected, last + 1)
        elif kind == link.BYE:
            if self._is_pending():
                await self._commit_and_acknowledge(client)
            if len(message) != link.BYE_LENGTH:
                raise LinkError(f"a bye has {link.BYE_LENGTH} bytes, this one has {len(message)}")
            raise TurnOver(message[1])
        elif kind == link.COUNTS:
            await self._intake.note_refused(self._device.id, link.counts_in(message))
        elif kind == link.ROTATED and self._device.next_key is not None:
            self._has_key(self._device.id, self._device.next_key)
        else:
            raise LinkError(f"unknown message {kind:#x}")

    async def _start(self, client: Client, info: link.Info) -> None:
        """Tell the time, and the curve it is to have, then fetch from the first record that is not stored."""
        self._told_counter(info.advert_counter)
        self._look_at_key()
        self._journal_id = info.journal_id
        self._had_to = -1 if info.acknowledged is None else info.acknowledged
        await self._intake.meet(self._device.id, info.journal_id, info.newest, info.flags)
        highest = await self._intake.highest(self._device.id, info.journal_id)
        wanted = 0 if highest is None else highest + 1
        if wanted <= self._had_to:
            _log.warning(
                "%s: its records up to %d were acknowledged before, and this record has them up to %d only: "
                "a backup was restored, or another bridge keeps a record of its own",
                self._device.name,
                self._had_to,
                wanted - 1,
            )
        if highest is None and info.oldest:
            self._gone(0, info.oldest - 1, BEFORE_FIRST_MEETING)
            wanted = info.oldest
        end = 0 if info.newest is None else info.newest + 1
        if wanted > end:
            # Its newest records are lost: numbers are used again, and the store must see with what.
            _log.error("%s: the device has records up to %d, %d are stored", self._device.name, end - 1, wanted - 1)
            wanted = end
        self._expected = wanted
        self.is_established = True
        self._counts_due_s = self._clock.monotonic() + COUNTS_AFTER_S
        self._intake.set_connected(self._device.id, True)
        await self._send_time(client)
        if self._is_alone:
            await self._send(client, bytes((link.STAY,)))
        if info.flags & link.FEELS_MOVEMENT:
            await self._send(client, bytes((link.ASK_MOVEMENT,)))
        if self._device.spo2_curve is not None:
            await self._send(client, link.set_curve(settings.pack_curve(self._device.spo2_curve)))
        if self._device.settings is not None:
            await self._send(client, link.set_settings(self._device.settings, self._device.settings_by.encode()))
        await self._send(client, link.fetch(wanted))
        if highest is not None and (info.acknowledged is None or info.acknowledged < wanted - 1):
            await self._send(client, link.acknowledge(wanted - 1))

    def _look_at_key(self) -> None:
        """The device has proved which key it has; where it is not its next one, it is to be given that."""
        next_key = self._device.next_key
        if next_key == self._key:
            self._has_key(self._device.id, self._key)
        elif next_key is not None:
            self._rotate_due_s = asyncio.get_running_loop().time() + ROTATE_AFTER_S

    async def _rotate(self, client: Client) -> None:
        self._rotate_due_s = None
        assert self._device.next_key is not None
        await self._send(client, link.rotate(self._device.next_key))

    def _take_record(self, data: bytes) -> None:
        if len(data) < records.HEADER_LENGTH:
            raise LinkError(f"a record of {len(data)} bytes came")
        sequence = int.from_bytes(data[:4], "little")
        self._skip_to(sequence)
        self._records.append(data)
        self._expected = max(self._expected, sequence + 1)

    def _gone(self, first: int, last: int, reason: str) -> None:
        """Note what the device no longer has: what was acknowledged was once here, and the rest was not."""
        had_to = min(last, self._had_to)
        if first <= had_to:
            self._gaps.append(Gap(first, had_to, HAD_ONCE))
        if had_to < last:
            self._gaps.append(Gap(max(first, had_to + 1), last, reason))

    def _skip_to(self, sequence: int) -> None:
        """Note what the device has left out before `sequence`: frames cannot be lost on the way within a session."""
        if sequence > self._expected:
            self._gaps.append(Gap(self._expected, sequence - 1, SKIPPED))

    def _is_pending(self) -> bool:
        return bool(self._records or self._gaps)

    async def _commit_and_acknowledge(self, client: Client) -> None:
        await self._commit()
        await self._send(client, link.acknowledge(self._expected - 1))

    async def _commit(self) -> None:
        """Put what has come on disk: everything before `_expected` is then stored, or a gap with its reason."""
        new, gaps = self._records, self._gaps
        self._records, self._gaps = [], []
        await self._intake.commit(self._device.id, self._journal_id, new, gaps)

    async def _send_time(self, client: Client) -> None:
        self._time_due_s = self._clock.monotonic() + TIME_PERIOD_S
        utc_ms = self._clock.utc_ms()
        if utc_ms < EARLIEST_UTC_MS:
            _log.warning("this machine's clock is not set: %s is not told the time", self._device.name)
            self._time_due_s = self._clock.monotonic() + QUIET_TIMEOUT_S
            return
        await self._send(client, link.set_time(*to_days(utc_ms)))

    async def _probe(self, client: Client) -> None:
        """Ask for the device's info, unless it has not come yet since the last time."""
        if self._probed_s is None:
            self._probed_s = asyncio.get_running_loop().time()
            await self._send(client, bytes((link.ASK_INFO,)))

    async def _send(self, client: Client, message: bytes) -> None:
        self._seal.out[4 : 4 + len(message)] = message
        length = self._seal.seal(len(message))
        await client.write_gatt_char(link.CONTROL_UUID, bytes(self._seal.out[:length]), response=True)

    async def _next_frame(self) -> bytearray | bytes:
        """The next frame that came, or (bytes) the next message that is to be sent."""
        came = await self._frames.get()
        if came is None:
            raise BleakError("the link was lost")
        if isinstance(came, bytes):
            return came
        frame, self._came_s = came
        return frame

    async def _end(self, client: Client) -> None:
        """Keep what has come, and leave."""
        self._has_ended = True
        self._intake.set_connected(self._device.id, False)
        if self._is_pending():
            try:
                await self._commit()
            except StoreError as error:
                _log.error("%s: what came last is not stored: %s", self._device.name, error)
        with contextlib.suppress(BleakError, OSError, EOFError, TimeoutError):
            async with asyncio.timeout(DISCONNECT_TIMEOUT_S):
                await client.disconnect()


def _live_of(message: bytes) -> tuple[Content, int, Movement | None]:
    """Content and quality of a live message, and the movement where the device tells it."""
    if len(message) not in (link.LIVE_LENGTH, link.LIVE_WITH_MOVEMENT_LENGTH):
        lengths = f"{link.LIVE_LENGTH} or {link.LIVE_WITH_MOVEMENT_LENGTH}"
        raise LinkError(f"a live message has {lengths} bytes, this one has {len(message)}")
    quality = message[link.LIVE_LENGTH - 1]
    if quality > 100:
        raise LinkError(f"a live message with a quality of {quality} of 100")
    movement = Movement(message) if len(message) == link.LIVE_WITH_MOVEMENT_LENGTH else None
    try:
        return Content(message[1 : link.LIVE_LENGTH - 1]), quality, movement
    except ValueError as error:
        raise LinkError(str(error)) from None
