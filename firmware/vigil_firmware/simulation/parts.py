"""The simulated parts of one device: a bus with both sensors, which feel the same source, and a battery's gauge."""

from vigil_hal.max17048 import Max17048
from vigil_hal.simulated import patient, recording
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.cell import SimulatedCell
from vigil_hal.simulated.max17048 import SimulatedMax17048
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_hal.simulated.tmp117 import SimulatedTmp117
from vigil_hal.tmp117 import Tmp117

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence

    from vigil_hal.seams import Accelerometer, SignalSource
    from vigil_hal.simulated.accelerometer import AccelerationSource

_HEAD = 2  # the y axis, as `vigil_hal.simulated.patient` has it


class Parts:
    """Bus, oximeter, thermometer, battery and accelerometer.

    `thermometer` is None where the source knows no temperature, `accelerometer` where `moving`, which it feels, is. The
    battery's cell, unless one is given, is full at first and used as by a wearable: one percent in ten minutes.
    """

    def __init__(
        self,
        source: "SignalSource",
        has_temperature: bool,
        clock_ms: "Callable[[], int]",
        cell: "SimulatedCell | None" = None,
        moving: "AccelerationSource | None" = None,
    ) -> None:
        self.oximeter = SimulatedMax30102(source, clock_ms)
        self.bus = SimulatedI2C(self.oximeter)
        self.thermometer: Tmp117 | None = None
        if has_temperature:
            self.bus.attach(SimulatedTmp117(source, clock_ms))
            self.thermometer = Tmp117(self.bus)
        self.bus.attach(SimulatedMax17048(cell or SimulatedCell(clock_ms), clock_ms))
        self.battery = Max17048(self.bus)
        self.accelerometer: Accelerometer | None = None
        if moving is not None:
            # Only here: what does not move need not hold them.
            from vigil_hal.lis3dh import Lis3dh
            from vigil_hal.simulated.lis3dh import SimulatedLis3dh

            self.bus.attach(SimulatedLis3dh(moving, clock_ms))
            self.accelerometer = Lis3dh(self.bus, head=_HEAD)


class Repeating:
    """A recording that starts again when it is over."""

    def __init__(self, source: "recording.Recording") -> None:
        self._source = source
        self.start_us = source.start_us
        self.end_us = None
        self.has_temperature = source.has_temperature

    def sample_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        """As the recording's, at the instant of it that is heard now."""
        return self._source.sample_into(self._within(time_us), out)

    def temperature_centi_c(self, time_us: int) -> "int | None":
        """As the recording's, at the instant of it that is heard now."""
        return self._source.temperature_centi_c(self._within(time_us))

    def _within(self, time_us: int) -> int:
        return self.start_us + (time_us - self.start_us) % max(1, self._source.end_us - self.start_us)


BUILT_IN_PATIENT = ""


def moving_of(source: "Repeating | patient.Patient") -> "patient.Patient | None":
    """What the accelerometer of a simulated device feels; None where it has none."""
    return source if isinstance(source, patient.Patient) and source.has_acceleration else None


def endless_source(kind: str, path: str) -> "Repeating | patient.Patient":
    """What the sensors of a simulated device feel: kind "recording" or "patient"; path "" is the built-in patient.

    Raises RecordingError or PatientError, one line each.
    """
    if kind == "recording":
        return Repeating(recording.open_recording(path))
    return patient.built_in_patient() if path == BUILT_IN_PATIENT else patient.open_patient(path)
