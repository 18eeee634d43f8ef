"""What is asked of every command that fails: one line, which says what and where, and nothing else."""

from click.testing import Result


def refused(result: Result) -> str:
    """The one line on stderr of a command that failed and printed nothing else."""
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")
