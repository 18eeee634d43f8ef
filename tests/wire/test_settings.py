"""Settings are validated as a whole and survive packing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import records
from vigil_wire.settings import (
    FIELDS,
    LENGTH,
    PROFILE_SCALE_2,
    Settings,
    SettingsError,
    pack_curve,
    unpack,
    unpack_curve,
)

CURVE = ((400, 990), (700, 900), (1100, 760))
_VALUES = st.fixed_dictionaries(
    {},
    optional={
        **{
            name: st.integers(0, (most - least) // step).map(lambda steps, least=least, step=step: least + steps * step)
            for name, least, most, step in FIELDS
        },
        "spo2_curve": st.sampled_from([(), CURVE, tuple((300 + 100 * n, 1040 - 70 * n) for n in range(8))]),
    },
)


@given(_VALUES)
def test_settings_survive_packing_or_are_refused_as_a_whole(values: dict[str, Any]) -> None:
    try:
        settings = Settings(**values)
    except SettingsError as error:
        assert "must be below" in str(error) or "needs the profile of NEWS2 scale 2" in str(error)
        return
    packed = settings.pack()
    assert len(packed) == LENGTH
    assert len(packed) + records.HEADER_LENGTH <= records.MAX_LENGTH
    assert vars(unpack(packed)) == vars(settings)
    assert {name: getattr(settings, name) for name in values} == values


def test_defaults_are_within_their_own_bounds() -> None:
    defaults = {name: getattr(Settings, name) for name, *_ in FIELDS}
    assert Settings(**defaults).values() == Settings().values() == defaults


@pytest.mark.parametrize("row", FIELDS, ids=lambda row: row[0])
def test_each_bound_is_kept(row: tuple[str, int, int, int]) -> None:
    name, least, most, step = row
    assert (most - least) % step == 0
    assert (most - least) // step < 256
    for value in (least - 1, most + 1):
        with pytest.raises(SettingsError, match=f"{name} must be between {least} and {most}"):
            Settings(**{name: value})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"pulse_rate_low_deci_bpm": 900, "pulse_rate_high_deci_bpm": 900}, "pulse_rate_low_deci_bpm must be below"),
        ({"temperature_low_centi_c": 3700, "temperature_high_centi_c": 3600}, "temperature_low_centi_c must be below"),
        ({"spo2_low": 900}, "no setting spo2_low"),
        ({"spo2_low_deci_pct": 905}, "spo2_low_deci_pct must be a multiple of 10"),
        ({"spo2_very_low_deci_pct": 930}, "spo2_very_low_deci_pct must be below spo2_low_deci_pct"),
        ({"pulse_rate_very_low_deci_bpm": 500}, "pulse_rate_very_low_deci_bpm must be below"),
        ({"pulse_rate_high_deci_bpm": 1400}, "pulse_rate_high_deci_bpm must be below pulse_rate_very_high"),
        ({"spo2_very_low_deci_pct": 840}, "spo2_very_low_deci_pct under 850 needs the profile of NEWS2 scale 2"),
    ],
)
def test_what_does_not_fit_together_is_refused(values: dict[str, int], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Settings(**values)


@pytest.mark.parametrize(
    ("curve", "says"),
    [
        (CURVE[:1], "has 1 points, not 2 to 8"),
        (tuple((300 + 100 * n, 1000 - 50 * n) for n in range(9)), "has 9 points"),
        (((400, 990), (400, 900), (1100, 760)), "ratio 400 of point 2 is not above the one before"),
        (((400, 990), (700, 990), (1100, 760)), "SpO2 990 of point 2 is not below the one before"),
        (((400, 990), (699, 760)), "its ratios span 299, less than 300"),
        (((400, 940), (1100, 760)), "its SpO2 goes from 940 to 760, and must from 950 or more to 800 or less"),
        (((400, 990), (1100, 810)), "its SpO2 goes from 990 to 810"),
        (((199, 990), (1100, 760)), "ratio 199 of point 1 is not between 200 and 2000"),
        (((400, 990), (2001, 760)), "ratio 2001 of point 2"),
        (((400, 1051), (1100, 760)), "SpO2 1051 of point 1 is not between 500 and 1050"),
        (((400, 990), (1100, 499)), "SpO2 499 of point 2"),
    ],
)
def test_curve_that_no_device_can_use_is_refused_with_its_reason(curve: Any, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Settings(curve)
    with pytest.raises(SettingsError, match=says):
        Settings().with_curve(curve)


def test_another_curve_leaves_the_other_settings_as_they_are() -> None:
    settings = Settings(spo2_low_deci_pct=900, temperature_site=7).with_curve(CURVE)
    assert (settings.spo2_low_deci_pct, settings.temperature_site, settings.spo2_curve) == (900, 7, CURVE)


def test_only_those_whose_oxygen_is_meant_to_be_low_may_have_a_lower_emergency_limit() -> None:
    settings = Settings(spo2_very_low_deci_pct=830, profile=PROFILE_SCALE_2)
    assert unpack(settings.pack()).spo2_very_low_deci_pct == 830


def test_a_hole_among_packed_points_is_refused() -> None:
    packed = pack_curve(CURVE)
    packed[3:6] = bytes(3)
    with pytest.raises(SettingsError, match="ratio 0 of point 2"):
        unpack_curve(packed)


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
    with pytest.raises(SettingsError, match="not settings of version 3"):
        unpack(packed)


@pytest.mark.parametrize("value", ["900", None, 90.5])
def test_value_that_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises((SettingsError, TypeError)):
        Settings(spo2_delay_s=value).pack()
