"""A DS18B20 on this computer's 1-Wire bus, through the kernel's w1_therm: a thermometer for the monitor.

Whoever reads its file `w1_slave` has the kernel convert, and waits for 750 ms; who writes to `therm_bulk_read` waits as
long. So a thread waits, and the monitor only asks whether it has come back. The nine bytes that the file tells are
checked and decoded as on a board (vigil_hal.ds18b20). Two things only a board can see: whether a conversion did begin,
and whether the part can be written as a genuine one.
"""

import concurrent.futures
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vigil_hal.ds18b20 import FAMILY, PART, SCRATCHPAD_LENGTH, check, check_rom, decode, parse_rom
from vigil_hal.faults import ConfigRefused, NotAnswering, SensorFault, WrongPart

if TYPE_CHECKING:
    from collections.abc import Iterable

DEVICES = Path("/sys/bus/w1/devices")

_12_BITS = 0x7F
_HUNG_S = 5.0  # a conversion takes 0.75 s
_STALE_S = 3.0  # what waited longer for the monitor is no new reading
_NAME = re.compile("[0-9a-f]{2}-[0-9a-f]{12}")
_LINE = re.compile(rf"((?:[0-9a-f]{{2}} ){{{SCRATCHPAD_LENGTH}}}): crc=")
_SWITCH_ON = "add `dtoverlay=w1-gpio` to /boot/firmware/config.txt and start the computer again"


class KernelDs18b20:
    """The DS18B20 with this ROM, as in 28-00000bbb9b13, or the only one there. Its methods raise SensorFault."""

    def __init__(
        self, rom: str | None = None, devices: Path | None = None, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises ValueError where `rom` is none."""
        if rom is not None:
            parse_rom(rom)
            rom = rom.lower()
        self._rom = rom
        self._devices = self._folder = devices or DEVICES
        self._clock_s = clock_s
        self._name = PART
        self._reading: _Reading | None = None

    def probe(self) -> None:
        """Check that the kernel knows such a part, by the ROM of a genuine one. Raises NotAnswering, WrongPart."""
        self._folder = self._found()
        self._name = f"{PART} {self._folder.name}"
        check_rom(parse_rom(self._folder.name))
        if not (self._folder / "w1_slave").exists():
            raise NotAnswering(f"the kernel has no thermometer's driver for {self._name}: `sudo modprobe w1_therm`")

    def configure(self) -> None:
        """Begin a reading; one that has not come back is not begun again, or threads would pile up."""
        if self._reading is None or self._reading.has_ended:
            self._begin()

    def read_centi_c(self) -> int | None:
        """Return a new temperature in 0.01 degrees Celsius, and begin the next reading; None while one is under way.

        Raises NotAnswering, WrongPart, ConfigRefused, and SensorFault for all that is no measurement, 85 C among it.
        """
        reading = self._reading
        if reading is None:
            self._begin()
            return None
        if not reading.has_ended:
            if self._clock_s() - reading.began_s > _HUNG_S:
                raise NotAnswering(f"the kernel gives no reading of {self._name}; check its wiring, and `dmesg`")
            return None
        self._reading = None
        scratchpad = self._scratchpad(reading)
        check(scratchpad, self._name)
        if scratchpad[4] != _12_BITS:
            raise ConfigRefused(
                f"{self._name} is not set to 12 bits: `echo 12 | sudo tee {self._folder}/w1_slave`, then"
                f" `echo 0 | sudo tee {self._folder}/w1_slave` to keep it"
            )
        centi_c = decode(scratchpad, self._name)
        self._begin()
        return None if self._clock_s() - reading.ended_s > _STALE_S else centi_c

    def _begin(self) -> None:
        self._reading = _Reading(self._folder, self._clock_s)

    def _scratchpad(self, reading: "_Reading") -> bytes:
        try:
            found = _LINE.match(reading.text())
        except OSError as error:
            raise NotAnswering(f"{self._name} has left the 1-Wire bus ({error.strerror}); check its wiring") from error
        if found is None:
            raise SensorFault(f"the kernel cannot read {self._name}; check its wiring and the pull-up of 4.7 kOhm")
        return bytes.fromhex(found[1])

    def _found(self) -> Path:
        try:
            names = sorted(each.name for each in self._devices.iterdir() if _NAME.fullmatch(each.name))
        except OSError as error:
            raise NotAnswering(f"this computer has no 1-Wire bus: {_SWITCH_ON}") from error
        ours = [name for name in names if name.startswith(f"{FAMILY:02x}-")]
        if self._rom is not None:
            if self._rom not in names:
                raise NotAnswering(f"{PART} {self._rom} does not answer; {_there_is(names)}")
            return self._devices / self._rom
        if len(ours) > 1:
            raise WrongPart(f"{len(ours)} parts on one wire: set `rom` of the {PART} to one of {', '.join(ours)}")
        if not ours:
            raise NotAnswering(
                f"{PART} does not answer; check its wiring and the pull-up of 4.7 kOhm; {_there_is(names)}"
            )
        return self._devices / ours[0]


class _Reading:
    """One reading of `w1_slave`, in a thread that nobody waits for."""

    def __init__(self, folder: Path, clock_s: Callable[[], float]) -> None:
        self.began_s = self.ended_s = clock_s()
        self._clock_s = clock_s
        self._outcome: concurrent.futures.Future[str] = concurrent.futures.Future()
        threading.Thread(target=self._read, args=(folder,), name="1-wire", daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether there is a text, or an error."""
        return self._outcome.done()

    def text(self) -> str:
        """Return what the file said. Raises OSError."""
        return self._outcome.result()

    def _read(self, folder: Path) -> None:
        try:
            if _is_read_in_bulk(folder):
                (folder / "w1_slave").read_bytes()  # of another program's conversion, however long ago
            text = (folder / "w1_slave").read_text("ascii", "replace")
        except BaseException as error:
            self.ended_s = self._clock_s()
            self._outcome.set_exception(error)
        else:
            self.ended_s = self._clock_s()
            self._outcome.set_result(text)


def _is_read_in_bulk(folder: Path) -> bool:
    try:
        return (folder.resolve().parent / "therm_bulk_read").read_text().strip() != "0"
    except FileNotFoundError:  # an older kernel
        return False


def _there_is(names: "Iterable[str]") -> str:
    return f"on the 1-Wire bus there is {', '.join(names) or 'nothing'}"
