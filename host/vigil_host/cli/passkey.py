"""Asks for a passkey at the terminal, so that the question can be taken back."""

import asyncio
import os
import re
import sys

import rich_click as click

from vigil_host.link.bluez_pairing import PairingError


async def ask_passkey() -> int:
    """Ask until six digits come; PairingError where nobody can be asked."""
    while True:
        click.echo("The passkey that the device prints on its serial port: ", nl=False)
        typed = (await _line()).replace(" ", "")
        if re.fullmatch("[0-9]{6}", typed):
            return int(typed)
        click.echo("A passkey has six digits.")


async def _line() -> str:
    """One line of standard input. A thread that reads it could not be stopped."""
    loop = asyncio.get_running_loop()
    typed = b""
    try:
        descriptor = sys.stdin.fileno()
        while b"\n" not in typed:
            came: asyncio.Future[None] = loop.create_future()
            loop.add_reader(descriptor, _set, came)
            try:
                await came
            finally:
                loop.remove_reader(descriptor)
            more = os.read(descriptor, 1024)
            if not more:
                raise EOFError
            typed += more
    except (OSError, EOFError):
        raise PairingError("there is no terminal at which the passkey could be typed") from None
    return typed.partition(b"\n")[0].decode(errors="replace").strip()


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
