"""Pairing as MicroPython's application sees it: secrets and passkeys go through its event handler.

The secrets are opaque to the application, here as on a board, but their bytes are Bumble's and not NimBLE's.
"""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

from bumble.keys import KeyStore, PairingKeys
from bumble.pairing import PairingDelegate

IRQ_GET_SECRET = 29
IRQ_SET_SECRET = 30
IRQ_PASSKEY_ACTION = 31

PASSKEY_ACTION_INPUT = 2
PASSKEY_ACTION_DISPLAY = 3
PASSKEY_ACTION_NUMERIC_COMPARISON = 4

_SECRET_TYPE = 1
_OWN_KEY = (10, b"irk")  # NimBLE's own identity resolving key, in MicroPython's binding
_OWN_KEY_BYTES = 16
_ANSWER_WITHIN_S = 30.0

IO_CAPABILITIES = (
    PairingDelegate.DISPLAY_OUTPUT_ONLY,
    PairingDelegate.DISPLAY_OUTPUT_AND_YES_NO_INPUT,
    PairingDelegate.KEYBOARD_INPUT_ONLY,
    PairingDelegate.NO_OUTPUT_NO_INPUT,
    PairingDelegate.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT,
)
"""By the value of config(io=...)."""

Notify = Callable[[int, tuple[Any, ...]], Any]


class SecretStore(KeyStore):
    """Bonds kept by the application, through _IRQ_GET_SECRET and _IRQ_SET_SECRET."""

    def __init__(self, notify: Notify) -> None:
        """`notify` calls the application's handler and returns its answer."""
        self._notify = notify

    def keep_own_key(self) -> None:
        """Ask for the radio's own identity key and, where there is none, hand one over, as NimBLE does at its start."""
        kind, key = _OWN_KEY
        if not self._notify(IRQ_GET_SECRET, (kind, 0, memoryview(key))):
            self._notify(IRQ_SET_SECRET, (kind, memoryview(key), memoryview(os.urandom(_OWN_KEY_BYTES))))

    async def update(self, name: str, keys: PairingKeys) -> None:
        """Hand over the bond with the peer of that address."""
        secret = json.dumps(keys.to_dict()).encode()
        self._notify(IRQ_SET_SECRET, (_SECRET_TYPE, memoryview(name.encode()), memoryview(secret)))

    async def get(self, _name: str) -> PairingKeys | None:
        """Ask for the bond with the peer of that address."""
        return self.lookup(_name)

    def forget(self, name: str) -> None:
        """Have the bond with the peer of that address deleted, as NimBLE does when the peer pairs again."""
        if self.lookup(name) and not self._notify(IRQ_SET_SECRET, (_SECRET_TYPE, memoryview(name.encode()), None)):
            raise AssertionError("a bond may not be deleted: NimBLE would ask for ever")

    def lookup(self, name: str) -> PairingKeys | None:
        """Ask for the bond with the peer of that address."""
        secret = self._notify(IRQ_GET_SECRET, (_SECRET_TYPE, 0, memoryview(name.encode())))
        return PairingKeys.from_dict(json.loads(bytes(secret))) if secret else None


class PasskeyDelegate(PairingDelegate):
    """Passkeys by way of _IRQ_PASSKEY_ACTION and gap_passkey, for one connection."""

    def __init__(self, io: int, connection_handle: int, notify: Notify) -> None:
        """`io` is the value of config(io=...)."""
        super().__init__(IO_CAPABILITIES[io])
        self._connection_handle = connection_handle
        self._notify = notify
        self._answer: asyncio.Future[int] | None = None

    def answer(self, passkey: int) -> None:
        """Take what the application said through gap_passkey."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(passkey)

    async def compare_numbers(self, number: int, digits: int) -> bool:
        """Have the application compare; yes is a nonzero passkey."""
        return bool(await self._ask(PASSKEY_ACTION_NUMERIC_COMPARISON, number))

    async def get_number(self) -> int | None:
        """Have the application enter the number that the peer displays."""
        return await self._ask(PASSKEY_ACTION_INPUT, 0)

    async def generate_passkey(self) -> int:
        """Have the application choose the number that it displays."""
        return await self._ask(PASSKEY_ACTION_DISPLAY, 0)

    async def _ask(self, action: int, number: int) -> int:
        """Return the application's answer; without one in time, Bumble fails the pairing."""
        self._answer = asyncio.get_running_loop().create_future()
        self._notify(IRQ_PASSKEY_ACTION, (self._connection_handle, action, number))
        return await asyncio.wait_for(self._answer, _ANSWER_WITHIN_S)
