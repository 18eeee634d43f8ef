"""The accelerometer: started, drained and believed or not; and what it says of the wearer, in the vitals.

It serves the signal path, which goes on as if the wearer kept still when this has nothing to say. What it says of him
is withheld whenever it fails, sticks, falls silent or does not feel gravity, and while the oximeter touches nobody: a
device on a table is nobody who lies still.
"""

from vigil_firmware.activity import Activity
from vigil_firmware.position import Position
from vigil_firmware.signal.motion import Motion
from vigil_firmware.ticks import ticks_diff
from vigil_hal.faults import SensorFault
from vigil_wire import movement, statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.vitals import Vitals
    from vigil_hal.seams import Accelerometer

_AGAIN_MS = 1000
_SILENT_MS = 500
_MOVES_MILLI_G = 40
_STILL_MILLI_G = 25
_STILL_AFTER_S = 3
_WALKS_MILLI_G = 60


class MotionSensor:
    """`motion` is for the signal path. `fault`: why the accelerometer cannot be used; "" while it can."""

    def __init__(self, accelerometer: "Accelerometer", vitals: "Vitals", now_ms: int) -> None:
        self.motion = Motion()
        self.fault = ""
        self._accelerometer = accelerometer
        self._vitals = vitals
        self._is_configured = False
        self._heard_ms = now_ms
        self._activity = Activity()
        self._position = Position(accelerometer.head)
        self._moves_s = 0  # for so long he is yet said to move
        self._most = movement.NONE

    def step(self, now_ms: int) -> None:
        """Take in what waits in the accelerometer."""
        if not self._is_configured:
            if not self.fault or ticks_diff(now_ms, self._heard_ms) >= _AGAIN_MS:
                self._heard_ms = now_ms
                self._configure()
            return
        count = self._drained()
        if count > 0:
            self._heard_ms = now_ms
            self._feel(count)
        elif count < 0:
            self._lose(now_ms)
        elif ticks_diff(now_ms, self._heard_ms) >= _SILENT_MS:
            self.fault = "the accelerometer answers but delivers no samples"
            self._lose(now_ms)

    def judge(self, is_worn: bool) -> None:
        """End a second: say in the vitals how the wearer moves and lies, where that is known."""
        activity = self._activity
        was_plausible = activity.is_plausible
        activity.judge(self._accelerometer.rate_milli_hz)
        if not self._is_configured:
            return
        if activity.is_plausible and not was_plausible:
            self.motion.begin(self._accelerometer.rate_milli_hz)
        if not activity.is_plausible:
            self.fault = "the accelerometer does not feel gravity as 1 g; check its part and its wiring"
            self.motion.stop()
            self._withhold(statuses.SENSOR_FAULT)
        elif not is_worn:
            self._withhold(statuses.SENSOR_OFF)
        elif activity.level_milli_g < 0:
            self._withhold(statuses.ACQUIRING)
        else:
            self._position.judge(activity.gravity_milli_g)
            self._publish()

    def pack_movement(self) -> int:
        """Most of the movement since this was last called, and the position, as `vigil_wire.movement` has them."""
        most = self._most if self._vitals.movement != movement.NONE else movement.NONE
        self._most = movement.NONE
        return movement.pack(self._vitals.position, most)

    def _configure(self) -> None:
        try:
            self._accelerometer.probe()
            self._accelerometer.configure()
        except SensorFault as fault:
            self.fault = str(fault)
            return
        self.motion.begin(self._accelerometer.rate_milli_hz)
        self._activity.restart()
        self._is_configured = True  # the fault stays until a sample has come

    def _drained(self) -> int:
        """How many samples came; -1, and `fault`, when it did not answer."""
        try:
            return self._accelerometer.drain()
        except SensorFault as fault:
            self.fault = str(fault)
        return -1

    def _feel(self, count: int) -> None:
        self._activity.feel(self._accelerometer, count)
        if self._activity.is_plausible:
            self.fault = ""
            self.motion.feel(self._accelerometer, count)

    def _lose(self, now_ms: int) -> None:
        self._is_configured = False
        self._heard_ms = now_ms
        self.motion.stop()
        self._withhold(statuses.SENSOR_FAULT)

    def _publish(self) -> None:
        vitals = self._vitals
        level_milli_g = self._activity.level_milli_g
        if level_milli_g >= _MOVES_MILLI_G:
            self._moves_s = _STILL_AFTER_S
        elif self._moves_s and level_milli_g < _STILL_MILLI_G:
            self._moves_s -= 1
        vitals.activity.publish(level_milli_g, statuses.VALIDATED)
        vitals.position = self._position.is_now
        cadence_per_min = self._activity.cadence_per_min
        # What is rhythmic and not known to be upright may be a hand that taps, or a convulsion.
        if cadence_per_min and level_milli_g >= _WALKS_MILLI_G and vitals.position == movement.UPRIGHT:
            vitals.movement = movement.WALKING
            vitals.cadence.publish(cadence_per_min, statuses.VALIDATED)
        else:
            vitals.movement = movement.MOVING if self._moves_s else movement.STILL
            vitals.cadence.withhold(statuses.UNAVAILABLE)
        self._most = max(self._most, vitals.movement)

    def _withhold(self, status: int) -> None:
        vitals = self._vitals
        vitals.activity.withhold(status)
        vitals.cadence.withhold(status)
        vitals.movement = movement.NONE
        vitals.position = movement.UNKNOWN
        self._position.lose()
        self._moves_s = 0
