"""Alarm conditions: numbers, names and priorities that agree."""

from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.alarm_signals import Signals
from vigil_firmware.display_pages import TEXTS
from vigil_wire import conditions
from vigil_wire.settings import Settings


def test_every_condition_has_a_name_and_a_priority() -> None:
    assert len(set(conditions.NAMES)) == len(conditions.NAMES) == len(conditions.TABLE) <= 30  # a small integer
    for number, name in enumerate(conditions.NAMES):
        assert getattr(conditions, name.upper()) == number
    assert set(conditions.PRIORITIES) <= {conditions.LOW, conditions.MEDIUM, conditions.HIGH}
    assert set(conditions.EVENT_NAMES) == set(range(conditions.RAISED, conditions.STANDBY_ENDED + 1))


def test_the_first_conditions_are_those_of_older_records() -> None:
    assert conditions.NAMES[:8] == (
        "spo2_low", "pulse_rate_low", "pulse_rate_high", "temperature_low", "temperature_high",
        "sensor_off", "no_reading", "sensor_fault",
    )  # fmt: skip


def test_what_wakes_people_is_in_the_adverts() -> None:
    left_out = conditions.PRIORITIES[conditions.ADVERT_BITS :]
    assert set(left_out) == {conditions.LOW}


def test_texts_fit_a_display() -> None:
    assert len(TEXTS) == len(conditions.TABLE)
    for text in TEXTS:
        assert 0 < len(text) <= 16
        assert text.isascii()


def test_limits_and_delays_are_settings_and_signals_exist() -> None:
    settings = Settings()
    signals = Signals(settings)
    for kind in conditions.TABLE:
        signals.of(kind.signal)
        for value in (kind.limit, kind.on_delay):
            assert not isinstance(value, str) or getattr(settings, value) >= 0


def test_a_worse_condition_that_speaks_for_another_is_of_the_same_side_and_no_lower_priority() -> None:
    for number, worse in conditions.COVERED_BY.items():
        milder, harsher = conditions.TABLE[number], conditions.TABLE[worse]
        assert harsher.priority >= milder.priority
        # A fall ends in the emergency that speaks for it.
        if number in conditions.PHYSIOLOGICAL and number != conditions.SPO2_FALLING:
            assert (harsher.signal, harsher.side) == (milder.signal, milder.side)


def test_names_of() -> None:
    assert conditions.names_of(0) == []
    assert conditions.names_of(1 << conditions.SPO2_LOW) == ["spo2_low"]
    several = 1 << conditions.SPO2_LOW | 1 << conditions.NO_READING | 1 << conditions.PULSE_RATE_HIGH
    assert conditions.names_of(several) == ["no_reading", "pulse_rate_high", "spo2_low"]
    assert conditions.names_of(1 << 29 | 1) == ["condition_29", "spo2_low"]


@given(st.integers(0, (1 << 30) - 1))
def test_no_bit_goes_unnamed(bits: int) -> None:
    names = conditions.names_of(bits)
    assert len(set(names)) == bits.bit_count()
    assert names == sorted(names)
