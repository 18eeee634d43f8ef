"""What a maker freezes into a MicroPython of their own: Vigil's packages, a manifest, and a mark to know them by.

Frozen bytecode stays in flash, and takes no memory of a board. What is frozen is what goes onto boards as files too
(`file_set.sources`), with the drivers of all parts, so that one image serves every board of a kind. boot.py and main.py
are files on each board: MicroPython would start frozen ones before those that their owner can change.
"""

import hashlib
import re
from pathlib import Path

from vigil_host.boards.file_set import sources
from vigil_host.boards.problems import ImageError

MODULE = "vigil_frozen"
_MARK = re.compile(rb"vigil-sources-[0-9a-f]{64}")
_MANIFEST = """\
# Freezes Vigil into a MicroPython image. `vigil freeze` has made this folder, and makes it anew.
include("$(PORT_DIR)/boards/manifest.py")
for path in {paths!r}:
    module(path)
"""


def mark() -> str:
    """What `vigil_frozen.SOURCES` is where the packages of this Vigil are frozen, and stands in such an image."""
    digest = hashlib.sha256()
    for path, source in sorted(sources().items()):
        digest.update(f"{path}\0{source}\0".encode())
    return f"vigil-sources-{digest.hexdigest()}"


def mark_in(micropython: bytes) -> str:
    """The mark of the Vigil that is frozen into an image; "": there is none."""
    found = _MARK.search(micropython)
    return found[0].decode() if found else ""


def write(folder: Path) -> Path:
    """Put the packages into a folder, and return the manifest for MicroPython's build; raises ImageError."""
    modules = {**sources(), f"{MODULE}.py": f'SOURCES = "{mark()}"\n'}
    manifest = folder / "manifest.py"
    try:
        for path, source in modules.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(source, encoding="utf-8")
        manifest.write_text(_MANIFEST.format(paths=tuple(modules)), encoding="utf-8")
    except OSError as error:
        raise ImageError(f"{error.filename} cannot be written: {error.strerror}") from None
    return manifest.resolve()
