# Runs on the board: the key that it has, as hex digits, or "". Prints JSON.
import json
import sys
from binascii import hexlify

for name in list(sys.modules):  # of the firmware that ran before
    if name.startswith("vigil_"):
        del sys.modules[name]

from vigil_firmware.storage import BLOCK_COUNT, stored_key
from vigil_hal.file_blocks import FileBlocks

print(json.dumps(hexlify(stored_key(FileBlocks("/vigil", BLOCK_COUNT)) or b"").decode()))
