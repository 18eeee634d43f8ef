"""The virtual `bluetooth` module itself, without anybody else on the air."""

from typing import Any

import pytest

from vigil_host.radio.air import Air
from vigil_host.radio.bluetooth import UUID, VirtualBluetooth
from vigil_host.radio.personality import BTSTACK, NIMBLE

pytestmark = pytest.mark.anyio

_TEXT = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"


def test_uuid_bytes_are_little_endian() -> None:
    """As in MicroPython, of either size, from integer, text or bytes."""
    assert bytes(UUID(0x1822)) == b"\x22\x18"
    assert bytes(UUID(_TEXT)) == bytes.fromhex(_TEXT.replace("-", ""))[::-1]
    assert UUID(b"\x22\x18") == UUID(0x1822)


def test_uuid_comparison() -> None:
    """UUIDs compare and hash by value, and print as in MicroPython."""
    assert UUID(_TEXT) == UUID(_TEXT.upper())
    assert UUID(0x1822) != UUID(0x1823)
    assert UUID(0x1822) < UUID(0x1823)
    assert UUID(0x1822) != 0x1822
    assert len({UUID(0x1822), UUID(0x1822)}) == 1
    assert repr(UUID(0x180F)) == "UUID(0x180f)"
    assert repr(UUID(_TEXT)) == f"UUID('{_TEXT}')"


@pytest.mark.parametrize("value", [-1, 0x10000, "1822", "6e40", b"\x01", b""])
def test_uuid_that_is_none(value: Any) -> None:
    """Anything else raises ValueError."""
    with pytest.raises(ValueError):
        UUID(value)


async def test_a_radio_that_is_off(air: Air) -> None:
    """Everything that needs the radio raises ENODEV; stopping the adverts does not."""
    ble: Any = VirtualBluetooth(air, NIMBLE).BLE()
    assert ble.active() is False
    ble.gap_advertise(None)
    for call in (ble.gap_advertise, ble.gap_disconnect, ble.gatts_read, ble.gatts_register_services):
        with pytest.raises(OSError) as caught:
            call(1)
        assert caught.value.args == (19,)
    for call in (ble.gatts_notify, ble.gatts_indicate, ble.gatts_set_buffer):
        with pytest.raises(OSError) as caught:
            call(1, 1)
        assert caught.value.args == (19,)


async def test_one_radio(air: Air) -> None:
    """BLE() always returns the same object."""
    bluetooth = VirtualBluetooth(air, BTSTACK)
    assert bluetooth.BLE() is bluetooth.BLE()
    assert bluetooth.BLE().active(True) is True
    assert bluetooth.BLE().active() is True
    assert bluetooth.FLAG_WRITE_AUTHENTICATED == 0x2000


async def test_config(device: Any, personality: Any) -> None:
    """Parameters are kept; what is unknown, or unknown to the stack, raises ValueError."""
    ble = device.ble
    ble.config(mtu=185, rxbuf=1024)
    assert (ble.config("mtu"), ble.config("rxbuf")) == (185, 1024)
    assert ble.config("gap_name").startswith(b"MPY ")
    kind, address = ble.config("mac")
    assert (kind, len(address)) == (0, 6)
    for mtu in (22, 518):
        with pytest.raises(OSError):
            ble.config(mtu=mtu)
    with pytest.raises(ValueError):
        ble.config("bond")
    with pytest.raises(ValueError):
        ble.config(nonsense=1)
    for name in ("bond", "mitm", "io", "le_secure"):
        if personality.pairing:
            ble.config(**{name: 1})
        else:
            with pytest.raises(ValueError):
                ble.config(**{name: 1})


async def test_btstack_has_no_pairing_calls(nimble: Any, btstack: Any) -> None:
    """The calls are missing where the stack has no pairing."""
    for name in ("gap_pair", "gap_passkey"):
        assert hasattr(nimble.ble, name)
        assert not hasattr(btstack.ble, name)


async def test_settings_outlive_the_radio(device: Any) -> None:
    """What was configured is still there after the radio has been off; the address is the public one again."""
    before = device.ble.config("mac")
    device.ble.config(gap_name=b"Vigil", addr_mode=1)
    assert device.ble.config("mac") != before
    device.ble.active(False)
    device.ble.active(True)
    assert device.ble.config("gap_name") == b"Vigil"
    assert device.ble.config("mac") == before


async def test_each_random_address_is_another(device: Any, personality: Any) -> None:
    """Modes 1 and 3 draw anew each time; BTstack has no private ones."""
    drawn = set()
    for mode in (1, 1, 3, 3) if personality.private_addresses else (1, 1):
        device.ble.config(addr_mode=mode)
        kind, address = device.ble.config("mac")
        assert (kind, address[0] >> 6) == (1, 3 if mode == 1 else 0)
        drawn.add(address)
    assert len(drawn) == (4 if personality.private_addresses else 2)
    for mode in (2, 3) if not personality.private_addresses else ():
        with pytest.raises(OSError) as caught:
            device.ble.config(addr_mode=mode)
        assert caught.value.args == (22,)


async def test_a_random_address_is_not_set_while_advertising(nimble: Any) -> None:
    """There NimBLE's binding stops the board; between adverts it is set."""
    nimble.advertise()
    with pytest.raises(AssertionError, match="while advertising"):
        nimble.ble.config(addr_mode=1)
    nimble.ble.gap_advertise(None)
    nimble.ble.config(addr_mode=1)
