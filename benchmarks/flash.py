"""What Vigil's files take of each board's flash, as `vigil image` writes them.

python benchmarks/flash.py
"""

from vigil_host.boards.description import board_ids, load
from vigil_host.boards.file_set import file_set
from vigil_host.boards.file_system import pack, used_bytes
from vigil_host.boards.image import provisioned
from vigil_wire.keys import KEY_LENGTH


def main() -> None:
    """Print a row for each board that is flashed."""
    print("| board | mpy-cross for | files | bytes | KiB of flash taken | of |\n|---|---|---|---|---|---|")
    for board in map(load, board_ids()):
        if not board.runs_micropython:
            continue
        files = {**file_set(board), **provisioned(bytes(KEY_LENGTH))}
        taken = used_bytes(pack(files, board), board) // 1024
        length = sum(map(len, files.values()))
        row = (board.id, board.chip.architecture, len(files), length, taken, board.files_bytes // 1024)
        print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
