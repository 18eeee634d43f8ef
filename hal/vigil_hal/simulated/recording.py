"""A recording of raw counts as a signal source.

The file is CSV: `time_s,red,ir[,temperature_c]`, time in seconds, rising, from any
start; red and ir as 18-bit counts; temperature with up to two decimals, or empty where nothing new is known.
"""

from array import array

from vigil_hal.simulated.table import TableError, parse_decimal, parse_file, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, MutableSequence

_FULL_SCALE = 262143
_GAP_US = 500000
# A sample between two of the file needs the later one, and must not know it before its time: the file is played this
# much late. Frame times of real logs are mostly closer; where they are not, the older sample is held.
LATE_US = 100000
_TEMPERATURE_LIFE_US = 10000000
_COLDEST_CENTI_C = -5500  # the range of a TMP117
_WARMEST_CENTI_C = 15000


class RecordingError(TableError):
    """A recording cannot be used. `str()` is one line: file, line, what is wrong."""


class Recording:
    """Samples at irregular instants, interpolated linearly, 100 ms late; a gap (a step above 500 ms) has nothing.

    What is given at an instant depends on nothing that was recorded after it.

    `gaps`: (from_us, to_us, line that ends it) for each gap. A temperature holds until the next one, but for
    10 s at most; `has_temperature` tells whether there is any at all.
    """

    def __init__(self) -> None:
        self.start_us = 0
        self.end_us = 0
        self.gaps: list[tuple[int, int, int]] = []
        self.has_temperature = False
        self._times_us = array("q")
        self._red = array("i")
        self._ir = array("i")
        self._newest = 0
        self._temperature_times_us = array("q")
        self._temperatures = array("i")
        self._newest_temperature = 0

    def append(self, time_us: int, red: int, ir: int, temperature_centi_c: int | None, line: int) -> None:
        """Add the next sample, which was found in `line`; times must rise."""
        if not len(self._times_us):
            self.start_us = time_us
        elif time_us - self.end_us > _GAP_US:
            self.gaps.append((self.end_us, time_us, line))
        self.end_us = time_us
        self._times_us.append(time_us)
        self._red.append(red)
        self._ir.append(ir)
        if temperature_centi_c is not None:
            self.has_temperature = True
            self._temperature_times_us.append(time_us)
            self._temperatures.append(temperature_centi_c)

    def sample_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        """Set out[0] = red, out[1] = ir at an instant; False outside the recording and within its gaps."""
        if not self.start_us <= time_us <= self.end_us:
            return False
        late_us = max(time_us - LATE_US, self.start_us)
        i = self._newest = _newest(self._times_us, self._newest, late_us)
        red = self._red[i]
        ir = self._ir[i]
        after_us = late_us - self._times_us[i]
        if after_us:
            next_us = self._times_us[i + 1]
            step_us = next_us - self._times_us[i]
            if step_us > _GAP_US:
                return False
            if next_us <= time_us:
                red += (self._red[i + 1] - red) * after_us // step_us
                ir += (self._ir[i + 1] - ir) * after_us // step_us
        out[0] = red
        out[1] = ir
        return True

    def temperature_centi_c(self, time_us: int) -> int | None:
        """Return the newest temperature at an instant, in 0.01 degrees Celsius; None when there is none."""
        times = self._temperature_times_us
        if not len(times) or not times[0] <= time_us <= self.end_us:
            return None
        i = self._newest_temperature = _newest(times, self._newest_temperature, time_us)
        return self._temperatures[i] if time_us - times[i] <= _TEMPERATURE_LIFE_US else None


def _newest(times: "array[int]", cursor: int, time_us: int) -> int:
    """Return the index of the last time that is not after `time_us`, searching on from a cursor."""
    if time_us < times[cursor]:
        cursor = 0
    last = len(times) - 1
    while cursor < last and times[cursor + 1] <= time_us:
        cursor += 1
    return cursor


def parse_recording(lines: "Iterable[str]", name: str) -> Recording:
    """Return the recording in some lines of text; `name` is what errors call it. Raises RecordingError."""
    recording = Recording()
    previous_us = -1
    table = rows(lines, name, ("time_s", "red", "ir"), ("temperature_c",), RecordingError)
    for line, (time_text, red_text, ir_text, temperature_text) in table:
        time_us = _time_us(time_text)
        if time_us is None or time_us < 0:
            raise RecordingError(f"{name}:{line}: time_s '{time_text}' is not a time in seconds")
        if time_us <= previous_us:
            raise RecordingError(f"{name}:{line}: time_s '{time_text}' is not later than the line before")
        previous_us = time_us
        red = _counts(red_text, "red", name, line)
        ir = _counts(ir_text, "ir", name, line)
        recording.append(time_us, red, ir, _temperature(temperature_text, name, line), line)
    return recording


def open_recording(path: str) -> Recording:
    """Return the recording in a file. Raises RecordingError, also when the file cannot be read."""
    return parse_file(path, parse_recording, RecordingError)


def _time_us(text: str) -> int | None:
    """Read seconds as microseconds; decimals beyond the sixth are cut off."""
    end = text.find(".") + 1 + 6
    if end > 6 and text[end:].isdigit():
        text = text[:end]
    return parse_decimal(text, 6)


def _counts(text: str, column: str, name: str, line: int) -> int:
    counts = parse_decimal(text, 0)
    if counts is None:
        raise RecordingError(f"{name}:{line}: {column} '{text}' is not a whole number")
    if not 0 <= counts <= _FULL_SCALE:
        raise RecordingError(f"{name}:{line}: {column} {text} is outside 18 bits (0 to {_FULL_SCALE})")
    return counts


def _temperature(text: str, name: str, line: int) -> int | None:
    if not text:
        return None
    centi_c = parse_decimal(text, 2)
    if centi_c is None:
        raise RecordingError(f"{name}:{line}: temperature_c '{text}' is not a number with up to two decimals")
    if not _COLDEST_CENTI_C <= centi_c <= _WARMEST_CENTI_C:
        raise RecordingError(f"{name}:{line}: temperature_c {text} is outside -55 to 150")
    return centi_c
