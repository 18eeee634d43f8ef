"""Other ways to a pulse rate, given the same light in the same 8 s windows: 25 samples of red and infrared a second.

HeartPy and NeuroKit2 are the libraries themselves; they see each window as a whole, in floating point, and have no
deadline. Each gets the polarity that it does better with on the recordings: NeuroKit2 systole up, HeartPy the counts.
The other three are written here from published descriptions of what devices do: the valley count of Maxim's reference
design RD117 for this part, a plain normalised autocorrelation, and the comparison of shifted signals that MicroPython
watches use.
"""

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np

RATE_HZ = 25
Light = Sequence[int]
Method = Callable[[Light, Light], float | None]


def valley_count(red: Light, ir: Light) -> float | None:
    """RD117: 4 s of infrared upside down, mean of four, peaks above the mean (but at least 30, at most 60 counts).

    Peaks nearer than five samples to a higher one are dropped, and the mean distance is cut to whole samples.
    """
    block = np.array(ir[-4 * RATE_HZ :])
    upright = int(block.mean()) - block
    smooth = upright.copy()
    smooth[:-3] = (upright[:-3] + upright[1:-2] + upright[2:-1] + upright[3:]) // 4
    threshold = min(60, max(30, int(smooth.mean())))
    peaks = [
        i for i in range(1, len(smooth) - 1) if smooth[i] > threshold and smooth[i - 1] < smooth[i] >= smooth[i + 1]
    ]
    kept: list[int] = []
    for peak in sorted(peaks, key=lambda i: -smooth[i]):
        if all(abs(peak - other) > 4 for other in kept):
            kept.append(peak)
    if len(kept) < 2:
        return None
    interval = (max(kept) - min(kept)) // (len(kept) - 1)
    return float(60 * RATE_HZ // interval)


def autocorrelation(red: Light, ir: Light) -> float | None:
    """The shortest lag whose peak comes within 85 % of the highest, a parabola through it; none below 0.6."""
    values = _without_trend(ir)
    length = len(values)
    lags = range(5, 76)  # 300 to 20 bpm
    score = np.zeros(77)
    for lag in lags:
        front, back = values[: length - lag], values[lag:]
        energy = np.sqrt((front @ front) * (back @ back))
        score[lag] = front @ back / energy if energy else 0.0
    peaks = [lag for lag in lags[1:-1] if score[lag - 1] <= score[lag] > score[lag + 1]]
    if not peaks:
        return None
    highest = max(score[lag] for lag in peaks)
    if highest < 0.6:
        return None
    lag = next(lag for lag in peaks if score[lag] >= 0.85 * highest)
    before, here, after = score[lag - 1 : lag + 2]
    return 60 * RATE_HZ / (lag + 0.5 * (before - after) / (before - 2 * here + after))


def shift_compare(red: Light, ir: Light) -> float | None:
    """The shift of 0.28 to 2 s at which the signal, levelled, differs least from itself, sharpened over four beats."""
    values = _without_trend(ir)
    values = values - np.convolve(values, np.ones(RATE_HZ) / RATE_HZ, mode="same")
    envelope, level = np.empty(len(values)), 1.0
    for index, value in enumerate(np.abs(values)):
        level = max(value, level * 0.97, 1.0)
        envelope[index] = level
    levelled = np.clip(100 * values / envelope, -127, 127)

    def difference(lag: int) -> float:
        return float(np.mean((levelled[lag:] - levelled[: len(levelled) - lag]) ** 2))

    shifts = range(7, 51)
    best = min(shifts, key=difference)
    if best in (shifts[0], shifts[-1]):
        return None
    lag = best
    for beats in (2, 3, 4):
        guess = round(lag * beats / (beats - 1))
        if guess + 2 > len(levelled) // 2 + 25:
            return 60 * RATE_HZ * (beats - 1) / lag
        lag = min(range(guess - 2, guess + 3), key=difference)
    return 60 * RATE_HZ * 4 / lag


def _without_trend(light: Light) -> np.ndarray:
    """Minus the straight line through it, and upright: systole lowers the light."""
    values = np.asarray(light, dtype=float)
    index = np.arange(len(values))
    return np.polyval(np.polyfit(index, values, 1), index) - values


def _heartpy(red: Light, ir: Light) -> float | None:
    import heartpy

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            _, measures = heartpy.process(heartpy.scale_data(np.asarray(ir, dtype=float)), RATE_HZ)
    except (heartpy.exceptions.BadSignalWarning, ValueError, IndexError):
        return None
    return _finite(measures["bpm"])


def _neurokit(red: Light, ir: Light) -> float | None:
    import neurokit2

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            clean = neurokit2.ppg_clean(_without_trend(ir), sampling_rate=RATE_HZ, method="elgendi")
            peaks = neurokit2.ppg_findpeaks(clean, sampling_rate=RATE_HZ, method="elgendi")["PPG_Peaks"]
    except (ValueError, IndexError):
        return None
    return _finite(60 * RATE_HZ / np.mean(np.diff(peaks))) if len(peaks) > 1 else None


def _finite(rate: float) -> float | None:
    return float(rate) if np.isfinite(rate) else None


_LIBRARIES: dict[str, tuple[str, Method]] = {
    "HeartPy": ("heartpy", _heartpy),
    "NeuroKit2": ("neurokit2", _neurokit),
}
METHODS: dict[str, Method] = {
    "valley count": valley_count,
    "autocorrel.": autocorrelation,
    "shift-comp.": shift_compare,
    **{name: method for name, (module, method) in _LIBRARIES.items() if find_spec(module)},
}


def missing() -> list[str]:
    """A line for each library that is not there."""
    return [
        f"{name} is not installed and left out: pip install {module}"
        for name, (module, _) in _LIBRARIES.items()
        if not find_spec(module)
    ]
