"""Marks a module's integer constants for MicroPython's compiler: `_RATE_HZ = 50` becomes `_RATE_HZ = const(50)`.

What is so marked is in the bytecode where it is used, and a name with an underscore is nowhere else any more: on a
board each costs a name, a place in the module's dictionary and a store. CPython, which runs the same sources, has no
`const`. Lines stay where they are, so tracebacks fit the sources.
"""

import ast
from collections import Counter

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor,
)  # fmt: skip


def with_constants(source: bytes) -> bytes:
    """A module's source with them marked: names in capitals, bound once in it, to a sum of integers in one line."""
    tree = ast.parse(source)
    bound = _bindings(tree)
    lines = source.split(b"\n")
    known: set[str] = set()
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        name, value = node.targets[0].id, node.value
        is_one_line = len(node.targets) == 1 and node.lineno == value.end_lineno
        if is_one_line and name.isupper() and bound[name] == 1 and _is_integer(value, known):
            known.add(name)
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = b"%bconst(%b)%b" % (
                line[: value.col_offset], line[value.col_offset : value.end_col_offset], line[value.end_col_offset :],
            )  # fmt: skip
    return b"\n".join(lines)


def _bindings(tree: ast.Module) -> Counter[str]:
    """How often each name is bound, anywhere in a module."""
    bound = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    bound.update(node.arg for node in ast.walk(tree) if isinstance(node, ast.arg))
    return bound


def _is_integer(value: ast.expr, known: set[str]) -> bool:
    """Whether the compiler can work it out: of literals and of constants that come before."""
    if isinstance(value, ast.BinOp):
        is_right = isinstance(value.op, _OPERATORS)
        return is_right and _is_integer(value.left, known) and _is_integer(value.right, known)
    if isinstance(value, ast.UnaryOp):
        return isinstance(value.op, ast.USub | ast.Invert) and _is_integer(value.operand, known)
    if isinstance(value, ast.Name):
        return value.id in known
    return isinstance(value, ast.Constant) and type(value.value) is int
