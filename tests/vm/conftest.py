"""The MicroPythons of the vm tier: the WebAssembly build, and a native binary where VIGIL_MICROPYTHON names one."""

import os
from pathlib import Path

import pytest

from vigil_host.vm.native import NativeMicroPython
from vigil_host.vm.runner import MicroPythonVm, Runtime

_TIMEOUT_S = 300  # of a loaded machine
_NATIVE = os.environ.get("VIGIL_MICROPYTHON", "")


@pytest.fixture(scope="session")
def vm() -> MicroPythonVm:
    """Return the WebAssembly build with the injected modules."""
    return MicroPythonVm(timeout_s=_TIMEOUT_S)


@pytest.fixture(scope="session", params=["wasm", "native"] if _NATIVE else ["wasm"])
def runtime(request: pytest.FixtureRequest, vm: MicroPythonVm) -> Runtime:
    """Return each MicroPython in turn, for tests that need no injected module."""
    return vm if request.param == "wasm" else NativeMicroPython(Path(_NATIVE), timeout_s=_TIMEOUT_S)
