"""A board's SpO2 curve as people keep and pass it on: a TOML file with the key `spo2_curve`."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from vigil_wire.settings import SettingsError, check_curve

if TYPE_CHECKING:
    from vigil_wire.settings import Points


class CurveError(Exception):
    """A file holds no curve that a device can use; the message is one line that names it."""


def read_curve(path: Path) -> "Points":
    """Read a curve as `vigil calibrate` writes it. Raises CurveError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CurveError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise CurveError(f"{path}: {error}") from None
    try:
        points = points_of(found.get("spo2_curve", []))
    except SettingsError as error:
        raise CurveError(f"{path}: {error}") from None
    if not points:
        raise CurveError(f"{path}: there is no spo2_curve in it")
    return points


def points_of(found: object) -> "Points":
    """Return the points in what a TOML or JSON file had. Raises SettingsError for what a device cannot use."""
    if not isinstance(found, list) or not all(isinstance(point, list) and len(point) == 2 for point in found):
        raise SettingsError("spo2_curve is not a list of [ratio in thousandths, SpO2 in 0.1 %]")
    if not all(type(value) is int for point in found for value in point):
        raise SettingsError("spo2_curve has a number that is not whole")
    points = tuple((ratio, spo2) for ratio, spo2 in found)
    check_curve(points)
    return points


def as_toml(points: "Points") -> str:
    """Return the line that holds a curve."""
    return f"spo2_curve = {[list(point) for point in points]}\n"
