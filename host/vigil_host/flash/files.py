"""Which files a board lacks, and the order in which they go onto it.

The board's main.py goes first and comes last: whenever the cable is pulled out, what starts is the old firmware, the
new one, or none, and never a part of both. What of Vigil's packages is not in the file set goes too: MicroPython would
take an old .py before a new .mpy.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

PACKAGES = ("vigil_hal", "vigil_wire", "vigil_firmware")
_START = "main.py"


@dataclass(frozen=True)
class Difference:
    """What is to be removed from a board, and what is to be written, in this order; `kept`: files that are right."""

    remove: tuple[str, ...]
    write: tuple[str, ...]
    kept: int


def difference(wanted: Mapping[str, bytes], found: Mapping[str, str]) -> Difference:
    """Compare the files that are wanted with the SHA-256 of those that are there, by path."""
    write = [path for path, content in wanted.items() if found.get(path) != hashlib.sha256(content).hexdigest()]
    remove = [path for path in found if is_of_packages(path) and path not in wanted]
    if not write and not remove:
        return Difference((), (), len(wanted))
    if _START in found:
        remove.insert(0, _START)
    if _START in wanted and _START not in write:
        write.append(_START)
    write.sort(key=lambda path: (path == _START, path))
    return Difference(tuple(remove), tuple(write), len(wanted) - len(write))


def folders(paths: tuple[str, ...]) -> list[str]:
    """The folders that these files need, outermost first."""
    return sorted({str(folder) for path in paths for folder in PurePosixPath(path).parents if str(folder) != "."})


def needless_folders(found: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Folders of Vigil's packages in which nothing is wanted, innermost first: even empty they hide what is frozen."""
    needed = folders(tuple(wanted))
    return sorted((each for each in found if is_of_packages(f"{each}/_") and each not in needed), reverse=True)


def blocks_bytes(length: int, block_bytes: int) -> int:
    """What a file of this length takes, in whole blocks."""
    return (length + block_bytes - 1) // block_bytes * block_bytes


def is_of_packages(path: str) -> bool:
    """Whether this is a file of Vigil's packages, wherever `mip` or `vigil flash` put them."""
    parts = PurePosixPath(path).parts
    return len(parts) > 1 and (parts[0] in PACKAGES or (parts[0] == "lib" and parts[1] in PACKAGES))
