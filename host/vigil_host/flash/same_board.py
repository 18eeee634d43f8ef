"""Which device a board has been made, so that no board is given two keys.

A board keeps its key itself, in its files. For the case that those are erased, `flashed.json` in the data folder notes
which device each board is, by the number that its chip was made with (`machine.unique_id()`: an ESP32's MAC address,
the serial number of a Pico's flash). There is no key in it: that is in the devices file.
"""

import contextlib
import json
from pathlib import Path

from vigil_host import private_file
from vigil_host.devices import Devices, DevicesError, KnownDevice
from vigil_host.flash.problems import FlashError
from vigil_wire import keys


class SameBoard:
    """The note of which board is which device, beside the devices file."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._path = devices.path.with_name("flashed.json")

    def former_key(self, unique_id: str) -> bytes | None:
        """The key that this board had, if its device is still known here."""
        known = self._known(self._noted().get(unique_id, ""))
        return known.key if known else None

    def register(self, unique_id: str, key: bytes, name: str | None, wearer: str) -> KnownDevice:
        """Note that the board has this key, and make it known to the bridge unless it is; raises DevicesError."""
        device = next((each for each in self._devices.list() if key in each.possible_keys), None)
        if device is None:
            device = self._devices.add(keys.setup_code(key), wearer, name)
        self._note(unique_id, device.id)
        return device

    def _known(self, device_id: str) -> KnownDevice | None:
        with contextlib.suppress(DevicesError):
            return self._devices.get(device_id)
        return None

    def _noted(self) -> dict[str, str]:
        try:
            noted: dict[str, str] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise FlashError(f"{self._path} cannot be read ({error}): move it away, then run this again") from None
        return noted

    def _note(self, unique_id: str, device_id: str) -> None:
        path: Path = self._path
        try:
            with private_file.alone(path):
                noted = self._noted()
                if noted.get(unique_id) != device_id:
                    private_file.replace(path, json.dumps({**noted, unique_id: device_id}, indent=1) + "\n")
        except OSError as error:
            raise FlashError(f"{path} cannot be written: {error.strerror}") from None
