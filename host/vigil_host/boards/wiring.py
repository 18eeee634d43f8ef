"""What goes where on a board, as data: for its page, its picture, and the file `board.json` that it reads."""

import json
from dataclasses import dataclass
from typing import Any

from vigil_host.boards.description import Board

RESERVED_USES = {"interrupt": "MAX30102 INT", "battery": "half of the battery's voltage"}
"""Pins that board.toml keeps free for what the firmware does not read yet."""
SIGNAL_PARTS = {
    "light": "LED",
    "buzzer": "piezo or small loudspeaker",
    "beeper": "beeper, a buzzer with an oscillator of its own",
    "vibration": "vibration motor",
    "button": "button",
}
COLOURS_OF_LIGHT = ("red", "green", "blue")
_BUS_WIRES = 4
_PIN_WIRES = 3


@dataclass(frozen=True)
class Use:
    """One use of one pin of the header: `net` is its colour in the picture, `text` what it is called."""

    pin: int
    net: str
    text: str


def uses(board: Board) -> list[Use]:
    """Every GPIO that is used or kept free, in the order of the page."""
    found = [Use(board.bus.sda, "sda", "SDA"), Use(board.bus.scl, "scl", "SCL")]
    for use, pins in board.pins.items():
        if use == "light" and len(pins) > 1:
            found += [Use(pin, use, f"light, {colour}") for pin, colour in zip(pins, COLOURS_OF_LIGHT, strict=True)]
        elif use in RESERVED_USES:
            if any(part.pin == pins[0] for part in board.pin_parts):
                continue
            found.append(Use(pins[0], "reserved", {"interrupt": "INT, free", "battery": "battery, free"}[use]))
        else:
            found.append(Use(pins[0], use, "BOOT button" if use == "button" and is_own_button(board) else use))
    found += [Use(part.pin, "part", part.name) for part in board.pin_parts if part.pin is not None]
    return found


def is_own_button(board: Board) -> bool:
    """Whether the button is the board's own BOOT."""
    return board.chip.boot_pin is not None and board.pins.get("button") == (board.chip.boot_pin,)


def named(board: Board, entry: int | str) -> str:
    """A pin of the header as a text speaks of it."""
    if [*board.header.left, *board.header.right].count(entry) > 1:
        return f"{entry}, any of them"
    label, number = board.header.label(entry), board.header.number(entry)
    text = f"GPIO {entry}" if isinstance(entry, int) else label
    if isinstance(entry, int) and label not in (str(entry), text):
        text += f", marked {label}"
    return text if number is None else f"{text}, pin {number}"


def board_json(board: Board) -> bytes:
    """The file board.json, from which the board's main.py knows its pins; it names all that are used."""
    pins: dict[str, Any] = {
        "i2c": board.bus.id, "sda": board.bus.sda, "scl": board.bus.scl, "i2c_hz": board.bus.freq_hz,
    }  # fmt: skip
    for use in SIGNAL_PARTS:
        if use in board.pins:
            numbers = board.pins[use]
            pins[use] = numbers[0] if len(numbers) == 1 else list(numbers)
    pins["parts"] = [part.entry for part in board.parts if part.driver.kind != "oximeter"]
    return json.dumps(pins).encode() + b"\n"


def parts(board: Board) -> list[str]:
    """What a maker needs for everything that board.toml names."""
    pins = board.pins
    wires = _BUS_WIRES * len(board.bus_parts) + _PIN_WIRES * len(board.pin_parts)
    wires += sum(2 if use == "button" else 3 for use in pins if use in SIGNAL_PARTS)
    driven = [use for use in ("buzzer", "beeper", "vibration") if use in pins]
    found = [f"{board.name}, and a USB cable that carries data"]
    if not board.runs_micropython:
        found = [f"{board.name} with its supply and a memory card"]
    found += [f"{part.name} module" for part in board.bus_parts]
    found += [part.name for part in board.pin_parts]
    if "light" in pins:
        lights = len(pins["light"])
        led = "an LED" if lights == 1 else "an LED of three colours, common cathode"
        found.append(f"{led}, and {lights} of 330 ohm")
    found += [f"a {SIGNAL_PARTS[use]}" for use in driven]
    if driven:
        found.append(f"{len(driven)} of 2N2222 (NPN transistor), and {len(driven)} of 1 kilohm")
    if "vibration" in pins:
        found.append("a diode 1N4148")
    if "button" in pins and not is_own_button(board):
        found.append("a push button")
    found.append(f"a breadboard, and about {wires} wires")
    found.append("for a module with the wrong pull-ups: 2 of 4.7 kilohm")
    return found
