"""MicroPython's `os` for the VM, with the `urandom` that every board has."""

from binascii import unhexlify

import _host
from uos import *  # noqa: F403 - the rest of the built-in module


def urandom(count):
    """Return `count` random bytes fit for keys."""
    return unhexlify(_host.random(count))
