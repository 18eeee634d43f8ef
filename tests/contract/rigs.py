"""What the cases of a part stand on: a clock, a body or a wearer, the part on its bus, and what must not go well."""

from vigil_hal.simulated.bus import SimulatedI2C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence
    from typing import Any, Self

WRAP = 1 << 30


class Clock:
    """A millisecond clock that wraps as a board's does, and soon."""

    def __init__(self, now_ms: int = WRAP - 1000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms = (self.now_ms + ms) % WRAP


class Body:
    """A source of one temperature, without light."""

    start_us = 0
    end_us: "int | None" = None

    def __init__(self, centi_c: "int | None") -> None:
        self.centi_c = centi_c

    def sample_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        return False

    def temperature_centi_c(self, time_us: int) -> "int | None":
        return self.centi_c


class Light:
    """A source of constant counts, or of counts that tell their own time: red in ms, infrared 100000 more."""

    start_us = 0
    end_us: "int | None" = None

    def __init__(self, red: "int | None" = None, ir: int = 0) -> None:
        self.red = red
        self.ir = ir
        self.silent = False

    def sample_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        out[0] = time_us // 1000 if self.red is None else self.red
        out[1] = time_us // 1000 + 100000 if self.red is None else self.ir
        return not self.silent

    def temperature_centi_c(self, time_us: int) -> "int | None":
        return None


class Wearer:
    """Feels `milli_g` and, from conversion to conversion and along all axes, a tremor and where it swings a change."""

    start_us = 0

    def __init__(self, trembles: bool) -> None:
        self.milli_g = [0, 0, 1000]
        self.swing_milli_g = 0
        self.trembles = trembles

    def acceleration_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        away = self.swing_milli_g * (time_us // 40000 % 5 - 2)
        if self.trembles:
            away += time_us // 40000 % 3
        for axis in range(3):
            out[axis] = self.milli_g[axis] + away
        return True


class Board:
    """What `on_board` is given: a board with an I2C bus and no other pins."""

    def __init__(self, i2c: "SimulatedI2C | None" = None) -> None:
        self.i2c = i2c or SimulatedI2C()

    def one_wire(self, pin: int) -> "Any":
        raise ValueError(f"there is no pin {pin}")

    def adc(self, pin: int) -> "Any":
        raise ValueError(f"there is no pin {pin}")


class Rig:
    """A simulated part on a bus of its own, and a driver; `clock` is the part's."""

    def __init__(
        self,
        part: "Any",
        driver: "Callable[[Any], Any]",
        clock: "Clock | None" = None,
        bus: "Callable[[Any], Any] | None" = None,
    ) -> None:
        """`driver` and `bus` make theirs; a bus is I2C where nothing is said."""
        self.clock = clock or Clock()
        self.part = part
        self.bus = (bus or SimulatedI2C)(part)
        self.driver = driver(self.bus)

    def log(self) -> "list[Any]":
        """Start a new log of the bus and return it."""
        self.bus.log = []
        return self.bus.log

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self.clock.advance(ms)


class ThermometerRig(Rig):
    """A simulated thermometer on a body, and a driver; `make_part` takes the body and the clock before `options`."""

    gives_nothing_for_s = 1

    def __init__(
        self,
        make_part: "Callable[..., Any]",
        driver: "Callable[[Any], Any]",
        centi_c: "int | None",
        bus: "Callable[[Any], Any] | None" = None,
        **options: "Any",
    ) -> None:
        self.body = Body(centi_c)
        clock = Clock()
        super().__init__(make_part(self.body, clock, **options), driver, clock, bus)

    def started(self) -> "Self":
        """Set the part up, as the monitor does, and let pass the seconds in which it gives nothing."""
        self.driver.probe()
        self.driver.configure()
        for _ in range(self.gives_nothing_for_s):
            assert self.driver.read_centi_c() is None
            self.advance(1000)
        return self


class AccelerometerRig(Rig):
    """A simulated accelerometer on a wearer, and a driver that is configured."""

    def __init__(
        self, make_part: "Callable[..., Any]", driver: "Callable[[Any], Any]", trembles: bool, **options: "Any"
    ) -> None:
        self.wearer = Wearer(trembles)
        clock = Clock()
        super().__init__(make_part(self.wearer, clock, **options), driver, clock)
        self.driver.configure()

    def seconds(self, count: int) -> int:
        """Drain five times a second; how many samples came."""
        total = 0
        for _ in range(count * 5):
            self.advance(200)
            total += self.driver.drain()
        return total


def refused(kind: "type[Exception]", call: "Callable[[], object]") -> str:
    """Check that a call raises exactly this; return what it says."""
    try:
        call()
    except kind as error:
        assert type(error) is kind, error
        return str(error)
    raise AssertionError("nothing was raised")


def error_number(call: "Callable[[], object]") -> "int | None":
    """Return the error number of the OSError that a call raises; 0 when it raises none."""
    try:
        call()
    except OSError as error:
        return error.errno
    return 0
