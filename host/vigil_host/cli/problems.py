"""What went wrong, as one line on stderr and exit code 1, however long the line and wherever it goes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import rich_click as click


def fail(problem: str) -> NoReturn:
    """Say the problem and end with exit code 1."""
    click.secho(f"Error: {problem}", fg="red", err=True)
    raise SystemExit(1)


@contextlib.contextmanager
def in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Fail with the text of an exception of these kinds, alone or in a group; others pass."""
    try:
        yield
    except* kinds as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        problem = str(error)
    else:
        return
    fail(problem)


def check_readable(path: Path) -> None:
    """Fail unless the file at `path` can be read."""
    try:
        path.open("rb").close()
    except OSError as error:
        fail(f"{path}: {error.strerror}")
