"""Finds Vigil's data files, in an installed wheel and in a checkout alike.

A wheel keeps `boards/` and the board's own files inside `vigil_host`; a checkout, and an editable
installation of one, keeps them where their authors edit them.
"""

from importlib.util import find_spec
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_CHECKOUT = _HERE.parent.parent

_PORTABLE = ("vigil_hal", "vigil_wire", "vigil_firmware")

# Where each kind of file lives: in a wheel, then in a checkout.
_PLACES = {
    "boards": (_HERE / "_boards", _CHECKOUT / "boards"),
    "firmware": (_HERE / "_firmware", _CHECKOUT / "firmware"),
    "vendor": (_HERE / "vendor",),
}


class AssetMissing(FileNotFoundError):
    """A data file is not part of this installation; the message says which, and what to do."""


def asset(path: str) -> Path:
    """Return the file or folder at `path`, whose first part names its kind.

    * `boards/BOARD/board.toml`: a board's description and its wiring page;
    * `firmware/board/main.py`, `firmware/board/boot.py`, `firmware/package.json`;
    * `vendor/uplot/...`, `vendor/micropython/...`, `vendor/esp-web-tools/...`: fetched from npm when Vigil was built;
    * `vigil_hal`, `vigil_wire`, `vigil_firmware`: the portable packages, to copy to a board or into a VM.

    Raises AssetMissing where it is not there, ValueError where `path` begins with no known kind.
    """
    kind, _, rest = path.partition("/")
    if kind in _PORTABLE:
        spec = find_spec(kind)
        places = tuple(Path(place) for place in spec.submodule_search_locations or ()) if spec else ()
    elif kind in _PLACES:
        places = _PLACES[kind]
    else:
        raise ValueError(f"{path!r} does not begin with one of {', '.join((*_PLACES, *_PORTABLE))}")
    for place in places:
        found = place / rest
        if found.exists():
            return found
    raise AssetMissing(f"Vigil's file {path} is not in this installation: run `pip install` for it again")
