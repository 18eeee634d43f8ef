"""Serves the VM's BLE calls from an object with MicroPython's BLE API, and queues its events for the VM."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vigil_hal.seams import BluetoothModule

_ENODEV = 19
_GATTS_WRITE = 3

# The peripheral's part of bluetooth.BLE: nothing else can be called from inside the VM.
_METHODS = {
    *("active", "config", "gap_advertise", "gap_disconnect", "gap_pair", "gap_passkey", "gatts_indicate"),
    *("gatts_notify", "gatts_read", "gatts_register_services", "gatts_set_buffer", "gatts_write"),
}


class BleCalls:
    """One radio behind the VM's `bluetooth` module; everything happens on the event loop's thread.

    Without a `bluetooth` module every call answers OSError(19, ENODEV).
    """

    def __init__(self, bluetooth: "BluetoothModule | None") -> None:
        self._bluetooth = bluetooth
        self._events: deque[list[Any]] = deque()
        self._arrived = asyncio.Event()

    def call(self, name: str, args: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        """Make one call and return what the VM is answered: {"value"}, {"errno"} or {"error": [class, text]}.

        Any other exception is a fault on this side and passes through.
        """
        if self._bluetooth is None:
            return {"errno": _ENODEV}
        ble = self._bluetooth.BLE()
        try:
            if name == "irq":
                ble.irq(self._event if args[0] else None)
                return {"value": None}
            if name not in _METHODS:
                return {"error": ["AttributeError", f"'BLE' object has no attribute '{name}'"]}
            positional = [self._decoded(value) for value in args]
            keywords = {key: self._decoded(value) for key, value in named.items()}
            return {"value": encoded(getattr(ble, name)(*positional, **keywords))}
        except OSError as error:
            return {"errno": error.args[0] if error.args else 0}
        except (TypeError, ValueError) as error:
            kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
            return {"error": [kind, str(error)]}

    async def events(self, within_ms: int) -> list[list[Any]]:
        """Return the events that came, waiting up to `within_ms` for the first, or for `wake`."""
        if not self._events:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_ms / 1000):
                    await self._arrived.wait()
        self._arrived.clear()
        events = list(self._events)
        self._events.clear()
        return events

    def wake(self) -> None:
        """End the wait in `events`."""
        self._arrived.set()

    def close(self) -> None:
        """Switch the radio off and take no more events: its program has ended."""
        if self._bluetooth is not None:
            self._bluetooth.BLE().irq(None)
            self._bluetooth.BLE().active(False)

    def _event(self, event: int, data: tuple[Any, ...]) -> None:
        # Encoded at once: MicroPython's radios reuse the memory of what they pass. On a board a write's handler runs
        # before the next write; here it runs later, so the value written goes with the event.
        written = None
        if event == _GATTS_WRITE and self._bluetooth is not None and len(data) == 2:
            written = self._bluetooth.BLE().gatts_read(data[1])
        self._events.append([event, encoded(data), encoded(written)])
        self._arrived.set()

    def _decoded(self, value: Any) -> Any:
        if isinstance(value, dict):
            if "u" in value:
                assert self._bluetooth is not None
                return self._bluetooth.UUID(value["u"])
            return bytes.fromhex(value["b"])
        if isinstance(value, list):
            return tuple(self._decoded(item) for item in value)
        return value


def encoded(value: Any) -> Any:
    """Make `value` fit for JSON: bytes as {"b": hex}, sequences as lists."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"b": bytes(value).hex()}
    if isinstance(value, tuple | list):
        return [encoded(item) for item in value]
    return value
