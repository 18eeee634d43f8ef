"""A home for the page: the real store, live state, alarms and server, and a device that says what it is told."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from tests.host.empty_store import put_empty_store
from tests.host.ntfy import NtfyServer

from vigil_host.alerts import Alerts
from vigil_host.clock import Clock
from vigil_host.delivery.delivery import Delivery
from vigil_host.devices import Devices
from vigil_host.events import Events
from vigil_host.live import Live, Source
from vigil_host.store import Store
from vigil_host.store.times import MS_PER_DAY, to_days
from vigil_host.web.access import Access, Logins
from vigil_host.web.app import create_app
from vigil_host.web.server import WebServer
from vigil_wire import advert, conditions, keys, link, records, statuses
from vigil_wire.advert import Content
from vigil_wire.settings import Settings

LIMITS = {
    "spo2_low_pct": 90.0,
    "spo2_very_low_pct": 87.0,
    "pulse_rate_low_bpm": 50.0,
    "pulse_rate_high_bpm": 120.0,
    "temperature_low_c": 35.0,
    "temperature_high_c": 38.5,
    "respiration_low_per_min": None,
    "respiration_high_per_min": None,
}
WELL = {"pulse_rate": 724, "spo2": 971, "temperature": 3664, "perfusion": 21}
ROW_S = 10


class ShiftedClock(Clock):
    """The machine's clocks, moved on by `shift_s`."""

    shift_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.shift_s

    def utc_ms(self) -> int:
        return super().utc_ms() + int(self.shift_s * 1000)


class Hand:
    """Acts for the page as a bridge does; its devices do what they are told, and say so, while they can be reached."""

    def __init__(self, home: "Home") -> None:
        self._home = home
        self.is_reached = True
        self.told: list[tuple[int, int, int, int]] = []  # command, condition, by whom, minutes

    async def acknowledge(self, alarm_id: int, by: str, is_beside: bool = False) -> bool:
        alarm = await self._home.alerts.acknowledge(alarm_id, by)
        if alarm is not None:
            where = conditions.BESIDE_WEARER if is_beside else conditions.FROM_AFAR
            number = conditions.NAMES.index(alarm.condition)
            self.send(alarm.device_id, link.alarm_command(link.ACKNOWLEDGE, number, where))
        return alarm is not None

    def send(self, device_id: str, message: bytes) -> bool:
        if not self.is_reached:
            return False
        command, condition, by, minutes = link.read_alarm_command(message)
        self.told.append((command, condition, by, minutes))
        paused_s = {link.PAUSE_AUDIO: 120}.get(command, 0)
        buf = bytearray(link.ALARMS_LENGTH)
        link.pack_alarms(buf, 0, (0, 0, 0), 0, paused_s, minutes)
        self._home.live.update_alarm_state(device_id, link.AlarmState(buf))
        return True


class Home:
    """Everything behind the page, in a thread with an event loop of its own."""

    def __init__(
        self,
        folder: Path,
        wearers: tuple[str, ...] = ("Anna",),
        passphrase: str = "",
        people: tuple[str, ...] = (),
    ) -> None:
        self._people = folder / "people.toml"
        self._ntfy = NtfyServer() if people else None
        if self._ntfy:
            self._ntfy.__enter__()
            one = '[[person]]\nname = "{}"\nrole = "caregiver"\nurls = ["{}"]\n'
            self._people.write_text("".join(one.format(name, self._ntfy.url(name.lower())) for name in people))
        self.clock = ShiftedClock()
        self.store = Store.open(put_empty_store(folder / "vigil.db"), clock=self.clock)
        self.known = Devices(folder / "devices.toml")
        for number, wearer in enumerate(wearers, 1):
            self.known.add(keys.setup_code(bytes((number,) * keys.KEY_LENGTH)), wearer, f"Wristband {number}")
        self.devices = self.known.list()
        self.settings: Settings | None = None
        self.hand = Hand(self)
        for device in self.devices:
            self.store.add_device(device.id, device.name, device.wearer)
        logins = None
        if passphrase:
            logins = Logins(folder / "login.json")
            logins.set_passphrase(passphrase)
        self._access = Access(logins)
        self._said: dict[str, tuple[Content, int | None, link.Movement | None]] = {}
        self._sequence = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._port = 0
        self._do(self._make())
        self.serve()

    async def _make(self) -> None:
        self.events = Events()
        self.live = Live(lambda: self.devices, self.clock)
        self.alerts = Alerts(self.store, self.live, self.events, self.clock)
        self.alerts.watch({device.id for device in self.devices})
        self.delivery = Delivery(self.store, self.events, self.clock, self._people, self.alerts.refresh)
        await self.delivery.step()
        self._telling = asyncio.create_task(self.delivery.run())
        self._chatter = asyncio.create_task(self._say_again())

    async def _say_again(self) -> None:
        """Each device says again each second what it said last; the alarms are kept up."""
        while True:
            await asyncio.sleep(0.5)
            for device_id, said in self._said.items():
                self._hear(device_id, *said)
            await self.alerts.step()

    def _hear(self, device_id: str, content: Content, quality: int | None, movement: link.Movement | None) -> None:
        source: Source = "advert" if quality is None else "link"
        self.live.set_connected(device_id, quality is not None)
        self.live.update(device_id, content, source, -60, quality, movement=movement)
        self.alerts.hear(device_id, content, source)
        self.events.publish("live")

    def say(
        self,
        *active: str,
        device: int = 0,
        status: tuple[int, int, int] = (statuses.VALIDATED,) * 3,
        quality: int | None = None,
        movement: link.Movement | None = None,
        battery: int = 84,
        **values: int | None,
    ) -> None:
        """Have a device say its alarms and, unless given (0.1 bpm, 0.1 %, 0.01 C, 0.1 %), that its wearer is well.

        Without `quality` it says so by an advert, with it over the record link.
        """
        content = bytearray(advert.CONTENT_LENGTH)
        given = WELL | values
        absent = {
            "pulse_rate": advert.NO_U16,
            "spo2": advert.NO_U16,
            "temperature": advert.NO_S16,
            "perfusion": advert.NO_U8,
        }
        packed = [absent[name] if given[name] is None else given[name] for name in absent]
        bits = sum(1 << conditions.NAMES.index(name) for name in active)
        advert.pack_content(content, 0, status, bits, (*packed, battery, self._sequence))
        device_id = self.devices[device].id
        self._said[device_id] = Content(content), quality, movement
        self._do(self._speak(device_id))

    async def _speak(self, device_id: str) -> None:
        self._hear(device_id, *self._said[device_id])
        await self.alerts.step()

    def hush(self) -> None:
        """No device says anything any more."""
        self._said.clear()

    def later(self, seconds: float) -> None:
        """Move the bridge's clocks on."""
        self.clock.shift_s += seconds

    def record(
        self,
        rows: list[tuple[int | None, int | None, int | None] | None],
        device: int = 0,
        respiration: int | None = 142,
        met_a_bridge: bool = True,
    ) -> None:
        """Store a boot with a row each ROW_S, the last one now: (0.1 bpm, 0.1 %, 0.01 C), or None for no row.

        `respiration` (0.1/min) is the same in all. Where the boot met no bridge it has no time anchor, but an alarm.
        """
        device_id = self.devices[device].id
        start_utc_ms = self.clock.utc_ms() - len(rows) * ROW_S * 1000
        buf = bytearray(records.MAX_LENGTH)
        self._sequence += 1
        boot = self._sequence
        raw = []
        if met_a_bridge:
            records.pack_header(buf, self._sequence, records.TIME_ANCHOR, boot, 0, 0)
            raw.append(bytes(buf[: records.pack_time_anchor(buf, *to_days(start_utc_ms))]))
        else:
            for event in (conditions.RAISED, conditions.CLEARED):
                records.pack_header(buf, self._sequence, records.ALARM, boot, 0, event * 1000)
                alarm = (conditions.SPO2_LOW, event, conditions.HIGH, 846, 0, 500)
                raw.append(bytes(buf[: records.pack_alarm(buf, *alarm)]))
                self._sequence += 1
        for index, row in enumerate(rows, 1):
            if row is None:
                continue
            self._sequence += 1
            records.pack_header(buf, self._sequence, records.VITALS, boot, *divmod(index * ROW_S * 1000, MS_PER_DAY))
            summary = records.Summary()
            summary.seconds = ROW_S
            for spread, value in zip((summary.pulse_rate, summary.spo2, summary.temperature), row, strict=True):
                if value is not None:
                    spread.add(value - 3)
                    spread.add(value + 3)
            if respiration is not None:
                summary.respiration.add(respiration)
            measured = (1, 1, 1, statuses.POOR_SIGNAL if respiration is None else statuses.VALIDATED)
            raw.append(bytes(buf[: summary.pack(buf, measured, 90, 84, 210, 0, 0)]))
        self.store.commit(device_id, 1, raw)
        for stored in self.store.rows_after(0, 10_000):
            if stored.device_id == device_id:
                self.live.update_record(stored)
        self._loop.call_soon_threadsafe(self.events.publish, "row")

    def tell(self, condition: str, *events: int, value: int = 0) -> None:
        """The first device writes alarm records about a condition, of high priority, in a boot of their own."""
        number = conditions.NAMES.index(condition)
        buf = bytearray(records.MAX_LENGTH)
        self._sequence += 1
        boot = self._sequence
        records.pack_header(buf, boot, records.TIME_ANCHOR, boot, 0, 0)
        raw = [bytes(buf[: records.pack_time_anchor(buf, *to_days(self.clock.utc_ms()))])]
        for index, event in enumerate(events):
            self._sequence += 1
            records.pack_header(buf, self._sequence, records.ALARM, boot, 0, index)
            raw.append(bytes(buf[: records.pack_alarm(buf, number, event, conditions.HIGH, value, 0, 0)]))
        self.store.commit(self.devices[0].id, 1, raw)
        self._do(self.alerts.refresh())

    def confirm(self, settings: Settings, by: str = "") -> None:
        """The first device takes these settings into use and writes so into its record."""
        self.settings = settings
        buf = bytearray(records.MAX_LENGTH)
        self._sequence += 1
        records.pack_header(buf, self._sequence, records.TIME_ANCHOR, self._sequence, 0, 0)
        raw = [bytes(buf[: records.pack_time_anchor(buf, *to_days(self.clock.utc_ms()))])]
        records.pack_header(buf, self._sequence + 1, records.SETTINGS, self._sequence, 0, 1000)
        raw.append(bytes(buf[: records.pack_settings(buf, settings.pack(), by.encode())]))
        self._sequence += 1
        self.store.commit(self.devices[0].id, 1, raw)

    def serve(self) -> None:
        """Start the page's server, on the port it had before."""
        app = create_app(
            self.store,
            self.live,
            self.alerts,
            self.events,
            access=self._access,
            limits=lambda device: LIMITS,
            clock=self.clock,
            settings=lambda device: self.settings,
            hand=self.hand,
            devices=self.known,
            delivery=self.delivery,
        )
        self._server = WebServer(app, port=self._port)
        self.url = self._do(self._server.start())
        self._port = int(self.url.rstrip("/").rpartition(":")[2])

    def stop(self) -> None:
        """Stop the page's server: nothing answers any more."""
        self._do(self._server.close())

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(Exception):
            self.stop()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self.store.close()
        if self._ntfy:
            self._ntfy.__exit__(None, None, None)

    async def _end(self) -> None:
        self._chatter.cancel()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home in haste; `@pytest.mark.parametrize("home", [{...}], indirect=True)` gives arguments."""
    monkeypatch.setattr("vigil_host.web.stream.LIVE_S", 0.2)
    made = Home(tmp_path, **getattr(request, "param", {}))
    yield made
    made.close()


@pytest.fixture(scope="module")  # no longer: its event loop would be in the way of other tests
def browser(system_program) -> Iterator[Browser]:
    """Return one Chromium for a module, kept from calling home."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=system_program("browser"),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()


class Visit:
    """A page in its own context, and what it did: requests, console messages and errors.

    `script` runs before the page's own.
    """

    def __init__(self, browser: Browser, url: str, script: str = "", **options) -> None:
        self.context: BrowserContext = browser.new_context(locale="en-GB", **options)
        self.page: Page = self.context.new_page()
        self.page.add_init_script(script)
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.page.on("request", self._requested)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(url)

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)


@pytest.fixture
def visit(browser: Browser, home: Home) -> Iterator[type]:
    """Return a function that opens the page, with the options of a browser context."""
    visits: list[Visit] = []

    def open_page(**options) -> Visit:
        visits.append(Visit(browser, home.url, **options))
        return visits[-1]

    yield open_page
    for each in visits:
        each.context.close()
