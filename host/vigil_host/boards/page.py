"""The part of a board's page that follows from its board.toml, as Markdown."""

from vigil_host.boards import memory, wiring
from vigil_host.boards.description import Board, Firmware, Partition

BEGIN = "<!-- From board.toml: `python tools/board_pages.py` writes what follows, up to the end mark. -->"
END = "<!-- End of what follows from board.toml. -->"
_SIGNALS = {
    "light": "LED, long leg, with 330 ohm in series to GND",
    "buzzer": "piezo or small loudspeaker, switched by a transistor (2N2222 with 1 kilohm at its base)",
    "beeper": "beeper, switched by a transistor (2N2222 with 1 kilohm at its base)",
    "vibration": "vibration motor, switched by a transistor, with a diode across the motor",
    "button": "push button, to GND",
}


def page_part(board: Board) -> str:
    """Picture, tables and lists, between their marks."""
    lines = [BEGIN, "", f"![Wiring of {board.name}](wiring.svg)", "", *_sensors(board), "", *_signals(board), ""]
    lines += [*_avoided(board), "", *_parts(board)]
    if board.partitions:
        lines += ["", *_partitions(board.partitions)]
    elif board.files_bytes:
        lines += ["", "## Flash", "", _files(board)]
    if board.firmware:
        lines += ["", *_micropython(board, board.firmware)]
    lines += ["", "Sources: " + "; ".join(board.facts) + ".", "", END]
    return "\n".join(lines)


def with_page_part(text: str, board: Board) -> str:
    """A page with this part in place of what was between the marks; raises ValueError where they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"boards/{board.id}/README.md lacks the marks {BEGIN!r} and {END!r}")
    return before + page_part(board) + after


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(*heads: str) -> list[str]:
    return [_row(*heads), "|" + "---|" * len(heads)]


def _sensors(board: Board) -> list[str]:
    modules = [f"{part.name} module" for part in board.bus_parts]
    lines = ["## Wiring", "", *_table(board.name, *modules)]
    for pin, name in (
        (wiring.named(board, board.supply), "VIN (or VCC, V+)"),
        (wiring.named(board, "GND"), "GND"),
        (wiring.named(board, board.bus.sda), "SDA"),
        (wiring.named(board, board.bus.scl), "SCL"),
    ):
        lines.append(_row(pin, *(name for _ in modules)))
    addresses = ", ".join(f"{part.name} {part.address:#04x}" for part in board.bus_parts)
    lines += ["", f"The bus runs at {board.bus.freq_hz // 1000} kHz; addresses: {addresses}."]
    if board.pin_parts:
        lines += ["", *_table(board.name, "part")]
        lines += [_row(wiring.named(board, part.pin), part.name) for part in board.pin_parts if part.pin is not None]
    return lines


def _signals(board: Board) -> list[str]:
    lines = ["## Alarm signals", "", *_table(board.name, "part")]
    for use, what in _SIGNALS.items():
        for index, pin in enumerate(board.pins.get(use, ())):
            text = what
            if use == "light" and len(board.pins[use]) > 1:
                text = f"LED of three colours, {wiring.COLOURS_OF_LIGHT[index]}, with 330 ohm in series"
            if use == "button" and wiring.is_own_button(board):
                text = "BOOT, which is on the board, or another button to GND"
            lines.append(_row(wiring.named(board, pin), text))
    for use, text in wiring.RESERVED_USES.items():
        for pin in board.pins.get(use, ()):
            if any(part.pin == pin for part in board.pin_parts):
                continue
            lines.append(_row(wiring.named(board, pin), f"nothing: kept free for {text}, which is not read yet"))
    return lines


def _avoided(board: Board) -> list[str]:
    lines = ["## Pins that must not be used", ""]
    avoided = board.avoided()
    if not avoided:
        reserved = ", ".join(f"GPIO {pin} ({why})" for pin, why in board.reserved.items())
        return [*lines, f"None on the header. Not on it, and the board's own: {reserved}."]
    lines += _table("pin", "why")
    for pin, why in avoided.items():
        own = wiring.is_own_button(board) and pin == board.chip.boot_pin
        lines.append(_row(wiring.named(board, pin), why + ("; as a button, do not hold it at reset" if own else "")))
    return lines


def _parts(board: Board) -> list[str]:
    return ["## Parts", "", *(f"* {part}" for part in wiring.parts(board))]


def _micropython(board: Board, firmware: Firmware) -> list[str]:
    pairing = "A phone can pair with it." if firmware.can_pair else "No phone can pair with it."
    where = f", which begins at {firmware.flash_offset:#x}" if board.chip.port == "esp32" else ", as a UF2 file"
    text = f"The image {firmware.image}, version {firmware.version}{where}. {pairing}"
    needed, frozen = (memory.needed_by(board, is_frozen=is_frozen) for is_frozen in (False, True))
    free = (
        f"others report {firmware.free_kib} free, Bluetooth off" if firmware.free_kib else "what is free is not known"
    )
    there = f"Vigil needs {needed} KiB of memory, {frozen} where it is frozen in; {free}"
    text += f" {there} ([more](../../docs/boards.md#memory))."
    return ["## MicroPython", "", text]


def _partitions(partitions: tuple[Partition, ...]) -> list[str]:
    lines = ["## Flash", "", *_table("partition", "begins at", "KiB")]
    return lines + [_row(each.label, f"{each.offset:#x}", str(each.size // 1024)) for each in partitions]


def _files(board: Board) -> str:
    return (
        f"The files begin at {board.files_offset:#x} and have {board.files_bytes // 1024} KiB, up to the end of the "
        "flash. MicroPython mounts all of it, so the journal is kept in files."
    )
