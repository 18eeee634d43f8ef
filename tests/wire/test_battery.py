"""Battery Level against published vectors, and back."""

import pytest

from vigil_wire import battery


def test_published() -> None:
    # NordicSemiconductor/Android-BLE-Common-Library, BatteryLevelDataCallbackTest
    assert battery.decode(bytes.fromhex("64")) == 100
    assert battery.decode(bytes.fromhex("0F")) == 15
    with pytest.raises(ValueError, match="a battery level of 101 %"):
        battery.decode(bytes.fromhex("65"))


def test_round_trip() -> None:
    for percent in range(101):
        assert battery.decode(battery.encode(percent)) == percent


@pytest.mark.parametrize("percent", [-1, 101, 255, 256])
def test_out_of_range_is_not_sent(percent: int) -> None:
    with pytest.raises(ValueError, match="a battery level of"):
        battery.encode(percent)


@pytest.mark.parametrize("data", [b"", b"\x32\x32"])
def test_wrong_length(data: bytes) -> None:
    with pytest.raises(ValueError, match="has 1 byte"):
        battery.decode(data)


def test_uuids() -> None:
    assert (battery.SERVICE_UUID, battery.LEVEL_UUID) == (0x180F, 0x2A19)
