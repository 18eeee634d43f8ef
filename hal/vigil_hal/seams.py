"""The shapes of everything the firmware touches outside itself.

Each seam is MicroPython's own API, so a board needs no wrapper: `machine.I2C`, `machine.Pin`, the extended
block device of `vfs`, and `bluetooth`. Simulated parts, the virtual radio and the Linux adapters implement
the same shapes. The Protocols exist for the type checker only: MicroPython has no `typing`, so nothing is
defined at run time. Parameters that start with two underscores are positional only.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence, Sequence
    from typing import Any, Protocol

    ReadableBuffer = bytes | bytearray | memoryview
    WritableBuffer = bytearray | memoryview

    class I2C(Protocol):
        """A bus master. Methods raise OSError: ENODEV (19) on no acknowledge, ETIMEDOUT (110) when stuck."""

        def scan(self) -> list[int]:
            """Return the 7-bit addresses that acknowledge."""

        def readfrom_mem_into(self, __address: int, __register: int, __buffer: WritableBuffer) -> None:
            """Fill the buffer from a register on, in one transaction."""

        def writeto_mem(self, __address: int, __register: int, __data: ReadableBuffer) -> None:
            """Write the data from a register on, in one transaction."""

        def readfrom_into(self, __address: int, __buffer: WritableBuffer) -> None:
            """Fill the buffer from where the part's own pointer stands."""

        def writeto(self, __address: int, __data: ReadableBuffer) -> int:
            """Write the data; return the number of bytes acknowledged."""

    class OneWire(Protocol):
        """A 1-Wire bus: `onewire.OneWire`. It raises nothing: a line held low reads as presence and zeros."""

        def reset(self) -> bool:
            """Return whether somebody is present; what is said next begins with a ROM command."""

        def readbit(self) -> int:
            """Return one bit: 1 when nobody says 0."""

        def readbyte(self) -> int:
            """Return eight bits, the least significant first."""

        def readinto(self, __buffer: WritableBuffer) -> None:
            """Fill the buffer."""

        def writebyte(self, __value: int) -> object:
            """Say eight bits, the least significant first."""

        def write(self, __data: ReadableBuffer) -> None:
            """Say all bytes."""

        def select_rom(self, __rom: ReadableBuffer) -> None:
            """Reset, and let only the part with this ROM listen."""

        def scan(self) -> "Sequence[ReadableBuffer]":
            """Return the ROM of each part, 8 bytes, not checked. On a line held low it takes seconds."""

        def crc8(self, __data: ReadableBuffer) -> int:
            """Return the CRC of 1-Wire: 0 for bytes that end in their own."""

    class Input(Protocol):
        """What is read: a button. A `machine.Pin` is one, with no wrapper."""

        def value(self) -> int | None:
            """Return the level, 0 or 1. OSError where it cannot be read."""

    class PWM(Protocol):
        """A pin that makes a square wave."""

        def freq(self, __hz: int) -> object:
            """Set the frequency."""

        def duty_u16(self, __duty: int) -> object:
            """Set for how much of each period the pin is high, 0 to 65535; 0 is silence."""

    class Output(Protocol):
        """What is switched: a buzzer, a vibration motor, a light. A `machine.Pin` is one, with no wrapper.

        A light's level is a colour of vigil_hal.light; a plain LED on a pin is lit for each.
        """

        def value(self, __level: int) -> object:
            """Switch it on, or off with 0. OSError where it does not take that."""

    class Display(Protocol):
        """A small display of sixteen columns of cells, 8 pixels wide and high; what is in them: vigil_hal.glyphs.

        Writing into it, as into a vigil_hal.screen, shows nothing and raises nothing. The last three
        raise OSError when it does not answer.
        """

        def probe(self) -> None:
            """Make sure that it answers. Raises SensorFault."""

        @property
        def rows(self) -> int:
            """8, or 4 of one that is 32 pixels high."""

        def fill(self, __colour: int) -> None:
            """Make every pixel of the picture dark (0) or lit (1)."""

        def at(self, __column: int, __row: int) -> None:
            """Say where what is written next begins."""

        def text(self, __text: str) -> None:
            """Write ASCII."""

        def symbol(self, __code: int) -> None:
            """Write one cell."""

        def number(self, __value: int, __least_digits: int = ...) -> None:
            """Write a number, 0 or more."""

        def heading(self, __row: int, __is_inverse: bool) -> None:
            """Make what stands in this row twice as high."""

        def figures(self, __value: int, __digits: int, __column: int, __row: int) -> None:
            """Write a number in big figures, to the right within so many."""

        def no_figures(self, __digits: int, __column: int, __row: int) -> None:
            """Write big dashes."""

        def figure(self, __figure: int, __column: int, __row: int) -> None:
            """Write one big figure."""

        def point(self, __column: int, __row: int) -> None:
            """Write the decimal point of big figures."""

        def brighten(self, __is_bright: bool) -> None:
            """Say how bright it is to be."""

        def switch_off(self) -> None:
            """Make it dark until it is set up and shown again."""

        def configure(self) -> None:
            """Set it up: first, after an OSError, and where it may have lost its power. All is sent anew then."""

        def show(self) -> bool:
            """Send the next part of what changed, a short transfer; whether all of the picture is shown now."""

    class Adc(Protocol):
        """A pin that measures a voltage: `machine.ADC` where it has calibrated readings."""

        def read_uv(self) -> int:
            """Return the voltage in microvolts. OSError where it cannot be read."""

    class Buses(Protocol):
        """What the parts of a board are wired to."""

        @property
        def i2c(self) -> I2C:
            """The bus of the sensors."""

        def one_wire(self, __pin: int) -> OneWire:
            """Return the 1-Wire bus on a pin."""

        def adc(self, __pin: int) -> Adc:
            """Return what measures the voltage of a pin."""

    class BlockDevice(Protocol):
        """MicroPython's extended block device."""

        def readblocks(self, __block: int, __buffer: WritableBuffer, __offset: int = ...) -> object:
            """Fill the buffer from a byte offset in a block on."""

        def writeblocks(self, __block: int, __data: ReadableBuffer, __offset: int = ...) -> object:
            """Write from a byte offset in a block on; without an offset the blocks are erased first."""

        def ioctl(self, __operation: int, __argument: int) -> int | None:
            """Operations: 3 sync, 4 number of blocks, 5 bytes per block, 6 erase block `argument`."""

    class BLE(Protocol):
        """`bluetooth.BLE`: the part of it that a peripheral needs."""

        def active(self, __on: bool = ...) -> bool:
            """Switch the radio, or return whether it is on."""

        def config(self, *parameter: str, **values: Any) -> Any:
            """Return one parameter by name, or set some by keyword."""

        def irq(self, __handler: "Callable[[int, tuple[Any, ...]], Any] | None") -> None:
            """Have events delivered as handler(event, data)."""

        def gap_advertise(
            self,
            __interval_us: int | None,
            adv_data: ReadableBuffer | None = None,
            *,
            resp_data: ReadableBuffer | None = None,
            connectable: bool = True,
        ) -> None:
            """Advertise legacy packets of at most 31 bytes; an interval of None stops."""

        def gap_disconnect(self, __connection: int) -> bool:
            """Drop a connection; False when there was none."""

        def gap_pair(self, __connection: int) -> None:
            """Ask for pairing or encryption."""

        def gap_passkey(self, __connection: int, __action: int, __passkey: int) -> None:
            """Answer a passkey event."""

        def gatts_register_services(self, __services: "Sequence[Any]") -> "tuple[tuple[int, ...], ...]":
            """Replace all services; return the value handles, one tuple for each service."""

        def gatts_read(self, __handle: int) -> bytes:
            """Return the local value of a characteristic."""

        def gatts_write(self, __handle: int, __data: ReadableBuffer, __send_update: bool = ...) -> None:
            """Set the local value of a characteristic."""

        def gatts_notify(self, __connection: int, __handle: int, __data: ReadableBuffer | None = ...) -> None:
            """Notify one connection, whether it subscribed or not."""

        def gatts_indicate(self, __connection: int, __handle: int, __data: ReadableBuffer | None = ...) -> None:
            """Indicate to one connection; one at a time."""

        def gatts_set_buffer(self, __handle: int, __length: int, __append: bool = ...) -> None:
            """Size the buffer of a characteristic that a peer writes."""

    class BluetoothModule(Protocol):
        """The `bluetooth` module itself."""

        def BLE(self) -> BLE:
            """Return the one radio."""

        def UUID(self, __value: "int | str | ReadableBuffer") -> Any:
            """Return a 16-bit or a 128-bit UUID."""

    class Thermometer(Protocol):
        """A body thermometer. Its methods raise SensorFault.

        It is asked once a second; when a second came late, the next may follow after 200 ms. Nothing waits for it.
        """

        def probe(self) -> None:
            """Make sure that the part answers and is the one it should be."""

        def configure(self) -> None:
            """Start measuring."""

        def read_centi_c(self) -> int | None:
            """Return a new temperature in 0.01 degrees Celsius; None when no conversion ended since the last one.

            What a part says before its first conversion, or in error, is never returned.
            """

    class Accelerometer(Protocol):
        """Three axes of acceleration beside the oximeter, gravity and all. Its methods raise SensorFault.

        It delivers about 25 samples a second, each the mean of the time since the one before as far as the part can.
        """

        @property
        def x(self) -> "Sequence[int]":
            """The last drain's samples in milli-g, 16 bits, the oldest first: an array made once."""

        @property
        def y(self) -> "Sequence[int]":
            """As `x`."""

        @property
        def z(self) -> "Sequence[int]":
            """As `x`."""

        @property
        def rate_milli_hz(self) -> int:
            """Samples a second that it was set to, in thousandths; the true rate may be some percent off."""

        @property
        def head(self) -> int:
            """Axis that points to the wearer's head: 1, 2, 3 for x, y, z, negative: to the feet; 0: not known."""

        def probe(self) -> None:
            """Make sure that the part answers and is the one it should be."""

        def configure(self) -> None:
            """Start measuring, with nothing waiting."""

        def drain(self) -> int:
            """Take what waits in the part, up to 32 samples and those the newest; how many are now in `x`, `y`, `z`."""

    class Battery(Protocol):
        """A battery gauge. `probe` and `read` raise SensorFault, and then the charge is not known."""

        def probe(self) -> None:
            """Make sure that the part answers and is the one it should be; forget what it said before."""

        def read(self) -> None:
            """Ask the part. Called once in two seconds."""

        def percent(self) -> int | None:
            """Return the charge at the newest `read`, 0-100 %; None when it is not known. Nothing is asked."""

    class SignalSource(Protocol):
        """What the simulated sensors feel: a recording or a synthetic patient."""

        @property
        def start_us(self) -> int:
            """The first instant that the source knows."""

        @property
        def end_us(self) -> int | None:
            """The last instant that the source knows; None when it never ends."""

        def sample_into(self, __time_us: int, __out: "MutableSequence[int]") -> bool:
            """Set out[0] = red and out[1] = infrared: 18-bit counts at LED code 0x24 and the 16384 nA range.

            False means that the part delivers nothing at that instant.
            """

        def temperature_centi_c(self, __time_us: int) -> int | None:
            """Return the body temperature in 0.01 degrees Celsius; None when no thermometer has a value."""
