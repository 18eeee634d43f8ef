"""`vigil doctor` over the virtual radio: a device's adverts are counted, and nobody else's."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakScanner

from vigil_host.clock import Clock
from vigil_host.config import Config
from vigil_host.devices import KnownDevice
from vigil_host.doctor import radio
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirScanner
from vigil_wire import advert, keys

pytestmark = pytest.mark.anyio

KEY = bytes(range(16))
HEARD_S = 1.0


async def test_it_counts_the_adverts_of_a_known_device_through_the_radio(air: Air, device: Any) -> None:
    known = [KnownDevice(keys.device_id(key), name, "Ada", key) for key, name in ((KEY, "Clip"), (bytes(16), "Other"))]
    sealer = advert.AdvertSealer(KEY)
    listening = asyncio.create_task(
        radio.check_hearing(
            lambda heard: BleakScanner(heard, backend=AirScanner, air=air),
            known,
            Config(Path("vigil.db")),
            HEARD_S,
            Clock(),
        )
    )
    for counter in range(5):
        sealer.seal(bytearray(advert.CONTENT_LENGTH), 0, 0, counter)
        device.advertise(bytes(sealer.advert))  # every 20 ms, so that each is heard many times
        await asyncio.sleep(0.15)
    senders, clip, other = await listening
    assert senders.found == "1 sender heard in 1 s"
    assert (clip.verdict, clip.found) == ("good", f"Clip: {5 * 60 / HEARD_S:.0f} of 60 adverts a minute")
    assert (other.verdict, other.found) == ("bad", "Other: 0 of 60 adverts a minute")
