# Mounts an image of a board's files as the board does, imports all of Vigil from it, and writes a file.
import os
import sys

import vfs


class Flash:
    """An extended block device in a file."""

    def __init__(self, file):
        self.file = file
        self.blocks = file.seek(0, 2) // 4096

    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.readinto(buffer)

    def writeblocks(self, block, data, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.write(data)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return 4096
        if operation == 6:
            self.writeblocks(argument, b"\xff" * 4096)
        return 0


flash = Flash(open("files.bin", "r+b"))  # noqa: SIM115 - the file system's, until the program ends
vfs.mount(vfs.VfsLfs2(flash, progsize=int(sys.argv[1])), "/board")
sys.path.insert(0, "/board")
imported = 0
for package in ("vigil_hal", "vigil_wire", "vigil_firmware", "vigil_firmware/signal"):
    for name in os.listdir("/board/" + package):
        if name.endswith(".mpy") and name != "__init__.mpy":
            path = package + "/" + name
            module = __import__(path[:-4].replace("/", "."), None, None, ("*",))
            assert module.__file__ == "/board/" + path, module.__file__
            imported += 1
with open("/board/new", "wb") as file:
    file.write(bytes(10_000))
print(imported, os.stat("/board/new")[6])
