"""`vigil boards`: the boards Vigil runs on."""

import json

import rich_click as click
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Column, Table

from vigil_host.boards import memory
from vigil_host.boards.description import Board, board_ids, load
from vigil_host.boards.page import BEGIN, END, page_part
from vigil_host.boards.problems import BoardError
from vigil_host.cli.problems import in_one_line


@click.command(name="boards")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the boards that Vigil runs on, or explain the one called NAME: its wiring, its pins, what to buy.

    NAME may be a board.toml of your own.

    Example: **vigil boards pico-w**
    """
    with in_one_line(BoardError):
        boards = [load(name)] if name else [load(each) for each in board_ids()]
    if as_json:
        click.echo(json.dumps([_as_json(board) for board in boards]))
    elif name:
        _explain(boards[0])
    else:
        _list(boards)


def _list(boards: list[Board]) -> None:
    table = Table(Column("board", no_wrap=True), Column("MicroPython", no_wrap=True), "pairs", "journal", "memory")
    for board in boards:
        firmware = board.firmware
        table.add_row(
            board.id,
            f"{firmware.image} {firmware.version}" if firmware else "none: Linux",
            ("yes" if firmware.can_pair else "no") if firmware else "",
            "partition" if board.partitions else "files",
            _memory(board),
        )
    Console().print(table)


def _memory(board: Board) -> str:
    """What is needed of it, from files, and what the board has if that is known."""
    if board.firmware is None:
        return ""
    has = f" has {board.firmware.free_kib}" if board.firmware.free_kib else ""
    return f"{_needed(board)} KiB{has}"


def _needed(board: Board, *, is_frozen: bool = False) -> int:
    return memory.needed_by(board, is_frozen=is_frozen)


def _explain(board: Board) -> None:
    lines = [line for line in page_part(board).splitlines() if line not in (BEGIN, END) and not line.startswith("![")]
    Console().print(Markdown("\n".join([f"# {board.name}", "", *lines])))


def _as_json(board: Board) -> dict[str, object]:
    firmware = board.firmware
    return {
        "board": board.id,
        "name": board.name,
        "chip": board.chip_name,
        "image": firmware and firmware.image,
        "version": firmware and firmware.version,
        "flash_offset": firmware and firmware.flash_offset,
        "can_pair": firmware and firmware.can_pair,
        "needed_kib": firmware and _needed(board),
        "needed_frozen_kib": firmware and _needed(board, is_frozen=True),
        "free_kib": firmware and firmware.free_kib,
    }
