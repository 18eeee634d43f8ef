"""The Health Thermometer Service's payloads against published vectors, and back."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import health_thermometer, ieee11073

# NordicSemiconductor/Android-BLE-Common-Library, TemperatureMeasurementDataCallbackTest
NORDIC = bytes.fromhex("06 B00E00FE DC070C050B321B 04")


def encoded(temperature: int | None, site: int | None = None) -> bytes:
    buf = bytearray(b"\xaa" * health_thermometer.MAX_LENGTH)
    return bytes(buf[: health_thermometer.encode_into(buf, temperature, site)])


def test_published_measurement() -> None:
    measurement = health_thermometer.Measurement(NORDIC)
    assert measurement.temperature == (3760, -2)
    assert measurement.unit == health_thermometer.CELSIUS
    assert measurement.timestamp == ((2012, 12, 5), (11, 50, 27))
    assert measurement.site is not None
    assert health_thermometer.SITE_NAMES[measurement.site] == "finger"
    assert len(NORDIC) == health_thermometer.MAX_LENGTH


def test_published_measurement_is_written_the_same() -> None:
    buf = bytearray(b"\xaa" * health_thermometer.MAX_LENGTH)
    day = (datetime.date(2012, 12, 5) - datetime.date(2000, 1, 1)).days
    day_ms = ((11 * 60 + 50) * 60 + 27) * 1000
    length = health_thermometer.encode_into(buf, 3760, 4, day, day_ms)
    assert bytes(buf[:length]) == NORDIC
    length = health_thermometer.encode_into(buf, 3760, None, day, day_ms)
    assert bytes(buf[:length]) == bytes([0x02]) + NORDIC[1:-1]


def test_of_any_other_length_is_refused() -> None:
    for length in range(len(NORDIC)):  # one byte short: the same Nordic test
        with pytest.raises(ValueError, match="bytes, this one has"):
            health_thermometer.Measurement(NORDIC[:length])
    with pytest.raises(ValueError, match="bytes, this one has"):
        health_thermometer.Measurement(NORDIC + b"\0")


@pytest.mark.parametrize(
    ("wire", "unit", "temperature"),
    [
        # Health thermometer examples, 36.8 C and 98.6 F
        ("00 700100FF", health_thermometer.CELSIUS, (368, -1)),
        ("01 DA0300FF", health_thermometer.FAHRENHEIT, (986, -1)),
        ("00 FFFF7F00", health_thermometer.CELSIUS, ieee11073.NAN),
    ],
)
def test_without_optional_fields(wire: str, unit: str, temperature: tuple[int, int] | str) -> None:
    measurement = health_thermometer.Measurement(bytes.fromhex(wire))
    assert (measurement.unit, measurement.temperature) == (unit, temperature)
    assert measurement.timestamp is None
    assert measurement.site is None


def test_encoded() -> None:
    assert encoded(3760, 4) == bytes.fromhex("04 B00E00FE 04")
    assert encoded(3760) == bytes.fromhex("00 B00E00FE")
    assert encoded(None, 1) == bytes.fromhex("04 FFFF7F00 01")
    assert encoded(0) == bytes.fromhex("00 000000FE")
    assert encoded(-1) == bytes.fromhex("00 FFFFFFFE")


@given(st.none() | st.integers(-0x8000, 0x7FFF), st.none() | st.integers(1, 9))
def test_round_trip(temperature: int | None, site: int | None) -> None:
    measurement = health_thermometer.Measurement(encoded(temperature, site))
    assert measurement.temperature == (ieee11073.NAN if temperature is None else (temperature, -2))
    assert (measurement.unit, measurement.timestamp, measurement.site) == ("C", None, site)


@pytest.mark.parametrize("site", [0, 10, 255])
def test_no_such_site(site: int) -> None:
    with pytest.raises(ValueError, match="no temperature site"):
        encoded(3700, site)
    with pytest.raises(ValueError, match="no temperature site"):
        health_thermometer.Measurement(bytes.fromhex("04 B00E00FE") + bytes((site,)))
    with pytest.raises(ValueError, match="no temperature site"):
        health_thermometer.encode_type(site)
    with pytest.raises(ValueError, match="no temperature site"):
        health_thermometer.decode_type(bytes((site,)))


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no such date"):
        health_thermometer.Measurement(NORDIC.replace(b"\x0c\x05", b"\x0d\x05"))


def test_type() -> None:
    # NordicSemiconductor/Android-BLE-Common-Library, TemperatureTypeDataCallbackTest
    assert health_thermometer.SITE_NAMES[health_thermometer.decode_type(b"\x03")] == "ear"
    for site in health_thermometer.SITE_NAMES:
        assert health_thermometer.decode_type(health_thermometer.encode_type(site)) == site
    for data in (b"", b"\x03\x03"):
        with pytest.raises(ValueError, match="has 1 byte"):
            health_thermometer.decode_type(data)


def test_interval() -> None:
    # NordicSemiconductor/Android-BLE-Common-Library, MeasurementIntervalDataCallbackTest
    assert health_thermometer.decode_interval(bytes.fromhex("3C00")) == 60
    assert health_thermometer.encode_interval(60) == bytes.fromhex("3C00")
    for interval_s in (0, 5, 255, 256, 0xFFFF):
        assert health_thermometer.decode_interval(health_thermometer.encode_interval(interval_s)) == interval_s
    for interval_s in (-1, 0x10000):
        with pytest.raises(ValueError, match="a measurement interval of"):
            health_thermometer.encode_interval(interval_s)
    for data in (b"", b"\1", b"\1\0\0"):
        with pytest.raises(ValueError, match="has 2 bytes"):
            health_thermometer.decode_interval(data)


def test_uuids() -> None:
    assert health_thermometer.SERVICE_UUID == 0x1809
    assert (health_thermometer.MEASUREMENT_UUID, health_thermometer.TYPE_UUID) == (0x2A1C, 0x2A1D)
    assert health_thermometer.INTERVAL_UUID == 0x2A21
