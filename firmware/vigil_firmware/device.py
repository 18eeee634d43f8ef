"""A whole device: storage, monitor, radio and alarm signals, and the order in which they are started and stepped.

What a board, a simulated device and a Raspberry Pi with sensors on its own pins have in common. It is given its parts
and the time; the caller owns the clock, the watchdog and the loop.
"""

import struct
import sys

from vigil_firmware.button import Button
from vigil_firmware.indicators import Indicators
from vigil_firmware.monitor import Monitor
from vigil_firmware.peripheral import Peripheral
from vigil_firmware.storage import Storage
from vigil_hal.max30102 import Max30102
from vigil_wire import keys, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vigil_firmware.journal import Journal, Store
    from vigil_hal.panel import Panel
    from vigil_hal.seams import I2C, Accelerometer, Battery, BlockDevice, BluetoothModule, Thermometer


_BOOT_AT = 5  # in a record
# What a device needs while it is built and never after. Each is imported where it is used, and nothing of it is kept.
_OF_THE_START = (
    "vigil_firmware.attribute_table",
    "vigil_firmware.bluetooth_stacks",
    "vigil_firmware.journal_opening",
    "vigil_firmware.service_sets",
    "vigil_hal.parts",
)


class Device:
    """One monitor on the air. Call `step(now_ms)` every `monitor.STEP_MS`, `tick` as its docstring says.

    `journal_stores` are the places for its journal, in the order of preference.
    """

    def __init__(
        self,
        i2c: "I2C",
        thermometer: "Thermometer | None",
        battery: "Battery | None",
        blocks: "BlockDevice",
        journal_stores: "Sequence[Callable[[], Store]]",
        bluetooth: "BluetoothModule",
        random: "Callable[[int], bytes]",
        log: "Callable[[str], None]",
        reset_cause: int,
        now_ms: int,
        panel: "Panel | None" = None,
        accelerometer: "Accelerometer | None" = None,
    ) -> None:
        self._log = log
        self.fault = ""  # that was logged last
        self.storage = Storage(blocks, random)
        if self.storage.problem:
            log("storage: " + self.storage.problem)
        if self.storage.is_new:
            log("vigil: this device's setup code, shown once: " + keys.setup_code(self.storage.device_key))
        from vigil_firmware.journal_opening import open_journal

        journal = open_journal(journal_stores, random, log)
        newest_boot = _newest_boot(journal)
        if newest_boot >= 0 and self.storage.pass_boot(newest_boot):
            log("storage: boots go on from %d, the journal's newest" % newest_boot)
        self.monitor = Monitor(
            Max30102(i2c),
            thermometer,
            battery,
            self.storage.settings,
            journal,
            self.storage.boot,
            reset_cause,
            now_ms,
            accelerometer,
            alarm_state=self.storage.alarms,
            save_alarms=self.storage.save_alarms,
        )
        self.peripheral = Peripheral(bluetooth, self.monitor, self.storage, random, log, now_ms)
        self.indicators = None if panel is None else Indicators(panel, self.monitor, now_ms)
        self.button: Button | None = None
        if panel is not None and panel.button is not None:
            self.button = Button(panel.button, self.monitor.alarms, self.peripheral.open_pairing, now_ms)
        self._button_done = 0
        _let_go_of_the_start()
        log("vigil: device %s, boot %d" % (keys.device_id(self.storage.device_key), self.storage.boot))

    def step(self, now_ms: int) -> None:
        """Do all that is due at `now_ms`; each new fault is logged once."""
        self.monitor.step(now_ms)
        self.peripheral.step(now_ms)
        self._signal(now_ms)
        monitor = self.monitor
        monitor.storage_fault = self.storage.fault
        fault = monitor.sampler.fault or monitor.oximetry_fault or monitor.thermometer_fault
        fault = fault or monitor.accelerometer_fault or monitor.journal.fault or self.storage.fault
        panel_fault = self._panel_fault()
        monitor.alarms.signals.panel_fault.say(panel_fault != "")
        fault = fault or panel_fault or monitor.battery_fault
        if fault != self.fault and self.monitor.second:  # in its first second a sensor may still be starting
            self.fault = fault
            self._log("fault: " + fault if fault else "fault: cleared")

    def tick(self, now_ms: int) -> None:
        """Make the edges of light and sound that are due, and read the button.

        Call it every `pattern_player.TICK_MS`; it may interrupt `step`, as a timer's callback does.
        """
        if self.indicators is not None:
            self.indicators.tick(now_ms)
        if self.button is not None:
            self.button.contact.tick(now_ms)

    def switch_off_signals(self, now_ms: int) -> None:
        """Make light, sound and display end, before nobody steps it any more."""
        if self.indicators is not None:
            self.indicators.switch_off(now_ms)

    def _signal(self, now_ms: int) -> None:
        """Do what the button says, then show what the alarms say."""
        button = self.button
        if button is not None:
            button.step(now_ms)
        if self.indicators is None:
            return
        self.indicators.passkey = self.peripheral.passkey
        self.indicators.step(now_ms)
        if button is not None and button.done != self._button_done:
            self._button_done = button.done
            self.indicators.confirm(now_ms)

    def _panel_fault(self) -> str:
        fault = "" if self.indicators is None else self.indicators.fault
        return fault or ("" if self.button is None else self.button.contact.fault)


def _let_go_of_the_start() -> None:
    """Give a board the memory back that the modules of the start take; where there is plenty, they stay."""
    if sys.implementation.name == "micropython":
        for name in _OF_THE_START:
            if sys.modules.pop(name, None):
                package, module = name.split(".")
                delattr(sys.modules[package], module)


def _newest_boot(journal: "Journal") -> int:
    """Boot number of the newest record that can be read; -1 where there is none."""
    record = bytearray(records.MAX_LENGTH)
    for sequence in range(journal.newest, max(journal.oldest, 0) - 1, -1):
        if journal.read_into(sequence, record, 0):
            return int(struct.unpack_from("<H", record, _BOOT_AT)[0])
    return -1
