"""Gets every sample out of the oximeter and into the signal path, and knows when that did not happen.

Holes are never bridged: after lost samples, silence or a restart of the part the signal begins a new window. The part's
clock is not trusted either: the true sample rate is measured against the board's, and a window that was taken at a rate
found wrong is thrown away. LED currents follow the levels (`led_gain`), and the signal is told before the first sample
that was converted under new ones.
"""

from vigil_firmware.led_gain import LedGain
from vigil_firmware.ticks import ticks_diff
from vigil_hal.faults import SensorFault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.signal.pulse_oximeter import PulseOximeter
    from vigil_hal.max30102 import Max30102

_SILENT_MS = 500  # a dozen samples late: the part has stopped
_RETRY_MS = 1000
_MEASURE_MS = 20_000
_KNOW_MS = 1_000
_TRUST_PERMILLE = 20  # parts are off by up to 15; beside this, a measurement may be one sample wrong
_KEEP_PERMILLE = 30  # more than this is a clone's own rate, which it has after a restart too
_NEW_WINDOW_PERMILLE = 100
_LEVEL_MS = 1_000
_FIFO_SAMPLES = 32


class Sampler:
    """Drains one oximeter into one signal path.

    `fault`: why nothing comes; "" while all is well. `lost`: samples missed since the start.
    `rate_milli_hz`: the sample rate, and `rate_error_permille` by how much it is off what the part was set to.
    `is_rate_known`: it was compared with the board's clock for at least a second since the part was set up.
    `is_paused`: between `pause()` and `resume()`.
    """

    def __init__(self, oximeter: "Max30102", signal: "PulseOximeter", now_ms: int) -> None:
        self._oximeter = oximeter
        self._signal = signal
        self.gain = LedGain()
        self._nominal_milli_hz = 0
        self.rate_milli_hz = 0
        self.rate_error_permille = 0
        self.is_rate_known = False
        self.lost = 0
        self.fault = ""
        self.is_paused = False
        self._is_configured = False
        self._tried_ms = now_ms
        self._heard_ms = now_ms
        self._drained_ms = now_ms
        self._fifo_ms = 0
        self._to_fill = 0  # samples of mixed scale that the next good one stands for
        self._measured_from_ms = now_ms
        self._looked_ms = now_ms
        self._is_doubted = False  # the rate in use, in this measurement
        self._configure(now_ms)

    def step(self, now_ms: int) -> None:
        """Take in all that the part holds; called at least twice in the 1.28 s that its FIFO lasts at 25 samples/s."""
        if self.is_paused:
            return
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
        came = count + self._oximeter.skipped
        self._account(came, now_ms)
        if came:
            self.fault = ""
            self._heard_ms = now_ms
            self._measure(came, now_ms)
            self._to_fill += self._oximeter.skipped
            if count:
                self._take(count)
                self._level(count, now_ms)
        elif ticks_diff(now_ms, self._heard_ms) >= _SILENT_MS:
            self._fail("the oximeter answers but delivers no samples", now_ms)

    def pause(self) -> None:
        """Switch the LEDs off and the part to its lowest power, until `resume()`; meanwhile `step` does nothing."""
        self.is_paused = True
        self._signal.restart()
        if self._is_configured:
            try:
                self._oximeter.shutdown()
            except SensorFault:
                self._is_configured = False  # set up anew, it works; a part that stays lit harms nobody

    def resume(self, now_ms: int) -> None:
        """Measure again, in a new window that holds nothing of the time before."""
        self.is_paused = False
        if not self._is_configured:
            self._configure(now_ms)
            return
        try:
            self._oximeter.wake()
        except SensorFault as fault:
            self._fail(str(fault), now_ms)
            return
        self._begin(now_ms)

    # Small functions: a board puts a frame of more than eleven words on its heap at every call.

    def _drain(self) -> int:
        """Samples taken from the part; -1, and `fault`, when it did not answer."""
        try:
            return self._oximeter.drain()
        except SensorFault as fault:
            self.fault = str(fault)
        return -1

    def _account(self, came: int, now_ms: int) -> None:
        """Begin a new window where samples are missing, those that the part did not count among them."""
        lost = self._oximeter.lost
        elapsed_ms = ticks_diff(now_ms, self._drained_ms)
        self._drained_ms = now_ms
        if elapsed_ms > self._fifo_ms and self.is_rate_known:
            lost += self._uncounted(came + lost, elapsed_ms)
        if lost:
            self.lost += lost
            self._begin(now_ms)
            self._counted = -came  # what comes now was measured before the rate's measurement begins

    def _uncounted(self, counted: int, elapsed_ms: int) -> int:
        """How many more samples than the part told of must have come: whole rounds of the FIFO, by the clock."""
        missing = elapsed_ms * (self.rate_milli_hz // 8) // 125_000 - counted
        rounds = (missing + _FIFO_SAMPLES // 2) // _FIFO_SAMPLES
        return max(rounds, 0) * _FIFO_SAMPLES

    def _take(self, count: int) -> None:
        if self._to_fill:
            self._fill()
        red = self._oximeter.red
        ir = self._oximeter.ir
        for index in range(count):
            self._signal.add(red[index], ir[index])

    def _fill(self) -> None:
        """Let the first sample of a new scale stand for those of mixed scale before it, because time went on."""
        while self._to_fill:
            self._signal.add(self._oximeter.red[0], self._oximeter.ir[0])
            self._to_fill -= 1

    def _measure(self, came: int, now_ms: int) -> None:
        """Measure the sample rate against the board's clock."""
        self._counted += came
        if ticks_diff(now_ms, self._looked_ms) < _KNOW_MS:
            return
        self._looked_ms = now_ms
        elapsed_ms = ticks_diff(now_ms, self._measured_from_ms)
        self.is_rate_known = True
        measured = self._counted * 500_000 // (elapsed_ms >> 1)
        if elapsed_ms >= _MEASURE_MS:
            self._use_rate(measured)
            self._begin_measurement(now_ms)
        elif self._is_doubted or self._differs(measured, elapsed_ms):
            self._is_doubted = True
            self._use_rate(measured)

    def _differs(self, measured: int, elapsed_ms: int) -> bool:
        """Whether a measurement over so short a time proves the rate in use wrong."""
        allowed = self._nominal_milli_hz * _TRUST_PERMILLE // 1000 + 1_000_000 // elapsed_ms
        return abs(measured - self.rate_milli_hz) > allowed

    def _use_rate(self, measured: int) -> None:
        if abs(measured - self.rate_milli_hz) > self.rate_milli_hz * _NEW_WINDOW_PERMILLE // 1000:
            self._signal.restart()
        self.rate_milli_hz = measured
        self.rate_error_permille = (measured - self._nominal_milli_hz) * 1000 // self._nominal_milli_hz
        self._fifo_ms = _FIFO_SAMPLES * 1_000_000 // max(measured, 1)

    def _level(self, count: int, now_ms: int) -> None:
        """Once a second judge the levels of both channels, by the newest sample of each step."""
        self._red_sum += self._oximeter.red[count - 1]
        self._ir_sum += self._oximeter.ir[count - 1]
        self._summed += 1
        if ticks_diff(now_ms, self._level_from_ms) >= _LEVEL_MS:
            self._adjust(now_ms)
            self._begin_level(now_ms)

    def _adjust(self, now_ms: int) -> None:
        red = self.gain.red
        ir = self.gain.ir
        if self.gain.judge(self._red_sum // self._summed, self._ir_sum // self._summed):
            # All samples of the old scale are in the signal, and the part skips what is in between.
            self._signal.rescale(red, self.gain.red, ir, self.gain.ir)
            self._write_codes(now_ms)

    def _write_codes(self, now_ms: int) -> None:
        try:
            self._oximeter.set_led_codes(self.gain.red, self.gain.ir)
        except SensorFault as fault:
            self._fail(str(fault), now_ms)

    def _configure(self, now_ms: int) -> None:
        self._tried_ms = now_ms
        try:
            self._oximeter.probe()
            self._oximeter.configure(red_code=self.gain.red, ir_code=self.gain.ir)
        except SensorFault as fault:
            self._fail(str(fault), now_ms)
            return
        self._is_configured = True  # the fault stays until a sample has come
        self._nominal_milli_hz = self._oximeter.output_rate_milli_hz
        self.is_rate_known = False
        if abs(self.rate_error_permille) <= _KEEP_PERMILLE:
            self.rate_milli_hz = self._nominal_milli_hz
            self._fifo_ms = _FIFO_SAMPLES * 1_000_000 // self.rate_milli_hz
        self._begin(now_ms)

    def _fail(self, fault: str, now_ms: int) -> None:
        self.fault = fault
        self._is_configured = False
        self._tried_ms = now_ms
        self._signal.restart()

    def _begin(self, now_ms: int) -> None:
        """Start a new window, and new measurements of the rate and of the levels."""
        self._signal.restart()
        self._heard_ms = now_ms
        self._drained_ms = now_ms
        self._to_fill = 0
        self._begin_measurement(now_ms)
        self._begin_level(now_ms)

    def _begin_measurement(self, now_ms: int) -> None:
        self._is_doubted = False
        self._counted = 0  # samples since _measured_from_ms
        self._measured_from_ms = now_ms
        self._looked_ms = now_ms

    def _begin_level(self, now_ms: int) -> None:
        self._red_sum = 0
        self._ir_sum = 0
        self._summed = 0
        self._level_from_ms = now_ms
