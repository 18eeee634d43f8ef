"""Status codes: complete, within four bits, and never a number without a reason to believe it."""

from vigil_wire import statuses

VALIDATED_OR_ESTIMATE = 1 << 6 | 1 << 7 | 1 << 8  # early estimate, validated, fully qualified
NO_VALUE = 1 << 5 | 1 << 13 | 1 << 15  # ongoing, unavailable, invalid


def test_every_code_has_a_name_and_bits() -> None:
    assert len(set(statuses.NAMES)) == len(statuses.NAMES) == len(statuses.PLX_STATUS) <= 16
    for code, name in enumerate(statuses.NAMES):
        assert getattr(statuses, name.upper()) == code
    for measurement, sensor in statuses.PLX_STATUS:
        assert measurement & 0x1F == 0  # reserved
        assert measurement >> 16 == sensor >> 16 == 0


def test_only_three_carry_a_number() -> None:
    carrying = [name for code, name in enumerate(statuses.NAMES) if statuses.has_value(code)]
    assert carrying == ["validated", "early_estimate", "questionable"]


def test_plx_bits_tell_a_number_from_none() -> None:
    for code, (measurement, sensor) in enumerate(statuses.PLX_STATUS):
        assert bool(measurement & NO_VALUE) != statuses.has_value(code)
        assert statuses.has_value(code) or not measurement & VALIDATED_OR_ESTIMATE
        assert code in (statuses.VALIDATED, statuses.EARLY_ESTIMATE) or sensor
