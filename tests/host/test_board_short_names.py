"""Which names are shortened for a board, and which must not be."""

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
        ("def f(count):\n    return count + 1", "def f(_0):\n    return _0 + 1"),
        ("def f(r):\n    return f'{r!r:r} {{r'", "def f(_0):\n    return f'{_0!r:r} {{r'"),
    ],
)
def test_private_names_and_arguments_are(text: str, after: str) -> None:
    assert shortened(text) == after


@pytest.mark.parametrize(
    "text",
    [
        "x.y = sys.implementation._machine",  # not bound here
        "def f(self):\n    return self.__class__.__name__",
        "def f(x):\n    return self.x",
        "x = 1\ndef f(x):\n    return x",
        "class C:\n    x = 1\n    def f(self, x):\n        return x",
        "def f(x):\n    return 1\nf(x=1)",
        "from a import x\ndef f(x):\n    return x",
        "from x.y import z\ndef f(x):\n    return x",
        "def f(bytes):\n    return bytes",
    ],
)
def test_others_are_not(text: str) -> None:
    assert shortened(text) == text


def test_what_a_program_on_the_board_names_in_a_call_is_not() -> None:
    assert shortened("def f(x):\n    return x", "f(x=1)") == "def f(x):\n    return x"
