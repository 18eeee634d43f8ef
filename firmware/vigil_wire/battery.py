"""The Battery Service 1.0: Battery Level, one byte, 0 to 100 %."""

SERVICE_UUID = 0x180F
LEVEL_UUID = 0x2A19


def encode(percent: int) -> bytes:
    """Return the value of the Battery Level characteristic; ValueError outside 0 to 100."""
    return bytes((_checked(percent),))


def decode(data: "bytes | bytearray | memoryview") -> int:
    """Read the value of the Battery Level characteristic, %; ValueError when it is none."""
    if len(data) != 1:
        raise ValueError(f"a battery level has 1 byte, this one has {len(data)}")
    return _checked(data[0])


def _checked(percent: int) -> int:
    if not 0 <= percent <= 100:
        raise ValueError(f"a battery level of {percent} %")
    return percent
