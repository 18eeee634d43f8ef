"""What the MAX30102 driver says on the bus and makes of the answers, and how the simulated part behaves."""

from tests.contract.rigs import WRAP, Clock, Light, Rig, refused

from vigil_hal.faults import ConfigRefused, NotAnswering, WrongPart
from vigil_hal.max30102 import AMBIENT_OVERFLOW, HEART_RATE, INFRARED, MULTI_LED, PPG_READY, RED, SPO2, Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableSequence

    from vigil_hal.seams import ReadableBuffer, WritableBuffer

OUTPUT_MS = 40  # 100 Hz, averages of 4


class Oximeter(Rig):
    """A simulated part on a bus, with its clock, its light and a driver."""

    def __init__(self, light: "Light | None" = None, start_ms: int = 0, part_id: int = 0x15) -> None:
        self.light = light or Light()
        clock = Clock(start_ms)
        super().__init__(SimulatedMax30102(self.light, clock, part_id=part_id), Max30102, clock)

    def stick_before(self, transactions: int) -> None:
        """Hold the bus after so many more transactions."""

        def stick() -> None:
            self.bus.stuck = True

        self.bus.before(transactions, stick)

    def garble_before(self, transactions: int) -> None:
        """Put noise on one transaction, after so many more."""

        def garble() -> None:
            self.bus.garbled = 1

        self.bus.before(transactions, garble)

    def outputs(self, count: int) -> None:
        """Let the part make so many output samples of the default configuration."""
        self.advance(OUTPUT_MS * count)


class Registers:
    """A part of bare registers, for what the simulated part does not do. FIFO_DATA gives 1, 2, 3 ... in turn."""

    address = 0x57

    def __init__(self) -> None:
        self.values = bytearray(256)
        self.values[0x02] = 0xC0
        self.values[0x03] = 0x02
        self.ignored = -1  # a register that takes no writes
        self._pointer = 0
        self._word = 0

    def select(self, register: int) -> None:
        self._pointer = register

    def write(self, data: "ReadableBuffer") -> None:
        for value in data:
            if self._pointer != self.ignored:
                self.values[self._pointer] = value
            self._pointer += 1

    def read_into(self, buffer: "WritableBuffer") -> None:
        for i in range(len(buffer)):
            if self._pointer == 0x07:
                buffer[i] = self._word // 3 if i % 3 == 2 else 0
                self._word += 1
            else:
                buffer[i] = self.values[self._pointer + i]


def first(values: "MutableSequence[int]", count: int) -> "list[int]":
    """Return the first so many values."""
    return [values[i] for i in range(count)]


# Probing


def case_probe_reads_revision_and_part_id() -> None:
    rig = Oximeter()
    log = rig.log()
    rig.driver.probe()
    assert log == [("r", 0x57, 0xFE, b"\x03"), ("r", 0x57, 0xFF, b"\x15")]
    assert rig.driver.revision == 3


def case_probe_says_that_nobody_answers() -> None:
    text = refused(NotAnswering, Max30102(SimulatedI2C()).probe)
    assert "0x57" in text
    assert "does not answer" in text


def case_probe_says_that_the_bus_is_stuck() -> None:
    rig = Oximeter()
    rig.bus.stuck = True
    assert "stuck" in refused(NotAnswering, rig.driver.probe)


def case_probe_refuses_another_part() -> None:
    assert "0x11" in refused(WrongPart, Oximeter(part_id=0x11).driver.probe)


# Configuration


def case_configure_writes_whole_registers_and_reads_back() -> None:
    rig = Oximeter()
    log = rig.log()
    rig.driver.configure()
    assert log == [
        ("w", 0x57, 0x09, b"\x40"),
        ("r", 0x57, 0x09, b"\x40"),
        ("r", 0x57, 0x09, b"\x00"),
        ("w", 0x57, 0x02, b"\xc0\x02"),
        ("w", 0x57, 0x08, b"\x50"),
        ("w", 0x57, 0x0A, b"\x67"),
        ("w", 0x57, 0x0C, b"\x24\x24"),
        ("w", 0x57, 0x04, b"\x00\x00\x00"),
        ("r", 0x57, 0x00, b"\x01\x00\xc0\x02\x00\x00\x00"),
        ("w", 0x57, 0x09, b"\x03"),
        ("r", 0x57, 0x0A, b"\x67"),
        ("r", 0x57, 0x08, b"\x50"),
        ("r", 0x57, 0x09, b"\x03"),
        ("r", 0x57, 0x0C, b"\x24"),
        ("r", 0x57, 0x0D, b"\x24"),
    ]
    assert rig.driver.output_rate_milli_hz == 25000
    assert not rig.driver.restarted


def refused_configuration(driver: Max30102, rate: int, width: int) -> str:
    """Check that a rate and a width are refused; return what the driver says."""
    return refused(ValueError, lambda: driver.configure(rate, width))


def case_illegal_rate_and_width_are_refused_before_a_write() -> None:
    fastest = ((69, 1600), (118, 1000), (215, 800), (411, 400))
    rates = (50, 100, 200, 400, 800, 1000, 1600, 3200)
    for width, limit in fastest:
        for rate in rates:
            rig = Oximeter()
            log = rig.log()
            if rate <= limit:
                rig.driver.configure(rate, width)
                assert rig.driver.output_rate_milli_hz == rate * 250
            else:
                assert str(limit) in refused_configuration(rig.driver, rate, width)
                assert log == []


def case_values_outside_the_datasheet_are_refused_before_a_write() -> None:
    rig = Oximeter()
    log = rig.log()
    for call in (
        lambda: rig.driver.configure(sample_rate_hz=60),
        lambda: rig.driver.configure(pulse_width_us=400),
        lambda: rig.driver.configure(adc_range_na=1000),
        lambda: rig.driver.configure(averaging=3),
        lambda: rig.driver.configure(red_code=256),
        lambda: rig.driver.set_led_codes(0, -1),
    ):
        refused(ValueError, call)
    assert log == []


def case_configuration_that_the_part_changed_is_refused() -> None:
    part = Registers()
    part.ignored = 0x0A
    part.values[0x0A] = 0x63
    driver = Max30102(SimulatedI2C(part))
    part.values[0x09] = 0x00
    assert "0x63" in refused(ConfigRefused, lambda: driver.configure(wait=lambda: leave_reset(part)))


def leave_reset(part: Registers) -> None:
    """Clear the RESET bit, as the part does when it is done."""
    part.values[0x09] = 0


def case_reset_is_not_waited_for_without_end() -> None:
    part = Registers()
    bus = SimulatedI2C(part)
    waits: list[int] = []
    text = refused(ConfigRefused, lambda: Max30102(bus).configure(reset_polls=5, wait=lambda: waits.append(1)))
    assert "5 polls" in text
    assert len(waits) == 5


def case_simulated_part_lowers_an_illegal_rate_silently() -> None:
    for width, highest in ((0, 6), (1, 5), (2, 4), (3, 3)):
        rig = Oximeter()
        rig.bus.writeto_mem(0x57, 0x09, b"\x03")
        rig.bus.writeto_mem(0x57, 0x0A, bytes([7 << 2 | width]))
        answer = bytearray(1)
        rig.bus.readfrom_mem_into(0x57, 0x0A, answer)
        assert answer[0] == highest << 2 | width
        rig.bus.writeto_mem(0x57, 0x09, b"\x02")  # red only allows more
        rig.bus.writeto_mem(0x57, 0x0A, bytes([7 << 2 | width]))
        rig.bus.readfrom_mem_into(0x57, 0x0A, answer)
        assert answer[0] == (7, 6, 6, 5)[width] << 2 | width


# Every mode. What each register is given, and that nothing else is said, in one line each.

RATES = (50, 100, 200, 400, 800, 1000, 1600, 3200)
WIDTHS = (69, 118, 215, 411)
# mode, slots, the fastest rate by width, and the words of a sample
MODES = (
    (HEART_RATE, (), (3200, 1600, 1600, 1000), "r"),
    (SPO2, (), (1600, 1000, 800, 400), "ri"),
    (MULTI_LED, (RED,), (3200, 1600, 1600, 1000), "r"),
    (MULTI_LED, (INFRARED,), (3200, 1600, 1600, 1000), "i"),
    (MULTI_LED, (INFRARED, RED), (1600, 1000, 800, 400), "ir"),
    (MULTI_LED, (RED, INFRARED, RED), (800, 400, 400, 200), "rir"),
    (MULTI_LED, (RED, RED, INFRARED, INFRARED), (800, 400, 400, 200), "rrii"),
)


def refused_options(kind: "type[Exception]", driver: Max30102, options: "dict[str, object]") -> str:
    """Check that a configuration is refused; return what the driver says."""
    return refused(kind, lambda: driver.configure(**options))  # type: ignore[arg-type]


def written(register: int, **options: int) -> bytes:
    """Return what `configure` with these options writes to a register, once."""
    rig = Oximeter()
    log = rig.log()
    rig.driver.configure(**options)  # type: ignore[arg-type]
    values = [data for kind, _, at, data in log if kind == "w" and at == register]
    assert len(values) == 1
    return values[0]


def case_every_average_is_written() -> None:
    for code, averaging in enumerate((1, 2, 4, 8, 16, 32)):
        assert written(0x08, averaging=averaging) == bytes([code << 5 | 0x10])


def case_every_range_is_written() -> None:
    for code, range_na in enumerate((2048, 4096, 8192, 16384)):
        assert written(0x0A, adc_range_na=range_na) == bytes([code << 5 | 0x07])


def case_led_codes_are_written() -> None:
    assert written(0x0C, red_code=0x01, ir_code=0xFE) == b"\x01\xfe"


def case_almost_full_level_is_written() -> None:
    assert written(0x08, almost_full_free=15) == b"\x5f"


def case_interrupts_are_enabled_on_request() -> None:
    assert written(0x02, interrupts=0) == b"\x80\x02"
    assert written(0x02, interrupts=PPG_READY) == b"\xc0\x02"
    assert written(0x02, interrupts=PPG_READY | AMBIENT_OVERFLOW) == b"\xe0\x02"


def case_every_legal_rate_and_width_of_each_mode_is_taken_and_no_other() -> None:
    for mode, slots, fastest, words in MODES:
        rig = Oximeter()
        for width_code, width in enumerate(WIDTHS):
            for rate_code, rate in enumerate(RATES):
                log = rig.log()
                options = {"sample_rate_hz": rate, "pulse_width_us": width, "mode": mode, "slots": slots}
                if rate > fastest[width_code]:
                    refused_options(ValueError, rig.driver, options)
                    assert log == []
                    continue
                rig.driver.configure(**options)  # type: ignore[arg-type]
                spo2 = 0x60 | rate_code << 2 | width_code
                assert ("w", 0x57, 0x0A, bytes([spo2])) in log
                assert log[-5] == ("r", 0x57, 0x0A, bytes([spo2]))
                assert log[-3] == ("r", 0x57, 0x09, bytes([mode]))
                assert len(log) == (18 if mode == MULTI_LED else 15)
                assert len(rig.driver.slots) == len(words)


def case_part_takes_what_each_mode_allows_and_no_more() -> None:
    # One beyond the limits of the driver: the part answers with a lower rate.
    for mode, slots, fastest, _ in MODES:
        rig = Oximeter()
        rig.driver.configure(50, 69, mode=mode, slots=slots)
        for width_code in range(4):
            rig.bus.writeto_mem(0x57, 0x0A, bytes([7 << 2 | width_code]))
            answer = bytearray(1)
            rig.bus.readfrom_mem_into(0x57, 0x0A, answer)
            assert RATES[answer[0] >> 2] == fastest[width_code]


def case_samples_of_each_mode_are_unpacked() -> None:
    for mode, slots, _, words in MODES:
        rig = Oximeter()
        rig.driver.configure(mode=mode, slots=slots)
        rig.outputs(3)
        log = rig.log()
        assert rig.driver.drain() == 3
        assert [len(data) for _, _, _, data in log] == [7, 3 * 3 * len(words)]
        times = [25, 65, 105]
        for i, word in enumerate(words):
            assert first(rig.driver.slots[i], 3) == (times if word == "r" else [time + 100000 for time in times])
        if "r" in words:
            assert rig.driver.slots[words.find("r")] is rig.driver.red
        if "i" in words:
            assert rig.driver.slots[words.find("i")] is rig.driver.ir


def case_slots_are_written_in_order_and_read_back() -> None:
    rig = Oximeter()
    log = rig.log()
    rig.driver.configure(mode=MULTI_LED, slots=(RED, INFRARED, RED))
    assert log[7:10] == [("w", 0x57, 0x11, b"\x21\x01"), ("r", 0x57, 0x11, b"\x21"), ("r", 0x57, 0x12, b"\x01")]


def case_modes_and_slots_that_do_not_exist_are_refused_before_a_write() -> None:
    rig = Oximeter()
    log = rig.log()
    for mode, slots in (
        (0, ()),
        (4, ()),
        (MULTI_LED, ()),
        (MULTI_LED, (0,)),
        (MULTI_LED, (RED, 3)),
        (MULTI_LED, (RED,) * 5),
        (SPO2, (RED,)),
    ):
        refused_options(ValueError, rig.driver, {"mode": mode, "slots": slots})
    refused(ValueError, lambda: rig.driver.configure(interrupts=0x01))
    refused(ValueError, lambda: rig.driver.configure(almost_full_free=16))
    assert log == []


def case_register_that_keeps_its_value_is_a_refused_configuration() -> None:
    for register, text in (
        (0x08, "0x08"),
        (0x09, "0x09"),
        (0x0A, "SpO2"),
        (0x0C, "0x0C"),
        (0x0D, "0x0D"),
        (0x11, "0x11"),
    ):
        rig = Oximeter()
        rig.part.deaf_registers = (register,)
        options = {"mode": MULTI_LED, "slots": (RED, INFRARED)}
        assert text in refused_options(ConfigRefused, rig.driver, options)


def case_every_resolution_shifts_every_slot() -> None:
    for width, shift in ((69, 3), (118, 2), (215, 1), (411, 0)):
        rig = Oximeter(Light(0x2FFFF, 0x15555))
        rig.driver.configure(50, width, averaging=1, mode=MULTI_LED, slots=(RED, INFRARED, RED, INFRARED))
        rig.advance(20)
        assert rig.driver.drain() == 1
        assert [slot[0] for slot in rig.driver.slots] == [0x2FFFF >> shift, 0x15555 >> shift] * 2


# Flags: one read clears them, so one read dispatches all


def case_all_flags_at_once_are_dispatched() -> None:
    rig = Oximeter()
    rig.driver.configure(interrupts=PPG_READY | AMBIENT_OVERFLOW, almost_full_free=15)
    rig.driver.start_die_temperature()
    rig.part.ambient_overflow()
    rig.outputs(17)
    log = rig.log()
    assert rig.driver.drain() == 17
    assert log[0] == ("r", 0x57, 0x00, b"\xe0\x02\xe0\x02\x11\x00\x00")
    assert len(log) == 2
    assert (rig.driver.ready_count, rig.driver.almost_full_count, rig.driver.ambient_overflow_count) == (1, 1, 1)
    assert rig.driver.die_temperature_sixteenths() == 480
    rig.driver.drain()
    assert (rig.driver.ready_count, rig.driver.almost_full_count, rig.driver.ambient_overflow_count) == (1, 1, 1)


def case_almost_full_alone_tells_full_from_empty() -> None:
    for free in (0, 15):
        rig = Oximeter()
        rig.driver.configure(interrupts=0, almost_full_free=free)
        for outputs in (32, 0, 5, 32, 31, 0, 33, 0):
            rig.outputs(outputs)
            assert rig.driver.drain() == min(outputs, 32)
            assert rig.driver.lost == max(outputs - 32, 0)


def case_late_almost_full_flag_does_not_make_an_empty_fifo_full() -> None:
    # The 17th sample comes after the flags of the status burst and before its pointers.
    part = Registers()
    driver = Max30102(SimulatedI2C(part))
    part.values[0x02] = 0x80
    driver._enabled_1 = 0x80
    driver._almost_full_at = 17
    part.values[0x04] = 17
    assert driver.drain() == 17
    part.values[0x00] = 0x80
    part.values[0x06] = 17
    assert driver.drain() == 0


def case_ready_flag_that_is_stuck_does_not_make_an_empty_fifo_full() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.part.ppg_ready_stuck = 1
    assert rig.driver.drain() == 0
    rig.outputs(3)
    assert rig.driver.drain() == 3
    rig.outputs(32)
    assert rig.driver.drain() == 32
    assert rig.driver.lost == 0


def case_ready_flag_that_never_rises_costs_one_counted_sample_at_most() -> None:
    rig = Oximeter()
    rig.part.ppg_ready_stuck = 0
    rig.driver.configure()
    rig.outputs(32)
    assert rig.driver.drain() == 0
    rig.outputs(1)
    assert (rig.driver.drain(), rig.driver.lost) == (32, 1)
    assert first(rig.driver.red, 32) == [25 + OUTPUT_MS * k for k in range(1, 33)]


# Draining


def case_empty_fifo_costs_one_transaction() -> None:
    rig = Oximeter()
    rig.driver.configure()
    log = rig.log()
    assert rig.driver.drain() == 0
    assert log == [("r", 0x57, 0x00, b"\x00\x00\xc0\x02\x00\x00\x00")]
    assert (rig.driver.lost, rig.driver.lost_exact) == (0, True)


def case_samples_come_in_one_burst() -> None:
    rig = Oximeter(Light(0x12345, 0x3FFFF))
    rig.driver.configure()
    rig.outputs(2)
    log = rig.log()
    assert rig.driver.drain() == 2
    assert log == [
        ("r", 0x57, 0x00, b"\x40\x00\xc0\x02\x02\x00\x00"),
        ("r", 0x57, 0x07, b"\x01\x23\x45\x03\xff\xff" * 2),
    ]
    assert first(rig.driver.red, 2) == [0x12345] * 2
    assert first(rig.driver.ir, 2) == [0x3FFFF] * 2


def case_order_and_times_hold_across_many_drains() -> None:
    rig = Oximeter()
    rig.driver.configure()
    seen: list[int] = []
    for outputs in (1, 3, 31, 0, 7, 32, 30, 1, 32):
        rig.outputs(outputs)
        assert rig.driver.drain() == outputs
        assert rig.driver.lost == 0
        seen += first(rig.driver.red, outputs)
        assert first(rig.driver.ir, outputs) == [red + 100000 for red in first(rig.driver.red, outputs)]
    assert seen == [25 + OUTPUT_MS * k for k in range(137)]  # the mean of 10, 20, 30 and 40 ms, and so on


def case_full_is_not_empty() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(32)
    log = rig.log()
    assert rig.driver.drain() == 32
    assert rig.driver.lost == 0
    assert log[0] == ("r", 0x57, 0x00, b"\xc0\x00\xc0\x02\x00\x00\x00")
    assert first(rig.driver.red, 32) == [25 + OUTPUT_MS * k for k in range(32)]
    assert rig.driver.drain() == 0


def case_overflow_is_counted() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(32 + 5)
    assert rig.driver.drain() == 32
    assert (rig.driver.lost, rig.driver.lost_exact) == (5, True)
    assert first(rig.driver.red, 32) == [25 + OUTPUT_MS * k for k in range(5, 37)]
    rig.outputs(1)
    assert rig.driver.drain() == 1
    assert (rig.driver.lost, rig.driver.lost_exact) == (0, True)


def case_saturated_overflow_is_a_lower_bound() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(32 + 30)
    rig.driver.drain()
    assert (rig.driver.lost, rig.driver.lost_exact) == (30, True)
    rig.outputs(32 + 100)
    assert rig.driver.drain() == 32
    # It says 31 or more; the pointers add that it is 100 modulo 32.
    assert (rig.driver.lost, rig.driver.lost_exact) == (36, False)
    assert rig.driver.red[31] == 25 + OUTPUT_MS * 193


def case_overflow_that_leaves_the_read_pointer_starts_at_the_oldest() -> None:
    part = Registers()
    bus = SimulatedI2C(part)
    driver = Max30102(bus)
    part.values[0x04:0x07] = b"\x09\x05\x04"  # five samples written over 4 ... 8
    bus.log = []
    assert driver.drain() == 32
    assert driver.lost == 5
    assert bus.log[1] == ("w", 0x57, 0x06, b"\x09")
    assert len(bus.log) == 3


def case_sample_overwritten_between_the_bursts_is_counted_later() -> None:
    part = Registers()
    driver = Max30102(SimulatedI2C(part))
    part.values[0x00] = 0xC0
    assert driver.drain() == 32
    part.values[0x00] = 0x40
    part.values[0x04:0x07] = b"\x03\x00\x01"  # RD_PTR one further than 32 reads took it
    assert driver.drain() == 2
    assert (driver.lost, driver.lost_exact) == (1, True)


def case_words_are_masked_and_shifted_at_every_resolution() -> None:
    for width, bits in ((69, 15), (118, 16), (215, 17), (411, 18)):
        rig = Oximeter(Light(0x2FFFF, 0x3FFFF))
        rig.driver.configure(50, width, averaging=1)
        rig.advance(20)
        assert rig.driver.drain() == 1
        assert rig.driver.red[0] == 0x2FFFF >> 18 - bits
        assert rig.driver.ir[0] == (1 << bits) - 1


def case_short_pulses_leave_the_low_bits_of_a_word_zero() -> None:
    for width, last in ((69, 0xF8), (118, 0xFC), (215, 0xFE), (411, 0xFF)):
        rig = Oximeter(Light(0x3FFFF, 0x3FFFF))
        rig.driver.configure(50, width, averaging=1)
        rig.advance(20)
        word = bytearray(3)
        rig.bus.readfrom_mem_into(0x57, 0x07, word)
        assert word == bytes([0x03, 0xFF, last])


def case_unused_top_bits_are_ignored() -> None:
    rig = Oximeter(Light(0x15555, 0x2AAAA))
    rig.driver.configure()
    rig.outputs(1)
    read = rig.bus.readfrom_mem_into

    def with_noise(address: int, register: int, buffer: "WritableBuffer") -> None:
        read(address, register, buffer)
        if register == 0x07:
            buffer[0] |= 0xFC
            buffer[3] |= 0xFC

    rig.bus.readfrom_mem_into = with_noise  # type: ignore[method-assign]
    assert rig.driver.drain() == 1
    assert (rig.driver.red[0], rig.driver.ir[0]) == (0x15555, 0x2AAAA)


# Faults on the way


def case_part_that_drops_off_comes_back_with_its_samples() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(3)
    rig.bus.nak(0x57)
    refused(NotAnswering, rig.driver.drain)
    rig.bus.release(0x57)
    assert rig.driver.drain() == 3
    assert first(rig.driver.red, 3) == [25, 65, 105]
    assert rig.driver.lost == 0


def case_broken_data_burst_never_gives_stale_samples() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(4)
    read = rig.bus.readfrom_mem_into

    def broken(address: int, register: int, buffer: "WritableBuffer") -> None:
        if register == 0x07:
            read(address, register, bytearray(7))  # two samples are gone when it breaks
            raise OSError(110, "broken")
        read(address, register, buffer)

    rig.bus.readfrom_mem_into = broken  # type: ignore[method-assign]
    refused(NotAnswering, rig.driver.drain)
    rig.bus.readfrom_mem_into = read  # type: ignore[method-assign]
    assert rig.driver.drain() == 0
    assert (rig.driver.lost, rig.driver.lost_exact) == (4, False)
    rig.outputs(1)
    assert rig.driver.drain() == 1
    assert rig.driver.red[0] == 25 + OUTPUT_MS * 4


def case_brown_out_is_told_until_configured_again() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(3)
    rig.part.brown_out()
    rig.outputs(3)
    for _ in range(2):
        assert rig.driver.drain() == 0
        assert rig.driver.restarted
        assert not rig.driver.lost_exact
    rig.driver.configure()
    assert not rig.driver.restarted
    rig.outputs(1)
    assert rig.driver.drain() == 1
    assert rig.driver.red[0] == 25 + OUTPUT_MS * 6


def case_brown_out_is_told_when_its_flag_was_read_away() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.part.brown_out()
    rig.bus.readfrom_mem_into(0x57, 0x00, bytearray(1))
    rig.driver.drain()
    assert rig.driver.restarted


def case_reset_is_no_brown_out() -> None:
    rig = Oximeter()
    rig.bus.readfrom_mem_into(0x57, 0x00, bytearray(1))
    rig.bus.writeto_mem(0x57, 0x09, b"\x40")
    flags = bytearray(1)
    rig.bus.readfrom_mem_into(0x57, 0x00, flags)
    assert flags[0] == 0


def case_brown_out_at_any_instant_of_a_drain_is_told_by_the_drain_after() -> None:
    for transactions in range(4):
        rig = Oximeter()
        rig.driver.configure()
        rig.outputs(37)
        rig.bus.before(transactions, rig.part.brown_out)
        for _ in range(3):
            rig.driver.drain()
            rig.outputs(1)
        assert rig.driver.restarted
        rig.driver.configure()
        rig.outputs(1)
        assert rig.driver.drain() == 1
        assert not rig.driver.restarted


def case_brown_out_while_configuring_is_never_silent() -> None:
    for transactions in range(15):
        rig = Oximeter()
        rig.bus.before(transactions, rig.part.brown_out)
        try:
            rig.driver.configure()
        except ConfigRefused:
            continue
        rig.outputs(1)
        assert rig.driver.drain() == 1 or rig.driver.restarted


def case_bus_stuck_at_any_instant_is_told_and_passes() -> None:
    for transactions in range(4):
        rig = Oximeter()
        rig.driver.configure()
        rig.outputs(3)
        rig.stick_before(transactions)
        told = 0
        for _ in range(3):
            try:
                rig.driver.drain()
            except NotAnswering:
                told += 1
        assert told >= 2 or transactions > 1
        rig.bus.stuck = False
        rig.driver.drain()
        rig.outputs(2)
        assert rig.driver.drain() == 2
        assert first(rig.driver.red, 2) == [145, 185]


def case_noise_on_the_status_burst_is_told_as_a_restart() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(3)
    rig.bus.garbled = 1
    assert rig.driver.drain() == 0
    assert rig.driver.restarted
    rig.driver.configure()
    rig.outputs(3)
    assert rig.driver.drain() == 3


def case_noise_while_configuring_is_never_silent() -> None:
    for transactions in range(15):
        rig = Oximeter()
        rig.garble_before(transactions)
        try:
            rig.driver.configure()
        except ConfigRefused:
            continue
        rig.outputs(2)
        count = rig.driver.drain()
        assert rig.driver.restarted or rig.driver.lost or first(rig.driver.red, count) == [25, 65]


# LEDs, power, temperature


def case_led_codes_scale_the_light() -> None:
    rig = Oximeter(Light(36000, 72000))
    rig.driver.configure()
    log = rig.log()
    rig.driver.set_led_codes(0x48, 0x12)
    assert log == [("w", 0x57, 0x0C, b"\x48\x12"), ("r", 0x57, 0x00, b"\x00\x00\xc0\x02\x00\x00\x00")]
    rig.outputs(2)
    assert (rig.driver.drain(), rig.driver.skipped) == (1, 1)
    assert (rig.driver.red[0], rig.driver.ir[0]) == (72000, 36000)


def case_no_sample_of_mixed_scale_is_delivered() -> None:
    # The codes change after 0 to 39 ms of an average of 40 ms, with 0 to 2 samples waiting.
    for waiting in (0, 1, 2):
        for part_ms in (0, 9, 10, 25, 39):
            rig = Oximeter(Light(1000, 2000))
            rig.driver.configure()
            rig.advance(OUTPUT_MS * waiting + part_ms)
            rig.driver.set_led_codes(0x48, 0x12)
            delivered = skipped = 0
            for _ in range(4):
                rig.outputs(1)
                count = rig.driver.drain()
                assert first(rig.driver.red, count) == [2000] * count
                assert first(rig.driver.ir, count) == [1000] * count
                delivered += count
                skipped += rig.driver.skipped
                assert rig.driver.lost == 0
            assert (delivered, skipped) == (3, waiting + 1)


def case_a_full_fifo_is_skipped_when_the_codes_change() -> None:
    for outputs in (32, 40):
        rig = Oximeter(Light(1000, 2000))
        rig.driver.configure()
        rig.outputs(outputs)
        rig.driver.set_led_codes(0x48, 0x12)
        rig.outputs(1)
        assert (rig.driver.drain(), rig.driver.skipped, rig.driver.lost) == (0, 32, outputs - 31)
        rig.outputs(2)
        assert (rig.driver.drain(), rig.driver.skipped) == (1, 1)
        assert rig.driver.red[0] == 2000


def case_too_much_light_saturates() -> None:
    rig = Oximeter(Light(200000, 100))
    rig.driver.configure(red_code=0xFF)
    rig.outputs(1)
    rig.driver.drain()
    assert rig.driver.red[0] == 262143


def case_clipped_source_stays_clipped_and_brighter_light_does_not() -> None:
    for red, seen in ((262143, 262143), (400000, 100000)):
        rig = Oximeter(Light(red, 100))
        rig.driver.configure(red_code=9)
        rig.outputs(1)
        rig.driver.drain()
        assert rig.driver.red[0] == seen


def case_smaller_range_gives_larger_counts() -> None:
    rig = Oximeter(Light(1000, 200000))
    rig.driver.configure(adc_range_na=4096)
    rig.outputs(1)
    rig.driver.drain()
    assert (rig.driver.red[0], rig.driver.ir[0]) == (4000, 262143)


def case_swapped_leds_swap_the_channels() -> None:
    rig = Oximeter(Light(1000, 2000))
    rig.part.swapped_leds = True
    rig.driver.configure()
    rig.outputs(1)
    rig.driver.drain()
    assert (rig.driver.red[0], rig.driver.ir[0]) == (2000, 1000)


def case_shutdown_stops_and_wake_starts_on_an_empty_fifo() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(2)
    rig.driver.shutdown()
    rig.outputs(10)
    rig.driver.wake()
    assert rig.driver.drain() == 0
    assert not rig.driver.restarted
    rig.outputs(2)
    assert (rig.driver.drain(), rig.driver.skipped, rig.driver.lost) == (1, 1, 0)
    assert rig.driver.red[0] == 25 + OUTPUT_MS * 13


def case_shutdown_and_wake_say_nothing_superfluous() -> None:
    rig = Oximeter()
    rig.driver.configure()
    log = rig.log()
    rig.driver.shutdown()
    assert log == [("w", 0x57, 0x09, b"\x83")]
    log = rig.log()
    rig.driver.wake()
    assert log == [
        ("w", 0x57, 0x04, b"\x00\x00\x00"),
        ("r", 0x57, 0x00, b"\x00\x00\xc0\x02\x00\x00\x00"),
        ("w", 0x57, 0x09, b"\x03"),
    ]


def case_power_lost_while_shut_down_is_told() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.driver.shutdown()
    rig.part.brown_out()
    rig.driver.wake()
    assert rig.driver.drain() == 0
    assert rig.driver.restarted


def case_die_temperature_is_signed_and_comes_when_ready() -> None:
    for sixteenths in (480, 473, 0, -1, -88, 2047, -2048):
        rig = Oximeter()
        rig.driver.configure()
        rig.part.die_temperature_sixteenths = sixteenths
        rig.driver.start_die_temperature()
        rig.advance(28)
        assert rig.driver.die_temperature_sixteenths() is None
        rig.advance(1)
        assert rig.driver.die_temperature_sixteenths() == sixteenths
        assert rig.driver.die_temperature_sixteenths() is None


def case_die_temperature_survives_a_drain_that_reads_its_flag() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.driver.start_die_temperature()
    rig.advance(30)
    rig.driver.drain()
    assert rig.driver.die_temperature_sixteenths() == 480


def case_die_temperature_says_one_thing_at_a_time() -> None:
    rig = Oximeter()
    rig.driver.configure()
    log = rig.log()
    rig.driver.start_die_temperature()
    assert log == [("w", 0x57, 0x21, b"\x01")]
    log = rig.log()
    rig.driver.die_temperature_sixteenths()
    assert log == [("r", 0x57, 0x01, b"\x00")]
    rig.advance(29)
    log = rig.log()
    rig.driver.die_temperature_sixteenths()
    assert log == [("r", 0x57, 0x01, b"\x02"), ("r", 0x57, 0x1F, b"\x1e\x00")]


# FIFOs that roll over in another way


def case_overflow_of_a_part_that_leaves_its_read_pointer() -> None:
    rig = Oximeter()
    rig.part.overwriting_moves_read = False
    rig.driver.configure()
    for _ in range(2):
        rig.outputs(32 + 5)
        log = rig.log()
        assert rig.driver.drain() == 32
        assert [(kind, register) for kind, _, register, _ in log] == [("r", 0), ("w", 6), ("r", 7)]
        assert (rig.driver.lost, rig.driver.lost_exact) == (5, True)
        assert rig.driver.red[31] - rig.driver.red[0] == 31 * OUTPUT_MS
    assert rig.driver.red[31] == 25 + OUTPUT_MS * 73


def case_overflow_of_a_part_that_does_not_count_it() -> None:
    rig = Oximeter()
    rig.part.counts_overflow = False
    rig.driver.configure()
    rig.outputs(32 + 32 + 5)
    assert rig.driver.drain() == 32
    assert (rig.driver.lost, rig.driver.lost_exact) == (5, False)
    assert rig.driver.red[0] == 25 + OUTPUT_MS * 37


# The simulated part's time


def case_samples_keep_their_times_across_the_wrap_of_the_clock() -> None:
    rig = Oximeter(start_ms=WRAP - 100)
    rig.driver.configure()
    seen: list[int] = []
    for _ in range(40):
        rig.advance(7)
        seen += first(rig.driver.red, rig.driver.drain())
    assert seen == [25 + OUTPUT_MS * k for k in range(7)]


def case_clock_error_shows_in_the_rate() -> None:
    rig = Oximeter()
    rig.part.clock_error_ppm = 15000
    rig.driver.configure()
    count = 0
    for _ in range(1000):
        rig.advance(100)
        count += rig.driver.drain()
    assert count == 2537  # 25 Hz * 1.015 for 100 s


def case_clock_may_drift_while_it_runs() -> None:
    rig = Oximeter()
    rig.driver.configure()
    for ppm, outputs in ((0, 250), (-500000, 125), (1000000, 500), (3000000, 1000), (0, 250)):
        rig.part.clock_error_ppm = ppm
        count = 0
        for _ in range(100):
            rig.advance(100)
            count += rig.driver.drain()
        assert abs(count - outputs) <= 1


def case_rate_that_is_no_whole_period_does_not_drift() -> None:
    rig = Oximeter()
    rig.part.clock_error_ppm = 7
    rig.driver.configure(1600, 69, averaging=32)
    count = 0
    for _ in range(1000):
        rig.advance(100)
        count += rig.driver.drain()
    assert count == 5000


def case_silent_source_drops_the_average_it_broke() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.advance(30)
    rig.driver.drain()
    rig.light.silent = True
    rig.advance(1000)
    assert rig.driver.drain() == 0
    rig.light.silent = False
    rig.advance(40)
    assert rig.driver.drain() == 1
    assert rig.driver.red[0] == 1030 + 25
    assert rig.driver.lost == 0


# The simulated part's registers


def case_status_is_cleared_by_reading() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.part.ambient_overflow()  # not enabled: stays silent
    rig.outputs(1)
    flags = bytearray(1)
    rig.bus.readfrom_mem_into(0x57, 0x00, flags)
    assert flags[0] == 0x40
    rig.bus.readfrom_mem_into(0x57, 0x00, flags)
    assert flags[0] == 0
    rig.bus.writeto_mem(0x57, 0x02, b"\xe0")
    rig.part.ambient_overflow()
    rig.bus.readfrom_mem_into(0x57, 0x00, flags)
    assert flags[0] == 0x20


def case_read_pointer_advances_at_the_first_byte_of_a_sample() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.outputs(3)
    pointer = bytearray(1)
    rig.bus.readfrom_mem_into(0x57, 0x07, pointer)
    rig.bus.readfrom_mem_into(0x57, 0x06, pointer)
    assert pointer[0] == 1
    assert rig.driver.drain() == 2
    assert rig.driver.lost == 1
    assert first(rig.driver.red, 2) == [65, 105]


def case_fifo_without_rollover_stops_and_keeps_the_oldest() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.bus.writeto_mem(0x57, 0x08, b"\x40")
    rig.outputs(40)
    assert rig.driver.drain() == 32
    assert rig.driver.lost == 8
    assert rig.driver.red[0] == 25


def case_almost_full_is_flagged_early_where_asked() -> None:
    rig = Oximeter()
    rig.driver.configure()
    rig.bus.writeto_mem(0x57, 0x08, b"\x5f")
    flags = bytearray(1)
    rig.outputs(16)
    rig.bus.readfrom_mem_into(0x57, 0x00, flags)
    assert flags[0] & 0x80 == 0
    rig.outputs(1)
    rig.bus.readfrom_mem_into(0x57, 0x00, flags)
    assert flags[0] & 0x80


def case_red_only_mode_gives_three_bytes_a_sample() -> None:
    rig = Oximeter(Light(0x01234, 0x05678))
    rig.driver.configure()
    rig.bus.writeto_mem(0x57, 0x09, b"\x02")
    rig.outputs(2)
    data = bytearray(6)
    rig.bus.readfrom_mem_into(0x57, 0x07, data)
    assert data == b"\x00\x12\x34" * 2


def case_power_on_registers() -> None:
    rig = Oximeter()
    data = bytearray(5)
    rig.bus.readfrom_mem_into(0x57, 0x13, data)
    assert data == b"\xff" * 5
    rig.bus.readfrom_mem_into(0x57, 0x00, data)
    assert data == b"\x01\x00\x00\x00\x00"
