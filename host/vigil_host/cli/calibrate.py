"""`vigil calibrate`: an SpO2 curve for a board, from readings paired with an oximeter's."""

import dataclasses
import json
from pathlib import Path

import rich_click as click

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.evaluation.calibration import Calibration, calibrate, read_pairs
from vigil_host.evaluation.errors import EvaluationError


@click.command(name="calibrate")
@click.argument("pairs", type=click.Path(path_type=Path), metavar="PAIRS.csv")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="CURVE.json", help="Where the curve goes."
)
def command(pairs: Path, output: Path | None) -> None:
    """Fit a curve that gives SpO2 for the ratio of ratios, and say how far it can be trusted.

    PAIRS.csv has the columns **ratio** (the device's ratio of ratios) and **spo2_pct** (a reference oximeter's reading
    at the same time). The curve never rises, and holds only between the least and the greatest ratio. It is written as
    **points**, at most 16 of [ratio in thousandths, SpO2 in 0.1 %].

    Example: **vigil calibrate pairs.csv --output curve.json**
    """
    with in_one_line(EvaluationError):
        calibration = calibrate(read_pairs(pairs))
    click.echo(_report(calibration))
    if output is None:
        click.echo(f"points: {json.dumps(calibration.points)}")
        return
    try:
        output.write_text(json.dumps(dataclasses.asdict(calibration)) + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{output}: {error.strerror}")


def _report(calibration: Calibration) -> str:
    return (
        f"{calibration.pairs} pairs, ratio {calibration.ratio_least:.3f} to {calibration.ratio_most:.3f}, "
        f"SpO2 {calibration.spo2_least_pct:.1f} to {calibration.spo2_most_pct:.1f} %.\n"
        f"Root mean square error {calibration.rmse_pct:.2f} points; for a pair that was left out "
        f"{calibration.left_out_rmse_pct:.2f}, at worst {calibration.left_out_worst_pct:.1f}.\n"
        f"Outside these ratios the curve says nothing. On another person, sensor or finger expect more: clinical "
        "oximeters are shown to be within 4 points, root mean square, over 70 to 100 % on at least ten people."
    )
