"""Alarm conditions: numbers, names and priorities that agree."""

from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import conditions


def test_every_condition_has_a_name_and_a_priority() -> None:
    assert len(set(conditions.NAMES)) == len(conditions.NAMES) == len(conditions.PRIORITIES) <= 24
    for number, name in enumerate(conditions.NAMES):
        assert getattr(conditions, name.upper()) == number
    assert set(conditions.PRIORITIES) <= {conditions.LOW, conditions.MEDIUM, conditions.HIGH}
    physiological = conditions.NAMES[: conditions.PHYSIOLOGICAL_COUNT]
    assert physiological == ("spo2_low", "pulse_rate_low", "pulse_rate_high", "temperature_low", "temperature_high")


def test_names_of() -> None:
    assert conditions.names_of(0) == []
    assert conditions.names_of(1 << conditions.SPO2_LOW) == ["spo2_low"]
    several = 1 << conditions.SPO2_LOW | 1 << conditions.NO_READING | 1 << conditions.PULSE_RATE_HIGH
    assert conditions.names_of(several) == ["no_reading", "pulse_rate_high", "spo2_low"]
    assert conditions.names_of(1 << 23 | 1) == ["condition_23", "spo2_low"]


@given(st.integers(0, (1 << 24) - 1))
def test_no_bit_goes_unnamed(bits: int) -> None:
    names = conditions.names_of(bits)
    assert len(set(names)) == bits.bit_count()
    assert names == sorted(names)
