"""Integer constants are put where they are used, and nothing else is."""

import pytest

from vigil_host.boards.constants import with_constants


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("_RATE_HZ = 50\nx = _RATE_HZ", "x = 50"),
        ("_MASK = (1 << 4) - 1\nx = y & ~_MASK", "x = y & ~15"),
        ("_BELOW = -1\nx = y -_BELOW", "x = y -(-1)"),
        ("STEP_MS = 100\ndef f(ms=STEP_MS): return ms + STEP_MS", "def f(ms=100): return ms + 100"),
        ("_A = 1\n_B = _A * 2\nx = [_B, _A]", "x = [2, 1]"),
        ("_FAR = 5\nx = 'µm' if y else _FAR", "x = 'µm' if y else 5"),
        ("_A = 1\nself.x = _A; y = self._A", "self.x = 1; y = self._A"),
        ("_NAMES = ('a', f())\nx = len(_NAMES) - 1", "x = 2 - 1"),
        ("_NAMES = {1: 'a', 2: 'b'}\n_LAST = 1 + len(_NAMES)\nx = (len(_NAMES), _LAST)", "x = (2, 3)"),
    ],
)
def test_they_are(text: str, after: str) -> None:
    found = with_constants({"m.py": text})["m.py"]
    assert len(found.split("\n")) == len(text.split("\n"))
    assert found.split("\n")[-1] == after


@pytest.mark.parametrize(
    "text",
    [
        "_NAME = 'x'\ny = _NAME",
        "_IS_ON = True\ny = _IS_ON",
        "_HALF = 1 / 2\ny = _HALF",
        "_OTHER = elsewhere.VALUE\ny = _OTHER",
        "_LENGTH = len(b'ab')\ny = _LENGTH",
        "count = 5\ny = count",
        "_COUNT = 0\ndef f():\n    global _COUNT\n    _COUNT = 1\n    return _COUNT",
        "_A = _B = 1\ny = _A",
        "def f():\n    _A = 1\n    return _A",
        "_A = 1\ndef f(_A):\n    return _A",
        "_A = 1\ny = f'{_A}'",
        "_NAMES = (*MORE, 'b')\ny = len(_NAMES)",
        "_NAMES = ['a']\n_NAMES.append('b')\ny = len(_NAMES)",
        "_NAMES = ('a', 'b')\ny = len(x._NAMES) + len(_NAMES[0])",
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert with_constants({"m.py": text})["m.py"] == text


def test_other_modules_constants_are_too() -> None:
    sources = {
        "p/__init__.py": "VERSION = 3",
        "p/a.py": "TOP = 7\nUNDER = 1\nALL = (TOP, UNDER)",
        "p/b.py": "from p import a\nfrom p.a import TOP\nLAST = a.UNDER + TOP\nx = (a.TOP, TOP, LAST)",
        "p/c.py": "from p import VERSION, b\nx = (VERSION, b.LAST, b.FIRST)",
        "p/e.py": "from p import a\nfrom p.a import ALL as _ALL\nx = (len(a.ALL), len(_ALL), a.ALL)",
        "p/d.py": "from p import a\ndef f(a):\n    return a.TOP",
    }
    after = with_constants(sources)
    assert after["p/b.py"].endswith("LAST = 1 + 7\nx = (7, 7, 8)")
    assert after["p/c.py"].endswith("x = (3, 8, b.FIRST)")
    assert after["p/e.py"].endswith("x = (2, 2, a.ALL)")
    assert after["p/d.py"] == sources["p/d.py"]
