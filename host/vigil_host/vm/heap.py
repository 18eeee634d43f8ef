"""Measures what code on the sample path takes from MicroPython's heap.

The WebAssembly build keeps call frames off its heap, while a board puts every frame of more than eleven words on it.
So "allocates nothing" takes both: `heap_growth` finds no object made, and `frame_words` is at most FRAME_WORDS for
every function called.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from vigil_host.vm.runner import Runtime

FRAME_WORDS = 11
_WORDS_PER_HANDLER = 3

_MEASURE = """
import gc, json

def _nothing():
    pass

def _grown(function, calls):
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(calls):
        function()
    return gc.mem_alloc() - before

def _growth(function, baseline):
    for _ in range({warm_up}):
        function()
        baseline()
    _grown(_nothing, 1)
    empty = _grown(baseline, {calls})
    return _grown(function, {calls}) - empty

gc.disable()
_growths = [_growth(_each, {baseline}) for _each in ({functions},)]
with open("growths.json", "w") as _file:
    json.dump(_growths, _file)
"""


def heap_growth(
    runtime: Runtime,
    setup: str,
    function: str,
    *,
    calls: int = 200,
    warm_up: int = 2,
    baseline: str = "_nothing",
) -> int:
    """Return by how many bytes the heap grew over `calls` calls of `function`, collection being off.

    `setup` is program text that defines `function` (an expression for something callable without arguments) and,
    where given, `baseline`: what the measured code needs of the test's own fakes, whose growth is subtracted. The
    `warm_up` calls before let first-time allocations pass. Raises VmError with the traceback where the code fails.
    """
    (growth,) = heap_growths(runtime, setup, (function,), calls=calls, warm_up=warm_up, baseline=baseline).values()
    return growth


def heap_growths(
    runtime: Runtime,
    setup: str,
    functions: Sequence[str],
    *,
    calls: int = 200,
    warm_up: int = 2,
    baseline: str = "_nothing",
) -> dict[str, int]:
    """Return `heap_growth` of each of `functions`, measured one after another in one VM, so that `setup` runs once."""
    text = setup + _MEASURE.format(functions=", ".join(functions), baseline=baseline, calls=calls, warm_up=warm_up)
    result = runtime.run(text, files_out=["growths.json"]).check()
    return dict(zip(functions, json.loads(result.files["growths.json"]), strict=True))


def frame_words(function: Callable[..., Any]) -> int:
    """Estimate the words of `function`'s frame on MicroPython from CPython's code object.

    Locals, cells and stack, and three words for each level of nested `try` and `with`.
    """
    code = function.__code__
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    locals_and_cells = code.co_nlocals + len(code.co_cellvars) + len(code.co_freevars)
    words: int = locals_and_cells + code.co_stacksize + _WORDS_PER_HANDLER * _handler_depth(tree)
    return words


def large_frames(*functions: Callable[..., Any]) -> dict[str, int]:
    """Return the words of those of `functions` whose frame would go on a board's heap, by name: {} is good."""
    words = {f"{function.__module__}.{function.__qualname__}": frame_words(function) for function in functions}
    return {name: count for name, count in words.items() if count > FRAME_WORDS}


def _handler_depth(node: ast.AST) -> int:
    deeper = max((_handler_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    return deeper + isinstance(node, ast.Try | ast.With)
