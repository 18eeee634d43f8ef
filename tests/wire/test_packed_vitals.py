"""A packed vitals record comes back to the byte, or is not packed."""

from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import records
from vigil_wire.packed_vitals import LENGTH, VitalsPacker


def vitals(pulse: list[int], spo2: list[int], temperature: list[int], statuses: list[int], **more: int) -> bytearray:
    """A vitals record."""
    summary = records.Summary()
    summary.seconds = more.get("seconds", 5)
    for spread, values in ((summary.pulse_rate, pulse), (summary.spo2, spo2), (summary.temperature, temperature)):
        for value in values:
            spread.add(value)
    buf = bytearray(records.VITALS_LENGTH)
    records.pack_header(buf, 9, records.VITALS, 3, 2, more.get("day_ms", 5000))
    battery, perfusion = more.get("battery", 80), more.get("perfusion", 200)
    summary.pack(buf, statuses, more.get("quality", 90), battery, perfusion, more.get("bits", 0), more.get("flags", 0))
    return buf


def back(record: bytearray) -> bytearray | None:
    """The record, packed and unpacked; None where it cannot be packed."""
    packed, found = bytearray(LENGTH), bytearray(records.VITALS_LENGTH)
    packer = VitalsPacker()
    if not packer.pack(record, len(record), packed, 0):
        return None
    found[: records.HEADER_LENGTH] = record[: records.HEADER_LENGTH]
    found[9:] = bytes(len(found) - 9)
    packer.unpack(packed, 0, found)
    assert packed[-1] != 0
    return found


def few(least: int, most: int, within: int) -> st.SearchStrategy[list[int]]:
    """Five values that lie near to each other, or none."""
    near = st.integers(least, most - within).flatmap(
        lambda low: st.lists(st.integers(low, low + within), min_size=5, max_size=5)
    )
    return st.one_of(st.just([]), near)


@given(
    few(250, 2400, 250),
    few(500, 1000, 120),
    few(2500, 4500, 60),
    st.lists(st.integers(0, 10), min_size=4, max_size=4),
    st.integers(1, 60),
    st.integers(0, 86_399_999),
    st.one_of(st.integers(0, 100), st.just(records.NO_U8)),
    st.one_of(st.integers(0, 4000), st.just(records.NO_U16)),
    st.integers(0, 0xFEFF),
    st.integers(0, 15),
)
def test_whatever_a_wearer_shows_is_packed(
    pulse: list[int],
    spo2: list[int],
    temperature: list[int],
    statuses: list[int],
    seconds: int,
    day_ms: int,
    battery: int,
    perfusion: int,
    bits: int,
    flags: int,
) -> None:
    record = vitals(
        pulse, spo2, temperature, statuses,
        seconds=seconds, day_ms=day_ms, battery=battery, perfusion=perfusion, bits=bits, flags=flags,
    )  # fmt: skip
    assert back(record) == record


@given(st.binary(min_size=records.VITALS_LENGTH, max_size=records.VITALS_LENGTH))
def test_any_bytes_come_back_or_are_not_packed(data: bytes) -> None:
    assert back(bytearray(data)) in (None, bytearray(data))


def test_what_is_beyond_its_bits_is_not_packed() -> None:
    assert back(vitals([700, 1900], [970], [3670], [1, 1, 1, 4])) is None
