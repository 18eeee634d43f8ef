"""`vigil evaluate`: how far what the device shows on a recording is from a reference."""

import dataclasses
import json
from importlib.util import find_spec
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_hal.simulated.recording import RecordingError
from vigil_host.cli.problems import check_readable, fail, in_one_line
from vigil_host.evaluation.errors import OFF_BY, PULSE_RATE, SPO2, Errors, EvaluationError, Pair, errors_of, evaluate

_ALL = "all"
_UNITS = {PULSE_RATE: "bpm", SPO2: "%"}
_WORDS = {PULSE_RATE: "pulse rate", SPO2: "SpO2"}

_Pairs = dict[str, list[Pair]]


@click.command(name="evaluate")
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECORDING.csv...")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="REF.csv",
    help="The reference of a single recording. Without: NAME.reference.csv beside each NAME.csv.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; null means that nothing was published.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.png",
    help="Also draw a Bland-Altman plot of all recordings.",
)
def command(recordings: tuple[Path, ...], reference: Path | None, as_json: bool, plot: Path | None) -> None:
    """Replay recordings and compare what the device would have shown with a reference, second by second.

    A reference has the columns **time_s** and **hr_bpm**, **spo2_pct** or both. Each of its seconds counts; where the
    device shows nothing, the coverage falls. SpO2 is left out where NAME.toml says
    **spo2_from_red_ir_is_meaningful = false**.

    Example: **vigil evaluate night.csv --reference oximeter.csv --plot agreement.png**
    """
    if reference is not None and len(recordings) > 1:
        fail(f"{reference}: one reference cannot be that of {len(recordings)} recordings; evaluate them one by one")
    if plot is not None and find_spec("matplotlib") is None:
        fail("--plot needs more than the base installation: pip install 'vigil-vitals[plot]'")
    pairs: dict[str, _Pairs] = {}
    with in_one_line(RecordingError, EvaluationError):
        for recording in recordings:
            check_readable(recording)
            pairs[str(recording)] = evaluate(recording, reference)
    together = _together(list(pairs.values()))
    if len(pairs) > 1:
        pairs[_ALL] = together
    errors = {
        name: {quantity: errors_of(group, OFF_BY[quantity]) for quantity, group in quantities.items()}
        for name, quantities in pairs.items()
    }
    if as_json:
        click.echo(json.dumps({name: _as_json(quantities) for name, quantities in errors.items()}))
    else:
        Console().print(_table(errors))
    if plot is not None:
        _draw(together, plot)


def _together(pairs: list[_Pairs]) -> _Pairs:
    return {
        quantity: [pair for quantities in pairs for pair in quantities.get(quantity, ())]
        for quantity in OFF_BY
        if any(quantity in quantities for quantities in pairs)
    }


def _as_json(quantities: dict[str, Errors]) -> dict[str, object]:
    return {quantity: dataclasses.asdict(errors) for quantity, errors in quantities.items()}


def _table(errors: dict[str, dict[str, Errors]]) -> Table:
    limits = " or ".join(f"{limit:g} {_UNITS[quantity]}" for quantity, limit in OFF_BY.items())
    heads = ("recording", "quantity", "seconds", "coverage", "MAE", "RMSE", "bias", "p95", "off")
    table = Table(*heads, box=None, caption=f"off: by more than {limits}", caption_justify="right")
    for column in table.columns[2:]:
        column.justify = "right"
    for name, quantities in errors.items():
        for quantity, each in quantities.items():
            table.add_row(
                Path(name).stem,
                _WORDS[quantity],
                str(each.seconds),
                f"{each.coverage_pct:.1f} %",
                *(_cell(value) for value in (each.mae, each.rmse)),
                _cell(each.bias, "+"),
                _cell(each.p95),
                "-" if each.off_pct is None else f"{each.off_pct:.1f} %",
            )
    return table


def _cell(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.2f}"


def _draw(pairs: _Pairs, path: Path) -> None:
    # Imported here: it takes a second, and only this option needs it.
    from vigil_host.evaluation.plot import write_bland_altman

    try:
        write_bland_altman(pairs, path)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except ValueError as error:
        fail(f"{path}: {error}")
