"""Draws the pictures of docs/signal.md from the signal path itself: `python tools/signal_plots.py [FOLDER]`, seconds.

Needs the `plot` extra. The light is made by benchmarks/synthetic.py, or is a recording of tests/data; what is drawn is
the state in which the code judged it. One version of matplotlib draws the same bytes every time.
"""

import io
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from vigil_firmware.signal import quality
from vigil_firmware.signal.beats import FRACTION_BITS, Beats
from vigil_firmware.signal.calibration import OUTSIDE, Curve
from vigil_firmware.signal.oximetry import SWAPPED_RATIO_MILLI, Oximetry
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.signal.pulses import Pulses
from vigil_firmware.signal.quality import Steadiness
from vigil_firmware.signal.respiration import Spectrum
from vigil_firmware.vitals import Vitals
from vigil_hal.simulated.recording import open_recording
from vigil_host import held
from vigil_wire import statuses

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from playing import RATE_HZ, play  # type: ignore[import-not-found]  # noqa: E402
from synthetic import (  # type: ignore[import-not-found]  # noqa: E402
    GRID_HZ,
    IR_STEADY,
    RED_STEADY,
    Breathing,
    Cadence,
    Synthetic,
    finger,
    noise_only,
)

IMAGES = ROOT / "docs" / "images"
RECORDING = ROOT / "tests" / "data" / "uw_desaturation_1_rest.csv"
WIDTH_IN = 5.0
DPI = 144  # 720 pixels wide: at half of that, on a phone, letters are still ten pixels high
COLOURS = 48
# Okabe and Ito's colours, which nearly everybody can tell apart.
BLUE, SKY, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
STATUS_COLOURS = {
    statuses.VALIDATED: GREEN,
    statuses.EARLY_ESTIMATE: "#99D8C4",
    statuses.ACQUIRING: SKY,
    statuses.SENSOR_OFF: "0.75",
    statuses.LOW_PERFUSION: PURPLE,
    statuses.POOR_SIGNAL: ORANGE,
    statuses.ERRATIC: RED,
}

Light = Sequence[tuple[int, int]]  # red and infrared counts, RATE_HZ a second


def light_of(source: Any) -> Light:
    """The samples that the part makes of a source."""
    played = play(source)
    return list(zip(played.red, played.ir, strict=True))


def spliced(source: Synthetic, other: Synthetic, from_s: float, until_s: float) -> Synthetic:
    """A source, with the light of another one between two instants."""
    inside = slice(round(from_s * GRID_HZ), round(until_s * GRID_HZ))
    red, ir = source.red.copy(), source.ir.copy()
    red[inside], ir[inside] = other.red[inside], other.ir[inside]
    return Synthetic(red, ir, source.beats_s)


def judged(signal: PulseOximeter, light: Light) -> Iterator[tuple[int, Vitals]]:
    """Let the signal path take in all samples: each second, and what was said at its end."""
    for count, (red, ir) in enumerate(light, 1):
        signal.add(red, ir)
        if count % RATE_HZ == 0:
            vitals = Vitals()
            signal.judge(vitals, RATE_HZ * 1000)
            signal.judge_respiration(vitals, RATE_HZ * 1000)
            yield count // RATE_HZ, vitals


def stack(height_in: float, *ratios: float) -> tuple[Figure, list[Axes]]:
    """An empty picture of panels below each other, as wide as every other picture."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)
    return figure, list(axes[:, 0])


def share_times(panels: Sequence[Axes], label: str) -> None:
    """Let panels have the time axis of the last one, which is the only one that is labelled."""
    for panel in panels[:-1]:
        panel.sharex(panels[-1])
        panel.tick_params(labelbottom=False)
    panels[-1].set_xlabel(label)


def statuses_below(axes: Axes, seconds: Sequence[int], found: Sequence[int]) -> None:
    """One block of colour for each second, at whose end there was a status, and below all what the colours mean."""
    known = list(dict.fromkeys(found))
    for status in known:
        spans = [(second - 1, 1) for second, each in zip(seconds, found, strict=True) if each == status]
        axes.broken_barh(spans, (0, 1), color=STATUS_COLOURS[status], linewidth=0)
    axes.set(yticks=[], ylim=(0, 1))
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    names = [statuses.NAMES[status].replace("_", " ") for status in known]
    patches = [Patch(color=STATUS_COLOURS[status]) for status in known]
    axes.figure.legend(patches, names, loc="outside lower center", ncols=3, columnspacing=1, handlelength=1)


# The pictures


def window() -> Figure:
    """Raw light with its wander, and the window that is judged."""
    light = light_of(open_recording(str(RECORDING)))[: 23 * RATE_HZ]
    signal = PulseOximeter()
    list(judged(signal, light))
    channel, stride = signal._ir, signal._stride
    # The window has lost the values within half a span of both ends.
    span = (signal._fusion.period // stride + 32) >> FRACTION_BITS | 1
    ages = (channel.length + span // 2 - np.arange(channel.length)) * stride
    counts = np.array(channel.window[: channel.length]) * (1 << signal._bits) / 2  # of sums of two samples
    raw = [ir for _, ir in light[-(channel.length + span) * stride :]]

    figure, (above, below) = stack(4.2, 1, 1)
    above.plot(np.arange(1 - len(raw), 1) / RATE_HZ, raw, color=BLUE)
    above.set_title("infrared light of a finger, counts")
    below.plot(-ages / RATE_HZ, counts, color=BLUE)
    below.axhline(0, color="0.6", linewidth=0.8)
    below.set_title("less its mean over one beat: the window")
    share_times([above, below], "seconds before the judgement")
    return figure


def beats() -> Figure:
    """The fall of the light, how high it must be for a beat, and the beats."""
    figure, (above, below) = stack(4.8, 1, 1)
    _draw_beats(above, light_of(open_recording(str(RECORDING))), 9)
    above.set_title("a finger at rest: fall of the light, counts")
    slow = finger(20, 46, seed=4, variability=0.02, noise=0.02, dicrotic=0.5, scaled=False)
    _draw_beats(below, light_of(slow), 11)
    below.set_title("a slow pulse whose second wave is strong")
    below.set_xlabel("time, s")
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=3, columnspacing=1)
    return figure


def _draw_beats(axes: Axes, light: Light, from_s: int) -> None:
    """Draw six seconds, in the order in which the samples come."""
    finder = Beats(1)
    falls, least = [], []
    samples = light[: (from_s + 6) * RATE_HZ]
    for (_, before), (_, ir) in itertools.pairwise(samples):
        finder.add(before + ir)
        falls.append(finder._fall / 4)  # in quarter counts, as heights
        least.append(finder._expected(finder.age(0)) / 256 / 4 if finder.count else np.nan)
    times = (np.arange(len(falls)) + 1) / RATE_HZ
    drawn = times >= from_s
    ages_s = np.array([finder.age(index) / 64 / RATE_HZ for index in range(finder.count)])
    heights = np.array([finder.height(index) / 4 for index in range(finder.count)])
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.plot(times[drawn], np.array(falls)[drawn], color=BLUE, label="fall in 160 ms")
    axes.plot(times[drawn], np.array(least)[drawn], color=ORANGE, linestyle="--", label="least for a beat")
    inside = times[-1] - ages_s >= from_s
    axes.plot(times[-1] - ages_s[inside], heights[inside], "v", color=RED, markersize=8, label="beat")


def periodicity() -> Figure:
    """The autocorrelation of one window: its interval is accepted, and twice that would be refused."""
    signal = PulseOximeter()
    list(judged(signal, light_of(finger(14, 66, seed=8, variability=0.02, noise=0.1, dicrotic=0.4))))
    figure, panels = stack(5.0, 1, 1)
    _draw_periodicity(panels[0], signal, 1)
    _draw_periodicity(panels[1], signal, 2)
    share_times(panels, "lag, s")
    return figure


def _draw_periodicity(axes: Axes, signal: PulseOximeter, times: int) -> None:
    """Draw what is said of so many `times` the beats' mean interval."""
    repeats, stride = signal._periodicity, signal._stride
    lag = signal._fusion.period // stride * times
    agreement = signal._fusion.agreement(signal._used, repeats, lag)
    lags = np.arange(2, signal._ir.length // 2 + 1)
    axes.plot(lags * stride / RATE_HZ, [repeats.at(int(each)) / 1000 for each in lags], color=BLUE)
    axes.axhline(0, color="0.6", linewidth=0.8)
    colour = GREEN if agreement else RED
    for part, name in ((1, "interval"), (2, "1/2"), (3, "1/3")):
        at_s = lag / 64 / part * stride / RATE_HZ
        height = (repeats.peak(lag, 12) if part == 1 else repeats.near(lag // part)) / 1000
        axes.plot([at_s, at_s], [height, 1.25], color=colour, linewidth=1, linestyle="--")
        axes.plot([at_s], [height], "o", color=colour)
        axes.annotate(name, (at_s, 1.25), ha="right" if part == 3 else "center", va="bottom", color=colour)
    if agreement:
        axes.set_title(f"interval of the beats: accepted, {agreement / 1000:.2f}")
    else:
        axes.set_title("if every second beat were missed: refused")
    axes.set(ylim=(-1, 1.6), yticks=[-1, 0, 1], ylabel="correlation")


NOTHING = (np.nan, np.nan)


class WatchedSteadiness(Steadiness):
    """Keeps what it found of a window, in parts of what is allowed: the spread alone, and with the jump."""

    found = NOTHING

    def admit(self, pulses: Pulses, size: int, ratio: int, is_slow: bool) -> bool:
        """As the class above."""
        spread = pulses.spread_permille()
        together = spread / quality._SPREAD_SHARE + self._jump(size, ratio) / 1000
        self.found = (spread / self._most(is_slow), together)
        return super().admit(pulses, size, ratio, is_slow)


def motion() -> Figure:
    """Size and colour of single pulses at rest and when walking, and what is made of them over time."""
    walking = Cadence("walking", 90, 1.0, 20, seed=3)
    source = spliced(finger(64, 72, seed=5, noise=0.02), finger(64, 72, seed=5, noise=0.02, motion=walking), 20, 40)
    signal = PulseOximeter()
    signal._steadiness = watched = WatchedSteadiness()
    figure, (cloud, spread, band) = stack(6.8, 1.2, 1, 0.16)
    seconds, found, parts = [], [], []
    for second, vitals in judged(signal, light_of(source)):
        seconds.append(second)
        found.append(vitals.pulse_rate.status)
        parts.append(watched.found)
        watched.found = NOTHING
        if second == 18:
            _draw_pulses(cloud, signal._pulses, "o", GREEN, "at rest (18 s)")
        elif second == 31:
            _draw_pulses(cloud, signal._pulses, "s", RED, "walking (31 s)")
    cloud.set(
        title="single pulses of two windows", xlabel="size, of the window's mean", ylabel="slope of red on infrared"
    )
    cloud.set_ylim(0.3, 1.15)
    cloud.legend(loc="upper right")
    alone, together = np.array(parts).T
    spread.axvspan(20, 40, color="0.93", linewidth=0)
    spread.axhline(1, color="black", linewidth=1)
    spread.plot(seconds, alone, ".-", color=BLUE, label="spread")
    spread.plot(seconds, together, ".-", color=ORANGE, label="with jump")
    spread.set_title("how much they differ: 1 is the most that is allowed")
    spread.annotate("walking", (30, 0.12), ha="center")
    spread.legend(loc="upper left", borderaxespad=0)
    spread.set(ylim=(0, 3), xlim=(0, 64))
    statuses_below(band, seconds, found)
    share_times([spread, band], "time, s")
    return figure


def _draw_pulses(axes: Axes, pulses: Pulses, marker: str, colour: str, label: str) -> None:
    energies = np.array(pulses._energies[: pulses.count], dtype=float)
    slopes = [pulses.slope_of(index) / 1024 for index in range(pulses.count)]
    axes.plot(np.sqrt(energies / energies.mean()), slopes, marker, color=colour, label=label)


class WatchedOximetry(Oximetry):
    """Keeps both ratios that it was given."""

    ratios = NOTHING

    def judge(self, vitals: Vitals, ratio_milli: int, beats_milli: int, status: int) -> None:
        """As the class above."""
        self.ratios = (ratio_milli / 1000, beats_milli / 1000)
        super().judge(vitals, ratio_milli, beats_milli, status)


def spo2() -> Figure:
    """The default curve, where it gives no reading, and both ratios when a knock is in one of them."""
    figure, (curve, ratios, shown) = stack(6.6, 1.4, 1, 0.8)
    _draw_curve(curve)
    calm = finger(36, 72, seed=5, noise=0.02, spo2_pct=90)
    knock = 0.015 * np.exp(-(((np.arange(len(calm.ir)) / GRID_HZ - 20.3) / 0.15) ** 2))
    source = Synthetic(calm.red - RED_STEADY * knock, calm.ir - IR_STEADY * knock)
    signal = PulseOximeter()
    signal.oximetry = watched = WatchedOximetry()
    seconds, values, both = [], [], []
    for second, vitals in judged(signal, light_of(source)):
        if second >= 12:
            seconds.append(second)
            values.append(vitals.spo2.value / 10 if vitals.spo2.has_value else np.nan)
            both.append(watched.ratios)
            watched.ratios = NOTHING
    of_window, of_beats = np.array(both).T
    ratios.plot(seconds, of_window, "s-", color=BLUE, markersize=4, label="R of the window")
    ratios.plot(seconds, of_beats, "o-", color=ORANGE, markersize=4, label="median R of its beats")
    ratios.set_title("R in two ways, and a knock after 20 s")
    ratios.legend(loc="upper right")
    ratios.set_ylim(0.64, 0.84)
    shown.plot(seconds, values, "o", color=GREEN)
    shown.set(title="SpO2 that is published, %", ylim=(86, 94), yticks=[86, 88, 90, 92, 94])
    share_times([ratios, shown], "time, s")
    return figure


def _draw_curve(axes: Axes) -> None:
    curve = Curve()
    ratios = np.arange(200, 1801)
    found = np.array([curve.spo2_deci_pct(int(ratio)) for ratio in ratios])
    percent = np.where(found == OUTSIDE, np.nan, found / 10)
    axes.plot(ratios / 1000, percent, color=BLUE, linewidth=2)
    for left, right in ((0.2, 0.3), (1.6, 1.8)):
        axes.axvspan(left, right, color="0.85", linewidth=0)
    axes.axvspan(SWAPPED_RATIO_MILLI / 1000, 1.6, color="0.93", linewidth=0)
    for middle in (0.25, 1.7):
        axes.annotate("no reading", (middle, 95), rotation=90, ha="center", va="top")
    axes.axhline(100, color="black", linewidth=1, linestyle=":")
    axes.annotate("more: 100, questionable", (0.42, 101.2))
    axes.annotate("only once red is\nproven to be red", (1.475, 98), rotation=90, ha="center", va="top", fontsize=10)
    axes.annotate("AN6845", (0.82, 87), color=BLUE)
    axes.set(xlim=(0.2, 1.8), ylim=(58, 106), xlabel="ratio of ratios R", title="SpO2 of R, %")


def published() -> Figure:
    """What is published, and what a display may hold: put on, at rest, a faster pulse, movement, taken off."""
    source = _episode()
    rows = play(source).rows
    seconds = list(rows)
    found = [statuses.NAMES.index(rows[second]["pulse_rate_status"]) for second in seconds]
    figure, (pulse, oxygen, band) = stack(5.6, 1.3, 0.8, 0.16)
    worn = range(PUT_ON_S, TAKEN_OFF_S + 1)
    pulse.plot(worn, [source.rate_bpm(second, 2.0) for second in worn], color="0.75", linewidth=4, label="true")
    _draw_shown(pulse, rows, "pulse_rate")
    pulse.set(title="pulse rate, bpm", ylim=(60, 115))
    pulse.legend(loc="upper left", ncols=3, columnspacing=1, handlelength=1)
    _draw_shown(oxygen, rows, "spo2")
    oxygen.set(title="SpO2, %", ylim=(93, 100))
    for panel in (pulse, oxygen):
        for at_s, until_s, text in ((0, PUT_ON_S, "off"), (MOVES_S, RESTS_S, "moves"), (TAKEN_OFF_S, END_S, "off")):
            panel.axvspan(at_s, until_s, color="0.93", linewidth=0)
            if panel is oxygen:
                panel.annotate(text, ((at_s + until_s) / 2, 93.3), ha="center")
    statuses_below(band, seconds, found)
    share_times([pulse, oxygen, band], "time, s")
    band.set_xlim(0, END_S)
    return figure


PUT_ON_S, FASTER_S, MOVES_S, RESTS_S, TAKEN_OFF_S, END_S = 5, 25, 42, 47, 66, 75


def _episode() -> Synthetic:
    def rate_bpm(second: float) -> float:
        return 72 if second < FASTER_S else 96

    calm = finger(END_S, rate_bpm, seed=11, variability=0.01, noise=0.02)
    walking = Cadence("walking", 90, 3.0, MOVES_S, seed=3)
    moving = finger(END_S, rate_bpm, seed=11, variability=0.01, noise=0.02, motion=walking)
    empty = noise_only("empty", END_S, 40, seed=1)
    worn = spliced(calm, moving, MOVES_S, RESTS_S)
    return spliced(spliced(worn, empty, 0, PUT_ON_S), empty, TAKEN_OFF_S, END_S + 1)


def _draw_shown(axes: Axes, rows: dict[int, dict[str, str]], name: str) -> None:
    """Draw the published values, and those that a display may hold."""
    column = {"pulse_rate": "pulse_rate_bpm", "spo2": "spo2_pct"}[name]
    values = {second: float(row[column]) for second, row in rows.items() if row[column]}
    holding = {}
    last, goes_on = 0, False
    for second, row in rows.items():
        status = statuses.NAMES.index(row[f"{name}_status"])
        last = second if second in values else last
        goes_on = second in values or (goes_on and held.goes_on(status, 1.0))
        if goes_on and held.may_show(status, second - last):
            holding[second] = values[last]
    axes.plot(list(values), list(values.values()), ".", color=GREEN, markersize=8, label="published")
    axes.plot(
        list(holding), list(holding.values()), "d", color=RED, markersize=5, markerfacecolor="white", label="held"
    )


def respiration() -> Figure:
    """The three modulations of the pulse by breathing, and their spectra."""
    source = finger(75, 76, seed=3, wander=0.1, breathing=Breathing(16))
    signal = PulseOximeter()
    (*_, (_, vitals)) = judged(signal, light_of(source))
    breathing = signal._respiration
    figure, panels = stack(7.2, 1, 1, 1, 2)
    spectrum = Spectrum()
    per_min = 60 / 32 * np.arange(1, 24)
    scale = (1000 / 64 / RATE_HZ, 1 / 4, 1)
    names = ("interval, ms (RIFV)", "height, counts (RIAV)", "baseline, counts (RIIV)")
    for which, (name, colour, marker) in enumerate(zip(names, (BLUE, ORANGE, GREEN), ("o", "s", "^"), strict=True)):
        ring, oldest = breathing._rings[which], breathing._next
        points = np.array([*ring[oldest:], *ring[:oldest]]) * scale[which]
        panels[which].plot(np.arange(-63, 1) / 2, points, color=colour)
        panels[which].set_title(name)
        spectrum.look_at(ring, oldest)
        power = np.array(spectrum.power[1:24]) / 10
        panels[3].plot(per_min, power, marker=marker, markersize=4, color=colour, label=name.split("(")[1][:-1])
    share_times(panels[:3], "seconds before the newest beat")
    rate = vitals.respiration.value / 10
    panels[3].axvline(rate, color="black", linewidth=1, linestyle="--")
    panels[3].annotate(f"published: {rate:.1f}", (19, 42), va="top")
    panels[3].axvspan(0, 8, color="0.9", linewidth=0)
    panels[3].axvspan(40, 44, color="0.9", linewidth=0)
    panels[3].set(title="power, % (grey: not told)", xlabel="breaths a minute", xlim=(0, 44))
    panels[3].legend(loc="center right")
    return figure


PICTURES: dict[str, Callable[[], Figure]] = {
    "signal-window": window,
    "signal-beats": beats,
    "signal-periodicity": periodicity,
    "signal-motion": motion,
    "signal-spo2": spo2,
    "signal-published": published,
    "signal-respiration": respiration,
}


def draw(name: str, folder: Path) -> Path:
    """Draw one picture into a folder; where it is is returned."""
    path = folder / f"{name}.png"
    drawn = io.BytesIO()
    with mpl.rc_context(
        {
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "0.9",
            "axes.axisbelow": True,
            "axes.ymargin": 0.1,
            "legend.frameon": False,
            "legend.fontsize": 10,
        }
    ):
        PICTURES[name]().savefig(drawn, dpi=DPI, facecolor="white")
    # Few colours make a small file: a page with all of them is read on a phone.
    Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def main() -> None:
    """Draw all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    for name in PICTURES:
        print(draw(name, folder))


if __name__ == "__main__":
    main()
