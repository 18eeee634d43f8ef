"""Shortens names for a board: `_longest_gap_ms` and `publish` become `_17` and `_5`.

On a board each different name is text and a place in a table that grows by doubling, in one piece. So two names become
the same short one wherever they can never meet: where no module has both, nor one of a class that another's extends.

Shortened are private names, arguments that no call names, and public names that mean something in Vigil's packages
only. All others stay: what another program on the board names, what a string of words may name (one with punctuation is
for people), what MicroPython or a seam (`vigil_hal.seams`) may mean by it, modules, and exceptions, which tell what
failed. Lines stay, so a traceback's module and line fit the sources; the names of functions in it do not.
"""

import array
import ast
import builtins
import hashlib
import io
import itertools
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator

_PRIVATE = re.compile(r"_[A-Za-z0-9]\w*")
_PUBLIC = re.compile(r"[A-Za-z]\w*")
_NAME = re.compile(r"\b[A-Za-z_]\w*")
_WORDS = re.compile(r"\w+( \w+)*")
_F_STRING = re.compile(r"[rR]?[fF]")
_IN_BRACES = re.compile(r"(?<!\{)\{[^{}:!]+")

_VARIABLE, _ATTRIBUTE = "variable", "attribute"
_BUILT_IN = {
    *dir(builtins),
    *(name for kind in vars(builtins).values() if isinstance(kind, type) for name in dir(kind)),
    *dir(array.array),
    *dir(io.FileIO),
    *dir(io.TextIOWrapper),
    *dir(hashlib.sha256()),
}


def with_short_names(sources: dict[str, str], others: list[str]) -> dict[str, str]:
    """The sources of modules, by path, with them. `others`: what keeps its names: what else runs on a board, seams."""
    trees = {path: ast.parse(source) for path, source in sources.items()}
    programs = [ast.parse(source) for source in others]
    in_calls = {
        node.arg for tree in (*trees.values(), *programs) for node in ast.walk(tree) if isinstance(node, ast.keyword)
    }
    public = set().union(*(_bound_widely(tree) for tree in trees.values()))
    public = {name for name in public if _PUBLIC.fullmatch(name)} - in_calls - _kept(trees, programs)
    roles = {path: _roles(tree) for path, tree in trees.items()}
    own = {path: _own_names(tree) - public - in_calls for path, tree in trees.items()}
    short = _shared(public, own, roles, _extended(trees))
    return {path: _renamed(source, short[path]) for path, source in sources.items()}


def _shared(
    public: set[str], own: dict[str, set[str]], roles: dict[str, dict[str, set[str]]], extended: dict[str, set[str]]
) -> dict[str, dict[str, str]]:
    """The short names of each module; those of public names are the same everywhere."""
    homes: dict[str, set[str]] = defaultdict(set)
    for path, named in roles.items():
        for name in public.intersection(named):
            homes[name].add(path)
    taken: dict[tuple[str, str], set[int]] = defaultdict(set)
    short: dict[str, dict[str, str]] = {path: {} for path in roles}

    def give(name: str, paths: set[str]) -> None:
        places = [taken[other, role] for path in paths for role in roles[path][name] for other in extended[path]]
        number = next(number for number in itertools.count() if not any(number in place for place in places))
        for place in places:
            place.add(number)
        for path in paths:
            short[path][name] = f"_{number}"

    for name in sorted(homes, key=lambda name: (-len(homes[name]), name)):
        give(name, homes[name])
    for path in sorted(own):
        kin = {other for other in own if other in extended[path] or path in extended[other]}
        for name in sorted(own[path].difference(short[path])):
            give(name, {other for other in kin if name in roles[other]} if _PRIVATE.fullmatch(name) else {path})
    return short


def _renamed(source: str, short: dict[str, str]) -> str:
    def renamed(found: re.Match[str]) -> str:
        return _NAME.sub(lambda name: short.get(name[0], name[0]), found[0])

    starts = [0, *itertools.accumulate(len(line) for line in source.splitlines(keepends=True))]
    parts: list[str] = []
    done = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            new = short.get(token.string, token.string)
        elif token.type == tokenize.STRING and _F_STRING.match(token.string):  # before Python 3.12 it is one token
            new = _IN_BRACES.sub(renamed, token.string)
        else:
            continue
        parts += [source[done : starts[token.start[0] - 1] + token.start[1]], new]
        done = starts[token.end[0] - 1] + token.end[1]
    return "".join([*parts, source[done:]])


def _kept(trees: dict[str, ast.Module], programs: list[ast.Module]) -> set[str]:
    """Public names that must stay."""
    kept = {*_BUILT_IN, "self", *itertools.chain.from_iterable(map(_roles, programs))}
    for path in trees:
        kept.update(path.removesuffix(".py").split("/"))
    for tree in (*trees.values(), *programs):
        kept.update(_in_strings(tree), _from_outside(tree, trees))
    return kept | _exceptions(trees)


def _roles(tree: ast.AST) -> dict[str, set[str]]:
    """What each name in a module is there: a variable, an attribute or both. Those that are but one never meet."""
    roles: dict[str, set[str]] = defaultdict(set)

    def look(node: ast.AST, where: set[str]) -> None:
        """`where`: what a variable is here: in the body of a class an attribute too."""
        inner = where
        match node:
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                roles[name].add(_ATTRIBUTE)
            case ast.FunctionDef(name=name):
                roles[name].add(_ATTRIBUTE if _ATTRIBUTE in where else _VARIABLE)
                for outer in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
                    if outer is not None:
                        look(outer, where)
                inner = {_VARIABLE}
            case ast.ClassDef(name=name):
                roles[name] |= where
                inner = {_VARIABLE, _ATTRIBUTE}
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                roles[name] |= where
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for part in itertools.chain(*_words(aliases), (getattr(node, "module", "") or "").split(".")):
                    roles[part] |= where
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                for name in names:
                    roles[name] |= where
        for child in ast.iter_child_nodes(node):
            look(child, inner)

    look(tree, {_VARIABLE})
    return roles


def _in_strings(node: ast.AST) -> Iterator[str]:
    """Each word of what is words and spaces only, in a string that is no docstring and no annotation."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Constant(value=str(text)) if _WORDS.fullmatch(text):
            yield from text.split()
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _in_strings(child)


def _from_outside(tree: ast.Module, trees: dict[str, ast.Module]) -> Iterator[str]:
    """What a module imports that is not Vigil's, and what it names of that."""
    packages = {path.removesuffix(".py").split("/")[0] for path in trees}
    outside: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                outside.update(*_words(aliases))
            case ast.ImportFrom(module=str(module), names=aliases) if module.split(".")[0] not in packages:
                outside.update(module.split("."), *_words(aliases))
    yield from outside
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            whose = node.value
            while isinstance(whose, ast.Attribute):
                whose = whose.value
            if isinstance(whose, ast.Name) and whose.id in outside:
                yield node.attr


def _words(aliases: list[ast.alias]) -> Iterator[list[str]]:
    for alias in aliases:
        yield alias.name.split(".")
        if alias.asname is not None:
            yield [alias.asname]


def _classes(trees: dict[str, ast.Module]) -> Iterator[tuple[str, str, list[str]]]:
    """The path and the name of each class, and the names of those that it extends."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield path, node.name, [base.id for base in node.bases if isinstance(base, ast.Name)]


def _exceptions(trees: dict[str, ast.Module]) -> set[str]:
    found = {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    count = 0
    while count != (count := len(found)):
        found.update(name for _, name, bases in _classes(trees) if found.intersection(bases))
    return found


def _extended(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """By module: itself, and those whose classes extend one of its classes, directly or not."""
    found = {path: {path} for path in trees}
    homes: dict[str, set[str]] = defaultdict(set)
    for path, name, _ in _classes(trees):
        homes[name].add(path)
    edges = [(home, path) for path, _, bases in _classes(trees) for base in bases for home in homes[base]]
    count = 0
    while count != (count := sum(map(len, found.values()))):
        for home, path in edges:
            found[home] |= found[path]
    return found


def _bound_widely(tree: ast.Module) -> set[str]:
    """What is bound at the top of a module and of its classes, and attributes that are set anywhere."""
    bound = set(_stored_outside_functions(tree))
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Attribute(attr=name, ctx=ast.Store()):
                bound.add(name)
    return bound


def _own_names(tree: ast.Module) -> set[str]:
    """A module's private names, where they are bound in it, and names of arguments that nothing else has there."""
    bound: set[str] = set()
    arguments: set[str] = set()
    wide = {"self", *dir(builtins), *_stored_outside_functions(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name):
                arguments.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.Attribute(attr=name):
                wide.add(name)
                if isinstance(node.ctx, ast.Store):
                    bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                wide.add(name)
                bound.add(name)
            case ast.ImportFrom(module=str(module)):
                wide.update(module.split("."))
            case ast.alias(name=name, asname=other):
                wide.update(name.split("."))
                if other is not None:
                    wide.add(other)
                    bound.add(other)
    return {name for name in bound | arguments if _PRIVATE.fullmatch(name)} | (arguments - wide)


def _stored_outside_functions(node: ast.AST) -> Iterator[str]:
    """What is bound at the top of a module and of its classes."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    if not isinstance(node, ast.FunctionDef):
        for child in ast.iter_child_nodes(node):
            yield from _stored_outside_functions(child)
