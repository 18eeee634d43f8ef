"""The bill of materials names what is needed, and a component that is not in it is missed."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sbom() -> SimpleNamespace:
    """Return tools/sbom.py as a module nobody else shares."""
    return SimpleNamespace(**runpy.run_path(str(_ROOT / "tools/sbom.py"), run_name="sbom"))


def test_what_is_required_and_not_listed_is_missed(sbom: SimpleNamespace) -> None:
    listed = {"components": [{"name": "SSE_Starlette", "version": "3.7.0"}, {"name": "bleak"}]}
    assert {"alembic", "bumble", "cryptography", "sse-starlette"} <= set(sbom.required())
    assert sbom.missing(listed, ["sse-starlette", "bleak", "alembic"]) == ["bleak", "alembic"]


def test_what_comes_from_npm_is_named_with_the_pinned_hash(sbom: SimpleNamespace) -> None:
    components = sbom.npm_components()
    assert [each["purl"].partition("@")[0] for each in components] == [
        "pkg:npm/uplot",
        "pkg:npm/%40micropython/micropython-webassembly-pyscript",
        "pkg:npm/esp-web-tools",
    ]
    assert all(len(each["hashes"][0]["content"]) == 128 for each in components)
    assert json.dumps(components)
