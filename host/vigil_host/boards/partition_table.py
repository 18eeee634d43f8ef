"""The partition table of an ESP32, as bytes: what ESP-IDF's gen_esp32part.py makes of the same rows.

Rows of 32 bytes: magic AA 50, type, subtype, offset, size, label (16), flags (4); then one of EB EB, fourteen times FF
and the MD5 of the rows before it; then FF. Source: ESP-IDF programming guide, Partition Tables.
"""

import hashlib
import struct
from collections.abc import Sequence

from vigil_host.boards.description import Partition
from vigil_host.boards.problems import ImageError

TABLE_OFFSET = 0x8000
TABLE_BYTES = 0xC00
MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_ROW = struct.Struct("<2sBBII16sI")


def encode(partitions: Sequence[Partition]) -> bytes:
    """The table, TABLE_BYTES long."""
    rows = b"".join(
        _ROW.pack(MAGIC, each.type, each.subtype, each.offset, each.size, each.label.encode(), 0) for each in partitions
    )
    return (rows + _MD5_MAGIC + hashlib.md5(rows).digest()).ljust(TABLE_BYTES, b"\xff")


def decode(table: bytes) -> list[Partition]:
    """The partitions of a table, whatever follows it; raises ImageError where it is none or is damaged."""
    partitions: list[Partition] = []
    for start in range(0, len(table) - _ROW.size + 1, _ROW.size):
        row = table[start : start + _ROW.size]
        if row[:2] == MAGIC:
            _, kind, subtype, offset, size, label, _ = _ROW.unpack(row)
            name = label.rstrip(b"\0").decode(errors="replace")
            partitions.append(Partition(name, kind, subtype, offset, size))
        elif row[:16] == _MD5_MAGIC:
            if row[16:] != hashlib.md5(table[:start]).digest():
                raise ImageError("the partition table is damaged: its MD5 is not that of its rows")
        elif row == b"\xff" * _ROW.size and partitions:
            return partitions
        else:
            break
    raise ImageError("there is no partition table")
