"""How the machine's own adapter is asked to scan."""

import sys
from typing import Any

import pytest
from bleak import BleakScanner
from bleak.assigned_numbers import AdvertisementDataType

from vigil_host.link import adapter
from vigil_wire import advert


@pytest.fixture
def asked(mocker: Any) -> Any:
    """What bleak's scanner is made with."""
    return mocker.patch.object(adapter, "BleakScanner")


def heard(_device: object, _data: object) -> None:
    """Hear nothing."""


@pytest.mark.parametrize("duplicates", [False, True])
def test_active(asked: Any, duplicates: bool) -> None:
    adapter.scanner_factory(wants_duplicates=duplicates)(heard)
    asked.assert_called_once_with(heard, scanning_mode="active", bluez={"filters": {"DuplicateData": duplicates}})


def test_passive_asks_for_vigils_adverts_alone(asked: Any) -> None:
    adapter.scanner_factory("hci1", is_passive=True)(heard)
    options = asked.call_args.kwargs
    assert (options["scanning_mode"], options["bluez"]["adapter"]) == ("passive", "hci1")
    assert "filters" not in options["bluez"]
    ((position, kind, pattern),) = options["bluez"]["or_patterns"]
    sealer = advert.AdvertSealer(bytes(16))
    data = bytes(sealer.advert)
    at = data.index(bytes((AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA,)) + pattern)  # length, kind, value
    assert (position, kind) == (0, data[at])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no patterns")
def test_bleak_takes_both() -> None:
    for is_passive in (False, True):
        assert isinstance(adapter.scanner_factory(is_passive=is_passive)(heard), BleakScanner)
