"""Reading small CSV tables of decimal numbers as integers, with errors that name the file and the line."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    _T = TypeVar("_T")

_POWERS = (1, 10, 100, 1000, 10000, 100000, 1000000)


class TableError(Exception):
    """A table cannot be used. `str()` is one line: file, line, what is wrong."""


def parse_decimal(text: str, decimals: int) -> int | None:
    """Return a decimal number scaled by 10^decimals; None when the text is no such number.

    Optional minus sign, digits, and a fraction of at most `decimals` digits.
    """
    sign = 1
    if text.startswith("-"):
        sign = -1
        text = text[1:]
    whole, point, fraction = text.partition(".")
    if not whole.isdigit() or len(whole) > 12 or len(fraction) > decimals:
        return None
    value = int(whole) * _POWERS[decimals]
    if fraction:
        if not fraction.isdigit():
            return None
        value += int(fraction) * _POWERS[decimals - len(fraction)]
    elif point:
        return None
    return sign * value


def rows(
    lines: "Iterable[str]",
    name: str,
    required: "tuple[str, ...]",
    optional: "tuple[str, ...]",
    error: "type[TableError]",
) -> "Iterator[tuple[int, list[str]]]":
    """Yield (line number, cells in the order required + optional) for each row that is not blank.

    The first line names the columns, in any order; others are ignored, and an optional one that is missing
    gives empty cells. Raises `error` for missing columns, a row of another width, and a table without rows.
    """
    columns = required + optional
    order: list[int] = []
    width = 0
    number = 0
    empty = True
    for line in lines:
        number += 1
        if number == 1 and line.startswith("\ufeff"):  # the mark that some spreadsheets put first
            line = line[1:]
        cells = [cell.strip() for cell in line.split(",")]
        if number == 1:
            missing = [column for column in required if column not in cells]
            if missing:
                raise error(f"{name}:1: missing column {', '.join(missing)}; needed are {','.join(required)}")
            order = [cells.index(column) if column in cells else -1 for column in columns]
            width = len(cells)
        elif len(cells) == width:
            empty = False
            yield number, [cells[i] if i >= 0 else "" for i in order]
        elif cells != [""]:
            raise error(f"{name}:{number}: {len(cells)} cells where the first line names {width} columns")
    if number == 0:
        raise error(f"{name}:1: the file is empty")
    if empty:
        raise error(f"{name}:{number}: there is no row below the names of the columns")


def parse_file(path: str, parse: "Callable[[Iterable[str], str], _T]", error: "type[TableError]") -> "_T":
    """Return what `parse(lines, path)` makes of a text file. Raises `error`, also when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file, path)
    except OSError as os_error:
        fault = f"cannot be read (errno {os_error.errno})"
    except UnicodeError:
        fault = "is not text"
    raise error(f"{path}: {fault}")
