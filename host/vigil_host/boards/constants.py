"""Puts integer constants where they are used: after `_RATE_HZ = 50`, `50` for each `_RATE_HZ` and `sampler.RATE_HZ`.

So it is done with the length of a tuple or a dictionary: after `NAMES = ("a", "b")`, `2` for each `len(NAMES)`.

On a board a constant that is looked up costs a name, a place in its module's dictionary and code wherever it is used,
and MicroPython's own `const` helps within one module only. What is then named nowhere, `unused` takes out. Lines stay
where they are, so that tracebacks fit the sources.
"""

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterator

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}


def with_constants(sources: dict[str, str]) -> dict[str, str]:
    """The sources of modules, by path, with them: names in capitals that are bound once, to a sum of integers."""
    trees = {path: ast.parse(source) for path, source in sources.items()}
    bound = {path: _bindings(tree) for path, tree in trees.items()}
    imports = {
        path: [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)] for path, tree in trees.items()
    }
    visible: dict[str, dict[str, int]] = {}
    known: dict[str, dict[str, int]] = {}  # by module
    count = -1
    while count != (count := sum(len(constants) for constants in known.values())):  # some are made of others'
        visible = {path: _imported(imports[path], bound[path], known) for path in trees}
        known = {_module(path): _constants(tree, bound[path], visible[path]) for path, tree in trees.items()}
    return {
        path: _substituted(source, trees[path], known[_module(path)] | visible[path])
        for path, source in sources.items()
    }


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _bindings(tree: ast.Module) -> Counter[str]:
    """How often each name is bound, anywhere in a module, but for imports."""
    bound: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] += 1
        elif isinstance(node, ast.arg):
            bound[node.arg] += 1
    return bound


def _imports(tree: ast.Module) -> list[ast.ImportFrom]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def _imported(imports: list[ast.ImportFrom], bound: Counter[str], known: dict[str, dict[str, int]]) -> dict[str, int]:
    """The constants of others, as this module calls them: "MAX_FRAME", "link.MAX_FRAME" or "len(NAMES)"."""
    visible: dict[str, int] = {}
    for node in imports:
        for alias in node.names:
            name = alias.asname or alias.name
            if bound[name] or not node.module:
                continue
            for form in ("{}", "len({})"):
                if form.format(alias.name) in known.get(node.module, {}):
                    visible[form.format(name)] = known[node.module][form.format(alias.name)]
            for constant, value in known.get(f"{node.module}.{alias.name}", {}).items():
                form = "len({}.{})" if constant.startswith("len(") else "{}.{}"
                visible[form.format(name, constant.removeprefix("len(").removesuffix(")"))] = value
    return visible


def _constants(tree: ast.Module, bound: Counter[str], visible: dict[str, int]) -> dict[str, int]:
    """What a module has at its top, where it sees those of others."""
    own: dict[str, int] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper() and bound[name] == 1:
                value = _value(node.value, visible | own)
                if value is not None:
                    own[name] = value
                length = _length(node.value)
                if length is not None:
                    own[f"len({name})"] = length
    return own


def _called(node: ast.AST) -> str:
    """`NAME` or `module.NAME` where it is read, `len()` around it or not, or ""."""
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name() | ast.Attribute() as named], keywords=[]):
            return f"len({_called(named)})"
        case ast.Name(id=name, ctx=ast.Load()):
            return name
        case ast.Attribute(value=ast.Name(id=module), attr=name, ctx=ast.Load()):
            return f"{module}.{name}"
    return ""


def _value(node: ast.expr, visible: dict[str, int]) -> int | None:
    """What a sum of integers and constants comes to, or None for anything else."""
    match node:
        case ast.Constant(value=int() as number) if type(number) is int:
            return number
        case ast.UnaryOp(op=ast.USub() | ast.Invert(), operand=operand):
            value = _value(operand, visible)
            return value if value is None else -value if isinstance(node.op, ast.USub) else ~value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            first, second = _value(left, visible), _value(right, visible)
            return None if first is None or second is None else _OPERATORS[type(op)](first, second)
    return visible.get(_called(node))


def _length(node: ast.expr) -> int | None:
    """How many there are in a tuple or a dictionary that is written out, or None for anything else."""
    match node:
        case ast.Tuple(elts=elements) if not any(isinstance(element, ast.Starred) for element in elements):
            return len(elements)
        case ast.Dict(keys=keys) if all(isinstance(key, ast.Constant) for key in keys):
            return len({key.value for key in keys if isinstance(key, ast.Constant)})
    return None


def _readings(node: ast.AST, visible: dict[str, int]) -> Iterator[ast.expr]:
    """Where constants are read; not within an f-string, whose inner places Python tells rightly from 3.12 on."""
    if isinstance(node, ast.expr) and _called(node) in visible:
        yield node
    elif not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _readings(child, visible)


def _substituted(source: str, tree: ast.Module, visible: dict[str, int]) -> str:
    lines = source.encode().split(b"\n")  # for Python counts its columns in bytes
    for node in sorted(_readings(tree, visible), key=lambda node: (node.lineno, node.col_offset), reverse=True):
        value = visible[_called(node)]
        line = lines[node.lineno - 1]
        text = str(value) if value >= 0 else f"({value})"
        lines[node.lineno - 1] = line[: node.col_offset] + text.encode() + line[node.end_col_offset :]
    return b"\n".join(lines).decode()
