"""Plays a source through simulated part, driver and monitor as `vigil replay` does, and keeps the light for peers."""

import csv
from dataclasses import dataclass

from vigil_firmware.simulation.replay import replay
from vigil_hal.simulated.accelerometer import SimulatedAccelerometer

RATE_HZ = 25
WINDOW = 8 * RATE_HZ


@dataclass
class Played:
    """What was shown, and the light at 25 samples a second, which is what other programs are given.

    `rows` are by second; `intervals` are the accepted pulse intervals: the instant of the beat that ended it, s, and
    its length, s.
    """

    rows: dict[int, dict[str, str]]
    intervals: list[tuple[float, float]]
    start_s: float
    red: list[int]
    ir: list[int]

    def values(self, column: str) -> dict[int, float]:
        """The published values of a column by second; a second without a reading is not in it."""
        return {second: float(row[column]) for second, row in self.rows.items() if row[column]}

    def window(self, second: int) -> tuple[list[int], list[int]] | None:
        """Red and infrared in the 8 s before `second`; None where the sensor had not seen so much yet."""
        end = round((second - self.start_s) * RATE_HZ)
        if end < WINDOW or end > len(self.ir):
            return None
        return self.red[end - WINDOW : end], self.ir[end - WINDOW : end]


def play(source, accelerometer_error_ppm: int | None = None) -> Played:
    """Play `source` to its end; with an accelerometer whose clock is off by so much, where that is given."""

    def accelerometer(clock_ms):
        return SimulatedAccelerometer(source, clock_ms, clock_error_ppm=accelerometer_error_ppm)

    lines: list[str] = []
    interval_lines: list[str] = []
    make_accelerometer = None if accelerometer_error_ppm is None else accelerometer
    replay(source, lines.append, 0, interval_lines.append, make_accelerometer=make_accelerometer)
    intervals = [(float(row["time_s"]), int(row["interval_ms"]) / 1000) for row in csv.DictReader(interval_lines)]
    rows = {int(row["time_s"]): row for row in csv.DictReader(lines)}
    red, ir = _light(source)
    return Played(rows, intervals, source.start_us / 1e6, red, ir)


def _light(source) -> tuple[list[int], list[int]]:
    """The source's light as means of four conversions, 25 a second; what it does not deliver is held."""
    out = [0, 0]
    red: list[int] = []
    ir: list[int] = []
    time_us = source.start_us
    while time_us + 40_000 <= source.end_us:
        red_sum = ir_sum = 0
        for _ in range(4):
            time_us += 10_000
            source.sample_into(time_us, out)
            red_sum += out[0]
            ir_sum += out[1]
        red.append(red_sum // 4)
        ir.append(ir_sum // 4)
    return red, ir
