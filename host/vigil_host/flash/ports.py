"""The serial port a board is on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from vigil_host.flash.problems import FlashError


@dataclass(frozen=True)
class Port:
    """A serial port of this computer, and what its USB device calls itself."""

    name: str
    description: str


def usb_ports() -> list[Port]:
    """The ports that are on USB: a computer's built-in ones have no board."""
    found = (Port(each.device, each.description) for each in list_ports.comports() if each.vid is not None)
    return sorted(found, key=lambda port: port.name)


def find(wanted: str | None) -> Port:
    """The port with this name, or the only one there is; raises FlashError."""
    if wanted is not None:
        return Port(wanted, "as named")
    found = usb_ports()
    if not found:
        raise FlashError(
            "no board is on USB: plug it in with a cable that carries data (many only charge), or name it with --port"
        )
    if len(found) > 1:
        raise FlashError(f"several boards may be meant, choose with --port: {described(found)}")
    return found[0]


def described(ports: Sequence[Port]) -> str:
    """All of them in one line."""
    return ", ".join(f"{port.name} ({port.description})" for port in ports)


def is_there(name: str) -> bool:
    """Whether this port can be seen; a URL's always is."""
    return "://" in name or Path(name).exists() or any(port.name == name for port in usb_ports())


def cannot_open(name: str, reason: str) -> FlashError:
    """Why a port did not open, and what to do, by what the system said."""
    text = reason.lower()
    if "permission denied" in text or "errno 13" in text:
        return FlashError(
            f"{name} may not be opened by this user: sudo usermod -a -G dialout $USER (uucp on Arch), then log in anew"
        )
    if ("busy" in text and "exist" not in text) or "resource temporarily unavailable" in text or "exclusive" in text:
        return FlashError(f"{name} is in use: close the program that has it open (mpremote, an IDE's monitor)")
    if "no such file" in text or "errno 2]" in text or "filenotfound" in text or not is_there(name):
        return FlashError(f"{name} is not there: plug the board in, then run this again")
    return FlashError(f"{name} cannot be opened: {reason}")
