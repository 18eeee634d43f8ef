"""Roll-ups are what the rows say, in whatever order the rows and the time come."""

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vigil_host.store import Gap, Store
from vigil_host.store.ledger import OVERWRITTEN
from vigil_host.store.rollups import DAY_S, HOUR_S, MINUTE_S, SPANS_S

_NUMBERS = itertools.count()


@settings(max_examples=settings().max_examples * 2 // 5)
@given(
    values=st.lists(st.tuples(st.one_of(st.none(), st.integers(300, 2500)), st.integers(500, 1000)), max_size=40),
    data=st.data(),
)
def test_any_order_and_repetition_give_the_rollups_of_the_rows(
    values: list[tuple[int | None, int]], data: st.DataObject, shared_store: Store, make_journal: Any, utc_ms: int
) -> None:
    journal = make_journal()
    device = f"rolled up {next(_NUMBERS)}"
    shared_store.add_device(device, "Device")
    for number, (pulse_rate, spo2) in enumerate(values):
        respiration = 140 if number % 3 else None
        journal.vitals(number * 7_000, pulse_rate, spo2, respiration)
    journal.anchor(300_000, utc_ms)
    order = data.draw(st.permutations(journal.records))
    at = data.draw(st.integers(0, len(order)))
    for part in (order[:at], order[at:], order[: at // 2]):
        shared_store.commit(device, 1, part)
    assert [finding for finding in shared_store.verify().findings if "roll-up" in finding] == []
    for span_s in SPANS_S:
        found = shared_store.rollups(device, 0, 2**50, span_s)
        spans: dict[int, list[int]] = {}
        for number, (_, spo2) in enumerate(values):
            spans.setdefault(number * 7 // span_s, []).append(spo2)
        expected = [
            (utc_ms - 300_000 + number * span_s * 1000, min(spo2), max(spo2), sum(spo2), len(spo2))
            for number, spo2 in spans.items()
        ]
        assert [
            (each.begin_utc_ms, each.spo2_min, each.spo2_max, each.spo2_sum, each.spo2_seconds) for each in found
        ] == expected


def test_they_are_never_behind(store: Store, device_id: str, journal: Any, utc_ms: int) -> None:
    """Neither for this store nor for another program, though they are not written with every record."""
    store.commit(device_id, 1, [journal.anchor(0, utc_ms)])
    with Store.read(store.path) as reader:
        for number in range(1, 400):
            store.commit(device_id, 1, [journal.vitals(number * 60_000, spo2_deci_pct=800 + number % 100)])
            if number % 31 == 0:
                for one in (store, reader):
                    minutes = one.rollups(device_id, 0, 2**50, MINUTE_S)
                    assert [each.spo2_sum for each in minutes] == [800 + at % 100 for at in range(1, number + 1)]
                    days = one.rollups(device_id, 0, 2**50, DAY_S)
                    assert [each.spo2_seconds for each in days] == [number]
                    assert one.highest(device_id, 1) == number
                    assert one.verify().findings == []


def test_they_have_their_place_as_soon_as_the_time_is_known(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    """Also where a day came before its anchor."""
    store.commit(device_id, 1, [journal.vitals(number * 60_000) for number in range(1, 100)])
    assert store.rollups(device_id, 0, 2**50, MINUTE_S) == []
    store.commit(device_id, 1, [journal.anchor(6_000_000, utc_ms)])
    assert len(store.rollups(device_id, 0, 2**50, MINUTE_S)) == 99
    assert [each.begin_utc_ms for each in store.rollups(device_id, 0, 2**50, HOUR_S)] == [
        utc_ms - 6_000_000,
        utc_ms - 2_400_000,
    ]
    first = utc_ms - 3_000_000
    some = store.rollups(device_id, first, first + 300_000, MINUTE_S)
    assert [each.begin_utc_ms for each in some] == [first + 60_000 * number for number in range(5)]


def test_gaps_are_found_by_the_time_between_their_neighbours(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    journal.anchor(0, utc_ms)
    for number in range(1, 11):
        journal.vitals(number * 10_000)
    sent = journal.records
    store.commit(device_id, 1, [*sent[2:5], sent[8]], [Gap(0, 1, OVERWRITTEN), Gap(5, 7, OVERWRITTEN)])
    assert [gap.begin_utc_ms for gap in store.gaps_between(device_id, 0, 2**50)] == [None, None]  # no anchor, no time
    store.commit(device_id, 1, [journal.anchor(110_000, utc_ms + 110_000)])
    later, first = store.gaps_between(device_id, 0, 2**50)
    assert later == (utc_ms + 40_000, utc_ms + 80_000, 3, OVERWRITTEN)
    assert first == (None, utc_ms + 20_000, 2, OVERWRITTEN)
    assert store.gaps_between(device_id, utc_ms + 90_000, 2**50) == []
    assert store.gaps_between(device_id, utc_ms + 30_000, utc_ms + 50_000) == [later]
