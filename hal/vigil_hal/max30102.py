"""Driver of the MAX30102 pulse oximeter (datasheet 19-7740 Rev 1), in SpO2 mode: red and infrared in turn.

The part converts at `sample_rate_hz`, averages and decimates by `averaging`, and keeps 32 samples. `drain()`
takes all of them in one burst, so a caller has 32 output periods between calls before a sample is lost, and
lost ones are counted. No clock, no sleep, and nothing allocated on the sample path.
"""

from array import array

from vigil_hal.faults import ConfigRefused, NotAnswering, WrongPart, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import I2C, ReadableBuffer, WritableBuffer

ADDRESS = 0x57
FIFO_DEPTH = 32

_PART = "MAX30102"
_PART_ID = 0x15

_STATUS_1 = 0x00  # burst start: status 1, status 2, enable 1, enable 2, WR_PTR, OVF, RD_PTR
_STATUS_2 = 0x01
_ENABLE_1 = 0x02
_WRITE_POINTER = 0x04
_READ_POINTER = 0x06
_FIFO_DATA = 0x07
_FIFO_CONFIG = 0x08
_MODE = 0x09
_SPO2_CONFIG = 0x0A
_LED_CODES = 0x0C
_DIE_TEMPERATURE = 0x1F
_TEMPERATURE_ENABLE = 0x21
_REVISION = 0xFE  # followed by PART_ID

_FULL_OR_READY = 0xC0  # A_FULL | PPG_RDY
_POWER_READY = 0x01
_DIE_READY = 0x02
_OVERFLOW_MAX = 0x1F
_ROLLOVER = 0x10  # with A_FULL = 0: flagged at 32 unread samples
_RESET = 0x40
_SHUTDOWN = 0x80
_SPO2_MODE = 0x03

# Flags are raised only when enabled. The same two bytes, read back in every burst, tell a brown-out whose
# PWR_RDY was lost to a failed transfer, because power-on clears them.
_ENABLED_1 = 0xC0
_ENABLED_2 = 0x02

_RATES_HZ = (50, 100, 200, 400, 800, 1000, 1600, 3200)
_WIDTHS_US = (69, 118, 215, 411)  # 15, 16, 17, 18 bits
_FASTEST_HZ = (1600, 1000, 800, 400)  # by width, in SpO2 mode
_RANGES_NA = (2048, 4096, 8192, 16384)
_AVERAGINGS = (1, 2, 4, 8, 16, 32)


def _unpack(raw: bytearray, position: int, shift: int, out: "array[int]", count: int) -> None:
    """Write `count` left-justified 18-bit words, one in every six bytes, as right-justified counts."""
    for i in range(count):
        out[i] = ((raw[position] & 3) << 16 | raw[position + 1] << 8 | raw[position + 2]) >> shift
        position += 6


class Max30102:
    """One MAX30102 on a bus.

    `red`, `ir`: the samples of the last `drain()`, right-justified counts of 15 to 18 bits, oldest first.
    `lost`: samples lost before those; exact, or the least that it can be when `lost_exact` is False.
    `restarted`: the part lost its power and with it its configuration; stays set until `configure()`.
    `revision`: the part's revision, known after `probe()`.
    """

    def __init__(self, i2c: "I2C", address: int = ADDRESS) -> None:
        self.red = array("i", bytes(4 * FIFO_DEPTH))
        self.ir = array("i", bytes(4 * FIFO_DEPTH))
        self.lost = 0
        self.lost_exact = True
        self.restarted = False
        self.revision = 0
        self.output_rate_milli_hz = 0
        self._i2c = i2c
        self._address = address
        self._status = bytearray(7)
        self._raw = bytearray(6 * FIFO_DEPTH)
        view = memoryview(self._raw)
        self._bursts = tuple(view[: 6 * count] for count in range(FIFO_DEPTH + 1))
        self._one = bytearray(1)
        self._two = bytearray(2)
        self._shift = 0
        self._next_read = 0
        self._unread = 0  # samples that a failed burst left in doubt
        self._die_ready = False

    def probe(self) -> None:
        """Check that a MAX30102 answers.

        Raises NotAnswering, or WrongPart when the part id is another.
        """
        try:
            self._read(_REVISION, self._one)
        except NotAnswering:  # some boards fail the very first transfer after power-on
            self._read(_REVISION, self._one)
        self.revision = self._one[0]
        self._read(_REVISION + 1, self._one)
        if self._one[0] != _PART_ID:
            raise WrongPart(
                f"part id 0x{self._one[0]:02X} at 0x{self._address:02X} is no {_PART} (0x{_PART_ID:02X});"
                " check what is wired there"
            )

    def configure(
        self,
        sample_rate_hz: int = 100,
        pulse_width_us: int = 411,
        adc_range_na: int = 16384,
        averaging: int = 4,
        red_code: int = 0x24,
        ir_code: int = 0x24,
        reset_polls: int = 100,
        wait: "Callable[[], object] | None" = None,
    ) -> None:
        """Reset the part, write every register that matters and start sampling.

        Rate, width (resolution), full scale and averaging take the datasheet's values only; LED codes are
        0.2 mA a step. The reset is polled at most `reset_polls` times, with `wait()` between polls where one
        is given. Raises ValueError before anything is written when the part cannot do what is asked,
        ConfigRefused when it does not leave reset or reads back another rate or width, NotAnswering.
        """
        spo2 = _spo2_config(sample_rate_hz, pulse_width_us, adc_range_na)
        if averaging not in _AVERAGINGS:
            raise ValueError(f"averaging {averaging} is none of {_AVERAGINGS}")
        self._check_codes(red_code, ir_code)

        self._reset(reset_polls, wait)
        self._two[0] = _ENABLED_1
        self._two[1] = _ENABLED_2
        self._write(_ENABLE_1, self._two)
        self._write_one(_FIFO_CONFIG, _AVERAGINGS.index(averaging) << 5 | _ROLLOVER)
        self._write_one(_SPO2_CONFIG, spo2)
        self.set_led_codes(red_code, ir_code)
        self._clear_fifo()
        self._write_one(_MODE, _SPO2_MODE)
        self._read(_SPO2_CONFIG, self._one)
        if self._one[0] != spo2:
            raise ConfigRefused(
                f"{_PART} at 0x{self._address:02X} reads back SpO2 configuration 0x{self._one[0]:02X} where"
                f" 0x{spo2:02X} was written; choose a lower rate or a shorter pulse"
            )
        self._shift = 3 - _WIDTHS_US.index(pulse_width_us)
        self.output_rate_milli_hz = sample_rate_hz * 1000 // averaging
        self._unread = 0
        self._die_ready = False
        self.restarted = False

    def drain(self) -> int:
        """Take all waiting samples into `red` and `ir` and return how many; set `lost` and `restarted`.

        At most three bus transactions: the status burst, a rewrite of RD_PTR when the part overflowed
        without moving it, and the data burst. Raises NotAnswering; when that broke the data burst, the next
        call only clears the FIFO, because what the burst took cannot be known, and says so in `lost`.
        """
        self.lost = 0
        self.lost_exact = True
        if self._unread:
            self._clear_fifo()
            self.lost = self._unread
            self.lost_exact = False
            self._unread = 0
            return 0
        self._read_status()
        if self.restarted:
            self.lost_exact = False
            return 0
        count = self._count()
        if count:
            self._unread = count
            self._read(_FIFO_DATA, self._bursts[count])
            self._unread = 0
            _unpack(self._raw, 0, self._shift, self.red, count)
            _unpack(self._raw, 3, self._shift, self.ir, count)
            self._next_read = (self._next_read + count) & 31
        return count

    def set_led_codes(self, red: int, ir: int) -> None:
        """Set both LED currents (0 to 255, 0.2 mA a step) while sampling. Raises ValueError, NotAnswering."""
        self._check_codes(red, ir)
        self._two[0] = red
        self._two[1] = ir
        self._write(_LED_CODES, self._two)

    def shutdown(self) -> None:
        """Stop sampling and go to the lowest power; registers are kept. Raises NotAnswering."""
        self._write_one(_MODE, _SHUTDOWN | _SPO2_MODE)

    def wake(self) -> None:
        """Sample again after `shutdown()`, with an empty FIFO. Raises NotAnswering."""
        self._clear_fifo()
        self._write_one(_MODE, _SPO2_MODE)

    def start_die_temperature(self) -> None:
        """Start one conversion of the die's own temperature (29 ms, +-1 C, not a body temperature)."""
        self._die_ready = False
        self._write_one(_TEMPERATURE_ENABLE, 1)

    def die_temperature_sixteenths(self) -> int | None:
        """Return the die temperature in 1/16 degree Celsius, once a conversion; None when none is ready."""
        if not self._die_ready:
            self._read(_STATUS_2, self._one)
            if not self._one[0] & _DIE_READY:
                return None
        self._read(_DIE_TEMPERATURE, self._two)
        self._die_ready = False
        whole = self._two[0]
        if whole >= 128:
            whole -= 256
        return whole * 16 + (self._two[1] & 0x0F)

    def _count(self) -> int:
        """Return how many samples wait, by the status burst; set `lost` and `lost_exact`."""
        write, overflow, read = self._status[4] & 31, self._status[5] & 31, self._status[6] & 31
        if overflow:
            self.lost = overflow
            self.lost_exact = overflow < _OVERFLOW_MAX
            # The datasheet does not say whether overwriting moves RD_PTR. The oldest sample is at WR_PTR.
            if read != write:
                self._write_one(_READ_POINTER, write)
            self._next_read = write
            return FIFO_DEPTH
        # A sample that arrives between the two bursts on a full FIFO moves RD_PTR unseen.
        self.lost = (read - self._next_read) & 31
        self._next_read = read
        if write == read and self._status[0] & _FULL_OR_READY:
            return FIFO_DEPTH
        return (write - read) & 31

    def _read_status(self) -> None:
        """Read flags, enables and FIFO pointers in one burst; reading clears the flags, so note every one."""
        status = self._status
        self._read(_STATUS_1, status)
        if status[1] & _DIE_READY:
            self._die_ready = True
        if status[0] & _POWER_READY or status[2] != _ENABLED_1 or status[3] != _ENABLED_2:
            self.restarted = True

    def _clear_fifo(self) -> None:
        """Empty the FIFO: both pointers and the overflow counter to zero, and no flag left that says full."""
        self._write(_WRITE_POINTER, b"\0\0\0")
        self._next_read = 0
        self._read_status()

    def _reset(self, polls: int, wait: "Callable[[], object] | None") -> None:
        """Reset the part and poll until it says that it is done."""
        self._write_one(_MODE, _RESET)
        for _ in range(polls):
            self._read(_MODE, self._one)
            if not self._one[0] & _RESET:
                return
            if wait is not None:
                wait()
        raise ConfigRefused(
            f"{_PART} at 0x{self._address:02X} is still in reset after {polls} polls; switch it off and on"
        )

    @staticmethod
    def _check_codes(red: int, ir: int) -> None:
        if not (0 <= red <= 255 and 0 <= ir <= 255):
            raise ValueError(f"LED codes {red}, {ir} are not both within 0 to 255")

    def _read(self, register: int, buffer: "WritableBuffer") -> None:
        try:
            self._i2c.readfrom_mem_into(self._address, register, buffer)
            return
        except OSError as error:
            fault = not_answering(_PART, self._address, error)
        raise fault

    def _write(self, register: int, data: "ReadableBuffer") -> None:
        try:
            self._i2c.writeto_mem(self._address, register, data)
            return
        except OSError as error:
            fault = not_answering(_PART, self._address, error)
        raise fault

    def _write_one(self, register: int, value: int) -> None:
        self._one[0] = value
        self._write(register, self._one)


def _spo2_config(sample_rate_hz: int, pulse_width_us: int, adc_range_na: int) -> int:
    """Return the SpO2 configuration register; raise ValueError for what the part cannot do in SpO2 mode."""
    if sample_rate_hz not in _RATES_HZ:
        raise ValueError(f"sample rate {sample_rate_hz} Hz is none of {_RATES_HZ}")
    if pulse_width_us not in _WIDTHS_US:
        raise ValueError(f"pulse width {pulse_width_us} us is none of {_WIDTHS_US}")
    if adc_range_na not in _RANGES_NA:
        raise ValueError(f"ADC range {adc_range_na} nA is none of {_RANGES_NA}")
    width = _WIDTHS_US.index(pulse_width_us)
    if sample_rate_hz > _FASTEST_HZ[width]:
        raise ValueError(
            f"{sample_rate_hz} Hz is too fast for a pulse width of {pulse_width_us} us: at most {_FASTEST_HZ[width]} Hz"
        )
    return _RANGES_NA.index(adc_range_na) << 5 | _RATES_HZ.index(sample_rate_hz) << 2 | width
