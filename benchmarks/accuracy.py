"""Accuracy of all that the oximeter's signal path publishes, in one table: figure asked, figure measured, ok.

    python benchmarks/accuracy.py [--only FAMILY ...] [--no-peers] [--cases] [--json]

Recordings come from VIGIL_RECORDINGS, by default tests/data, made ones from synthetic.py. All of them pass through the
simulated part, the driver and the monitor as in `vigil replay`. Peers get the same light in the same 8 s windows.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

import peers
from playing import Played, play
from synthetic import Breathing, Cadence, Synthetic, finger, flicker, noise_only
from vigil_hal.simulated.recording import open_recording
from vigil_host.evaluation.errors import (
    OFF_BY,
    PULSE_RATE,
    Errors,
    Pair,
    description_of,
    errors_of,
    paired,
    read_reference,
)

PROCESSES = 2
VIGIL = "Vigil"
OFF_BY_BPM = OFF_BY[PULSE_RATE]
RECORDINGS = Path(os.environ.get("VIGIL_RECORDINGS") or Path(__file__).parents[1] / "tests" / "data")
NOT_YET: dict[str, float | None] = {}


@dataclass
class Result:
    """What one case gave: by who, pulse rates (or SpO2) by second, and the truth at the seconds that are judged."""

    case: str
    rates: dict[str, dict[int, float]]
    truth: dict[int, float] = field(default_factory=dict)

    def pairs(self, who: str) -> list[Pair]:
        """What was shown and what is true, for each judged second."""
        return [(self.rates[who].get(second), self.truth[second]) for second in sorted(self.truth)]


@dataclass
class Figure:
    """One row of the table. `asked` is ("<=", limit) or (">=", limit), or None for a row that explains."""

    name: str
    asked: tuple[str, float] | None
    values: dict[str, float | None]

    @property
    def ok(self) -> bool | None:
        """Whether Vigil reaches what is asked; None where nothing is, or where it is not measured yet."""
        if self.asked is None or self.values is NOT_YET:
            return None
        value = self.values[VIGIL]
        if value is None:
            return False
        return value <= self.asked[1] if self.asked[0] == "<=" else value >= self.asked[1]


Case = tuple[str, Callable[[bool], Result]]
Measure = Callable[[list[Result], str], float | None]


def over(results: list[Result], measure: Measure) -> dict[str, float | None]:
    """Measure everybody who took part."""
    return {who: measure(results, who) for who in results[0].rates} if results else {VIGIL: None}


def pooled(results: list[Result], who: str) -> Errors:
    """Errors of all results together."""
    return errors_of([pair for result in results for pair in result.pairs(who)], OFF_BY_BPM)


def mean_error(results: list[Result], who: str) -> float | None:
    """Mean absolute error, bpm."""
    return pooled(results, who).mae


def coverage(results: list[Result], who: str) -> float:
    """Published, % of the seconds that are judged."""
    return pooled(results, who).coverage_pct


def far_off(results: list[Result], who: str) -> float | None:
    """Off by more than 10 bpm, % of what was published."""
    return pooled(results, who).off_pct


def far_off_of_all(results: list[Result], who: str) -> float:
    """Off by more than 10 bpm, % of the seconds that are judged."""
    errors = pooled(results, who)
    return (errors.off_pct or 0.0) * errors.published / errors.seconds


def worst(results: list[Result], who: str) -> float | None:
    """Greatest absolute error; None where nothing was published."""
    return max((abs(value - true) for value, true in _shown(results, who)), default=None)


def _shown(results: list[Result], who: str) -> list[tuple[float, float]]:
    """Published value and truth, where there is both."""
    return [(value, true) for result in results for value, true in result.pairs(who) if value is not None]


def watch(case: str, source, with_peers: bool, accelerometer_error_ppm: int | None = None) -> tuple[Result, Played]:
    """Play a source to Vigil, and to the peers where wanted, for pulse rates."""
    played = play(source, accelerometer_error_ppm)
    rates = {VIGIL: played.values("pulse_rate_bpm")}
    if with_peers:
        windows = {second: window for second in played.rows if (window := played.window(second))}
        for name, method in peers.METHODS.items():
            found = {second: method(*window) for second, window in windows.items()}
            rates[name] = {second: rate for second, rate in found.items() if rate is not None}
    return Result(case, rates), played


def _judge(result: Result, source: Synthetic, seconds: Iterable[int]) -> Result:
    result.truth = {second: source.rate_bpm(second) for second in seconds}
    return result


# Recordings


def _recordings(prefix: str) -> list[Path]:
    return [path for path in sorted(RECORDINGS.glob(f"{prefix}_*.csv")) if not path.name.endswith(".reference.csv")]


def uw_cases() -> Iterator[Case]:
    """Finger recordings with a reference for every second."""
    for path in _recordings("uw"):
        yield path.stem, partial(_uw, path)


def _uw(path: Path, with_peers: bool) -> Result:
    result, _ = watch(path.stem, open_recording(str(path)), with_peers)
    reference = read_reference(path.with_suffix(".reference.csv"))[PULSE_RATE]
    result.truth = {second: true for second, (_, true) in paired({}, reference).items()}
    return result


def uw_figures(results: list[Result]) -> Iterator[Figure]:
    """Over all files, then file by file."""
    yield Figure("uw: mean absolute error, bpm", ("<=", 1.2), over(results, mean_error))
    yield Figure("uw: coverage, %", (">=", 97.0), over(results, coverage))
    yield Figure("uw: off by > 10 bpm, % of published", ("<=", 0.2), over(results, far_off))
    for result in results:
        yield Figure(f"  {result.case}: mean absolute error, bpm", None, over([result], mean_error))
        yield Figure(f"  {result.case}: coverage, %", None, over([result], coverage))
        yield Figure(f"  {result.case}: off by > 10 bpm, %", None, over([result], far_off))


def welltory_cases() -> Iterator[Case]:
    """Finger recordings with irregular frame times and a mean rate as reference."""
    for path in _recordings("welltory"):
        yield path.stem, partial(_welltory, path)


def _welltory(path: Path, with_peers: bool) -> Result:
    result, played = watch(path.stem, open_recording(str(path)), with_peers)
    mean = float(str(description_of(path)["reference_mean_hr_bpm"]))
    result.truth = dict.fromkeys(played.rows, mean)
    return result


def welltory_figures(results: list[Result]) -> Iterator[Figure]:
    """Mean of all published rates against the reference's mean."""
    for result in results:
        yield Figure(f"{result.case}: mean off the reference's, bpm", ("<=", 1.5), over([result], _mean_off))
    yield Figure("  welltory: coverage, %", None, over(results, coverage))


def _mean_off(results: list[Result], who: str) -> float | None:
    values, true = zip(*_shown(results, who), strict=True) if _shown(results, who) else ((), ())
    return abs(statistics.fmean(values) - true[0]) if values else None


# A made pulse

RATES_BPM = (25, 30, 35, 40, 50, 60, 75, 90, 110, 130, 150, 180, 210, 240)


def synthetic_cases() -> Iterator[Case]:
    """Every rate, with a dicrotic lobe of several heights, lobes scaled with the beat or of a heart's own length."""
    for rate, dicrotic, scaled in product(RATES_BPM, (0.0, 0.25, 0.5), (True, False)):
        if scaled or rate < 60:  # above that the two are nearly the same
            case = f"synthetic {rate} bpm, dicrotic {dicrotic:.0%}, {'scaled' if scaled else 'narrow'}"
            yield case, partial(_synthetic, case, rate, dicrotic, scaled)


def _synthetic(case: str, rate: int, dicrotic: float, scaled: bool, with_peers: bool) -> Result:
    source = finger(40, rate, seed=rate * 10 + round(dicrotic * 4), dicrotic=dicrotic, scaled=scaled)
    result, _ = watch(case, source, with_peers)
    return _judge(result, source, range(10, 41))


def synthetic_figures(results: list[Result]) -> Iterator[Figure]:
    """Against the mean rate of the last 8 s."""
    yield Figure("synthetic: within 2 bpm or 2 %, % of published", (">=", 100.0), over(results, _close))
    yield Figure("synthetic: half or double, seconds", ("<=", 0), over(results, _half_or_double))
    yield Figure("  synthetic: worst error, bpm", None, over(results, worst))
    yield Figure("  synthetic: coverage after 10 s, %", None, over(results, coverage))
    for rate in RATES_BPM:
        group = [result for result in results if result.case.startswith(f"synthetic {rate} bpm")]
        yield Figure(f"  synthetic {rate} bpm: coverage after 10 s, %", None, over(group, coverage))


def _close(results: list[Result], who: str) -> float | None:
    close = [abs(value - true) <= max(2.0, 0.02 * true) for value, true in _shown(results, who)]
    return 100 * sum(close) / len(close) if close else None


def _half_or_double(results: list[Result], who: str) -> float:
    ratios = [value / true for value, true in _shown(results, who)]
    return sum(0.45 <= ratio <= 0.55 or 1.8 <= ratio <= 2.2 for ratio in ratios)


STEPS = ((70, 130), (120, 45), (60, 25))
STEP_S = 30


def steps_cases() -> Iterator[Case]:
    """The rate steps once, at several phases of the beat."""
    for (before, after), phase, dicrotic in product(STEPS, range(4), (0.0, 0.4)):
        case = f"step {before} to {after} bpm, phase {phase}, dicrotic {dicrotic:.0%}"
        yield case, partial(_step, case, before, after, phase, dicrotic)


def _step(case: str, before: int, after: int, phase: int, dicrotic: float, with_peers: bool) -> Result:
    step_s = STEP_S - phase * 0.25
    source = finger(
        60, lambda s: before if s < step_s else after, seed=phase + 100, variability=0.01, noise=0.02, dicrotic=dicrotic
    )
    result, _ = watch(case, source, with_peers)
    result.truth = {second: before if second <= step_s else after for second in range(15, 61)}
    return result


def steps_figures(results: list[Result]) -> Iterator[Figure]:
    """How long until the new rate is shown and stays, and what was shown on the way."""
    for before, after in STEPS:
        name = f"step {before} to {after}"
        group = [result for result in results if result.case.startswith(name)]
        slowest = over(group, partial(_slowest_s, after))
        outside = over(group, partial(_outside, min(before, after) - 5, max(before, after) + 5))
        yield Figure(f"{name}: within 5 bpm after, s (slowest of {len(group)})", ("<=", 10), slowest)
        yield Figure(f"{name}: shown outside both +-5, seconds", ("<=", 0), outside)


def _slowest_s(after: int, results: list[Result], who: str) -> float | None:
    """Seconds from the step until the new rate is shown, and nothing else any more; None for never."""
    slowest = 0
    for result in results:
        rates = {second: rate for second, rate in result.rates[who].items() if second > STEP_S}
        last_wrong = max((second for second, rate in rates.items() if abs(rate - after) > 5), default=STEP_S)
        right = [second for second in rates if second > last_wrong]
        if not right:
            return None
        slowest = max(slowest, min(right) - STEP_S)
    return slowest


def _outside(low: int, high: int, results: list[Result], who: str) -> float:
    return sum(not low <= value <= high for value, _ in _shown(results, who))


BEATS_RATES_BPM = (40, 50, 60, 75, 90, 110, 130, 150, 180)
BEATS_DICROTIC = (0.0, 0.25, 0.5)
BEATS_FROM_S = 10
BEATS_UNTIL_S = 70


@dataclass
class BeatsResult(Result):
    """The accepted intervals of one case against the beats that were drawn."""

    delay_ms: float = 0.0
    errors_ms: list[float] = field(default_factory=list)  # of the ending beat of each accepted interval
    wrong: int = 0  # accepted intervals that do not go from one beat to the next
    beats: int = 0  # that ended in the time that is judged


def beats_cases() -> Iterator[Case]:
    """Rates and dicrotic lobes as of most people at rest or in motion."""
    for rate, dicrotic in product(BEATS_RATES_BPM, BEATS_DICROTIC):
        case = f"beats {rate} bpm, dicrotic {dicrotic:.0%}"
        yield case, partial(_beats, case, rate, dicrotic)


def _beats(case: str, rate: int, dicrotic: float, with_peers: bool) -> Result:
    source = finger(
        BEATS_UNTIL_S + 2, rate, seed=rate + round(dicrotic * 4), variability=0.03, noise=0.02, dicrotic=dicrotic
    )
    played = play(source)
    ends_s, lengths_s = np.array(played.intervals).reshape(-1, 2).T
    judged = (ends_s > BEATS_FROM_S) & (ends_s <= BEATS_UNTIL_S)
    ends_s, lengths_s = ends_s[judged], lengths_s[judged]
    true_s = source.beats_s
    beats = int(np.sum((true_s > BEATS_FROM_S) & (true_s <= BEATS_UNTIL_S)))
    if not len(ends_s):
        return BeatsResult(case, {VIGIL: {}}, beats=beats)
    # The delay is what makes the errors least, to half a beat either way.
    delays_s = np.arange(-30 / rate, 30 / rate, 0.002)
    errors_s = [np.sqrt(np.mean(_off_nearest(ends_s - delay_s, true_s)[0] ** 2)) for delay_s in delays_s]
    delay_s = delays_s[int(np.argmin(errors_s))]
    delay_s += np.median(_off_nearest(ends_s - delay_s, true_s)[0])
    off_s, index = _off_nearest(ends_s - delay_s, true_s)
    _, index_before = _off_nearest(ends_s - lengths_s - delay_s, true_s)
    wrong = int(np.sum(index - index_before != 1))
    return BeatsResult(case, {VIGIL: {}}, {}, delay_s * 1000, list(off_s * 1000), wrong, beats)


def _off_nearest(times_s: np.ndarray, true_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each instant is from the beat nearest to it, and which one that is."""
    after = np.clip(np.searchsorted(true_s, times_s), 1, len(true_s) - 1)
    index = np.where(times_s - true_s[after - 1] < true_s[after] - times_s, after - 1, after)
    return times_s - true_s[index], index


def beats_figures(results: list[Result]) -> Iterator[Figure]:
    """Instants of the beats, less each case's constant delay, over all cases and by rate."""
    yield Figure("beats: RMS error of beat times, ms", ("<=", 15.0), over(results, _beats_rms_ms))
    yield Figure("beats: missed or extra, % of accepted intervals", ("<=", 1.0), over(results, _beats_wrong_pct))
    yield Figure("  beats: accepted intervals, % of beats after 10 s", None, over(results, _beats_accepted_pct))
    names = [f"{rate} bpm" for rate in BEATS_RATES_BPM] + [f"dicrotic {dicrotic:.0%}" for dicrotic in BEATS_DICROTIC]
    for name in names:
        group = [result for result in results if name in result.case.removeprefix("beats ").split(", ")]
        yield Figure(f"  beats, {name}: RMS error of beat times, ms", None, over(group, _beats_rms_ms))
        yield Figure(f"  beats, {name}: missed or extra, %", None, over(group, _beats_wrong_pct))


def _beats_rms_ms(results: list[BeatsResult], who: str) -> float | None:
    errors = [error for result in results for error in result.errors_ms]
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else None


def _beats_wrong_pct(results: list[BeatsResult], who: str) -> float | None:
    accepted = sum(len(result.errors_ms) for result in results)
    return 100 * sum(result.wrong for result in results) / accepted if accepted else None


def _beats_accepted_pct(results: list[BeatsResult], who: str) -> float:
    return 100 * sum(len(result.errors_ms) for result in results) / sum(result.beats for result in results)


# No pulse


def noise_cases() -> Iterator[Case]:
    """Sensors that see light, but no pulse."""
    levels = {
        "empty": (8, 40, 200),
        "white": (20, 60, 200, 600, 2000),
        "common": (20, 60, 200, 600, 2000),
        "brown": (60, 200, 600, 2000),
        "breath": (60, 200, 600, 2000),
        "knocks": (60, 300, 1500),
    }
    for kind, level in [(kind, level) for kind, each in levels.items() for level in each]:
        case = f"{kind} {level}"
        yield case, partial(_no_pulse, case, partial(noise_only, kind, 120, level, seed=level))
    for lamp_hz, steady, depth in product((50, 60, 100, 101, 99.2, 120, 121.2), (2_000, 15_000, 60_000), (0.02, 0.3)):
        case = f"flicker {lamp_hz} Hz, {steady} counts, {depth:.0%}"
        yield case, partial(_no_pulse, case, partial(flicker, lamp_hz, steady, depth, 60, seed=1))


def _no_pulse(case: str, make: Callable[[], object], with_peers: bool) -> Result:
    result, played = watch(case, make(), with_peers)
    result.truth = dict.fromkeys((second for second in played.rows if played.window(second)), 0.0)
    return result


def noise_figures(results: list[Result]) -> Iterator[Figure]:
    """A pulse rate where there is no pulse."""
    kinds: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        kinds[result.case.split()[0]].append(result)
    windows = sum(len(result.truth) for result in results)
    yield Figure(f"no pulse: published, % of {windows} windows", ("<=", 0.1), over(results, coverage))
    for kind, group in kinds.items():
        yield Figure(f"  no pulse, {kind}: published, %", None, over(group, coverage))


# Motion

MOTION_FROM_S = 15
MOTION_STRENGTHS = {"walking": (1.0, 4.0), "running": (3.0, 8.0), "tapping": (1.5, 6.0)}


MOTION_PER_MINUTE = (60, 90, 120, 150, 180)
MOTION_PULSES_BPM = (72, 104)
ACCELEROMETER_ERRORS_PPM = (0, 15_000, -15_000)


def _motions() -> Iterator[tuple[str, int, float, int]]:
    for kind, per_minute, pulse in product(MOTION_STRENGTHS, MOTION_PER_MINUTE, MOTION_PULSES_BPM):
        for strength in MOTION_STRENGTHS[kind]:
            yield kind, per_minute, strength, pulse


def motion_cases() -> Iterator[Case]:
    """Rhythmic motion over a real pulse, about as strong as it and much stronger."""
    for kind, per_minute, strength, pulse in _motions():
        case = f"{kind} at {per_minute} per minute, {strength:g} times the pulse of {pulse} bpm"
        yield case, partial(_motion, case, kind, per_minute, strength, pulse, None)
        case = f"from the first second: {case}"
        yield case, partial(_motion, case, kind, per_minute, strength, pulse, None, from_s=0)


def accelerometer_cases() -> Iterator[Case]:
    """The same with an accelerometer; motion that the light does not feel; motion at the pace of the pulse."""
    motions = [("felt", *each) for each in _motions()]
    for kind, pulse in product(MOTION_STRENGTHS, MOTION_PULSES_BPM):
        motions += [("unfelt", kind, per_minute, 0.0, pulse) for per_minute in MOTION_PER_MINUTE]
        motions += [("in step", kind, pulse, strength, pulse) for strength in MOTION_STRENGTHS[kind]]
    for index, (group, kind, per_minute, strength, pulse) in enumerate(motions):
        case = f"{group}: {kind} at {per_minute} per minute, {strength:g} times the pulse of {pulse} bpm"
        error_ppm = ACCELEROMETER_ERRORS_PPM[index % len(ACCELEROMETER_ERRORS_PPM)]
        yield case, partial(_motion, case, kind, per_minute, strength, pulse, error_ppm)


def _motion(
    case: str,
    kind: str,
    per_minute: int,
    strength: float,
    pulse: int,
    accelerometer_error_ppm: int | None,
    with_peers: bool,
    from_s: int = MOTION_FROM_S,
) -> Result:
    motion = Cadence(kind, per_minute, strength, from_s, seed=per_minute)
    source = finger(60, pulse, seed=per_minute + pulse, noise=0.02, motion=motion)
    # Other programs are given the light alone, which they were given in `motion_cases` already.
    alone = accelerometer_error_ppm is not None
    result, _ = watch(case, source, with_peers and not alone, accelerometer_error_ppm)
    return _judge(result, source, range(max(from_s + 1, 8), 61))


def motion_figures(results: list[Result]) -> Iterator[Figure]:
    """Wrong rates count against all windows: not to publish is right, but no achievement."""
    first = [result for result in results if result.case.startswith("from the first")]
    results = [result for result in results if result not in first]
    yield Figure("motion: off by > 10 bpm, % of windows", ("<=", 2.0), over(results, far_off_of_all))
    yield Figure("  motion: coverage, %", None, over(results, coverage))
    yield Figure(
        "motion from the first second: off by > 10 bpm, % of windows", ("<=", 2.0), over(first, far_off_of_all)
    )
    yield Figure("  motion from the first second: coverage, %", None, over(first, coverage))
    for kind in MOTION_STRENGTHS:
        group = [result for result in results if result.case.startswith(kind)]
        yield Figure(f"  {kind}: off by > 10 bpm, % of windows", None, over(group, far_off_of_all))
        yield Figure(f"  {kind}: coverage, %", None, over(group, coverage))


def accelerometer_figures(results: list[Result]) -> Iterator[Figure]:
    """As without one; where the light feels nothing, coverage as at rest; in step with the pulse, nothing is asked."""
    felt, unfelt, in_step = (
        [result for result in results if result.case.startswith(group)] for group in ("felt", "unfelt", "in step")
    )
    off = "off by > 10 bpm, % of windows"
    yield Figure(f"motion with accelerometer: {off}", ("<=", 2.0), over(felt, far_off_of_all))
    yield Figure("motion with accelerometer: coverage, %", (">=", 30.0), over(felt, coverage))
    for kind, strengths in MOTION_STRENGTHS.items():
        for strength in strengths:
            group = [
                each for each in felt if each.case.startswith(f"felt: {kind}") and f" {strength:g} times" in each.case
            ]
            yield Figure(
                f"  {kind}, {strength:g} times the pulse, with accelerometer: {off}", None, over(group, far_off_of_all)
            )
            yield Figure(
                f"  {kind}, {strength:g} times the pulse, with accelerometer: coverage, %", None, over(group, coverage)
            )
    yield Figure(f"accelerometer moves, light does not: {off}", ("<=", 2.0), over(unfelt, far_off_of_all))
    yield Figure("accelerometer moves, light does not: coverage, %", (">=", 90.0), over(unfelt, coverage))
    yield Figure(f"motion in step with the pulse: {off}", ("<=", 2.0), over(in_step, far_off_of_all))
    yield Figure("  motion in step with the pulse: coverage, %", None, over(in_step, coverage))


# SpO2

PERFUSIONS_PCT = (5.0, 2.0, 1.0, 0.5, 0.3)
TOO_LITTLE_PCT = 0.1
SENSOR_NOISE_COUNTS = 4.0  # at 25 samples a second, of 120,000


def spo2_cases() -> Iterator[Case]:
    """Saturations at perfusions from good to none."""
    for perfusion, spo2 in product((*PERFUSIONS_PCT, TOO_LITTLE_PCT), range(70, 101, 5)):
        case = f"SpO2 {spo2} %, perfusion {perfusion} %"
        yield case, partial(_spo2, case, perfusion, spo2)


def _spo2(case: str, perfusion: float, spo2: int, with_peers: bool) -> Result:
    source = finger(
        40, 76, seed=spo2, noise=0.0, sensor_noise_counts=SENSOR_NOISE_COUNTS, perfusion_pct=perfusion, spo2_pct=spo2
    )
    return Result(case, {VIGIL: play(source).values("spo2_pct")}, dict.fromkeys(range(10, 41), float(spo2)))


def spo2_figures(results: list[Result]) -> Iterator[Figure]:
    """Against the curve, which is the default one of the device."""
    for perfusion in PERFUSIONS_PCT:
        group = [result for result in results if result.case.endswith(f"perfusion {perfusion} %")]
        yield Figure(f"SpO2 70-100 %, perfusion {perfusion} %: worst error, points", ("<=", 1.0), over(group, worst))
        yield Figure(f"  SpO2 70-100 %, perfusion {perfusion} %: coverage, %", None, over(group, coverage))
    group = [result for result in results if result.case.endswith(f"perfusion {TOO_LITTLE_PCT} %")]
    yield Figure(f"SpO2, perfusion {TOO_LITTLE_PCT} %: published, % of seconds", ("<=", 0), over(group, coverage))


# Respiration

RESPIRATION_PULSES_BPM = (50, 60, 72, 90, 120)
RESPIRATIONS_PER_MIN = (6, 9, 11, 13, 15, 18, 24, 30, 36)
RESPIRATION_LEAST_PER_MIN = 8
RESPIRATION_FROM_S = 60  # 32 s of beats, told twice, after the first pulse
RESPIRATION_OFF_BY = 3.0
RESPIRATION_MOST_PER_MIN = 40  # what is faster is not reckoned with
RESPIRATION_STEPS = ((14, 30), (24, 7))
RESPIRATION_STEP_S = 90
_WANDER = 0.1  # of other origin than breathing


def respiration_cases() -> Iterator[Case]:
    """Breathing that shows well or half as well in the pulse, or not at all, and rhythms that are irregular."""
    for pulse, breaths, depth in product(RESPIRATION_PULSES_BPM, RESPIRATIONS_PER_MIN, (1.0, 0.5)):
        # Beats cannot tell breaths from those that are as much faster than half the pulse rate as these are slower.
        kind = "alone" if pulse - breaths > RESPIRATION_MOST_PER_MIN else "aliased"
        kind = "slow" if breaths < RESPIRATION_LEAST_PER_MIN else kind
        case = f"respiration {kind} {breaths} per minute, depth {depth:.0%}, pulse {pulse} bpm"
        overtone = 0.5 if kind == "slow" else 0.2
        breathing = Breathing(breaths, 0.04 * depth, 0.12 * depth, 0.3 * depth, overtone=overtone)
        yield case, partial(_respiration, case, 120, pulse, 0.03, breathing, round(10 * depth))
    for pulse, seed in product(RESPIRATION_PULSES_BPM, range(6)):
        case = f"respiration none {seed}, pulse {pulse} bpm"
        yield case, partial(_respiration, case, 240, pulse, 0.03, None, seed)
    for pulse, variability in product(RESPIRATION_PULSES_BPM, (0.07, 0.1, 0.15, 0.25)):
        case = f"respiration irregular {variability:.0%}, pulse {pulse} bpm"
        yield case, partial(_respiration, case, 240, pulse, variability, None, pulse)
    for (before, after), pulse, seed in product(RESPIRATION_STEPS, (75, 100), range(2)):
        case = f"respiration step {before} to {after}, pulse {pulse} bpm, {seed}"
        yield case, partial(_respiration, case, 180, pulse, 0.03, Breathing(partial(_stepped, before, after)), seed)


def _stepped(before: float, after: float, second: float) -> float:
    return before if second < RESPIRATION_STEP_S else after


def _respiration(
    case: str,
    duration_s: int,
    pulse: float,
    variability: float,
    breathing: Breathing | None,
    seed: int,
    with_peers: bool,
) -> Result:
    wander = _WANDER if breathing else 0.0
    source = finger(duration_s, pulse, seed=seed, variability=variability, wander=wander, breathing=breathing)
    result = Result(case, {VIGIL: play(source).values("respiration_per_min")})
    for second in range(RESPIRATION_FROM_S, duration_s + 1):
        result.truth[second] = source.respiration_per_min(second) if breathing else 0.0
    return result


def respiration_figures(results: list[Result]) -> Iterator[Figure]:
    """Against the mean rate of the last 32 s."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.case.split()[1]].append(result)
    alone = groups["alone"]
    yield Figure("respiration: mean absolute error, per minute", ("<=", 0.5), over(alone, mean_error))
    yield Figure("respiration: off by > 3 per minute, % of published", ("<=", 0.5), over(alone, _respiration_off))
    yield Figure("respiration: coverage after 60 s, %", (">=", 50.0), over(alone, coverage))
    for depth in ("100%", "50%"):
        group = [result for result in alone if f"depth {depth}" in result.case]
        yield Figure(f"  respiration, depth {depth}: coverage after 60 s, %", None, over(group, coverage))
    for kind, words in _RESPIRATION_SILENT.items():
        published = over(groups[kind], coverage)
        yield Figure(f"respiration, {words}: published, % of seconds", ("<=", 0.2), published)
    for before, after in RESPIRATION_STEPS:
        name = f"respiration step {before} to {after}"
        group = [result for result in results if result.case.startswith(name)]
        outside = over(group, partial(_outside, min(before, after) - 3, max(before, after) + 3))
        old = over(group, partial(_respiration_old_s, before))
        yield Figure(f"{name}: shown outside both +-3, seconds", ("<=", 0), outside)
        yield Figure(f"{name}: the old rate shown until, s after (worst)", ("<=", 40), old)


_RESPIRATION_SILENT = {
    "aliased": "that beats may alias",
    "slow": "slower than 8 per minute",
    "none": "no modulation",
    "irregular": "irregular rhythm",
}


def _respiration_off(results: list[Result], who: str) -> float | None:
    off = [abs(value - true) > RESPIRATION_OFF_BY for value, true in _shown(results, who)]
    return 100 * sum(off) / len(off) if off else None


def _respiration_old_s(before: float, results: list[Result], who: str) -> float:
    """The last second after the step at which the rate before it was shown."""
    return max(
        second - RESPIRATION_STEP_S
        for result in results
        for second, rate in result.rates[who].items()
        if second <= RESPIRATION_STEP_S or abs(rate - before) <= RESPIRATION_OFF_BY
    )


FAMILIES: dict[str, tuple[Callable[[], Iterator[Case]], Callable[[list[Result]], Iterator[Figure]]]] = {
    "uw": (uw_cases, uw_figures),
    "steps": (steps_cases, steps_figures),
    "beats": (beats_cases, beats_figures),
    "welltory": (welltory_cases, welltory_figures),
    "synthetic": (synthetic_cases, synthetic_figures),
    "noise": (noise_cases, noise_figures),
    "motion": (motion_cases, motion_figures),
    "accelerometer": (accelerometer_cases, accelerometer_figures),
    "spo2": (spo2_cases, spo2_figures),
    "respiration": (respiration_cases, respiration_figures),
}


def _run(case: Case, with_peers: bool) -> Result:
    return case[1](with_peers)


def measure(families: list[str], with_peers: bool) -> dict[str, list[Result]]:
    """Run the cases of some families, in two processes."""
    cases = [(family, case) for family in families for case in FAMILIES[family][0]()]
    with ProcessPoolExecutor(PROCESSES) as pool:
        results = list(pool.map(_run, [case for _, case in cases], [with_peers] * len(cases), chunksize=1))
    by_family: dict[str, list[Result]] = {family: [] for family in families}
    for (family, _), result in zip(cases, results, strict=True):
        by_family[family].append(result)
    return by_family


def print_table(figures: list[Figure]) -> None:
    """One line for each figure, one column for everybody who took part."""
    names = list(dict.fromkeys([VIGIL, *(who for row in figures for who in row.values)]))
    width = max(len(row.name) for row in figures)
    print(f"{'':{width}}  {'asked':>9}  {'ok':>3}" + "".join(f"{name:>13}" for name in names))
    for row in figures:
        asked = f"{row.asked[0]} {row.asked[1]:g}" if row.asked else ""
        ok = {None: "", True: "yes", False: "NO"}[row.ok]
        cells = "".join(f"{_cell(row, name):>13}" for name in names)
        print(f"{row.name:{width}}  {asked:>9}  {ok:>3}{cells}")


def _cell(row: Figure, name: str) -> str:
    if row.values is NOT_YET and name == VIGIL:
        return "not yet"
    if name not in row.values:
        return ""
    value = row.values[name]
    return "none" if value is None else f"{value:.2f}".removesuffix(".00")


def print_cases(results: list[Result]) -> None:
    """One line for each case: what Vigil showed there."""
    for result in results:
        if not result.truth:
            continue
        errors = errors_of(result.pairs(VIGIL), OFF_BY_BPM)
        rates = [rate for second, rate in result.rates[VIGIL].items() if second in result.truth]
        span = f"{min(rates):.0f}-{max(rates):.0f} bpm" if rates else ""
        mae = "" if errors.mae is None else f"MAE {errors.mae:.2f}, 95 % within {errors.p95:.1f}"
        print(f"  {result.case:<70} coverage {errors.coverage_pct:5.1f} %  {span:<12} {mae}")


def main() -> None:
    """Measure, print, and end with exit code 1 when a figure is not reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=FAMILIES, help="measure this family only; may be repeated")
    parser.add_argument("--no-peers", action="store_true", help="Vigil alone, which is faster")
    parser.add_argument("--cases", action="store_true", help="also what Vigil showed in each case")
    parser.add_argument("--json", action="store_true", help="the table as JSON")
    arguments = parser.parse_args()
    begun = time.monotonic()
    results = measure(arguments.only or list(FAMILIES), not arguments.no_peers)
    figures = [row for family, group in results.items() for row in FAMILIES[family][1](group)]
    if arguments.json:
        print(json.dumps([{**vars(row), "ok": row.ok} for row in figures], indent=1))
    else:
        if not arguments.no_peers:
            for line in peers.missing():
                print(line)
        print_table(figures)
        if arguments.cases:
            for group in results.values():
                print_cases(group)
        print(f"{time.monotonic() - begun:.0f} s, recordings from {RECORDINGS}")
    sys.exit(any(row.ok is False for row in figures))


if __name__ == "__main__":
    main()
