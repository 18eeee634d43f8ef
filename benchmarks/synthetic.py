"""Light on a finger, made to measure: sources for the simulated oximeter whose pulse, SpO2 and disturbances are known.

Everything is drawn on a grid of 100 instants a second from seeded generators, so that each run sees the same signal.
Noise is given as it appears at 25 samples a second, after the part has averaged four conversions. Systole lowers the
counts, as on the real part.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

GRID_HZ = 100
_STEP_US = 1_000_000 // GRID_HZ
_AVERAGED = 2.0  # the mean of four conversions has half their noise
RED_STEADY = 100_000
IR_STEADY = 120_000
_FULL_SCALE = 262_143


@dataclass
class Synthetic:
    """A signal source of 18-bit counts, and what is true of it."""

    red: np.ndarray
    ir: np.ndarray
    beats_s: np.ndarray = field(default_factory=lambda: np.zeros(0))  # instants of the systolic peaks
    breaths_s: np.ndarray = field(default_factory=lambda: np.zeros(0))  # instants at which breaths begin
    acceleration: np.ndarray | None = None  # three axes, milli-g
    has_temperature = False
    start_us = 0

    def __post_init__(self) -> None:
        self.end_us = (len(self.ir) - 1) * _STEP_US
        self._red = np.clip(np.rint(self.red), 0, _FULL_SCALE).astype(int).tolist()
        self._ir = np.clip(np.rint(self.ir), 0, _FULL_SCALE).astype(int).tolist()

    def sample_into(self, time_us, out) -> bool:
        """Set out[0] = red, out[1] = ir at an instant, linear between two of the grid."""
        if not 0 <= time_us <= self.end_us:
            return False
        index, after_us = divmod(time_us, _STEP_US)
        out[0] = self._red[index]
        out[1] = self._ir[index]
        if after_us:
            out[0] += (self._red[index + 1] - out[0]) * after_us // _STEP_US
            out[1] += (self._ir[index + 1] - out[1]) * after_us // _STEP_US
        return True

    def acceleration_into(self, time_us, out) -> bool:
        """Set out[0], out[1], out[2] = acceleration along three axes in milli-g, the newest of the grid."""
        if self.acceleration is None or not 0 <= time_us <= self.end_us:
            return False
        for axis in range(3):
            out[axis] = int(self.acceleration[axis][time_us // _STEP_US])
        return True

    def temperature_centi_c(self, time_us) -> None:
        """There is no thermometer."""
        return

    def rate_bpm(self, second: float, over_s: float = 8.0) -> float:
        """Mean pulse rate over the last `over_s`: whole beats and the parts of beats at both ends."""
        return _rate_per_min(self.beats_s, second, over_s)

    def respiration_per_min(self, second: float, over_s: float = 32.0) -> float:
        """Mean respiration rate over the last `over_s`, as `rate_bpm`."""
        return _rate_per_min(self.breaths_s, second, over_s)


def _rate_per_min(instants_s: np.ndarray, second: float, over_s: float) -> float:
    begin, end = np.interp([second - over_s, second], instants_s, np.arange(len(instants_s), dtype=float))
    return float(end - begin) * 60 / over_s


@dataclass
class Breathing:
    """How breathing modulates the pulse, and how regular it is.

    `per_min` is a number or a function of time. The three depths are half the swing: of the pulse rate (respiratory
    sinus arrhythmia) and of the pulse's amplitude as parts of themselves, of the baseline relative to the pulse's
    peak-to-peak amplitude. `variability` is the standard deviation of a breath's length, as a part of it; `overtone`
    the part of the second harmonic.
    """

    per_min: float | Callable[[float], float]
    frequency: float = 0.04
    amplitude: float = 0.12
    baseline: float = 0.3
    variability: float = 0.05
    overtone: float = 0.2


def beat_times(duration_s: float, rate_bpm, variability: float, rng: np.random.Generator) -> np.ndarray:
    """Instants of beats, from before 0 until after the end; `rate_bpm` is a number or a function of time."""
    rate_at = rate_bpm if callable(rate_bpm) else lambda _: rate_bpm
    times = [-2 * 60 / rate_at(0.0) * (1 + rng.random())]
    while times[-1] < duration_s + 3:
        length = 60 / rate_at(max(times[-1], 0.0))
        times.append(times[-1] + length * (1 + variability * np.clip(rng.standard_normal(), -3, 3)))
    return np.array(times)


def pulse_wave(time_s: np.ndarray, beats_s: np.ndarray, dicrotic: float, scaled: bool = True) -> np.ndarray:
    """Absorption by the pulse: a systolic lobe at each beat and a dicrotic one of `dicrotic` times its height after it.

    Peak to peak about 1. Lobes are `scaled` with the beat's length, or as long as a heart at 60 a minute makes them
    (shortened with the square root of the beat's length): then a slow pulse is narrow spikes far apart.
    """
    wave = np.zeros_like(time_s)
    for beat, length in zip(beats_s[:-1], np.diff(beats_s), strict=True):
        scale = length if scaled else min(length, length**0.5)
        for height, delay, width in ((1.0, 0.0, 0.09), (dicrotic, 0.33, 0.10)):
            from_to = slice(*np.searchsorted(time_s, beat + scale * (delay + width * np.array([-5, 5]))))
            wave[from_to] += height * np.exp(-0.5 * ((time_s[from_to] - beat - delay * scale) / (width * scale)) ** 2)
    return wave


def ratio_of(spo2_pct: float) -> float:
    """Ratio of ratios at which AN6845's curve, 1.5958422 R^2 - 34.6596622 R + 112.6898759, reads `spo2_pct`."""
    a, b, c = 1.5958422, -34.6596622, 112.6898759 - spo2_pct
    return (-b - (b * b - 4 * a * c) ** 0.5) / (2 * a)


def finger(
    duration_s: float,
    rate_bpm,
    *,
    seed: int,
    variability: float = 0.03,
    noise: float = 0.05,
    sensor_noise_counts: float = 0.0,
    wander: float = 0.5,
    dicrotic: float = 0.25,
    scaled: bool = True,
    perfusion_pct: float = 1.5,
    spo2_pct: float = 97.0,
    motion: "Cadence | None" = None,
    breathing: Breathing | None = None,
) -> Synthetic:
    """A finger at rest, or under `motion`, of somebody whose `breathing` shows in the pulse.

    Beside it, under motion, is an accelerometer.

    `noise` (standard deviation) and `wander` (half its swing, at a breath's pace and slower) are relative to the
    pulse's peak-to-peak amplitude; `sensor_noise_counts` is noise that does not shrink with it.
    """
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(duration_s * GRID_HZ) + 1) / GRID_HZ
    breaths_s = np.zeros(0)
    if breathing is not None:
        breaths_s = beat_times(duration_s, breathing.per_min, breathing.variability, rng)
        turns = rng.random(2)
        rate_bpm = _with_arrhythmia(rate_bpm, breathing, breaths_s)
    beats_s = beat_times(duration_s, rate_bpm, variability, rng)
    wave = pulse_wave(time_s, beats_s, dicrotic, scaled)
    breath, slow = 2 * np.pi * rng.random(2)
    swing = wander * (0.7 * np.sin(2 * np.pi * 0.25 * time_s + breath) + 0.3 * np.sin(2 * np.pi * 0.06 * time_s + slow))
    if breathing is not None:
        wave *= 1 + breathing.amplitude * _breath_wave(breathing, breaths_s, time_s, turns[0])
        swing += breathing.baseline * _breath_wave(breathing, breaths_s, time_s, turns[1])
    channels = []
    for steady, strength in ((RED_STEADY, ratio_of(spo2_pct)), (IR_STEADY, 1.0)):
        pulse = steady * perfusion_pct / 100 * strength
        noise_counts = np.hypot(noise * pulse, sensor_noise_counts) * _AVERAGED
        light = steady - pulse * (wave + swing) + noise_counts * rng.standard_normal(len(time_s))
        if motion is not None:
            light = light - steady * perfusion_pct / 100 * motion(time_s, rng)
        channels.append(light)
    felt = None if motion is None else _felt(motion, time_s, seed)
    return Synthetic(*channels, beats_s, breaths_s, felt)


def _with_arrhythmia(rate_bpm: float, breathing: Breathing, breaths_s: np.ndarray):
    """A pulse rate, as a function of time, that breathing makes faster and slower."""
    return lambda second: rate_bpm * (1 + breathing.frequency * float(_breath_wave(breathing, breaths_s, second, 0.0)))


def _breath_wave(breathing: Breathing, breaths_s: np.ndarray, time_s, turn: float):
    """A sine and its second harmonic, one period a breath, `turn` periods late: the modulations are not in phase."""
    phase = 2 * np.pi * (np.interp(time_s, breaths_s, np.arange(len(breaths_s))) - turn)
    return np.sin(phase) + breathing.overtone * np.sin(2 * phase)


def _felt(motion: "Cadence", time_s: np.ndarray, seed: int) -> np.ndarray:
    """What an accelerometer measures, milli-g: gravity from somewhere, a tremor, noise of the part, and the motion."""
    rng = np.random.default_rng([seed, 2])
    gravity = rng.standard_normal(3)
    gravity *= 1000 / np.linalg.norm(gravity)
    axes = motion.acceleration(time_s) + 4 * rng.standard_normal((3, len(time_s)))
    axes += gravity[:, None] + 3 * np.sin(2 * np.pi * (8.5 * time_s + rng.random((3, 1))))
    return np.rint(axes).astype(int)


class Cadence:
    """Rhythmic motion: what the light feels of it, and what an accelerometer beside the sensor feels.

    Steps vary by 2 % in length and 20 % in force. Light: walking is a sine and its second harmonic, running is stronger
    and rounder and shakes the baseline, tapping is a short blow that rings. Both channels feel the same movement, red
    by a share that changes from step to step as the path of the light does.

    Acceleration has the same steps and forces, but leads the light, which follows as tissue and blood do, by 10 to
    80 ms, and has other shapes: a sharp impact and more harmonics at the pace of the steps, a swing at half of it.
    Impact, body and swing point in different directions, and what an axis gets of a step varies by 5 %.
    """

    def __init__(self, kind: str, per_minute: float, strength: float, from_s: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._kind = kind
        self._per_minute = per_minute
        self._strength = strength
        self._from_s = from_s
        self._steps_s = beat_times(600, per_minute, 0.02, rng)
        self._force = np.clip(1 + 0.2 * rng.standard_normal(len(self._steps_s)), 0.3, 2)
        self._seed = seed

    def __call__(self, time_s: np.ndarray, channel_rng: np.random.Generator) -> np.ndarray:
        """Light taken at `time_s`, in units of the infrared pulse's peak-to-peak amplitude; `channel_rng` differs."""
        phase, step = self._phase(time_s)
        share = self._force[step] * (1 + 0.15 * channel_rng.standard_normal(len(self._steps_s))[step])
        turn = 2 * np.pi * phase
        if self._kind == "walking":
            shape = 0.5 * np.sin(turn) + 0.3 * np.sin(2 * turn + 0.7)
        elif self._kind == "running":
            shape = 0.5 * np.sin(turn) + 0.15 * np.sin(2 * turn + 0.3) + 0.4 * np.sin(turn / 2 + 1)
        else:
            since_s = (phase - step) * 60 / self._per_minute
            shape = np.exp(-since_s / 0.08) * np.cos(2 * np.pi * 5 * since_s)
        smooth = np.convolve(share * shape, np.ones(5) / 5, mode="same")
        return self._strength * smooth * (time_s >= self._from_s)

    def acceleration(self, time_s: np.ndarray) -> np.ndarray:
        """What three axes feel at `time_s`, in milli-g, without gravity and noise."""
        rng = np.random.default_rng([self._seed, 1])
        lead_s = rng.uniform(0.01, 0.08)
        phase, step = self._phase(time_s + lead_s)
        turn = 2 * np.pi * phase
        since_s = (phase - step) * 60 / self._per_minute
        a, b, c, d = 2 * np.pi * rng.random(4)
        impact = np.exp(-0.5 * ((since_s - 0.03) / 0.012) ** 2)
        if self._kind == "walking":
            body = 0.5 * np.sin(turn + a) + 0.4 * np.sin(2 * turn + b) + 0.25 * np.sin(3 * turn + c)
            parts = ((250, impact), (180, body), (150, np.sin(turn / 2 + d)))
        elif self._kind == "running":
            body = np.maximum(np.sin(turn + a), -0.2) + 0.3 * np.sin(2 * turn + b) + 0.2 * np.sin(3 * turn + c)
            parts = ((900, impact), (700, body), (400, np.sin(turn / 2 + d) + 0.3 * np.sin(1.5 * turn + c)))
        else:
            ringing = np.exp(-since_s / 0.04) * np.sin(2 * np.pi * 11 * since_s)
            parts = ((600, impact), (400, ringing), (50, np.sin(turn + a)))
        axes = np.zeros((3, len(time_s)))
        for milli_g, wave in parts:
            direction = rng.standard_normal(3)
            direction /= np.linalg.norm(direction)
            for axis in range(3):
                share = self._force[step] * (1 + 0.05 * rng.standard_normal(len(self._steps_s))[step])
                axes[axis] += milli_g * direction[axis] * share * wave
        return axes * (time_s >= self._from_s)

    def _phase(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many steps there were before, with the part of the one that goes on, and as whole ones."""
        phase = np.interp(time_s, self._steps_s, np.arange(len(self._steps_s)))
        return phase, phase.astype(int)


def noise_only(kind: str, duration_s: float, level: float, seed: int) -> Synthetic:
    """What a sensor sees without a pulse; `level` is the size of the disturbance in counts.

    Kinds: `white` (each channel its own), `common` (both the same), `brown` (a random walk that is pulled back),
    `breath` (a slow swing and white noise of a tenth of it), `knocks` (a new level at random instants, one a second),
    all in contact; `empty` (an open sensor in the dark).
    """
    rng = np.random.default_rng(seed)
    length = int(duration_s * GRID_HZ) + 1
    time_s = np.arange(length) / GRID_HZ

    def white() -> np.ndarray:
        return _AVERAGED * rng.standard_normal(length)

    if kind == "empty":
        return Synthetic(300 + level * white(), 350 + level * white())
    red, ir = RED_STEADY + 15 * white(), IR_STEADY + 15 * white()
    if kind == "white":
        return Synthetic(red + level * white(), ir + level * white())
    if kind == "common":
        same = level * white()
    elif kind == "brown":
        same = np.empty(length)
        value = 0.0
        for index, push in enumerate(rng.standard_normal(length)):
            value = 0.99 * value + push
            same[index] = value
        same *= level / same.std()
    elif kind == "breath":
        same = level * (np.sin(2 * np.pi * np.cumsum(0.25 + 0.05 * np.sin(0.07 * time_s)) / GRID_HZ) + 0.1 * white())
    else:
        knocks = np.flatnonzero(rng.random(length) < 0.01)
        same = level * rng.standard_normal(len(knocks) + 1)[np.searchsorted(knocks, np.arange(length), side="right")]
    return Synthetic(red + 0.8 * same, ir + same)


def flicker(lamp_hz: float, steady: float, depth: float, duration_s: float, seed: int) -> "Flicker":
    """A lamp over an open sensor: light of `steady` counts that flickers by `depth` of itself, peak to peak."""
    return Flicker(lamp_hz, steady, depth, duration_s, seed)


class Flicker:
    """Evaluated at the instants asked for, because what is seen is the alias of the lamp at the part's own rate."""

    has_temperature = False
    start_us = 0

    def __init__(self, lamp_hz: float, steady: float, depth: float, duration_s: float, seed: int) -> None:
        self.end_us = int(duration_s * 1e6)
        self._lamp_hz = lamp_hz
        self._steady = steady
        self._depth = depth
        self._noise = (8 * np.random.default_rng(seed).standard_normal(4096)).tolist()
        self._count = 0

    def sample_into(self, time_us, out) -> bool:
        """Set out[0] = red, out[1] = ir at an instant."""
        if not 0 <= time_us <= self.end_us:
            return False
        light = self._steady * (1 + self._depth / 2 * float(np.sin(2 * np.pi * self._lamp_hz * time_us / 1e6)))
        for channel in range(2):
            self._count = (self._count + 1) % 4096
            out[channel] = min(_FULL_SCALE, max(0, round(light + self._noise[self._count])))
        return True

    def temperature_centi_c(self, time_us) -> None:
        """There is no thermometer."""
        return
