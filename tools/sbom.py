"""Write the software bill of materials (CycloneDX, JSON) of what Vigil installs: `python tools/sbom.py FOLDER FILE`.

FOLDER is an environment with Vigil in it and nothing else (`make sbom` makes one); the file has all its packages, and
what the build fetches from npm with the hashes it is pinned to. Fails where a dependency that pyproject.toml names for
running Vigil, or its demo, is not in it. Not in it are MicroPython on a board and the board's own loader.
"""

import base64
import json
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("demo", "vm")


def main(environment: Path, file: Path) -> str:
    """Write the file; return what is missing from it, a line for each."""
    file.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--output-file", str(file), str(environment / "bin" / "python")]
    subprocess.run(command, check=True)
    sbom = json.loads(file.read_text(encoding="utf-8"))
    sbom["components"] += npm_components()
    file.write_text(json.dumps(sbom, indent=1) + "\n", encoding="utf-8")
    return "".join(f"{file}: {name} is missing\n" for name in missing(sbom, required()))


def required() -> list[str]:
    """What pyproject.toml asks for on this machine, to run Vigil and its demo."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: list[str] = [each for extra in EXTRAS for each in project["optional-dependencies"][extra]]
    wanted = [Requirement(each) for each in [*project["dependencies"], *extras]]
    return [each.name for each in wanted if each.marker is None or each.marker.evaluate()]


def missing(sbom: dict[str, Any], names: Iterable[str]) -> list[str]:
    """The names that no component with a version has, spelled in any way."""
    there = {_plain(each["name"]) for each in sbom["components"] if each.get("version")}
    return [name for name in names if _plain(name) not in there]


def npm_components() -> list[dict[str, Any]]:
    """What hatch_build.py fetches, with the hash of each archive."""
    return [
        {
            "bom-ref": package.spec,
            "type": "library",
            "name": package.name,
            "version": package.version,
            "purl": f"pkg:npm/{package.name.replace('@', '%40')}@{package.version}",
            "hashes": [{"alg": "SHA-512", "content": base64.b64decode(package.integrity).hex()}],
            "licenses": [{"license": {"id": package.licence}}],
        }
        for package in runpy.run_path(str(ROOT / "hatch_build.py"))["PACKAGES"]
    ]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])) or 0)
