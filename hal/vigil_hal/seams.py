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
        """A small display of characters, 8 pixels wide and high: the shape of MicroPython's SSD1306 driver.

        Nothing is seen before `show`. Its methods raise OSError when it does not answer.
        """

        def fill(self, __colour: int) -> None:
            """Make every pixel of the picture dark (0) or lit (1)."""

        def text(self, __string: str, __x: int, __y: int) -> None:
            """Write ASCII into the picture, from its upper left corner on."""

        def show(self) -> None:
            """Show the picture."""

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
        """A body thermometer. Its methods raise SensorFault."""

        def probe(self) -> None:
            """Make sure that the part answers and is the one it should be."""

        def configure(self) -> None:
            """Start measuring."""

        def read_centi_c(self) -> int | None:
            """Return the newest temperature in 0.01 degrees Celsius; None when there is none yet."""

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
        """A battery gauge."""

        def percent(self) -> int | None:
            """Return the charge, 0-100 %; None when it is not known."""

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
