"""What nobody names does not go onto a board, and all else does."""

import pytest

from vigil_host.boards.unused import without_unused


def left(text: str, **others: str) -> str:
    """Return what stays of a module; `others`: more modules, and `program`, which runs beside them."""
    program = others.pop("program", "")
    modules = {f"{name}.py": source for name, source in others.items()}
    found = without_unused({"m.py": text, **modules}, [program])["m.py"]
    assert len(found.split("\n")) == len(text.split("\n"))
    return found.strip()


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return 1",
        "@staticmethod\ndef f():\n    return 1",
        "class C:\n    x = 1",
        "_FORMAT = '<BH'",
        "NAMES = tuple([kind.name for kind in ()])",
        "from m import other",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any",
        "class A:\n    pass\nclass B(A):\n    pass",
        "def f(x: 'C') -> 'C':\n    'As C is.'\nclass C:\n    pass",
    ],
)
def test_what_is_named_nowhere_goes(text: str) -> None:
    assert left(text) == ""


@pytest.mark.parametrize("named", ["f()", "getattr(x, 'f')", "print('not f alone')", "print(f'{f}')"])
def test_what_is_named_stays(named: str) -> None:
    text = "def f():\n    return 1"
    assert left(f"{text}\n{named}") == f"{text}\n{named}"
    named = f"from m import f\n{named}"
    assert left(text, other=named) == left(text, program=named) == text


@pytest.mark.parametrize("named", ["x.f", "g(f=1)"])
def test_what_may_be_named_stays(named: str) -> None:
    text = "def f():\n    return 1"
    assert left(text, other=f"import m\n{named}") == left(text, program=f"import m\n{named}") == text
    assert left(text, other=named) == left(text, program=named) == ""


def test_what_a_module_has_of_the_same_name_does_not_keep_it() -> None:
    text = "def f():\n    return 1"
    for other in ("def f():\n    return 2\nf()", "from n import f\nf()", "x.f", "import n\nn.f()"):
        assert left(text, other=other) == ""


def test_where_modules_are_imported_by_a_name_in_a_string_each_attribute_keeps() -> None:
    text = "def f():\n    return 1"
    assert left(text, other="__import__('m').f()") == left(text, other="x.f\n__import__(y)") == text


def test_what_others_import_stays() -> None:
    assert left("class C:\n    pass\nD = 'd'", other="from m import C\nC()", program="from m import D") != ""
    assert left("class C:\n    pass", other="from m import C") == ""


def test_of_an_import_what_is_used_stays() -> None:
    text = "from a import (\n    b,\n    c as d,\n    e,\n)\nx = d"
    assert left(text, program="from m import x") == "from a import c as d\n\n\n\n\nx = d"


_CLASS = """
class C:
    def __init__(self):
        self.x = 1

    @property
    def y(self):
        return self.x
C()
"""


def test_a_method_goes_with_its_decorators() -> None:
    assert "y" not in left(_CLASS)
    assert "__init__" in left(_CLASS)
    assert left(_CLASS, program="c.y") == _CLASS.strip()


def test_what_does_something_stays() -> None:
    assert left("started = start()\nimport sys\nprint(1)") == "started = start()\nimport sys\nprint(1)"
