"""Spot checks: one when a reading has settled, one an hour while worn, and only what was validated."""

from typing import Any

import pytest

from vigil_firmware import spot_checks
from vigil_firmware.spot_checks import EVERY_S, KEPT, SETTLED_S, SpotChecks
from vigil_firmware.ticks import Uptime
from vigil_firmware.vitals import Vitals
from vigil_wire import statuses


class Wearer:
    """Vitals that the test sets, a second at a time; `taken` are the seconds at which a spot check was."""

    def __init__(self) -> None:
        self.checks = SpotChecks()
        self.vitals = Vitals()
        self.uptime = Uptime(0)
        self.second = 0
        self.taken: list[int] = []

    def lives(self, seconds: int, status: int = statuses.VALIDATED, spo2_status: int | None = None) -> None:
        """So many seconds with these statuses; SpO2 counts the seconds."""
        for _ in range(seconds):
            self.second += 1
            self.uptime.advance(self.second * 1000)
            self.vitals.pulse_rate.publish(720, status)
            self.vitals.spo2.publish(900 + self.second % 100, status if spo2_status is None else spo2_status)
            self.vitals.perfusion.publish(150, status)
            if self.checks.judge(self.vitals, self.uptime):
                self.taken.append(self.second)


@pytest.fixture
def wearer() -> Wearer:
    """Return somebody who has not put the sensor on."""
    return Wearer()


def test_one_is_taken_when_the_reading_has_settled(wearer: Wearer) -> None:
    wearer.lives(5, statuses.ACQUIRING)
    wearer.lives(SETTLED_S - 1)
    assert wearer.taken == []
    wearer.lives(100)
    assert wearer.taken == [5 + SETTLED_S]
    wearer.checks.look_at(0)
    assert (wearer.checks.spo2_deci_pct, wearer.checks.pulse_rate_deci_bpm) == (900 + 5 + SETTLED_S, 720)
    assert (wearer.checks.perfusion_centi_pct, wearer.checks.uptime_day) == (150, 0)
    assert wearer.checks.uptime_day_ms == (5 + SETTLED_S) * 1000


@pytest.mark.parametrize("status", [each for each in range(len(statuses.NAMES)) if each != statuses.VALIDATED])
def test_only_what_is_validated_counts(wearer: Wearer, status: int) -> None:
    for _ in range(30):
        wearer.lives(SETTLED_S - 1)
        wearer.lives(1, status)
    wearer.lives(100, status)
    wearer.lives(100, statuses.VALIDATED, status)
    wearer.lives(100, status, statuses.VALIDATED)
    assert wearer.taken == []


def test_each_time_that_the_sensor_is_put_on(wearer: Wearer) -> None:
    wearer.lives(60)
    wearer.lives(1, statuses.POOR_SIGNAL)  # not taken off
    wearer.lives(60)
    wearer.lives(1, statuses.SENSOR_OFF)
    wearer.lives(60)
    assert wearer.taken == [SETTLED_S, 122 + SETTLED_S]


def test_every_hour_while_it_is_worn(wearer: Wearer) -> None:
    wearer.lives(3 * EVERY_S)
    assert wearer.taken == [SETTLED_S, SETTLED_S + EVERY_S, SETTLED_S + 2 * EVERY_S]
    # An hour's that cannot be taken is taken when there is a reading again.
    wearer.lives(100, statuses.POOR_SIGNAL)
    wearer.lives(20)
    assert wearer.taken[3:] == [3 * EVERY_S + 100 + SETTLED_S]


def test_the_newest_are_kept(wearer: Wearer) -> None:
    for _ in range(KEPT + 5):
        wearer.lives(SETTLED_S)
        wearer.lives(1, statuses.SENSOR_OFF)
    checks = wearer.checks
    assert (checks.oldest, checks.following, checks.count) == (5, KEPT + 5, KEPT)
    for number in range(checks.oldest, checks.following):
        checks.look_at(number)
        assert checks.uptime_day_ms == wearer.taken[number] * 1000
    checks.clear()
    assert checks.count == 0
    wearer.lives(SETTLED_S)
    assert checks.count == 1
    checks.look_at(checks.oldest)
    assert checks.uptime_day_ms == wearer.taken[-1] * 1000


def test_a_missing_perfusion_index_is_none(wearer: Wearer, mocker: Any) -> None:
    mocker.patch.object(wearer.vitals.perfusion, "publish")
    wearer.lives(SETTLED_S)
    wearer.checks.look_at(0)
    assert wearer.checks.perfusion_centi_pct is None


def test_they_are_small(wearer: Wearer) -> None:
    assert len(wearer.checks._kept) * wearer.checks._kept.itemsize <= 500
    assert spot_checks.KEPT * EVERY_S >= 86_400  # a day of hours
