"""Settings are validated as a whole and survive packing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire.settings import FIELDS, LENGTH, Settings, SettingsError, unpack

_VALUES = st.fixed_dictionaries({}, optional={name: st.integers(least, most) for name, least, most, _ in FIELDS})


@given(_VALUES)
def test_settings_survive_packing_or_are_refused_as_a_whole(values: dict[str, int]) -> None:
    try:
        settings = Settings(**values)
    except SettingsError as error:
        assert "must be below" in str(error)
        return
    packed = settings.pack()
    assert len(packed) == LENGTH
    assert vars(unpack(packed)) == vars(settings)
    assert {name: getattr(settings, name) for name in values} == values


def test_defaults_are_within_their_own_bounds() -> None:
    settings = Settings()
    assert {name: getattr(settings, name) for name, _, _, _ in FIELDS} == {row[0]: row[3] for row in FIELDS}


@pytest.mark.parametrize("row", FIELDS, ids=lambda row: row[0])
def test_each_bound_is_kept(row: tuple[str, int, int, int]) -> None:
    name, least, most, _ = row
    for value in (least - 1, most + 1):
        with pytest.raises(SettingsError, match=f"{name} must be between {least} and {most}"):
            Settings(**{name: value})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"pulse_rate_low_deci_bpm": 900, "pulse_rate_high_deci_bpm": 900}, "pulse_rate_low_deci_bpm must be below"),
        ({"temperature_low_centi_c": 3700, "temperature_high_centi_c": 3600}, "temperature_low_centi_c must be below"),
        ({"spo2_low": 900}, "no setting spo2_low"),
    ],
)
def test_what_does_not_fit_together_is_refused(values: dict[str, int], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Settings(**values)


@given(st.binary(max_size=2 * LENGTH))
def test_any_bytes_are_settings_or_an_error(packed: bytes) -> None:
    try:
        settings = unpack(packed)
    except SettingsError:
        return
    assert bytes(settings.pack()) == packed


def test_bytes_of_another_version_are_refused() -> None:
    packed = Settings().pack()
    packed[0] += 1
    with pytest.raises(SettingsError, match="not settings of version 1"):
        unpack(packed)


@pytest.mark.parametrize("value", ["900", None, 90.5])
def test_value_that_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises((SettingsError, TypeError)):
        Settings(spo2_delay_s=value).pack()
