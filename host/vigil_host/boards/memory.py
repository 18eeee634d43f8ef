"""How much memory the firmware needs on a board, in KiB of MicroPython's heap with 32-bit words.

The first four are the last line of `python benchmarks/memory.py`, with and without `--without-services`, on native
MicroPythons without and with Vigil frozen in: the smallest heap in which the firmware of a board with a TMP117 lives,
light, buzzer, link and all. `MORE_KIB` is what a heap that was looked at held more, rounded up.
"""

from collections.abc import Iterable

from vigil_host.boards.description import Board

FROM_FILES_KIB, FROM_FILES_WITHOUT_SERVICES_KIB = 164, 152
FROZEN_KIB, FROZEN_WITHOUT_SERVICES_KIB = 76, 68
SIMULATED = "simulated"
MORE_KIB = {
    "accelerometer": (20, 8),
    "battery": (4, 2),
    "display": (20, 8),
    SIMULATED: (32, 12),
}
"""By kind of part, from files and frozen; `SIMULATED`: simulated sensors in place of wired ones."""


def needed_by(board: Board, *, is_frozen: bool, is_simulated: bool = False) -> int:
    """What this board needs; `is_simulated`: with simulated sensors."""
    kinds = [part.driver.kind for part in board.parts] + [SIMULATED] * is_simulated
    has_services = board.firmware is not None and board.firmware.can_pair
    return needed_kib(kinds, has_services=has_services, is_frozen=is_frozen)


def needed_kib(kinds: Iterable[str], *, has_services: bool, is_frozen: bool) -> int:
    """What a board needs that has these kinds of parts; `has_services`: it offers standard services, as it can pair."""
    if is_frozen:
        least = FROZEN_KIB if has_services else FROZEN_WITHOUT_SERVICES_KIB
    else:
        least = FROM_FILES_KIB if has_services else FROM_FILES_WITHOUT_SERVICES_KIB
    return least + sum(MORE_KIB[kind][is_frozen] for kind in set(kinds) & MORE_KIB.keys())


def advice(*, is_frozen: bool) -> str:
    """What to do where there is too little."""
    more = "take a board with extra memory (PSRAM), or fewer parts"
    return more if is_frozen else f"{more}, or a MicroPython with Vigil frozen in (`vigil freeze`)"
