"""What went wrong, as one line on stderr and exit code 1."""

import contextlib
from collections.abc import Iterator

import rich_click as click


@contextlib.contextmanager
def in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Turn an exception of these kinds, alone or in a group, into click's one-line error; others pass."""
    try:
        yield
    except* kinds as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise click.ClickException(str(error)) from None
