"""`vigil calibrate`: an SpO2 curve for a board, from readings paired with an oximeter's."""

import dataclasses
from pathlib import Path

import rich_click as click

from vigil_hal.simulated.recording import RecordingError
from vigil_host.cli.problems import fail, in_one_line
from vigil_host.curve_file import as_toml
from vigil_host.evaluation.calibration import Calibration, calibrate, pairs_in
from vigil_host.evaluation.errors import EvaluationError


@click.command(name="calibrate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.csv...")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="CURVE.toml", help="Where the curve goes."
)
def command(files: tuple[Path, ...], output: Path | None) -> None:
    """Fit a curve that gives SpO2 for the ratio of ratios, and say how far it can be trusted.

    A FILE.csv has the columns **ratio** (the device's ratio of ratios) and **spo2_pct** (a reference oximeter's reading
    at the same time), or is a recording with its reference in FILE.reference.csv (**time_s,spo2_pct**). The curve
    falls, and holds only between the least and the greatest ratio. It must cover 95 down to 80 %: beyond its ends the
    device gives no reading. `vigil replay --calibration` shows what it changes, `vigil devices calibrate` gives it to
    a device.

    Example: **vigil calibrate pairs.csv --output curve.toml**
    """
    with in_one_line(EvaluationError, RecordingError):
        calibration = calibrate([pair for file in files for pair in pairs_in(file)])
    click.echo(_report(calibration))
    if output is None:
        click.echo(as_toml(calibration.points), nl=False)
        return
    try:
        output.write_text(_file(calibration), encoding="utf-8")
    except OSError as error:
        fail(f"{output}: {error.strerror}")


def _file(calibration: Calibration) -> str:
    trust = dataclasses.asdict(calibration)
    del trust["points"]
    lines = "".join(f"{name} = {value:.4g}\n" for name, value in trust.items())
    return (
        "# SpO2 curve of one board, by `vigil calibrate`: [ratio of ratios in thousandths, SpO2 in 0.1 %].\n"
        f"{as_toml(calibration.points)}\n[trust]\n{lines}"
    )


def _report(calibration: Calibration) -> str:
    return (
        f"{calibration.pairs} pairs, ratio {calibration.ratio_least:.3f} to {calibration.ratio_most:.3f}, "
        f"SpO2 {calibration.spo2_least_pct:.1f} to {calibration.spo2_most_pct:.1f} %.\n"
        f"Arms {calibration.arms_pct:.2f} points, worst residual {calibration.worst_pct:.1f}; for a pair that was left "
        f"out of the fit {calibration.left_out_arms_pct:.2f}, at worst {calibration.left_out_worst_pct:.1f}.\n"
        f"Outside these ratios the device gives no reading. On another person, sensor or finger expect more: clinical "
        "oximeters are shown to be within 4 points, root mean square, over 70 to 100 % on at least ten people."
    )
