"""Runs contract cases on MicroPython: plain functions named `case_*`, without arguments, that assert.

Pytest runs the same functions on CPython, so that one suite holds for both runtimes.
"""

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vigil_host.vm.runner import Runtime

_RUN_CASES = """
import io, json, sys
for module, names in json.load(open("cases.json")):
    loaded = trouble = None
    try:
        loaded = __import__(module)
    except BaseException as error:
        trouble = error
    for name in names:
        text = io.StringIO()
        try:
            if trouble is not None:
                raise trouble
            getattr(loaded, name)()
        except BaseException as error:
            sys.print_exception(error, text)
        with open("report.txt", "a") as report:
            report.write(json.dumps([module, name, text.getvalue()]) + "\\n")
"""


@dataclass(frozen=True)
class Case:
    """One case: the name of its module (the file's stem), and of its function."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def find_cases(files: Iterable[Path]) -> list[Case]:
    """List the top-level `case_*` functions of `files` in their order, without importing them."""
    return [
        Case(file.stem, node.name)
        for file in files
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("case_")
    ]


def run_cases(runtime: Runtime, files: Iterable[Path], helpers: Mapping[str, Path] | None = None) -> dict[Case, str]:
    """Run every case of `files` in one VM; returns each one's traceback, "" where it passed.

    `helpers` are further modules, or data files, by the name under which the cases import or open them.
    """
    files = list(files)
    cases = find_cases(files)
    modules = [[file.stem, [case.name for case in cases if case.module == file.stem]] for file in files]
    result = runtime.run(
        _RUN_CASES,
        files_in={
            "cases.json": json.dumps(modules).encode(),
            **{file.name: file.read_bytes() for file in files},
            **{name: file.read_bytes() for name, file in (helpers or {}).items()},
        },
        files_out=["report.txt"],
    )
    report = result.files.get("report.txt", b"").decode().splitlines()
    tracebacks = {Case(module, name): text for module, name, text in map(json.loads, report)}
    ended = f"the VM ended before this case did (exit code {result.exit_code})\n{result.stderr}"
    return {case: tracebacks.get(case, ended) for case in cases}
