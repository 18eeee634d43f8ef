"""Takes out what costs a board memory and is named nowhere on it: the host's half of `vigil_wire`, mostly.

Out goes what is at the top of a module or in a class there and named by nobody: a function, class, value, method or
import; and what is for type checkers only. What is at the top of a module is named by the module itself, by whom it is
imported from there, and by an attribute where the module is imported; a string may name anything. Lines stay where they
are, so that tracebacks fit the sources.
"""

import ast
import re

_WORD = re.compile(r"\w+")
_PURE = {"bytes", "len", "range", "tuple"}  # what may be called to make a value that can go


def without_unused(sources: dict[str, str], others: list[str]) -> dict[str, str]:
    """The sources of modules, by path, without it. `others`: what else runs on a board, and stays as it is."""
    trees = {path: ast.parse(source) for path, source in sources.items()}
    lines = {path: source.split("\n") for path, source in sources.items()}
    programs = [_Names(ast.parse(source)) for source in others]
    names = {path: _Names(tree) for path, tree in trees.items()}
    changed = set(trees)
    while changed:
        for path in changed:
            names[path] = _Names(trees[path])
        everybody = [*programs, *names.values()]
        anywhere = set().union(*(found.anything for found in everybody))
        changed = {
            path
            for path, tree in trees.items()
            if _lessen(tree, lines[path], names[path].named, _of_module(path, names[path], everybody), anywhere)
        }
    return {path: "\n".join(kept) for path, kept in lines.items()}


class _Names:
    """What a module names.

    read: variables; attributes: those, and arguments in calls; words: of strings; imported: (module, name), and modules
    as (module, ""); is_dynamic: whether it imports modules that a string names.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.read: set[str] = set()
        self.attributes: set[str] = set()
        self.words: set[str] = set()
        self.imported: set[tuple[str, str]] = set()
        self._look(tree)
        self.is_dynamic = "__import__" in self.read
        self.named = self.read | self.attributes | self.words
        self.anything = self.named.union(*(_WORD.findall(f"{module} {name}") for module, name in self.imported))

    def _look(self, node: ast.AST) -> None:
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return
            case ast.Expr(value=ast.Constant()):  # a docstring
                return
            case ast.Name(id=name, ctx=ast.Load()):
                self.read.add(name)
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                self.attributes.add(name)
            case ast.ImportFrom(module=str(module), names=aliases):
                for alias in aliases:
                    self.imported |= {(module, alias.name), (f"{module}.{alias.name}", "")}
            case ast.Import(names=aliases):
                self.imported |= {(alias.name, "") for alias in aliases}
            case ast.Constant(value=str(text)):
                self.words.update(_WORD.findall(text))
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        self._look(child)


def _of_module(path: str, own: _Names, everybody: list[_Names]) -> set[str]:
    """What is named, by itself or others, of what is at the top of a module."""
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    found = set(own.read)
    for other in everybody:
        found |= other.words
        found.update(name for home, name in other.imported if home == module)
        if (module, "") in other.imported or other.is_dynamic:
            found |= other.attributes
    return found


def _lessen(tree: ast.Module, lines: list[str], named: set[str], of_module: set[str], anywhere: set[str]) -> bool:
    """Take out what is named nowhere: `named` in the module, `of_module` by anybody; whether there was anything."""
    is_less = False
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for body, named_of_it in [(tree.body, of_module), *((node.body, anywhere) for node in classes)]:
        for node in list(body):
            rest = _rest(node, named if isinstance(node, ast.ImportFrom) else named_of_it)
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
