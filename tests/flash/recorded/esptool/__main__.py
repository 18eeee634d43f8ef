"""Plays esptool 5.6: what it says, its exit codes, and what it does to the flash of a board, which is a file.

Its argument list is checked as esptool would. RECORDED_ESPTOOL names a folder: `flash.bin` is the flash, `calls.jsonl`
gets each argument list, and `fails.json` says what goes wrong: {verb: [what it says, how often]}.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

FOLDER = Path(os.environ["RECORDED_ESPTOOL"])
CONNECTED = """esptool v5.6.0
Serial port {port}:
Connecting....
Detecting chip type... {chip}
Connected to {chip} on {port}:
Chip type:          {full} (revision v3.1)
Features:           Wi-Fi, BT, Dual Core + LP Core, 240MHz
Crystal frequency:  40MHz
MAC:                a0:b7:65:4c:11:20

Uploading stub flasher...
Running stub flasher...
Stub flasher running.
"""


def number(text: str) -> int:
    return int(text, 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="esptool", allow_abbrev=False)
    parser.add_argument("--port", required=True)
    parser.add_argument("--baud", type=int, required=True, choices=[460_800, 115_200])
    parser.add_argument("--before", choices=["default-reset"], required=True)
    parser.add_argument("--after", choices=["hard-reset"], required=True)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("flash-id")
    read = verbs.add_parser("read-flash")
    read.add_argument("address", type=number)
    read.add_argument("size", type=number)
    read.add_argument("output")
    erase = verbs.add_parser("erase-region")
    erase.add_argument("address", type=number)
    erase.add_argument("size", type=number)
    verify = verbs.add_parser("verify-flash")
    write = verbs.add_parser("write-flash")
    for option in ("mode", "freq", "size"):
        write.add_argument(f"--flash-{option}", choices=["keep"], required=True)
    for verb in (verify, write):
        verb.add_argument("address", type=number)
        verb.add_argument("file", type=Path)
    return parser.parse_args()


def fatal(said: str) -> None:
    print()
    print(f"A fatal error occurred: {said}", file=sys.stderr)
    print("\nHint: Check if the port is correct and ESP connected", file=sys.stderr)
    sys.exit(2)


def fail_if_told(verb: str, baud: int) -> None:
    path = FOLDER / "fails.json"
    fails = json.loads(path.read_text()) if path.exists() else {}
    said, often = fails.get(verb, ["", 0])
    if often:
        fails[verb] = [said, often - 1]
        path.write_text(json.dumps(fails))
        fatal(said)


def main() -> None:
    with (FOLDER / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    given = arguments()
    chip = json.loads((FOLDER / "chip.json").read_text())
    fail_if_told(given.verb, given.baud)
    flash = bytearray((FOLDER / "flash.bin").read_bytes())
    print(CONNECTED.format(port=given.port, **chip))
    if given.verb == "flash-id":
        print("Flash Memory Information:\n=========================\nManufacturer: 20\nDevice: 4016")
        print("Detected flash size: 4MB\nFlash voltage set by a strapping pin: 3.3V")
    elif given.verb == "read-flash":
        Path(given.output).write_bytes(flash[given.address : given.address + given.size])
        print(f"Read {given.size} bytes from {given.address:#010x} in 0.3 seconds (80.5 kbit/s) to '{given.output}'.")
    elif given.verb == "erase-region":
        if given.address % 4096 or given.size % 4096:
            fatal("Offset to erase from must be a multiple of 4096")
        flash[given.address : given.address + given.size] = b"\xff" * given.size
        (FOLDER / "flash.bin").write_bytes(flash)
        print("Flash memory region erased successfully in 0.1 seconds.")
    elif given.verb == "verify-flash":
        image = given.file.read_bytes()
        print(
            f"Verifying {len(image):#x} ({len(image)}) bytes at {given.address:#010x} in flash against {given.file}..."
        )
        if hashlib.md5(image).digest() != hashlib.md5(flash[given.address : given.address + len(image)]).digest():
            print("Verification failed (digest mismatch).")
            fatal("Verification failed.")
        print("Verification successful (digest matched).")
    else:
        image = given.file.read_bytes()
        for percent in (0.0, 33.3, 66.7, 100.0):
            print(
                f"Writing at {given.address:#010x} [======>     ] {percent}% {len(image)}/{len(image)} bytes...",
                end="\r",
                flush=True,
            )
        flash[given.address : given.address + len(image)] = image
        (FOLDER / "flash.bin").write_bytes(flash)
        print(f"\nWrote {len(image)} bytes ({len(image)} compressed) at {given.address:#010x} in 0.5 seconds.")
        print("Hash of data verified.")
    print("\nHard resetting via RTS pin...")


main()
