"""Writes firmware/package.json: the files that `mpremote mip` puts on a board.

Run it after adding, renaming or removing a file of the portable packages or of firmware/board; a test says
when that was forgotten. Sources are relative to the folder of package.json, as mip resolves them.
"""

import json
import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGE_JSON = _ROOT / "firmware" / "package.json"

# Where each package is, and its folder that simulates parts or devices: of use on a host only.
_PACKAGES = (
    ("hal", "vigil_hal", "simulated"),
    ("firmware", "vigil_wire", None),
    ("firmware", "vigil_firmware", "simulation"),
)


def urls() -> list[list[str]]:
    """Return [destination, source] of every file a board needs."""
    found = [[file.name, f"board/{file.name}"] for file in sorted((_ROOT / "firmware/board").glob("*.py"))]
    for folder, package, simulated in _PACKAGES:
        prefix = "" if folder == "firmware" else f"../{folder}/"
        for file in sorted((_ROOT / folder / package).rglob("*.py")):
            path = file.relative_to(_ROOT / folder)
            if simulated not in path.parts:
                found.append([path.as_posix(), prefix + path.as_posix()])
    return found


def text() -> str:
    """Return what package.json should hold."""
    version = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    rows = ",\n".join(f"    {json.dumps(row)}" for row in urls())
    return f'{{\n  "version": "{version}",\n  "deps": [],\n  "urls": [\n{rows}\n  ]\n}}\n'


if __name__ == "__main__":
    _PACKAGE_JSON.write_text(text(), encoding="utf-8")
