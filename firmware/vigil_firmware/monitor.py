"""The monitor: what happens, in what order, at each instant. It is given the time and never asks for it.

oximeter -> sampler -> signal -> vitals -> alarms -> journal
accelerometer -----------^--------> ^
thermometer ------------------------/
"""

from vigil_firmware import VERSION
from vigil_firmware.alarm_signals import is_off
from vigil_firmware.alarms import Alarms
from vigil_firmware.sampler import Sampler
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.ticks import DAY_MS, Uptime, ticks_add, ticks_diff
from vigil_firmware.utc_clock import UtcClock
from vigil_firmware.vitals import Vitals
from vigil_hal.faults import SensorFault
from vigil_wire import conditions, link, records, statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_firmware.journal import Journal
    from vigil_firmware.motion_sensor import MotionSensor
    from vigil_firmware.signal.intervals import Intervals
    from vigil_hal.max30102 import Max30102
    from vigil_hal.seams import Accelerometer, Battery, Thermometer
    from vigil_wire.settings import Settings

SECOND_MS = 1000
_THERMOMETER_SILENT_S = 5
_COLDEST_CENTI_C = -2000  # beyond these it is neither a wearer nor the air about one, but no measurement
_HOTTEST_CENTI_C = 5000
_BATTERY_S = 2  # how often the battery is asked
_STANDBY_PART_MS = 600_000
_LONG_S = 30_000  # what counts seconds stops here
_RESET_BY_WATCHDOG = 3  # machine.WDT_RESET on esp32 and rp2
_RECORD_BITS = 0xFFFF  # of alarms in a vitals record: with more it would take twice the room on flash
STEP_MS = 100  # how often to step
SENSE_MS = 200  # how often the sensors are drained: the oximeter's FIFO lasts 1.28 s, and each drain costs


class Monitor:
    """A whole monitor but for the radio.

    `second` counts the judged seconds, `vitals` holds the newest, `settings` are those in force (see `apply`).
    """

    def __init__(
        self,
        oximeter: "Max30102",
        thermometer: "Thermometer | None",
        battery: "Battery | None",
        settings: "Settings",
        journal: "Journal",
        boot: int,
        reset_cause: int,
        now_ms: int,
        accelerometer: "Accelerometer | None" = None,
        alarm_state: "bytes | bytearray" = b"",
        save_alarms: "Callable[[bytearray], None] | None" = None,
    ) -> None:
        """`alarm_state` is what `save_alarms` was given last before this boot."""
        self.vitals = Vitals()
        self.second = 0
        self.thermometer_fault = ""
        self._must_configure_thermometer = True
        self._thermometer_silent_s = 0
        self._signal = PulseOximeter()
        self._signal.oximetry.use_curve(settings.spo2_curve)
        self._motion_sensor: MotionSensor | None = None
        if accelerometer is not None:
            self._attach(accelerometer, now_ms)
        self.sampler = Sampler(oximeter, self._signal, now_ms)
        self._thermometer = thermometer
        self._battery = battery
        self.battery_fault = ""
        self._must_probe_battery = True
        self._is_battery_due = battery is not None
        self.has_thermometer = thermometer is not None
        self.has_accelerometer = accelerometer is not None
        self.has_battery = battery is not None
        self.settings = settings
        self.journal = journal
        self.boot = boot
        self.uptime = Uptime(now_ms)
        self.utc = UtcClock()
        self._now_ms = now_ms
        self._stepped_ms = now_ms
        self._sensed_ms = now_ms
        self._judged_ms = now_ms
        self._is_breath_due = False
        self._summary = records.Summary()
        self._statuses = bytearray(4)  # for the summary: a tuple would be made anew each time
        self.must_try_signals = False  # somebody wants to see and hear them all
        self.storage_fault = ""  # of what is not the journal
        self._bridge_silent_s = -1 if journal.acknowledged < 0 else 0  # -1: none has ever been here
        self._save_alarms = save_alarms
        self._standby_parts = -1
        self.alarms = Alarms(settings, self._announce)
        self.alarms.signals.restarted.say(reset_cause == _RESET_BY_WATCHDOG)
        self.alarms.restore(alarm_state, now_ms)
        self._keep(records.BOOT, records.pack_boot(journal.buf, reset_cause, VERSION, self.alarms.bits))
        self._keep_settings(b"")

    def _attach(self, accelerometer: "Accelerometer", now_ms: int) -> None:
        from vigil_firmware.motion_sensor import MotionSensor  # here: a board without one need not hold it

        self._motion_sensor = MotionSensor(accelerometer, self.vitals, now_ms)
        self._signal.motion = self._motion_sensor.motion

    def step(self, now_ms: int) -> None:
        """Do all that is due at `now_ms`. Call it at least every 500 ms."""
        self._stepped_ms = now_ms
        if ticks_diff(now_ms, self._sensed_ms) < SENSE_MS:
            return
        self._sensed_ms = now_ms
        self._now_ms = now_ms
        self.uptime.advance(now_ms)
        if self._motion_sensor is not None:
            self._motion_sensor.step(now_ms)
        self.sampler.step(now_ms)
        if ticks_diff(now_ms, self._judged_ms) >= SECOND_MS:
            self._judged_ms = ticks_add(self._judged_ms, SECOND_MS)
            self._judge()
            self._is_breath_due = True
        elif self._is_breath_due:
            self._is_breath_due = False
            self._judge_respiration()
        elif self._is_battery_due:
            self._read_battery()

    def take(self, now_ms: int) -> None:
        """Take on what `vitals` says of one more second: to the alarms, the summary and the journal.

        `step` does it once a second; who has vitals and no sensors fills them in and calls this instead of `step`.
        """
        self._stepped_ms = now_ms
        self._now_ms = now_ms
        self.uptime.advance(now_ms)
        self.second += 1
        self._look_at_equipment()
        self.alarms.evaluate(self.vitals, now_ms)
        if self.alarms.is_standby:
            self._mark_standby()
            self._keep_standby()
        self._summarise()

    def apply(self, settings: "Settings", author: bytes) -> None:
        """Take new settings into use and record them, and by whose wish (at most settings.AUTHOR_MOST_BYTES)."""
        self.settings = settings
        self._signal.oximetry.use_curve(settings.spo2_curve)
        self._keep_settings(author)
        self.alarms.apply(settings)

    def note_host(self) -> None:
        """Take note that a host with this device's key has just spoken."""
        self._bridge_silent_s = 0

    def command_alarms(self, command: int, condition: int, by: int, minutes: int) -> None:
        """Do what a host's alarm command says (vigil_wire.link); one that is not known, or may not be, does nothing."""
        now_ms = self._stepped_ms
        is_beside = by == conditions.BESIDE_WEARER
        if command == link.ACKNOWLEDGE:
            self.alarms.acknowledge(condition, by, now_ms)
        elif command == link.PAUSE_AUDIO and is_beside:
            self.alarms.pause_audio(now_ms)
        elif command == link.RESUME_AUDIO:
            self.alarms.resume_audio(now_ms)
        elif command == link.BEGIN_STANDBY:
            self.alarms.begin_standby(minutes, by, now_ms)
        elif command == link.END_STANDBY:
            self.alarms.end_standby(now_ms)
        elif command == link.TRY_SIGNALS:
            self.must_try_signals = True

    def pack_alarms(self, buf: bytearray, start: int) -> int:
        """Write an alarms message (vigil_wire.link) at `start`; its length is returned."""
        alarms = self.alarms
        rising = 0
        for index in range(len(conditions.RISING)):
            rising |= alarms.priority_of(conditions.RISING[index]) << 2 * index
        bits = (alarms.bits, alarms.acknowledged_bits, alarms.latched_bits)
        standby_min = (alarms.standby_left_ms + 59_999) // 60_000
        return link.pack_alarms(buf, start, bits, rising, alarms.pause_left_s(self._stepped_ms), standby_min)

    def anchor_time(self, utc_day: int, utc_day_ms: int) -> None:
        """Record that it is now this instant UTC (days since 2000-01-01, milliseconds of the day)."""
        self.uptime.advance(self._stepped_ms)
        self.utc.anchor(self.uptime.day, self.uptime.day_ms, utc_day, utc_day_ms)
        self._keep(records.TIME_ANCHOR, records.pack_time_anchor(self.journal.buf, utc_day, utc_day_ms))

    @property
    def intervals(self) -> "Intervals":
        """The pulse intervals that were accepted in the newest judged second."""
        return self._signal.intervals

    @property
    def bridge_silent_s(self) -> int:
        """For how long no host with this device's key has spoken; -1 where none has ever been here."""
        return self._bridge_silent_s

    @property
    def battery_pct(self) -> int:
        """Charge of the battery in %, or records.NO_U8 where it is not known."""
        percent = None if self._battery is None or self.battery_fault else self._battery.percent()
        return records.NO_U8 if percent is None else percent

    @property
    def accelerometer_fault(self) -> str:
        """Why the accelerometer cannot be used; "" while it can, or where there is none."""
        return "" if self._motion_sensor is None else self._motion_sensor.fault

    @property
    def oximetry_fault(self) -> str:
        """Why the oximeter, though it delivers a pulse, can give no SpO2; "" while it can."""
        return self._signal.oximetry.fault

    def _judge(self) -> None:
        vitals = self.vitals
        if self.sampler.fault:
            for measurement in (vitals.pulse_rate, vitals.spo2, vitals.ratio, vitals.perfusion, vitals.respiration):
                measurement.withhold(statuses.SENSOR_FAULT)
            vitals.quality = vitals.respiration_quality = 0
            self._signal.intervals.clear()
        else:
            self._signal.judge(vitals, self.sampler.rate_milli_hz)
        if self._motion_sensor is not None:
            self._motion_sensor.judge(is_worn=not is_off(vitals))
        self._read_temperature()
        self.take(self._now_ms)
        if self._battery is not None and self.second % _BATTERY_S == 0:
            if self._is_battery_due:  # there was no step between the seconds
                self._read_battery()
            self._is_battery_due = True

    def _judge_respiration(self) -> None:
        """In a step of its own, so that none is long: it is in the next second's record and alarms."""
        if not self.sampler.fault:
            self._signal.judge_respiration(self.vitals, self.sampler.rate_milli_hz)

    def _read_temperature(self) -> None:
        temperature = self.vitals.temperature
        if self._thermometer is None:
            return
        try:
            if self._must_configure_thermometer:
                self._thermometer.probe()
                self._thermometer.configure()
                self._must_configure_thermometer = False
            centi_c = self._thermometer.read_centi_c()
            if centi_c is not None and not _COLDEST_CENTI_C < centi_c < _HOTTEST_CENTI_C:
                raise SensorFault("the thermometer says %d C, which nobody has; check it" % (centi_c // 100))
        except SensorFault as fault:
            self._must_configure_thermometer = True
            self._thermometer_silent_s = 0
            self.thermometer_fault = str(fault)
            temperature.withhold(statuses.SENSOR_FAULT)
            return
        if centi_c is not None:
            self.thermometer_fault = ""
            self._thermometer_silent_s = 0
            temperature.publish(centi_c, statuses.VALIDATED)
            return
        self._thermometer_silent_s += 1
        if self._thermometer_silent_s >= _THERMOMETER_SILENT_S:
            # Not each second: to be configured begins a new conversion, which would never end.
            self._must_configure_thermometer = self._thermometer_silent_s % _THERMOMETER_SILENT_S == 0
            self.thermometer_fault = "the thermometer answers but delivers no readings"
        # A fault stays until a reading has come: one that comes with each reading would else never last.
        temperature.withhold(statuses.SENSOR_FAULT if self.thermometer_fault else statuses.ACQUIRING)

    def _read_battery(self) -> None:
        """Ask the battery, in a step of its own too. A fault stays until there is a charge again."""
        self._is_battery_due = False
        battery = self._battery
        if battery is None:
            return
        try:
            if self._must_probe_battery:
                battery.probe()
                self._must_probe_battery = False
            battery.read()
        except SensorFault as fault:
            self._must_probe_battery = True
            self.battery_fault = str(fault)
            return
        if battery.percent() is not None:
            self.battery_fault = ""

    def _summarise(self) -> None:
        summary = self._summary
        vitals = self.vitals
        summary.seconds += 1
        if vitals.pulse_rate.has_value:
            summary.pulse_rate.add(vitals.pulse_rate.value)
        if vitals.spo2.has_value:
            summary.spo2.add(vitals.spo2.value)
        if vitals.temperature.has_value:
            summary.temperature.add(vitals.temperature.value)
        if vitals.respiration.has_value:
            summary.respiration.add(vitals.respiration.value)
        if summary.seconds < self.settings.summary_interval_s:
            return
        measured = self._statuses
        measured[0] = vitals.pulse_rate.status
        measured[1] = vitals.spo2.status
        measured[2] = vitals.temperature.status
        measured[3] = vitals.respiration.status
        length = summary.pack(
            self.journal.buf,
            measured,
            vitals.quality,
            self.battery_pct,
            vitals.perfusion.value_or(records.NO_U16),
            self.alarms.bits & _RECORD_BITS,
            self._flags(),
        )
        self._keep(records.VITALS, length)
        summary.start()

    def _flags(self) -> int:
        flags = records.SPO2_CALIBRATED if self.vitals.spo2_is_calibrated else 0
        if self._motion_sensor is not None:
            flags |= self._motion_sensor.pack_movement() << records.MOVEMENT_SHIFT
        return flags

    def _look_at_equipment(self) -> None:
        signals = self.alarms.signals
        sampler = self.sampler
        signals.rate_error.know(abs(sampler.rate_error_permille) if sampler.is_rate_known else None)
        battery = self.battery_pct
        signals.battery.know(None if battery == records.NO_U8 else battery)
        journal = self.journal
        signals.storage_fault.say(bool(journal.fault or self.storage_fault))
        signals.accelerometer_fault.say(self.accelerometer_fault != "")
        signals.battery_fault.say(self.battery_fault != "")
        signals.unsent.know(journal.unsent_pct if journal.acknowledged >= 0 else None)
        signals.clock_unset.know(0 if self.utc.is_set else min(self.second, _LONG_S))
        if self._bridge_silent_s >= 0:
            self._bridge_silent_s = min(self._bridge_silent_s + 1, _LONG_S)
            signals.bridge_silent.know(self._bridge_silent_s)

    def _mark_standby(self) -> None:
        """Say of each reading that is missing that the sensor is off on purpose."""
        vitals = self.vitals
        if vitals.pulse_rate.status != statuses.SENSOR_OFF:
            return
        for measurement in (vitals.pulse_rate, vitals.spo2, vitals.ratio, vitals.perfusion, vitals.respiration):
            measurement.withhold(statuses.STANDBY)

    def _keep_standby(self) -> None:
        """Save now and then how long it lasts yet: restarts must not make it longer."""
        parts = self.alarms.standby_left_ms // _STANDBY_PART_MS
        if self._save_alarms is not None and parts != self._standby_parts:
            self._save_alarms(self.alarms.pack())
        self._standby_parts = parts

    def _announce(self, condition: int, event: int, priority: int, value: int, onset_ms: int) -> None:
        """Put an alarm event into the journal at once, with the uptime at which its evidence began.

        The state is kept first: after a cut in between, the record of the boot says which alarms go on.
        """
        if self._save_alarms is not None:
            self._save_alarms(self.alarms.pack())
        day_ms = self.uptime.day_ms - max(ticks_diff(self._now_ms, onset_ms), 0)  # a button may be ahead of the second
        day = self.uptime.day + day_ms // DAY_MS
        day_ms %= DAY_MS
        length = records.pack_alarm(self.journal.buf, condition, event, priority, value, day, day_ms)
        self._keep(records.ALARM, length)

    def _keep_settings(self, author: bytes) -> None:
        self._keep(records.SETTINGS, records.pack_settings(self.journal.buf, self.settings.pack(), author))

    def _keep(self, kind: int, length: int) -> None:
        self.journal.append(kind, length, self.boot, self.uptime.day, self.uptime.day_ms)
