"""NEWS2 sub-scores against the chart, at both ends of every row and in between."""

from vigil_wire import news2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Each row of the chart, read in a copy of it: first and last value (None: open), and score.
_SPO2 = ((None, 910, 3), (920, 930, 2), (940, 950, 1), (960, None, 0))
_SPO2_2_AIR = ((None, 830, 3), (840, 850, 2), (860, 870, 1), (880, 920, 0), (930, None, 0))
_SPO2_2_OXYGEN = (
    (None, 830, 3), (840, 850, 2), (860, 870, 1), (880, 920, 0), (930, 940, 1), (950, 960, 2), (970, None, 3),
)  # fmt: skip
_PULSE_RATE = ((None, 400, 3), (410, 500, 1), (510, 900, 0), (910, 1100, 1), (1110, 1300, 2), (1310, None, 3))
_TEMPERATURE = ((None, 3500, 3), (3510, 3600, 1), (3610, 3800, 0), (3810, 3900, 1), (3910, None, 2))
_RESPIRATION = ((None, 80, 3), (90, 110, 1), (120, 200, 0), (210, 240, 2), (250, None, 3))


def _check(rows: "tuple[tuple[int | None, int | None, int], ...]", score: "Callable[[int], int]") -> None:
    before = None
    before_score = 0
    for first, last, expected in rows:
        if first is None:
            assert score(0) == expected
        else:
            assert before is not None
            assert score(first) == expected
            for value in range(before + 1, first):
                assert score(value) == max(before_score, expected), value
        if last is None:
            assert score(9999) == expected
        else:
            assert score(last) == expected
        before = last
        before_score = expected


def case_spo2_scale_1() -> None:
    _check(_SPO2, news2.spo2)


def case_spo2_scale_2_on_air() -> None:
    _check(_SPO2_2_AIR, lambda value: news2.spo2_scale_2(value, False))


def case_spo2_scale_2_on_oxygen() -> None:
    _check(_SPO2_2_OXYGEN, lambda value: news2.spo2_scale_2(value, True))


def case_pulse_rate() -> None:
    _check(_PULSE_RATE, news2.pulse_rate)


def case_temperature() -> None:
    _check(_TEMPERATURE, news2.temperature)


def case_respiration() -> None:
    _check(_RESPIRATION, news2.respiration)


def case_there_is_no_total() -> None:
    assert not [name for name in dir(news2) if "total" in name or "aggregate" in name]
