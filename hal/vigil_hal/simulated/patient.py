"""A synthetic patient as a signal source, scripted by key frames.

The script is CSV: `time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact`. Between
frames values run linearly, contact (1 on the finger, 0 off) and an empty temperature (no thermometer) hold
until the next frame, and the last frame lasts for ever. Perfusion is the peak-to-peak pulse and noise the
standard deviation, both in percent of the steady light. The same script gives the same counts everywhere:
integers only, and a seeded generator.

Two more columns may follow, for an accelerometer at the trunk whose y axis points to the head. `upright_degrees`: how
far from lying (0) to standing (90) the trunk is; it runs linearly, and without it there is no accelerometer.
`steps_per_min` holds until the next frame: each step shakes the trunk, and the light with it a moment later.
"""

from vigil_hal.simulated.table import TableError, parse_decimal, parse_file, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, MutableSequence

_RED_STEADY = 100000
_IR_STEADY = 120000
_FULL_SCALE = 262143
_AMBIENT = 300
_AMBIENT_NOISE = 12

# One beat of absorbed light in thousandths: the systolic lobe, the notch and the dicrotic lobe, in 64 steps.
# fmt: off
_WAVE = (
    33, 53, 83, 123, 176, 244, 326, 422, 528, 638, 746, 843, 922, 976, 1000, 993,
    956, 895, 816, 729, 641, 560, 491, 439, 403, 383, 376, 379, 388, 400, 410, 416,
    417, 411, 398, 377, 351, 321, 287, 251, 216, 182, 150, 121, 96, 74, 56, 41,
    30, 21, 14, 10, 6, 4, 2, 1, 0, 0, 0, 1, 3, 6, 11, 20, 33,
)
# Ratio of ratios in thousandths for SpO2 50, 51, ... 100 %: the inverse of Analog Devices AN6845.
_RATIOS = (
    1991, 1956, 1921, 1886, 1851, 1816, 1782, 1747, 1713, 1679, 1645, 1611, 1577, 1543, 1510, 1476, 1443,
    1410, 1377, 1344, 1311, 1278, 1245, 1213, 1180, 1148, 1116, 1084, 1052, 1020, 988, 956, 925, 893,
    862, 831, 799, 768, 737, 706, 676, 645, 614, 584, 553, 523, 493, 463, 432, 402, 373,
)
# fmt: on
_LOWEST_SPO2 = 500  # tenths of a percent, of the table's first entry

# Phases count microseconds times a rate in tenths per minute, so one full turn is:
_TURN = 600000000
_WAVE_STEP = 9375000  # _TURN / 64
_BREATH_STEP = 292969  # _TURN / 2048, rounded up
_BREATHS_PER_MIN_TENTHS = 150
_BREATH_THOUSANDTHS = 2  # of the steady light, either way
_REFRESH_US = 100000  # how often the values between two frames are worked out anew

_COLUMNS = (
    "time_s",
    "pulse_rate_bpm",
    "spo2_pct",
    "perfusion_pct",
    "noise_pct",
    "contact",
    "temperature_c",  # this one and those after it may be missing
    "upright_degrees",
    "steps_per_min",
)
_REQUIRED = 6

# What an accelerometer feels.
_SINES = (0, 174, 342, 500, 643, 766, 866, 940, 985, 1000)  # of 0, 10, ... 90 degrees, thousandths
_STEP_WAVE = (0, 25, 80, 100, 70, 25, -5, -30, -45, -50, -50, -45, -35, -25, -15, 0)  # hundredths
_STEP_MILLI_G = 260  # along the trunk
_SWAY_MILLI_G = 60  # to the side, at every second step
_TREMOR_MILLI_G = 3
_STEP_LIGHT_PERMILLE = 6  # of the steady light
_STEP_LATE_US = 40000

_STORY = """time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact,upright_degrees,steps_per_min
0,72,97.5,2.0,36.7,0.02,1,3,0
35,72,97.5,2.0,36.7,0.02,1,3,0
65,96,84,1.5,36.7,0.03,1,3,0
90,96,84,1.5,36.7,0.03,1,3,0
118,76,97,2.0,36.7,0.02,1,3,0
150,72,97.5,2.0,36.7,0.02,0,3,0
168,72,97.5,2.0,36.7,0.02,1,3,0
180,72,97.5,2.0,36.7,0.02,1,3,0
183,74,97.5,2.0,36.7,0.02,1,82,0
204,78,97.5,2.0,36.7,0.02,1,82,104
214,82,97,2.0,36.7,0.02,1,82,0
240,76,97.5,2.0,36.7,0.02,1,82,0
244,74,97.5,2.0,36.7,0.02,1,3,0
260,72,97.5,2.0,36.7,0.02,1,3,0
"""


class PatientError(TableError):
    """A script cannot be used. `str()` is one line: file, line, what is wrong."""


class Frame:
    """The patient's state at one instant, in the units that the names say."""

    def __init__(
        self,
        time_us: int,
        pulse_rate_bpm_tenths: int,
        spo2_pct_tenths: int,
        perfusion_pct_hundredths: int,
        temperature_centi_c: int | None,
        noise_pct_hundredths: int,
        contact: bool,
        upright_degrees: int | None = None,
        steps_per_min: int = 0,
    ) -> None:
        self.time_us = time_us
        self.pulse_rate_bpm_tenths = pulse_rate_bpm_tenths
        self.spo2_pct_tenths = spo2_pct_tenths
        self.perfusion_pct_hundredths = perfusion_pct_hundredths
        self.temperature_centi_c = temperature_centi_c
        self.noise_pct_hundredths = noise_pct_hundredths
        self.contact = contact
        self.upright_degrees = upright_degrees
        self.steps_per_min = steps_per_min


class Patient:
    """A source that plays frames; with `loop` the story begins again at the instant of its last frame.

    Beats vary by 1.2 % (standard deviation) in length, and the light wanders with breathing. Sampling must
    go forwards in time; a step back starts the story over. Asking twice for one instant gives the same
    counts.
    """

    end_us: int | None = None

    def __init__(self, frames: "list[Frame]", seed: int = 1, loop: bool = False) -> None:
        self.start_us = frames[0].time_us
        self.has_temperature = any(frame.temperature_centi_c is not None for frame in frames)
        self.has_acceleration = any(frame.upright_degrees is not None for frame in frames)
        self._frames = frames
        self._seed = seed
        self._loop_us = frames[-1].time_us - frames[0].time_us if loop else 0
        self._time_us = frames[0].time_us
        self._refresh_us = frames[0].time_us
        self._fresh = True  # nothing has been measured since the story began
        self._red = 0
        self._ir = 0
        self._restart()

    def sample_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        """Set out[0] = red, out[1] = ir at an instant; False before the first frame."""
        if time_us < self.start_us:
            return False
        if time_us < self._time_us:
            self._restart()
        if time_us > self._time_us or self._fresh:
            self._advance(time_us - self._time_us)
            self._time_us = time_us
            self._fresh = False
            if time_us >= self._refresh_us:
                self._refresh_us = time_us + _REFRESH_US
                self._refresh(time_us)
            if self._contact:
                self._measure_finger()
            else:
                self._measure_ambient()
        out[0] = self._red
        out[1] = self._ir
        return True

    def temperature_centi_c(self, time_us: int) -> int | None:
        """Return the body temperature in 0.01 degrees Celsius; None when there is no thermometer."""
        time_us = self._story_us(time_us)
        i = self._frame_before(time_us)
        before = self._frames[i].temperature_centi_c
        if before is None or i + 1 == len(self._frames):
            return before
        after = self._frames[i + 1].temperature_centi_c
        return before if after is None else self._between(i, time_us, before, after)

    def acceleration_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        """Set out[0], out[1], out[2] = acceleration in milli-g; False where there is no accelerometer."""
        if time_us < self.start_us:
            return False
        time_us = self._story_us(time_us)
        i = self._frame_before(time_us)
        frame = self._frames[i]
        if frame.upright_degrees is None:
            return False
        after = self._frames[min(i + 1, len(self._frames) - 1)].upright_degrees
        degrees = frame.upright_degrees
        if after is not None and after != degrees:
            degrees = self._between(i, time_us, degrees, after)
        along = 1000 + _STEP_MILLI_G * _step(time_us, frame) // 100
        out[0] = _SWAY_MILLI_G * _step(time_us // 2, frame) // 100
        out[1] = along * _sine(degrees) // 1000
        out[2] = along * _sine(90 - degrees) // 1000
        for axis in range(3):
            out[axis] += (time_us // 5000 * (7 + 4 * axis)) % (2 * _TREMOR_MILLI_G + 1) - _TREMOR_MILLI_G
        return True

    def _restart(self) -> None:
        self._time_us = self.start_us
        self._fresh = True
        self._refresh_us = self.start_us
        self._random_state = 30000 + self._seed
        self._beat_phase = 0
        self._breath_phase = 0
        self._beat_thousandths = 1000
        self._rate_tenths = self._frames[0].pulse_rate_bpm_tenths

    def _advance(self, elapsed_us: int) -> None:
        """Turn the phases of beat and breath; a new beat gets a new length."""
        self._beat_phase += elapsed_us * (self._rate_tenths * self._beat_thousandths // 1000)
        if self._beat_phase >= _TURN:
            self._beat_phase %= _TURN
            self._beat_thousandths = 1000 + self._noise(12)
        self._breath_phase += elapsed_us * _BREATHS_PER_MIN_TENTHS
        if self._breath_phase >= _TURN:
            self._breath_phase %= _TURN

    def _refresh(self, time_us: int) -> None:
        """Work out rate, amplitudes and noise at an instant."""
        time_us = self._story_us(time_us)
        i = self._frame_before(time_us)
        a = self._frames[i]
        b = self._frames[min(i + 1, len(self._frames) - 1)]
        self._contact = a.contact
        self._frame = a
        self._rate_tenths = self._between(i, time_us, a.pulse_rate_bpm_tenths, b.pulse_rate_bpm_tenths)
        perfusion = self._between(i, time_us, a.perfusion_pct_hundredths, b.perfusion_pct_hundredths)
        spo2 = self._between(i, time_us, a.spo2_pct_tenths, b.spo2_pct_tenths) - _LOWEST_SPO2
        ratio = _RATIOS[spo2 // 10]
        if spo2 % 10:
            ratio += (_RATIOS[spo2 // 10 + 1] - ratio) * (spo2 % 10) // 10
        noise = self._between(i, time_us, a.noise_pct_hundredths, b.noise_pct_hundredths)
        self._ir_pulse = _IR_STEADY * perfusion // 10000
        self._red_pulse = _RED_STEADY * perfusion // 10000 * ratio // 1000
        self._ir_noise = _IR_STEADY * noise // 10000
        self._red_noise = _RED_STEADY * noise // 10000

    def _measure_finger(self) -> None:
        i = self._beat_phase // _WAVE_STEP
        part = (self._beat_phase - i * _WAVE_STEP) // 9156  # of 1024
        wave = _WAVE[i] + ((_WAVE[i + 1] - _WAVE[i]) * part >> 10)
        breath = self._breath_phase // _BREATH_STEP
        half = breath & 1023
        sway = half * (1024 - half) >> 8  # a parabola up to 1024, near enough to a sine
        if breath > 1023:
            sway = -sway
        red = _RED_STEADY + (_RED_STEADY * _BREATH_THOUSANDTHS // 1000 * sway >> 10)
        ir = _IR_STEADY + (_IR_STEADY * _BREATH_THOUSANDTHS // 1000 * sway >> 10)
        if self._frame.steps_per_min:
            step = _step(self._story_us(self._time_us - _STEP_LATE_US), self._frame) * _STEP_LIGHT_PERMILLE
            red -= _RED_STEADY * step // 100000
            ir -= _IR_STEADY * step // 100000
        self._red = _clamp(red - self._red_pulse * wave // 1000 + self._noise(self._red_noise))
        self._ir = _clamp(ir - self._ir_pulse * wave // 1000 + self._noise(self._ir_noise))

    def _measure_ambient(self) -> None:
        self._red = _AMBIENT + self._noise(_AMBIENT_NOISE)
        self._ir = _AMBIENT + self._noise(_AMBIENT_NOISE)

    def _noise(self, deviation: int) -> int:
        """Return noise of a triangular distribution with that standard deviation.

        The generator is a multiply-with-carry one that stays below 2^30; its low 15 bits are the random
        number.
        """
        first = 32550 * (self._random_state & 0x7FFF) + (self._random_state >> 15)
        second = 32550 * (first & 0x7FFF) + (first >> 15)
        self._random_state = second
        return ((first & 0x7FFF) + (second & 0x7FFF) - 0x7FFF) * deviation // 13377  # 2^15 / sqrt(6)

    def _story_us(self, time_us: int) -> int:
        return self.start_us + (time_us - self.start_us) % self._loop_us if self._loop_us else time_us

    def _frame_before(self, time_us: int) -> int:
        i = 0
        while i + 1 < len(self._frames) and self._frames[i + 1].time_us <= time_us:
            i += 1
        return i

    def _between(self, i: int, time_us: int, before: int, after: int) -> int:
        """Return the value at an instant between frame i and the next."""
        if before == after:
            return before
        start_ms = self._frames[i].time_us // 1000
        return before + (after - before) * (time_us // 1000 - start_ms) // (
            self._frames[i + 1].time_us // 1000 - start_ms
        )


def parse_patient(lines: "Iterable[str]", name: str, seed: int = 1, loop: bool = False) -> Patient:
    """Return the patient of a script; `name` is what errors call it. Raises PatientError."""
    frames: list[Frame] = []
    for line, cells in rows(lines, name, _COLUMNS[:_REQUIRED], _COLUMNS[_REQUIRED:], PatientError):
        where = f"{name}:{line}"
        time_ms = _number(where, cells, 0, 3, 0, 1000000)
        if frames and time_ms * 1000 <= frames[-1].time_us:
            raise PatientError(f"{where}: time_s '{cells[0]}' is not later than the line before")
        frames.append(
            Frame(
                time_ms * 1000,
                _number(where, cells, 1, 1, 0, 300),
                _number(where, cells, 2, 1, 50, 100),
                _number(where, cells, 3, 2, 0, 20),
                _number(where, cells, 6, 2, -55, 150) if cells[6] else None,
                _number(where, cells, 4, 2, 0, 20),
                _number(where, cells, 5, 0, 0, 1) == 1,
                _number(where, cells, 7, 0, 0, 90) if cells[7] else None,
                _number(where, cells, 8, 0, 0, 200) if cells[8] else 0,
            )
        )
    return Patient(frames, seed, loop)


def open_patient(path: str) -> Patient:
    """Return the patient of a script file. Raises PatientError, also when the file cannot be read."""
    return parse_file(path, parse_patient, PatientError)


def built_in_patient() -> Patient:
    """Return a patient who desaturates, recovers, takes the sensor off, sits up and walks, and lies down again."""
    return parse_patient(_STORY.split("\n"), "built-in patient", loop=True)


def _number(where: str, cells: "list[str]", column: int, decimals: int, low: int, high: int) -> int:
    """Return a cell scaled by 10^decimals, checked against bounds in whole units."""
    value = parse_decimal(cells[column], decimals)
    scale = 10**decimals
    if value is None or not low * scale <= value <= high * scale:
        raise PatientError(
            f"{where}: {_COLUMNS[column]} '{cells[column]}' is not a number from {low} to {high}"
            f" with up to {decimals} decimals"
        )
    return value


def _step(time_us: int, frame: Frame) -> int:
    """How far a step is from the mean at an instant, hundredths; 0 where there are none."""
    if not frame.steps_per_min:
        return 0
    sixteenths = (time_us - frame.time_us) * frame.steps_per_min * 16 // 60000000
    return _STEP_WAVE[sixteenths & 15]


def _sine(degrees: int) -> int:
    ten = degrees // 10
    if ten == 9:
        return _SINES[9]
    return _SINES[ten] + (_SINES[ten + 1] - _SINES[ten]) * (degrees % 10) // 10


def _clamp(counts: int) -> int:
    return max(0, min(counts, _FULL_SCALE))
