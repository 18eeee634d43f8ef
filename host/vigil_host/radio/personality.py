"""The limits of MicroPython's two BLE stacks, as data.

Measured with MicroPython 1.28 unix builds against Bumble: advertising during a link, the silent overflow of
the 512-byte table, 32-byte adverts refused by NimBLE, registration while advertising refused, notifications
accepted in a tight loop, errors of a notification after the disconnection, the address in the disconnection
event, address modes.

Read in source only: number of connections, no pairing in the stock Pico W image, ENOMEM for a connectable
advert when no connection is left, the assertion at an address set while advertising, the public address after
every start, no check of the advert's length and write events for client
configurations on BTstack (in a binding of 2020).

Assumed: what stays on the air after BTstack was given too long an advert, that it does not resume
advertising by itself after a link, that NimBLE also refuses registration while connected, and the error of
send_update on BTstack.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Personality:
    """What one BLE stack can do, and which errors it raises where it cannot.

    errno values are those of MicroPython's unix port and boards.
    """

    name: str
    default_name: bytes
    """The device name that the GAP service shows."""
    connections: int
    """Simultaneous links as a peripheral."""
    advertises_while_connected: bool
    """False: gap_advertise is accepted during a link and puts nothing on the air."""
    attribute_table_bytes: int | None
    """Size of the ATT table, which overflows silently; None: it grows."""
    outstanding_notifications: int | None
    """Packets accepted before OSError(12); None: all are queued."""
    not_connected_errno: int
    """Raised by a notification or indication on a link that has gone."""
    checks_advert_length: bool
    """True: OSError(-18) above 31 bytes. False: accepted, and the advert on the air keeps its old data."""
    locks_table: bool
    """True: services cannot be registered while advertising or connected, OSError(16)."""
    pairing: bool
    """Whether bonds, pairing and their settings exist."""
    private_addresses: bool
    """Whether addr_mode 2 and 3 exist; otherwise OSError(22)."""
    stops_at_address_change: bool
    """True: a random address set while advertising fails an assertion in the binding."""
    names_peer_on_disconnect: bool
    """False: the disconnection event carries address type 255 and a zero address."""
    sends_updates: bool
    """Whether gatts_write(..., send_update=True) exists; otherwise OSError(95)."""
    shows_subscriptions: bool
    """True: a client configuration write is an ordinary write event, on the handle after the value's."""


NIMBLE = Personality(
    name="nimble",
    default_name=b"MPY ESP32",
    connections=4,
    advertises_while_connected=True,
    attribute_table_bytes=None,
    outstanding_notifications=70,
    not_connected_errno=107,
    checks_advert_length=True,
    locks_table=True,
    pairing=True,
    private_addresses=True,
    stops_at_address_change=True,
    names_peer_on_disconnect=True,
    sends_updates=True,
    shows_subscriptions=False,
)
"""ESP32."""

BTSTACK = Personality(
    name="btstack",
    default_name=b"MPY BTSTACK",
    connections=1,
    advertises_while_connected=False,
    attribute_table_bytes=512,
    outstanding_notifications=None,
    not_connected_errno=22,
    checks_advert_length=False,
    locks_table=False,
    pairing=False,
    private_addresses=False,
    stops_at_address_change=False,
    names_peer_on_disconnect=False,
    sends_updates=False,
    shows_subscriptions=True,
)
"""Raspberry Pi Pico W and Pico 2 W."""

PERSONALITIES = {personality.name: personality for personality in (NIMBLE, BTSTACK)}
