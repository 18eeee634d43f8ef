"""A MAX30102 at register level, after its datasheet (19-7740 Rev 1), fed by a signal source.

Where the datasheet is silent: flags rise only when enabled; the overflow counter counts in rollover mode too, and
RD_PTR moves with the samples that are overwritten (both can be had otherwise); three or four slots allow half the rate
of two. Time comes from a millisecond clock, which may wrap at 2^30, and is caught up with on every bus access.
"""

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, SignalSource, WritableBuffer

FULL_SCALE = 262143  # 18 bits
REFERENCE_LED_CODE = 0x24

_A_FULL = 0x80
_PPG_READY = 0x40
_ALC_OVERFLOW = 0x20
_POWER_READY = 0x01
_DIE_READY = 0x02

_RATES_HZ = (50, 100, 200, 400, 800, 1000, 1600, 3200)
# Index of the highest legal rate by slots in use, then by pulse width 69, 118, 215, 411 us.
_FASTEST = ((7, 6, 6, 5), (6, 5, 4, 3), (4, 3, 3, 2), (4, 3, 3, 2))
_RED = 1
_IR = 2
_SLOTS_OF_MODE = {2: (_RED,), 3: (_RED, _IR)}
_MULTI_LED = 7
_DIE_CONVERSION_US = 29000
_TICKS_MASK = 0x3FFFFFFF


class SimulatedMax30102:
    """One part. It is constructed at the instant `start_us` of the source (default: the source's first).

    `clock_error_ppm`: how much faster than nominal the oscillator runs (-500,000: half), at any time another.
    `swapped_leds`: the red driver lights the infrared die and the other way round, as on some clones.
    `die_temperature_sixteenths`: what a die temperature conversion finds, in 1/16 degree Celsius.
    `deaf_registers`: registers that acknowledge a write and keep what they had.
    `ppg_ready_stuck`: PPG_RDY reads as this (0 or 1) whatever happens; None: it works.
    `counts_overflow`, `overwriting_moves_read`: what the part does when its FIFO rolls over.
    """

    def __init__(
        self,
        source: "SignalSource",
        clock_ms: "Callable[[], int]",
        *,
        address: int = 0x57,
        part_id: int = 0x15,
        revision: int = 0x03,
        swapped_leds: bool = False,
        clock_error_ppm: int = 0,
        die_temperature_sixteenths: int = 480,
        start_us: int | None = None,
    ) -> None:
        self.address = address
        self.part_id = part_id
        self.revision = revision
        self.swapped_leds = swapped_leds
        self.clock_error_ppm = clock_error_ppm
        self.die_temperature_sixteenths = die_temperature_sixteenths
        self.deaf_registers: tuple[int, ...] = ()
        self.ppg_ready_stuck: int | None = None
        self.counts_overflow = True
        self.overwriting_moves_read = True
        self._source = source
        self._clock_ms = clock_ms
        self._last_ms = clock_ms()
        self._now_us = source.start_us if start_us is None else start_us
        self._sample = array("i", [0, 0])
        self._registers = bytearray(256)
        self._pointer = 0
        self._fifo_red = array("i", bytes(128))
        self._fifo_ir = array("i", bytes(128))
        self._word = bytearray(12)
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: all registers at their power-on values and PWR_RDY raised."""
        self._power_on_values()
        self._registers[0x00] = _POWER_READY

    def ambient_overflow(self) -> None:
        """Let the ambient light cancellation reach its limit, which raises ALC_OVF where enabled."""
        self._registers[0x00] |= _ALC_OVERFLOW & self._registers[0x02]

    def select(self, register: int) -> None:
        """Set the register pointer."""
        self._pointer = register
        self._byte = 0  # a sample that was read in part is over: RD_PTR is past it

    def write(self, data: "ReadableBuffer") -> None:
        """Store bytes from the register pointer on."""
        self._catch_up()
        for value in data:
            self._store(self._pointer, value)
            self._step_pointer()

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer from the register pointer on."""
        self._catch_up()
        for i in range(len(buffer)):
            if self._pointer == 0x07:
                buffer[i] = self._fifo_byte()
            else:
                buffer[i] = self._load(self._pointer)
                self._step_pointer()

    def _power_on_values(self) -> None:
        registers = self._registers
        for i in range(256):
            registers[i] = 0xFF if 0x13 <= i <= 0x17 else 0
        self._unread = 0
        self._byte = 0
        self._reset_polls = 0
        self._die_left_us = 0
        self._make_legal()
        self._restart_sampling()

    # Registers

    def _step_pointer(self) -> None:
        if self._pointer != 0x07 and self._pointer != 0xFF:
            self._pointer += 1

    def _load(self, register: int) -> int:
        registers = self._registers
        if register == 0xFE:
            return self.revision
        if register == 0xFF:
            return self.part_id
        value = registers[register]
        if register <= 0x01:
            registers[register] = 0
            if register == 0x00 and self.ppg_ready_stuck is not None:
                value = value & ~_PPG_READY | self.ppg_ready_stuck * _PPG_READY
        elif register == 0x20:
            registers[0x01] &= ~_DIE_READY & 0xFF
        elif register == 0x09 and self._reset_polls:
            self._reset_polls -= 1
            value |= 0x40
        return value

    def _store(self, register: int, value: int) -> None:
        registers = self._registers
        if register in self.deaf_registers:
            return
        if register in (0x04, 0x05, 0x06):
            registers[register] = value & 31
            self._unread = (registers[0x04] - registers[0x06]) & 31
            if self._unread == 0 and registers[0x05]:  # equal pointers while samples are overwritten: full
                self._unread = 32
        elif register == 0x08:
            registers[0x08] = value
            self._restart_sampling()
        elif register == 0x09:
            self._set_mode(value)
        elif register == 0x0A:
            registers[0x0A] = value & 0x7F
            self._make_legal()
            self._restart_sampling()
        elif register == 0x21:
            if value & 1:
                self._die_left_us = _DIE_CONVERSION_US  # TEMP_EN itself reads 0 again at once
        elif 0x02 <= register <= 0x03 or 0x0C <= register <= 0x12:
            registers[register] = value
            if register >= 0x11:
                self._make_legal()
                self._restart_sampling()

    def _set_mode(self, value: int) -> None:
        registers = self._registers
        if value & 0x40:
            flags = registers[0x00] & _POWER_READY  # a reset neither raises nor clears PWR_RDY
            self._power_on_values()
            registers[0x00] = flags
            self._reset_polls = 1
            return
        registers[0x09] = value & 0x87
        if value & 0x80:
            registers[0x00] = 0
            registers[0x01] = 0
        self._make_legal()
        self._restart_sampling()

    def _make_legal(self) -> None:
        """Replace a rate that the pulse width does not allow by the highest that it does, silently."""
        config = self._registers[0x0A]
        self._slots = self._slots_in_use()
        self._sample_bytes = 3 * len(self._slots) or 6
        if self._slots:
            fastest = _FASTEST[len(self._slots) - 1][config & 3]
            if config >> 2 & 7 > fastest:
                self._registers[0x0A] = config & 0x63 | fastest << 2

    def _slots_in_use(self) -> "tuple[int, ...]":
        """What each triplet of a sample holds; none in a mode that does not sample. A gap ends the slots."""
        mode = self._registers[0x09] & 7
        if mode != _MULTI_LED:
            return _SLOTS_OF_MODE.get(mode, ())
        slots: list[int] = []
        for i in range(4):
            kind = self._registers[0x11 + i // 2] >> 4 * (i & 1) & 7
            if kind not in (_RED, _IR):
                break
            slots.append(kind)
        return tuple(slots)

    # Time and conversion

    def _restart_sampling(self) -> None:
        """Begin a new average in the mode that the registers say."""
        self._sampling = self._registers[0x09] & 0x80 == 0 and len(self._slots) > 0
        self._set_period()
        self._rest = 0
        self._next_us = self._period_us
        self._wanted = 1 << min(self._registers[0x08] >> 5, 5)
        self._averaged = 0
        self._red_sum = 0
        self._ir_sum = 0

    def _set_period(self) -> None:
        """Work out the conversion period from the programmed rate and the oscillator's error."""
        self._period_ppm = self.clock_error_ppm
        config = self._registers[0x0A]
        # period = 10^6 / (rate * (1 + ppm / 10^6)) microseconds, as a whole part and a fraction rest / parts
        whole = 1000000 * 1000000
        parts = _RATES_HZ[config >> 2 & 7] * (1000000 + self._period_ppm)
        divisor, rest = parts, whole
        while rest:
            divisor, rest = rest, divisor % rest
        whole //= divisor
        parts //= divisor
        self._period_us = whole // parts
        self._period_rest = whole % parts
        self._period_parts = parts

    def _catch_up(self) -> None:
        """Live through the time since the last bus access."""
        now_ms = self._clock_ms()
        left_us = (now_ms - self._last_ms & _TICKS_MASK) * 1000
        self._last_ms = now_ms
        if self._die_left_us:
            self._convert_die_temperature(left_us)
        if self.clock_error_ppm != self._period_ppm:
            self._set_period()
            self._rest = 0
        if self._sampling:
            while left_us >= self._next_us:
                left_us -= self._next_us
                self._now_us += self._next_us
                self._next_us = self._period_us
                self._rest += self._period_rest
                if self._rest >= self._period_parts:
                    self._rest -= self._period_parts
                    self._next_us += 1
                self._convert()
            self._next_us -= left_us
        self._now_us += left_us

    def _convert_die_temperature(self, elapsed_us: int) -> None:
        if elapsed_us < self._die_left_us:
            self._die_left_us -= elapsed_us
            return
        self._die_left_us = 0
        self._registers[0x1F] = self.die_temperature_sixteenths >> 4 & 0xFF
        self._registers[0x20] = self.die_temperature_sixteenths & 0x0F
        self._registers[0x01] |= _DIE_READY & self._registers[0x03]

    def _convert(self) -> None:
        """One ADC instant: add it to the average, and push the average when it is complete."""
        sample = self._sample
        if not self._source.sample_into(self._now_us, sample):
            self._averaged = 0
            self._red_sum = 0
            self._ir_sum = 0
            return
        other = 1 if self.swapped_leds else 0
        self._red_sum += self._counts(sample[other], self._registers[0x0C])
        self._ir_sum += self._counts(sample[1 - other], self._registers[0x0D])
        self._averaged += 1
        if self._averaged == self._wanted:
            self._push(self._red_sum // self._wanted, self._ir_sum // self._wanted)
            self._averaged = 0
            self._red_sum = 0
            self._ir_sum = 0

    def _counts(self, at_reference: int, led_code: int) -> int:
        """Return 18-bit counts at this LED code and ADC range.

        A source that is clipped is clipped at any code: how bright it was cannot be known. Brighter still is light
        that a lower code brings into range.
        """
        if at_reference == FULL_SCALE:
            return FULL_SCALE
        counts = at_reference * led_code // REFERENCE_LED_CODE << 3 - (self._registers[0x0A] >> 5)
        return counts if counts < FULL_SCALE else FULL_SCALE

    # FIFO

    def _push(self, red: int, ir: int) -> None:
        registers = self._registers
        if self._unread == 32:
            if self.counts_overflow:
                registers[0x05] = min(registers[0x05] + 1, 31)
            if not registers[0x08] & 0x10:
                return
            if self.overwriting_moves_read:
                registers[0x06] = registers[0x06] + 1 & 31
        else:
            self._unread += 1
        lost_bits = 3 - (registers[0x0A] & 3)
        write = registers[0x04]
        self._fifo_red[write] = red >> lost_bits << lost_bits
        self._fifo_ir[write] = ir >> lost_bits << lost_bits
        registers[0x04] = write + 1 & 31
        registers[0x00] |= _PPG_READY & registers[0x02]
        if self._unread == 32 - (registers[0x08] & 0x0F):
            registers[0x00] |= _A_FULL & registers[0x02]

    def _fifo_byte(self) -> int:
        """Return the next byte of FIFO_DATA; an empty FIFO gives what its memory still holds."""
        if self._byte == 0:
            self._pop()
        value = self._word[self._byte]
        self._byte += 1
        if self._byte == self._sample_bytes:
            self._byte = 0
        return value

    def _pop(self) -> None:
        registers = self._registers
        read = registers[0x06]
        word = self._word
        position = 0
        for kind in self._slots:
            counts = self._fifo_red[read] if kind == _RED else self._fifo_ir[read]
            word[position] = counts >> 16
            word[position + 1] = counts >> 8 & 0xFF
            word[position + 2] = counts & 0xFF
            position += 3
        registers[0x00] &= ~_PPG_READY & 0xFF
        registers[0x05] = 0
        if self._unread:
            self._unread -= 1
            registers[0x06] = read + 1 & 31
            if not self.overwriting_moves_read and registers[0x06] == registers[0x04]:
                self._unread = 0  # it knows no more than its pointers
