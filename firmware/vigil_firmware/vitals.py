"""The vitals of one second: every measurement is a value with a status, and no value is ever a stand-in."""

from vigil_wire import movement, statuses


class Measurement:
    """One signal's newest value, in its own small unit, with the reason to believe it or the reason there is none."""

    def __init__(self) -> None:
        self.status = statuses.UNAVAILABLE
        self.value = 0  # means nothing unless has_value

    @property
    def has_value(self) -> bool:
        """Whether `value` may be used."""
        return statuses.has_value(self.status)

    def publish(self, value: int, status: int) -> None:
        """A new value, under a status that carries one."""
        self.value = value
        self.status = status

    def withhold(self, status: int) -> None:
        """No reading, because of `status`."""
        self.status = status

    def know(self, value: "int | None") -> None:
        """A value that is sure; None: nobody knows it."""
        if value is None:
            self.status = statuses.UNAVAILABLE
        else:
            self.publish(value, statuses.VALIDATED)

    def say(self, is_so: bool) -> None:
        """Something is so (1), or it is not (0)."""
        self.publish(1 if is_so else 0, statuses.VALIDATED)

    def value_or(self, none: int) -> int:
        """The value, or `none` where there is no reading."""
        return self.value if statuses.has_value(self.status) else none


class Vitals:
    """All measurements of one second."""

    def __init__(self) -> None:
        self.pulse_rate = Measurement()  # 0.1 bpm
        self.spo2 = Measurement()  # 0.1 %
        self.temperature = Measurement()  # 0.01 C
        self.perfusion = Measurement()  # 0.01 %
        self.ratio = Measurement()  # ratio of ratios, thousandths
        self.quality = 0  # 0-100
        self.respiration = Measurement()  # 0.1 breaths a minute
        self.respiration_quality = 0  # 0-100
        self.spo2_is_calibrated = False  # whether SpO2 is read on this board's own calibration
        self.activity = Measurement()  # milli-g
        self.cadence = Measurement()  # steps a minute
        self.movement = movement.NONE  # as vigil_wire.movement has it
        self.position = movement.UNKNOWN
