"""Bland and Altman's plot of agreement (Lancet 1986;327:307): each difference over the mean of both methods."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vigil_host.evaluation.errors import PULSE_RATE, SPO2, Pair

_NAMES = {PULSE_RATE: ("Pulse rate", "bpm"), SPO2: ("SpO2", "%")}


def write_bland_altman(pairs: Mapping[str, Sequence[Pair]], path: Path) -> None:
    """Draw one panel for each quantity into an image; the file's suffix says which kind.

    Raises OSError, and ValueError for a kind that cannot be drawn.
    """
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(6 * len(pairs), 4.5), layout="constrained")
        for position, (name, group) in enumerate(pairs.items(), 1):
            _draw(figure.add_subplot(1, len(pairs), position), name, group)
        figure.savefig(path, dpi=150)


def _draw(axes: Axes, name: str, pairs: Sequence[Pair]) -> None:
    title, unit = _NAMES[name]
    both = [((shown + true) / 2, shown - true) for shown, true in pairs if shown is not None]
    axes.set_title(f"{title}: {len(both)} of {len(pairs)} seconds published")
    axes.set_xlabel(f"mean of Vigil and reference, {unit}")
    axes.set_ylabel(f"Vigil minus reference, {unit}")
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.plot([mean for mean, _ in both], [difference for _, difference in both], ".", alpha=0.3, markeredgewidth=0)
    if len(both) < 2:
        return
    differences = [difference for _, difference in both]
    bias, limit = statistics.fmean(differences), 1.96 * statistics.stdev(differences)
    for height, words in ((bias, "bias"), (bias + limit, "+1.96 SD"), (bias - limit, "-1.96 SD")):
        axes.axhline(height, color="black", linewidth=1, linestyle="-" if words == "bias" else "--")
        axes.annotate(
            f"{words} {height:+.1f}", (1, height), xycoords=("axes fraction", "data"), ha="right", va="bottom"
        )
