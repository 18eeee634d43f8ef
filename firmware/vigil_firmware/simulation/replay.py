"""A recording through simulated parts, real drivers and the real monitor, faster than real time: one row a second."""

from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.monitor import SENSE_MS, Monitor
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.ticks import ticks_add
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.recording import open_recording
from vigil_wire import conditions, statuses
from vigil_wire.settings import Settings, unpack_curve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_firmware.signal.intervals import Intervals
    from vigil_firmware.vitals import Measurement
    from vigil_hal.seams import Accelerometer
    from vigil_hal.simulated.recording import Recording
    from vigil_wire.settings import Points

COLUMNS = (
    "time_s,pulse_rate_bpm,pulse_rate_status,spo2_pct,spo2_status,perfusion_index_pct,"
    "temperature_c,temperature_status,respiration_per_min,respiration_status,respiration_quality,"
    "ratio_milli,quality,alarms"
)
INTERVAL_COLUMNS = "time_s,interval_ms,quality"
_POWER_ON = 1
_JOURNAL_SECTORS = 3  # nothing reads it here


class Clock:
    """The time that everything in a replay lives by."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def read(self) -> int:
        """The tick, ms."""
        return self.now_ms


def replay(
    recording: "Recording",
    write: "Callable[[str], object]",
    first_tick_ms: int = 0,
    write_interval: "Callable[[str], object] | None" = None,
    spo2_curve: "Points" = (),
    make_accelerometer: "Callable[[Callable[[], int]], Accelerometer] | None" = None,
) -> None:
    """Write one CSV line (with its newline) for each whole second of the recording's own time, after a heading.

    Row t is what the device showed at t, having seen nothing later. `first_tick_ms` is the board's tick at the
    recording's first instant; the rows do not depend on it. `write_interval` gets a heading and a line for each pulse
    interval that the device accepted, with the time of the beat that ended it. `spo2_curve`: the board's own, or none.
    `make_accelerometer` makes one that lives by the clock it is given.
    """
    clock = Clock(first_tick_ms)
    parts = Parts(recording, recording.has_temperature, clock.read)
    journal = Journal(MemoryStore(_JOURNAL_SECTORS), 0)
    settings = Settings(spo2_curve=spo2_curve)
    monitor = Monitor(
        Max30102(parts.bus),
        parts.thermometer,
        parts.battery,
        settings,
        journal,
        1,
        _POWER_ON,
        first_tick_ms,
        make_accelerometer(clock.read) if make_accelerometer else None,
    )
    write(COLUMNS + "\n")
    if write_interval:
        write_interval(INTERVAL_COLUMNS + "\n")
    start_ms = (recording.start_us + 999) // 1000  # rounded up: the part must not see beyond a row's instant
    end_ms = recording.end_us // 1000
    file_ms = start_ms - start_ms % SENSE_MS + SENSE_MS
    while file_ms <= end_ms:
        clock.now_ms = ticks_add(first_tick_ms, file_ms - start_ms)
        second = monitor.second
        monitor.step(clock.now_ms)
        if write_interval and monitor.second != second:
            _write_intervals(file_ms, monitor.intervals, write_interval)
        if file_ms % 1000 == 0:
            write(_row(file_ms // 1000, monitor))
        file_ms += SENSE_MS


def replay_file(recording_path: str, output_path: str, intervals_path: str = "", packed_curve: str = "") -> None:
    """Replay one file into another; where wanted, its pulse intervals into a third.

    The SpO2 curve is given as `vigil_wire.settings.pack_curve` has it, in hex.
    """
    recording = open_recording(recording_path)
    curve = unpack_curve(bytes.fromhex(packed_curve)) if packed_curve else ()
    with open(output_path, "w") as output:
        if not intervals_path:
            replay(recording, output.write, spo2_curve=curve)
            return
        with open(intervals_path, "w") as intervals:
            replay(recording, output.write, 0, intervals.write, curve)


def _row(second: int, monitor: Monitor) -> str:
    vitals = monitor.vitals
    return "%d,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%d,%s\n" % (
        second,
        _decimal(vitals.pulse_rate, 1),
        statuses.NAMES[vitals.pulse_rate.status],
        _decimal(vitals.spo2, 1),
        statuses.NAMES[vitals.spo2.status],
        _decimal(vitals.perfusion, 2),
        _decimal(vitals.temperature, 2),
        statuses.NAMES[vitals.temperature.status],
        _decimal(vitals.respiration, 1),
        statuses.NAMES[vitals.respiration.status],
        vitals.respiration_quality if vitals.respiration.has_value else "",
        str(vitals.ratio.value) if vitals.ratio.has_value else "",
        vitals.quality,
        ";".join(conditions.names_of(monitor.alarms.bits)),
    )


def _write_intervals(judged_ms: int, intervals: "Intervals", write: "Callable[[str], object]") -> None:
    for index in range(intervals.count):
        beat_ms = judged_ms - intervals.age_ms[index]
        write(
            "%d.%03d,%d,%d\n"
            % (beat_ms // 1000, beat_ms % 1000, intervals.interval_ms[index], intervals.quality[index])
        )


def _decimal(measurement: "Measurement", decimals: int) -> str:
    """The value with its decimals, or "" where there is no reading."""
    if not measurement.has_value:
        return ""
    unit = 10**decimals
    magnitude = abs(measurement.value)
    sign = "-" if measurement.value < 0 else ""
    return "%s%d.%0*d" % (sign, magnitude // unit, decimals, magnitude % unit)
