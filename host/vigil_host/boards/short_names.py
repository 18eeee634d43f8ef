"""Shortens the names that mean something in one module only: `_longest_gap_ms` becomes `_17`.

On a board each different name is text and a place in a table that grows by doubling, in one piece; when they are short,
modules share them. It is done to private names, and to arguments that no call names, but not in modules of which one
extends a class of the other, whose private names it has too. Strings and all other names stay, and so do lines: a
traceback's module and line fit the sources, and only a private function's name in it does not.
"""

import ast
import builtins
import io
import itertools
import re
import tokenize
from collections.abc import Iterator

_PRIVATE = re.compile(r"_[A-Za-z0-9]\w*")
_NAME = re.compile(r"\b[A-Za-z_]\w*")
_F_STRING = re.compile(r"[rR]?[fF]")
_IN_BRACES = re.compile(r"(?<!\{)\{[^{}:!]+")


def with_short_names(sources: dict[str, str], others: list[str]) -> dict[str, str]:
    """The sources of modules, by path, with them. `others`: what else runs on a board, and stays as it is."""
    trees = {path: ast.parse(source) for path, source in sources.items()}
    everything = [*trees.values(), *(ast.parse(source) for source in others)]
    in_calls = {node.arg for tree in everything for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    apart = _related(trees)
    return {
        path: source if path in apart else _renamed(source, sorted(_own_names(trees[path]) - in_calls))
        for path, source in sources.items()
    }


def _related(trees: dict[str, ast.Module]) -> set[str]:
    """The modules with a class that extends one of another module, and those others: there, private names meet."""
    classes = [(path, node) for path, tree in trees.items() for node in tree.body if isinstance(node, ast.ClassDef)]
    homes = {node.name: path for path, node in classes}
    pairs = [
        {path, homes.get(base.id, path)} for path, node in classes for base in node.bases if isinstance(base, ast.Name)
    ]
    return set().union(*(pair for pair in pairs if len(pair) > 1))


def _renamed(source: str, names: list[str]) -> str:
    short = {name: f"_{index}" for index, name in enumerate(names)}

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
