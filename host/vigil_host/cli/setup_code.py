"""A setup code on the terminal, as text and as a QR code. It is a secret, and is shown once."""

import io
import sys

import rich_click as click
import segno


def show(code: str) -> None:
    """Print a setup code; where the terminal has no block characters, as text alone."""
    click.echo(f"\n    {code}\n")
    drawn = io.StringIO()
    segno.make(code, micro=False).terminal(drawn, compact=True)
    try:
        drawn.getvalue().encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return
    for line in drawn.getvalue().splitlines():
        click.secho(line, fg="bright_white", bg="black")  # light modules are drawn, dark ones are left out
    click.echo()
