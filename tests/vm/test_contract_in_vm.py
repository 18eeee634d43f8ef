"""Every contract case on MicroPython, and the runner of them on cases that fail."""

from pathlib import Path

import pytest

from vigil_host.vm.contract import Case, find_cases, run_cases
from vigil_host.vm.runner import MicroPythonVm, Runtime

_FOLDER = Path(__file__).resolve().parents[1] / "contract"
_FILES = sorted(_FOLDER.glob("cases_*.py"))


@pytest.fixture(scope="module")
def outcomes(runtime: Runtime) -> dict[Case, str]:
    """Return each case's traceback, all run once in one VM."""
    return run_cases(runtime, _FILES, {"tests/contract/rigs.py": _FOLDER / "rigs.py"})


@pytest.mark.contract
@pytest.mark.timeout(300)  # the first one runs all
@pytest.mark.parametrize("case", find_cases(_FILES), ids=str)
def test_case(outcomes: dict[Case, str], case: Case) -> None:
    if outcomes[case]:
        pytest.fail(outcomes[case], pytrace=False)


def test_each_case_is_reported_by_itself(vm: MicroPythonVm, tmp_path: Path) -> None:
    good, broken = tmp_path / "cases_good.py", tmp_path / "cases_broken.py"
    good.write_text(
        "from sums import add\n"
        "def case_passes():\n    assert add(1, 1) == 2\n"
        "def case_fails():\n    assert add(1, 1) == 3, 'sum'\n"
        "def case_exits():\n    raise SystemExit(0)\n"
        "def helper():\n    pass\n"
    )
    broken.write_text("import nothing_of_that_name\ndef case_never():\n    pass\n")
    sums = tmp_path / "sums.py"
    sums.write_text("def add(a, b):\n    return a + b\n")
    outcomes = run_cases(vm, [good, broken], helpers={"sums.py": sums})
    assert [str(case) for case in outcomes] == [
        "cases_good.case_passes",
        "cases_good.case_fails",
        "cases_good.case_exits",
        "cases_broken.case_never",
    ]
    passes, fails, exits, never = outcomes.values()
    assert passes == ""
    assert 'File "cases_good.py", line 5, in case_fails\nAssertionError: sum' in fails
    assert "SystemExit" in exits
    assert "ImportError: no module named 'nothing_of_that_name'" in never
