"""docs/security.md names files that are there, and figures that are right."""

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_TEXT = (_ROOT / "docs/security.md").read_text(encoding="utf-8")
_SECONDS_A_YEAR = 365 * 24 * 3600


def test_every_file_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:\w[\w.-]*/)+[\w.-]+\.\w+|[A-Z]+\.md|hatch_build\.py)`", _TEXT)) - {"dist/sbom.json"}
    assert len(named) > 25
    assert [path for path in sorted(named) if not (_ROOT / path).is_file()] == []


def test_every_command_it_names_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)", _TEXT)) <= targets


def test_what_guessing_an_adverts_mic_lets_in_is_computed() -> None:
    rows = re.findall(r"^ *\| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", _TEXT, re.MULTILINE)
    assert len(rows) == 4
    for rate, a_year, years in rows:
        expected = int(rate) * _SECONDS_A_YEAR / 2**32
        assert abs(float(a_year) / expected - 1) < 0.01
        assert abs(float(years) * expected - 1) < 0.04
