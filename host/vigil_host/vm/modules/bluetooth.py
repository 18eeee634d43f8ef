"""MicroPython's `bluetooth` for the VM: every call is made on the parent's BLE object, over pipes.

Events reach the handler while the program sleeps, in the order in which they came. What the handler returns does not
reach the parent: the answers to `_IRQ_GATTS_READ_REQUEST` and `_IRQ_GET_SECRET` are lost.
"""

import json
import time
from binascii import hexlify, unhexlify

import _host

FLAG_BROADCAST = 0x0001
FLAG_READ = 0x0002
FLAG_WRITE_NO_RESPONSE = 0x0004
FLAG_WRITE = 0x0008
FLAG_NOTIFY = 0x0010
FLAG_INDICATE = 0x0020
FLAG_AUTHENTICATED_SIGNED_WRITE = 0x0040
FLAG_AUX_WRITE = 0x0100
FLAG_READ_ENCRYPTED = 0x0200
FLAG_READ_AUTHENTICATED = 0x0400
FLAG_READ_AUTHORIZED = 0x0800
FLAG_WRITE_ENCRYPTED = 0x1000
FLAG_WRITE_AUTHENTICATED = 0x2000
FLAG_WRITE_AUTHORIZED = 0x4000

_ERRORS = {"AttributeError": AttributeError, "TypeError": TypeError, "ValueError": ValueError}


class UUID:
    """A 16-bit UUID from an integer, or a 128-bit one from its text; either from its little-endian bytes."""

    def __init__(self, value):
        if isinstance(value, (bytes, bytearray, memoryview)):
            digits = hexlify(bytes(reversed(bytes(value)))).decode()
            value = int(digits, 16) if len(value) == 2 else digits
        if isinstance(value, int):
            if not 0 <= value <= 0xFFFF:
                raise ValueError("invalid UUID")
        elif isinstance(value, str) and len(value.replace("-", "")) == 32:
            digits = value.replace("-", "").lower()
            value = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        else:
            raise ValueError("invalid UUID")
        self._value = value

    def __eq__(self, other):
        return isinstance(other, UUID) and self._value == other._value

    def __hash__(self):
        return hash(self._value)

    def __repr__(self):
        return "UUID(0x%04x)" % self._value if isinstance(self._value, int) else "UUID('%s')" % self._value


class BLE:
    """The one radio; raises the OSError (same errno), AttributeError, TypeError or ValueError of the parent's."""

    _only = None

    def __new__(cls):
        if cls._only is None:
            cls._only = object.__new__(cls)
            cls._only._handler = None
            cls._only._written = None
            time.after_sleep.append(cls._only._deliver)
        return cls._only

    def irq(self, handler):
        """Send the events to `handler(event, data)`."""
        self._handler = handler
        _call("irq", (handler is not None,), {})

    def gatts_read(self, handle):
        """Return the value; in the handler of a write, that which was written, as on a board."""
        if self._written is not None and self._written[0] == handle:
            return self._written[1]
        return _call("gatts_read", (handle,), {})

    def __getattr__(self, name):
        return lambda *args, **named: _call(name, args, named)

    def _deliver(self):
        while True:
            text = _host.nextEvent()
            if not text:
                return
            event, data, written = json.loads(text)
            data = _decoded(data)
            if written is not None:
                self._written = (data[1], _decoded(written))
            try:
                if self._handler is not None:
                    self._handler(event, data)
            finally:
                self._written = None


def _call(name, args, named):
    named = {key: _encoded(value) for key, value in named.items()}
    answer = json.loads(_host.ble(json.dumps([name, _encoded(args), named])))
    if "errno" in answer:
        raise OSError(answer["errno"])
    if "error" in answer:
        kind, text = answer["error"]
        raise _ERRORS[kind](text)
    return _decoded(answer["value"])


def _encoded(value):
    """Make `value` fit for JSON: bytes as {"b": hex}, a UUID as {"u": its value}; as ble_calls.py does."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"b": hexlify(value).decode()}
    if isinstance(value, UUID):
        return {"u": value._value}
    if isinstance(value, (tuple, list)):
        return [_encoded(item) for item in value]
    return value


def _decoded(value):
    if isinstance(value, dict):
        return unhexlify(value["b"])
    if isinstance(value, list):
        return tuple([_decoded(item) for item in value])
    return value
