"""Runs programs on a native MicroPython binary (1.24 or newer), for tests that need none of the injected modules."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from vigil_host.assets import asset
from vigil_host.vm.runner import PACKAGES, Argument, VmResult, named_source


class NativeMicroPython:
    """Runs programs with the binary at `path`, as MicroPythonVm does but for time, which is real."""

    def __init__(self, path: Path, *, timeout_s: float | None = None, heap_bytes: int | None = None) -> None:
        """`heap_bytes`: how large its heap is, which does not grow; None: as the binary has it."""
        self._command = [path] if heap_bytes is None else [path, "-X", f"heapsize={heap_bytes}"]
        self._timeout_s = timeout_s

    def run(
        self,
        target: str | Path,
        args: Sequence[Argument] = (),
        files_in: Mapping[str, bytes] | None = None,
        files_out: Sequence[str] = (),
    ) -> VmResult:
        """Run `target`; file names are relative to its working folder, but a package's (vigil_hal/...) to the packages.

        Raises subprocess.TimeoutExpired when it does not end in time.
        """
        name, source = named_source(target)
        if source is None:
            module, function = name.split(":")
            source = f"import sys\nimport {module}\nsys.exit({module}.{function}(*{list(args)!r}))\n"
            args = ()
        with tempfile.TemporaryDirectory(prefix="vigil-") as scratch:
            library, home = Path(scratch, "lib"), Path(scratch, "home")
            for package in PACKAGES:
                shutil.copytree(asset(package), library / package)
            home.mkdir()
            (library / "__program__.py").write_text(source, encoding="utf-8")
            for file, content in (files_in or {}).items():
                if file.split("/")[0] in PACKAGES:  # a module compiled takes the place of its source
                    (library / file).with_suffix(".py").unlink(missing_ok=True)
                    (library / file).write_bytes(content)
                    continue
                (home / file).parent.mkdir(parents=True, exist_ok=True)
                (home / file).write_bytes(content)
            done = subprocess.run(
                [*self._command, library / "__program__.py", *map(str, args)],
                cwd=home,
                env={**os.environ, "MICROPYPATH": f"{home}:{library}:.frozen"},
                capture_output=True,
                text=True,
                timeout=self._timeout_s,
            )
            files = {file: (home / file).read_bytes() for file in files_out if (home / file).exists()}
        # The unix build prints tracebacks on stdout or stderr, depending on its version.
        return VmResult(done.returncode, done.stdout, done.stderr, files)
