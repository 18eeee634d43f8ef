"""Gets every sample out of the oximeter and into the signal path, and knows when that did not happen.

Holes are never bridged: after lost samples, silence or a restart of the part the signal begins a new window. The part's
clock is not trusted either: the true sample rate is measured against the board's.
"""

from vigil_firmware.ticks import ticks_diff
from vigil_hal.faults import SensorFault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.signal.pulse_oximeter import PulseOximeter
    from vigil_hal.max30102 import Max30102

_SILENT_MS = 500  # a dozen samples late: the part has stopped
_RETRY_MS = 1000
_MEASURE_MS = 20_000
_TRUST_NOMINAL_PERMILLE = 30  # parts are off by up to 15, one sample of a short measurement by 10
_JUDGE_NOMINAL_MS = 4_000


class Sampler:
    """Drains one oximeter into one signal path. `fault` says why nothing comes; it is "" while all is well."""

    def __init__(self, oximeter: "Max30102", signal: "PulseOximeter", now_ms: int) -> None:
        self._oximeter = oximeter
        self._signal = signal
        self._nominal_milli_hz = 0
        self.rate_milli_hz = 0  # not known yet
        self.lost = 0
        self._counted = 0  # samples since _measured_from_ms
        self._measured_from_ms = now_ms
        self.fault = ""
        self._is_configured = False
        self._configure(now_ms)

    def step(self, now_ms: int) -> None:
        """Take in all that the part holds; called at least twice in the 1.28 s that its FIFO lasts at 25 samples/s."""
        if not self._is_configured and ticks_diff(now_ms, self._tried_ms) >= _RETRY_MS:
            self._configure(now_ms)
        if not self._is_configured:
            return
        count = self._drain()
        if count < 0:
            self._fail(self.fault, now_ms)
            return
        if self._oximeter.restarted:
            self._fail("the oximeter lost its supply and its settings", now_ms)
            self._configure(now_ms)
            return
        if self._oximeter.lost:
            self.lost += self._oximeter.lost
            self._begin(now_ms)
            self._counted = -count  # what comes now was measured before the rate's measurement begins
        if count:
            self.fault = ""
            self._heard_ms = now_ms
            self._take(count)
            self._measure(count, now_ms)
        elif ticks_diff(now_ms, self._heard_ms) >= _SILENT_MS:
            self._fail("the oximeter answers but delivers no samples", now_ms)

    # Small functions: a board puts a frame of more than eleven words on its heap at every call.

    def _drain(self) -> int:
        """Samples taken from the part; -1, and `fault`, when it did not answer."""
        try:
            return self._oximeter.drain()
        except SensorFault as fault:
            self.fault = str(fault)
        return -1

    def _take(self, count: int) -> None:
        red = self._oximeter.red
        ir = self._oximeter.ir
        for index in range(count):
            self._signal.add(red[index], ir[index])

    def _measure(self, count: int, now_ms: int) -> None:
        """Measure the sample rate against the board's clock."""
        self._counted += count
        elapsed_ms = ticks_diff(now_ms, self._measured_from_ms)
        if elapsed_ms < _JUDGE_NOMINAL_MS:
            return
        measured = self._counted * 1_000_000 // elapsed_ms
        if elapsed_ms >= _MEASURE_MS:
            self.rate_milli_hz = measured
            self._counted = 0
            self._measured_from_ms = now_ms
        elif self.rate_milli_hz == 0 and abs(measured - self._nominal_milli_hz) <= self._tolerance():
            self.rate_milli_hz = self._nominal_milli_hz  # truer, so far, than a measurement of a few seconds
        elif abs(measured - self.rate_milli_hz) > self._tolerance():
            self.rate_milli_hz = measured

    def _tolerance(self) -> int:
        return self._nominal_milli_hz * _TRUST_NOMINAL_PERMILLE // 1000

    def _configure(self, now_ms: int) -> None:
        self._tried_ms = now_ms
        try:
            self._oximeter.probe()
            self._oximeter.configure()
        except SensorFault as fault:
            self._fail(str(fault), now_ms)
            return
        self._is_configured = True  # the fault stays until a sample has come
        self._nominal_milli_hz = self._oximeter.output_rate_milli_hz
        self.rate_milli_hz = 0
        self._heard_ms = now_ms
        self._begin(now_ms)

    def _fail(self, fault: str, now_ms: int) -> None:
        self.fault = fault
        self._is_configured = False
        self._tried_ms = now_ms
        self._signal.restart()

    def _begin(self, now_ms: int) -> None:
        """Start a new window and a new measurement of the rate."""
        self._signal.restart()
        self._counted = 0
        self._measured_from_ms = now_ms
