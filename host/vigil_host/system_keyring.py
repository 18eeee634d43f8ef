"""Secrets in the system's keyring (GNOME Keyring, KWallet, macOS Keychain), by the optional library `keyring`.

A secret is under a service, which is one program's folder in the keyring, and a name.
"""

import contextlib
from collections.abc import Iterator
from types import ModuleType

EXTRA = "pip install 'vigil-vitals[keyring]'"


class SystemKeyringError(Exception):
    """The keyring cannot be used, or lacks a secret; the message is one line that says why."""


def put(service: str, name: str, secret: str) -> None:
    """Keep a secret, and see that it is there: a keyring that is switched off takes all and keeps nothing."""
    with _system_keyring() as keyring:
        keyring.set_password(service, name, secret)
        is_kept = keyring.get_password(service, name) == secret
    if not is_kept:
        raise SystemKeyringError("the system's keyring does not keep what it is given")


def get(service: str, name: str) -> str:
    """Return a secret."""
    with _system_keyring() as keyring:
        secret: str | None = keyring.get_password(service, name)
    if secret is None:
        raise SystemKeyringError(f"the system's keyring has no {name} under {service!r}")
    return secret


def remove(service: str, name: str) -> None:
    """Forget a secret, which may be gone already."""
    with _system_keyring() as keyring:
        if keyring.get_password(service, name) is not None:
            keyring.delete_password(service, name)


@contextlib.contextmanager
def _system_keyring() -> Iterator[ModuleType]:
    try:
        import keyring
    except ImportError:
        raise SystemKeyringError(f"the system's keyring needs one more package: {EXTRA}") from None
    try:
        yield keyring
    except Exception as error:  # each system's keyring raises kinds of its own
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise SystemKeyringError(f"the system's keyring cannot be used: {reason}") from error
