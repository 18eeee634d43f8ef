"""Takes out what costs a board memory and is named nowhere on it: the host's half of `vigil_wire`, mostly.

Out goes each function, class, value and import at the top of a module whose name no code reads and no string holds, and
what is for type checkers only. Methods stay. Lines stay where they are, so that tracebacks fit the sources.
"""

import ast
import re
from collections.abc import Iterator

_WORD = re.compile(r"\w+")
_PURE = {"bytes", "len", "range", "tuple"}  # what may be called to make a value that can go


def without_unused(sources: dict[str, str], others: list[str]) -> dict[str, str]:
    """The sources of modules, by path, without it. `others`: what else runs on a board, and stays as it is."""
    trees = {path: ast.parse(source) for path, source in sources.items()}
    lines = {path: source.split("\n") for path, source in sources.items()}
    by_others = {name for source in others for name in _named(ast.parse(source), with_imports=True)}
    named: dict[str, set[str]] = {}
    imported: dict[str, set[str]] = {}
    changed = set(trees)
    while changed:
        for path in changed:
            named[path] = set(_named(trees[path], with_imports=False))
            imported[path] = set(_named(trees[path], with_imports=True))
        anywhere = by_others.union(*imported.values())
        changed = {path for path, tree in trees.items() if _lessen(tree, lines[path], named[path], anywhere)}
    return {path: "\n".join(kept) for path, kept in lines.items()}


def _lessen(tree: ast.Module, lines: list[str], named: set[str], anywhere: set[str]) -> bool:
    """Take out of a module what is not named in it, if imported, or not anywhere; whether there was anything."""
    is_less = False
    for body in [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]:
        for node in list(body):
            rest = _rest(node, named if isinstance(node, ast.ImportFrom) else anywhere)
            if rest is not None:
                is_less = True
                decorators: list[ast.expr] = getattr(node, "decorator_list", [])
                first = min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1
                end = node.end_lineno or node.lineno
                lines[first:end] = [rest] + [""] * (end - first - 1)
                index = body.index(node)
                body[index : index + 1] = [ast.copy_location(kept, node) for kept in ast.parse(rest).body]
    return is_less


def _rest(node: ast.stmt, named: set[str]) -> str | None:
    """What stays of a statement where only these names are named: "" for nothing, None where all of it stays."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return ""
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if name not in named and not name.startswith("__"):
            return ""
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in named and _is_pure(value):
            return ""
        case ast.ImportFrom(names=aliases):
            kept = [alias for alias in aliases if (alias.asname or alias.name) in named]
            if len(kept) < len(aliases):
                return ast.unparse(ast.ImportFrom(node.module, kept, node.level)) if kept else ""
    return None


def _is_pure(value: ast.expr) -> bool:
    calls = [node.func for node in ast.walk(value) if isinstance(node, ast.Call)]
    return all(isinstance(function, ast.Name) and function.id in _PURE for function in calls)


def _named(node: ast.AST, *, with_imports: bool) -> Iterator[str]:
    """Each name that is read where it is not an annotation, each word in a string, and each name that is imported."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Expr(value=ast.Constant()):  # a docstring
            return
        case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            yield name
        case ast.alias(name=name) if with_imports:
            yield from name.split(".")
        case ast.Constant(value=str(text)):
            yield from _WORD.findall(text)
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _named(child, with_imports=with_imports)
