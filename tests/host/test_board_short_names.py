"""Which names are shortened for a board, and which must not be."""

import re

import pytest

from vigil_host.boards.short_names import with_short_names


def shortened(text: str, program: str = "") -> str:
    return with_short_names({"m.py": text}, [program])["m.py"]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("def _f(): return 1\n_f()", "def _0(): return 1\n_0()"),
        ("self._x = 1; self._yy = self._x", "self._0 = 1; self._1 = self._0"),
        ("from a import b as _b\n_b.c", "from a import b as _0\n_0.c"),
        ("self._x = f'{self._x:02x} _x {_x!r}'", "self._0 = f'{self._0:02x} _x {_0!r}'"),
        ("self._x = 'µ'; self._y = '_x' # _x", "self._0 = 'µ'; self._1 = '_x' # _x"),
        ("def f(amount):\n    return amount + 1", "def _0(_1):\n    return _1 + 1"),
        ("def f(r):\n    return f'{r!r:r} {{r'", "def _0(_1):\n    return f'{_1!r:r} {{r'"),
    ],
)
def test_private_names_and_arguments_are(text: str, after: str) -> None:
    assert shortened(text) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("self.x = 'x: %d'", "self._0 = 'x: %d'"),
        ("RATES = ()\ndef rate(): return RATES", "_0 = ()\ndef _1(): return _0"),
        ("def rate(): return x.rate", "def _0(): return x._0"),
        ("class Lamp:\n    def shine(self): self.lit = 1", "class _0:\n    def _1(self): self._0 = 1"),
        ("class Lamp:\n    glow = Lamp\n    def shine(self): pass", "class _0:\n    _1 = _0\n    def _2(self): pass"),
    ],
)
def test_public_ones_are(text: str, after: str) -> None:
    assert shortened(text) == after


def test_a_public_one_is_the_same_everywhere_and_apart_from_all_that_it_meets() -> None:
    short = with_short_names(
        {
            "p/a.py": "class Lamp:\n    def __init__(self):\n        self.lit = self._on = 1",
            "p/b.py": "from p.a import Lamp\nclass Big(Lamp):\n    def shine(self):\n        self._own = 1",
            "p/c.py": "def far(lamp):\n    return lamp.lit",
            "p/d.py": "class Other:\n    def shut(self):\n        return self._own",
        },
        [],
    )
    lit, on = re.findall(r"self\.(\w+) =", short["p/a.py"].replace(" = self", " = 1; self"))
    shine, own = re.findall(r"def (\w+)|self\.(\w+)", short["p/b.py"])
    assert len({lit, on, shine[0], own[1]}) == 4
    assert short["p/c.py"].endswith(f".{lit}")
    assert "def _0(self)" in short["p/d.py"]  # which meets none of these


def test_a_private_name_of_a_class_is_the_same_in_one_that_extends_it() -> None:
    short = with_short_names(
        {
            "p/a.py": "class Lamp:\n    def __init__(self):\n        self._glow = self._lit = 1",
            "p/b.py": "from p.a import Lamp\nclass Big(Lamp):\n    def shine(self):\n        return self._lit",
        },
        [],
    )
    assert short["p/b.py"].split("self.")[1] == short["p/a.py"].split("self.")[2].split(" ")[0]


@pytest.mark.parametrize(
    "text",
    [
        "from a import x\nx.y = sys.implementation._machine",  # neither is bound here
        "self.__class__.__name__",
        "x = 1\nx.x('x')",
        "self.x = getattr(self, 'x')",
        "self.x = self.y = 'y x z'",
        "self.append = bus.append",
        "import bus\nself.x = bus.y.x",
        "class Fault(ValueError):\n    pass\nclass Worse(Fault):\n    pass",
        "from x.y import z\nself.x = z",
        "def print(bytes):\n    return bytes",
    ],
)
def test_others_are_not(text: str) -> None:
    assert shortened(text) == text


@pytest.mark.parametrize("text", ["return self.x", "return x.x"])
def test_arguments_that_are_attributes_too_are_not(text: str) -> None:
    assert shortened(f"def f(x):\n    {text}") == f"def _0(x):\n    {text}"


@pytest.mark.parametrize(
    "program", ["m.fan(1)", "from m import fan", "getattr(m, 'fan')", "def fan(): pass", "f(fan=1)"]
)
def test_what_a_program_on_the_board_names_is_not(program: str) -> None:
    assert shortened("def fan(x):\n    return x", program) == "def fan(_0):\n    return _0"


def test_what_a_call_names_is_not() -> None:
    assert shortened("def f(x):\n    return x", "f(x=1)") == "def f(x):\n    return x"
    assert shortened("def f(x):\n    return 1\nf(x=1)") == "def _0(x):\n    return 1\n_0(x=1)"
