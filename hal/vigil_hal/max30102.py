"""Driver of the MAX30102 pulse oximeter (datasheet 19-7740 Rev 1): every mode, rate, flag and power state it has.

The part converts at `sample_rate_hz`, one conversion for each slot in use, averages and decimates by `averaging`, and
keeps 32 samples. `drain()` takes all of them in one burst, so a caller has 32 output periods between calls before a
sample is lost, and lost ones are counted. No clock, no sleep, and nothing allocated on the sample path.

Which of its dies is red the part cannot tell: an exchanged pair answers every register as a good one does. Only the
pulse shows it.
"""

from array import array

from vigil_hal.faults import ConfigRefused, NotAnswering, WrongPart, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vigil_hal.seams import I2C, Buses, ReadableBuffer, WritableBuffer

PART = "MAX30102"
KIND = "oximeter"
ADDRESS = 0x57
ADDRESSES = (ADDRESS,)  # data sheet, slave address 0xAE/0xAF
MOST_HZ = 400_000
FIFO_DEPTH = 32
REFERENCE_LED_CODE = 0x24  # 7.2 mA

# Modes, and what a slot of the multi-LED mode lights.
HEART_RATE = 2  # red alone
SPO2 = 3  # red, then infrared
MULTI_LED = 7  # up to four slots in a chosen order
RED = 1
INFRARED = 2

# Interrupts on request. A_FULL and the die temperature's are always enabled.
PPG_READY = 0x40
AMBIENT_OVERFLOW = 0x20

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
_SLOTS = 0x11
_DIE_TEMPERATURE = 0x1F
_TEMPERATURE_ENABLE = 0x21
_REVISION = 0xFE  # followed by PART_ID

_ALMOST_FULL = 0x80
_POWER_READY = 0x01
_DIE_READY = 0x02
_OVERFLOW_MAX = 0x1F
_ROLLOVER = 0x10
_RESET = 0x40
_SHUTDOWN = 0x80
_NOTHING = b"\0\0\0"

_RATES_HZ = (50, 100, 200, 400, 800, 1000, 1600, 3200)
_WIDTHS_US = (69, 118, 215, 411)  # 15, 16, 17, 18 bits
# By slots in use, then by width. The datasheet has tables for one slot and for two; three or four take at most twice
# the time of two.
_FASTEST_HZ = ((3200, 1600, 1600, 1000), (1600, 1000, 800, 400), (800, 400, 400, 200), (800, 400, 400, 200))
_RANGES_NA = (2048, 4096, 8192, 16384)
_AVERAGINGS = (1, 2, 4, 8, 16, 32)
_SLOTS_OF_MODE = {HEART_RATE: (RED,), SPO2: (RED, INFRARED)}


def _unpack(raw: bytearray, position: int, stride: int, out: "array[int]", count: int) -> None:
    """Write `count` left-justified 18-bit words, one in every `stride` bytes from `position` on."""
    for i in range(count):
        out[i] = (raw[position] & 3) << 16 | raw[position + 1] << 8 | raw[position + 2]
        position += stride


def _shift_right(values: "array[int]", count: int, shift: int) -> None:
    for i in range(count):
        values[i] >>= shift


class Max30102:
    """One MAX30102 on a bus.

    `red`, `ir`: the samples of the last `drain()`, right-justified counts of 15 to 18 bits, oldest first. `ir` is not
    touched in heart-rate mode. `slots`: the same, one array for each slot in use: `red` and `ir` are the first of
    their kind, further slots of the multi-LED mode have arrays of their own.
    `lost`: samples lost before those; exact, or when `lost_exact` is False the least that it can be. After an
    overflow it is then short of the truth by a multiple of 32.
    `skipped`: samples that came but were left out, because the LEDs or the power changed while they were converted.
    `restarted`: the part lost its power and with it its configuration; stays set until `configure()`.
    `ready_count`, `almost_full_count`, `ambient_overflow_count`: how many status reads found that flag. The last says
    that the ambient light is more than the part can cancel.
    `revision`: the part's revision, known after `probe()`.
    """

    def __init__(self, i2c: "I2C", address: int = ADDRESS) -> None:
        self.red = array("i", bytes(4 * FIFO_DEPTH))
        self.ir = array("i", bytes(4 * FIFO_DEPTH))
        self.slots: tuple[array[int], ...] = (self.red, self.ir)
        self.lost = 0
        self.lost_exact = True
        self.skipped = 0
        self.restarted = False
        self.ready_count = 0
        self.almost_full_count = 0
        self.ambient_overflow_count = 0
        self.revision = 0
        self.output_rate_milli_hz = 0
        self._i2c = i2c
        self._address = address
        self._status = bytearray(7)
        self._one = bytearray(1)
        self._two = bytearray(2)
        self._kinds: tuple[int, ...] = _SLOTS_OF_MODE[SPO2]
        self._make_bursts()
        self._mode = SPO2
        self._shift = 0
        # Flags rise only when enabled. The same two bytes, read back in every burst, tell a brown-out whose PWR_RDY was
        # lost to a failed transfer, because power-on clears them.
        self._enabled_1 = _ALMOST_FULL | PPG_READY
        self._almost_full_at = FIFO_DEPTH
        self._flags = 0  # raised since the last drain
        self._flag_is_late = False
        self._next_read = 0
        self._unread = 0  # samples that a failed burst left in doubt
        self._to_skip = 0
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
                f"part id 0x{self._one[0]:02X} at 0x{self._address:02X} is no {PART} (0x{_PART_ID:02X});"
                " check what is wired there"
            )

    def configure(
        self,
        sample_rate_hz: int = 100,
        pulse_width_us: int = 411,
        adc_range_na: int = 16384,
        averaging: int = 4,
        red_code: int = REFERENCE_LED_CODE,
        ir_code: int = REFERENCE_LED_CODE,
        reset_polls: int = 100,
        wait: "Callable[[], object] | None" = None,
        mode: int = SPO2,
        slots: "tuple[int, ...]" = (),
        interrupts: int = PPG_READY,
        almost_full_free: int = 0,
    ) -> None:
        """Reset the part, write every register that matters, read them back and start sampling.

        Rate, width (resolution), full scale and averaging take the datasheet's values only; LED codes are 0.2 mA a
        step. `slots` (RED, INFRARED) belongs to mode MULTI_LED. `interrupts` is any of PPG_READY | AMBIENT_OVERFLOW:
        without the former the part's INT line stays silent until `almost_full_free` places (0 to 15) are left. The
        reset is polled at most `reset_polls` times, with `wait()` between polls where one is given.

        Raises ValueError before anything is written when the part cannot do what is asked, ConfigRefused when it does
        not leave reset or reads back something else, NotAnswering.
        """
        kinds = _slots_in_use(mode, slots)
        spo2 = _spo2_config(sample_rate_hz, pulse_width_us, adc_range_na, len(kinds))
        if averaging not in _AVERAGINGS:
            raise ValueError(f"averaging {averaging} is none of {_AVERAGINGS}")
        if interrupts & ~(PPG_READY | AMBIENT_OVERFLOW):
            raise ValueError(f"interrupts 0x{interrupts:02X} are more than PPG_READY and AMBIENT_OVERFLOW")
        if not 0 <= almost_full_free <= 15:
            raise ValueError(f"{almost_full_free} free places are not within 0 to 15")
        _check_codes(red_code, ir_code)

        self._enabled_1 = _ALMOST_FULL | interrupts
        self._almost_full_at = FIFO_DEPTH - almost_full_free
        self._mode = mode
        self._shift = 3 - _WIDTHS_US.index(pulse_width_us)
        self.output_rate_milli_hz = sample_rate_hz * 1000 // averaging
        if kinds != self._kinds:
            self._kinds = kinds
            self._make_bursts()
        self._reset(reset_polls, wait)
        self._two[0] = self._enabled_1
        self._two[1] = _DIE_READY
        self._write(_ENABLE_1, self._two)
        fifo = _AVERAGINGS.index(averaging) << 5 | _ROLLOVER | almost_full_free
        self._write_one(_FIFO_CONFIG, fifo)
        self._write_one(_SPO2_CONFIG, spo2)
        self._write_codes(red_code, ir_code)
        if mode == MULTI_LED:
            self._configure_slots()
        self._clear_fifo()
        self._write_one(_MODE, mode)
        self._check_spo2(spo2)
        self._check(_FIFO_CONFIG, fifo)
        self._check(_MODE, mode)
        self._check(_LED_CODES, red_code)
        self._check(_LED_CODES + 1, ir_code)
        self._unread = 0
        self._to_skip = 0
        self._die_ready = False
        self.restarted = False

    def drain(self) -> int:
        """Take all waiting samples into `red` and `ir` and return how many; set `lost`, `skipped`, `restarted`.

        At most three bus transactions: the status burst, a rewrite of RD_PTR when the part overflowed without moving
        it, and the data burst. Raises NotAnswering; when that broke the data burst, the next call only clears the FIFO,
        because what the burst took cannot be known, and says so in `lost`.
        """
        try:
            return self._drain()
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def set_led_codes(self, red: int, ir: int) -> None:
        """Set both LED currents (0 to 255, 0.2 mA a step) while sampling; call it right after `drain()`.

        Every sample drained from now on was converted under the new codes alone: those that wait, and the one that is
        being averaged, will be skipped. Raises ValueError, NotAnswering.
        """
        _check_codes(red, ir)
        self._write_codes(red, ir)
        self._to_skip = FIFO_DEPTH + 1  # when it is full, or the next transfer fails
        self._read(_STATUS_1, self._status)
        self._note_status()
        waiting = self._waiting()
        if not self._status[5] & 31 and (waiting or not self._flags & _ALMOST_FULL):
            self._to_skip = waiting + 1

    def shutdown(self) -> None:
        """Stop sampling and go to the lowest power (0.7 uA); registers are kept. Raises NotAnswering."""
        self._write_one(_MODE, _SHUTDOWN | self._mode)

    def wake(self) -> None:
        """Sample again after `shutdown()`, with an empty FIFO; the first sample, half old, is skipped.

        A part that lost its power meanwhile shows as `restarted`. Raises NotAnswering.
        """
        self._clear_fifo()
        self._unread = 0
        self._to_skip = 1
        self._write_one(_MODE, self._mode)

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

    # The sample path. A board puts a frame of more than eleven words on its heap at every call.

    def _drain(self) -> int:
        self.lost = 0
        self.lost_exact = True
        self.skipped = 0
        if self._unread:
            self._clear_fifo()
            self.lost = self._unread
            self.lost_exact = False
            self._unread = 0
            self._to_skip &= 1  # what waited is gone; the one that is being averaged may be touched
            return 0
        self._read_status()
        if self.restarted:
            self.lost_exact = False
            return 0
        count = self._count()
        return self._take(count) if count else 0

    def _count(self) -> int:
        """Return how many samples wait, by the status burst; set `lost` and `lost_exact`."""
        write = self._status[4] & 31
        read = self._status[6] & 31
        is_full = self._saw_full(write == read)
        if self._status[5] & 31:
            self._count_overflow(write, read)
            return FIFO_DEPTH
        # A sample that arrives between the two bursts on a full FIFO moves RD_PTR unseen.
        self.lost = (read - self._next_read) & 31
        self._next_read = read
        if is_full:
            # Whether overwriting is counted the datasheet leaves open: there may have been 32 more.
            self.lost_exact = self.lost == 0
            return FIFO_DEPTH
        return (write - read) & 31

    def _saw_full(self, pointers_meet: bool) -> bool:
        """Tell a full FIFO from an empty one, whose pointers meet too, by all the enabled flags that a full one has.

        Each flag by itself may be late, or stuck. A_FULL is late when the sample that raised it was taken together with
        those before it, though the status burst had passed the flag.
        """
        flags = self._enabled_1 & (_ALMOST_FULL | PPG_READY)
        is_full = pointers_meet and self._flags & flags == flags and not self._flag_is_late
        self._flag_is_late = (
            flags == _ALMOST_FULL and not self._flags & _ALMOST_FULL and self._waiting() >= self._almost_full_at
        )
        self._flags = 0
        return is_full

    def _count_overflow(self, write: int, read: int) -> None:
        self.lost = self._status[5] & 31
        if self.lost == _OVERFLOW_MAX:  # it counts no further, but the pointers tell how many modulo 32
            self.lost += (write - self._next_read - _OVERFLOW_MAX) & 31
            self.lost_exact = False
        # The datasheet does not say whether overwriting moves RD_PTR. The oldest sample is at WR_PTR.
        if read != write:
            self._one[0] = write
            self._i2c.writeto_mem(self._address, _READ_POINTER, self._one)
        self._next_read = write

    def _waiting(self) -> int:
        return (self._status[4] - self._status[6]) & 31

    def _take(self, count: int) -> int:
        """Read `count` samples; return how many of them count."""
        self._unread = count
        self._i2c.readfrom_mem_into(self._address, _FIFO_DATA, self._bursts[count])
        self._unread = 0
        self._next_read = (self._next_read + count) & 31
        if self._to_skip:
            self.skipped = min(self._to_skip, count)
            self._to_skip -= self.skipped
            count -= self.skipped
        for slot in range(len(self.slots)):
            self._unpack_slot(slot, self.skipped * self._stride + 3 * slot, count)
        return count

    def _unpack_slot(self, slot: int, position: int, count: int) -> None:
        _unpack(self._raw, position, self._stride, self.slots[slot], count)
        if self._shift:
            _shift_right(self.slots[slot], count, self._shift)

    def _read_status(self) -> None:
        """Read flags, enables and FIFO pointers in one burst; reading clears the flags, so note every one."""
        self._i2c.readfrom_mem_into(self._address, _STATUS_1, self._status)
        self._note_status()

    def _note_status(self) -> None:
        status = self._status
        flags = status[0]
        self._flags |= flags & (_ALMOST_FULL | PPG_READY)
        if flags & PPG_READY:
            self.ready_count += 1
        if flags & _ALMOST_FULL:
            self.almost_full_count += 1
        if flags & AMBIENT_OVERFLOW:
            self.ambient_overflow_count += 1
        if status[1] & _DIE_READY:
            self._die_ready = True
        if flags & _POWER_READY or status[2] != self._enabled_1 or status[3] != _DIE_READY:
            self.restarted = True

    def _clear_fifo(self) -> None:
        """Empty the FIFO: both pointers and the overflow counter to zero, and no flag left that says full."""
        try:
            self._i2c.writeto_mem(self._address, _WRITE_POINTER, _NOTHING)
            self._read_status()
            self._next_read = 0
            self._flags = 0
            self._flag_is_late = False
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    # Configuration

    def _make_bursts(self) -> None:
        """Prepare arrays, the raw buffer and a view of it for each length of a burst, for the slots in use."""
        slots = []
        for slot in range(len(self._kinds)):
            if self._kinds[slot] in self._kinds[:slot]:
                slots.append(array("i", bytes(4 * FIFO_DEPTH)))
            else:
                slots.append(self.red if self._kinds[slot] == RED else self.ir)
        self.slots = tuple(slots)
        self._stride = 3 * len(slots)
        self._raw = bytearray(self._stride * FIFO_DEPTH)
        view = memoryview(self._raw)
        self._bursts = tuple(view[: self._stride * count] for count in range(FIFO_DEPTH + 1))

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
            f"{PART} at 0x{self._address:02X} is still in reset after {polls} polls; switch it off and on"
        )

    def _configure_slots(self) -> None:
        kinds = self._kinds + (0, 0, 0)
        self._two[0] = kinds[1] << 4 | kinds[0]
        self._two[1] = kinds[3] << 4 | kinds[2]
        self._write(_SLOTS, self._two)
        for i in range(2):
            self._check(_SLOTS + i, self._two[i])

    def _check_spo2(self, written: int) -> None:
        self._read(_SPO2_CONFIG, self._one)
        if self._one[0] != written:
            raise ConfigRefused(
                f"{PART} at 0x{self._address:02X} reads back SpO2 configuration 0x{self._one[0]:02X} where"
                f" 0x{written:02X} was written; choose a lower rate or a shorter pulse"
            )

    def _check(self, register: int, written: int) -> None:
        self._read(register, self._one)
        if self._one[0] != written:
            raise ConfigRefused(
                f"{PART} at 0x{self._address:02X} reads back 0x{self._one[0]:02X} from register 0x{register:02X} where"
                f" 0x{written:02X} was written; check its wiring, then switch it off and on"
            )

    def _write_codes(self, red: int, ir: int) -> None:
        self._two[0] = red
        self._two[1] = ir
        self._write(_LED_CODES, self._two)

    # The bus

    def _read(self, register: int, buffer: "WritableBuffer") -> None:
        try:
            self._i2c.readfrom_mem_into(self._address, register, buffer)
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _write(self, register: int, data: "ReadableBuffer") -> None:
        try:
            self._i2c.writeto_mem(self._address, register, data)
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _write_one(self, register: int, value: int) -> None:
        self._one[0] = value
        self._write(register, self._one)

    def _fault(self, error: OSError) -> NotAnswering:
        return not_answering(PART, self._address, error)


def _check_codes(red: int, ir: int) -> None:
    if not (0 <= red <= 255 and 0 <= ir <= 255):
        raise ValueError(f"LED codes {red}, {ir} are not both within 0 to 255")


def _slots_in_use(mode: int, slots: "tuple[int, ...]") -> "tuple[int, ...]":
    """Return what is lit, in order; raise ValueError for what is no mode."""
    if mode != MULTI_LED:
        if mode not in _SLOTS_OF_MODE:
            raise ValueError(f"mode {mode} is none of HEART_RATE, SPO2 and MULTI_LED")
        if slots:
            raise ValueError("only mode MULTI_LED has slots to choose")
        return _SLOTS_OF_MODE[mode]
    if not 1 <= len(slots) <= 4:
        raise ValueError(f"{len(slots)} slots are not within 1 to 4")
    for kind in slots:
        if kind not in (RED, INFRARED):
            raise ValueError(f"slot {kind} is neither RED nor INFRARED")
    return slots


def _spo2_config(sample_rate_hz: int, pulse_width_us: int, adc_range_na: int, slots: int) -> int:
    """Return the SpO2 configuration register; raise ValueError for what the part cannot do with so many slots."""
    if sample_rate_hz not in _RATES_HZ:
        raise ValueError(f"sample rate {sample_rate_hz} Hz is none of {_RATES_HZ}")
    if pulse_width_us not in _WIDTHS_US:
        raise ValueError(f"pulse width {pulse_width_us} us is none of {_WIDTHS_US}")
    if adc_range_na not in _RANGES_NA:
        raise ValueError(f"ADC range {adc_range_na} nA is none of {_RANGES_NA}")
    width = _WIDTHS_US.index(pulse_width_us)
    fastest = _FASTEST_HZ[slots - 1][width]
    if sample_rate_hz > fastest:
        raise ValueError(
            f"{sample_rate_hz} Hz is too fast for a pulse width of {pulse_width_us} us: at most {fastest} Hz"
        )
    return _RANGES_NA.index(adc_range_na) << 5 | _RATES_HZ.index(sample_rate_hz) << 2 | width


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Max30102:
    """Return the driver of the one that a board's file lists."""
    return Max30102(board.i2c, entry["address"])
