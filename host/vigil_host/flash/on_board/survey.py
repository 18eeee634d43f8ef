# Runs on the board: what it is, its folders, and the SHA-256 of each of its files. Prints JSON.
import hashlib
import json
import os
from binascii import hexlify

import machine

_FOLDER = 0x4000
_NOT_FILES = ("/dev", "/proc", "/tmp", "/home", "/builtin", "/wiring")  # of MicroPython's WebAssembly build


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            piece = file.read(1024)
            if not piece:
                return hexlify(digest.digest()).decode()
            digest.update(piece)


def walk(folder, found, folders):
    for row in os.ilistdir(folder or "/"):
        path = folder + "/" + row[0]
        if row[0] in (".", "..") or path in _NOT_FILES:
            continue
        if row[1] == _FOLDER:
            if path != "/vigil/journal":
                folders.append(path[1:])
                walk(path, found, folders)
        else:
            found[path[1:]] = [sha256(path), os.stat(path)[6]]
    return found


folders = []
uname = os.uname()
room = os.statvfs("/")
print(
    json.dumps(
        {
            "platform": uname[0],
            "version": uname[3],
            "machine": uname[4],
            "unique_id": hexlify(machine.unique_id()).decode(),
            "block_bytes": room[0],
            "free_bytes": room[0] * room[3],
            "files": walk("", {}, folders),
            "folders": folders,
        }
    )
)
