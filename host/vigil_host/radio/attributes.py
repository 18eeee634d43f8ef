"""A device's ATT table: its services on a Bumble GATT server, and the values as MicroPython keeps them.

A value holds 20 bytes until `set_buffer`; what a remote writes beyond that is cut off, and `append`
collects writes until the application reads them. A local write makes its value grow. (MicroPython's
modbluetooth sources.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bumble import att, core, gatt
from bumble.att import Attribute, AttributeValueV2
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, Descriptor, Service

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

_EINVAL = 22
_DEFAULT_VALUE_BYTES = 20
_READABLE_AND_WRITEABLE = Attribute.Permissions.READABLE | Attribute.Permissions.WRITEABLE

# BTstack's table (att_db_util.c): each attribute costs eight bytes with a 16-bit type and 22 with a 128-bit
# one, plus what it holds; MicroPython's GAP and GATT services take the first 63, and the end marker two.
_TABLE_OVERHEAD_BYTES = 65
_ATTRIBUTE_BYTES = 8

Guard = Callable[[Connection], tuple[bool, bool]]
"""Tells of a connection whether it is encrypted and whether it is authenticated."""


@dataclass
class Value:
    """The value of one characteristic or descriptor, and how many bytes a remote may make it."""

    data: bytes = b""
    capacity: int = _DEFAULT_VALUE_BYTES
    append: bool = False


@dataclass
class _Table:
    """How full a table of fixed size is."""

    limit: int | None
    used: int = _TABLE_OVERHEAD_BYTES
    overflowed: bool = False

    def take(self, count: int) -> bool:
        """Take `count` bytes; False from the first that do not fit."""
        self.overflowed = self.overflowed or (self.limit is not None and self.used + count > self.limit)
        if not self.overflowed:
            self.used += count
        return not self.overflowed


@dataclass
class AttributeTable:
    """The services and values of one device.

    `written(connection_handle, value_handle)` is called after each remote write, before the answer goes out.
    """

    device: Device
    limit_bytes: int | None
    shows_subscriptions: bool
    guard: Guard
    written: Callable[[int, int], None]
    values: dict[int, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Follow subscriptions."""
        server = self.device.gatt_server
        server.on(server.EVENT_CHARACTERISTIC_SUBSCRIPTION, self._on_subscription)

    def value(self, handle: int) -> Value:
        """Return the value with that handle, or raise OSError(22)."""
        try:
            return self.values[handle]
        except KeyError:
            raise OSError(_EINVAL) from None

    def write(self, handle: int, data: bytes) -> None:
        """Set a value from this side; it grows as needed."""
        value = self.value(handle)
        value.data = data
        value.capacity = max(value.capacity, len(data))

    def set_buffer(self, handle: int, length: int, append: bool) -> None:
        """Empty a value and set how much a remote may write to it."""
        value = self.value(handle)
        value.data, value.capacity, value.append = b"", length, append

    def replace(self, services: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
        """Replace all services; return the value handles, one tuple for each service.

        Once a table of fixed size is full nothing more is added, and every handle asked for is the next one.
        """
        server = self.device.gatt_server
        server.attributes.clear()
        server.services.clear()
        server.attributes_by_handle.clear()
        self.values.clear()
        self.device.add_default_services()
        table = _Table(self.limit_bytes)
        return tuple(self._add_service(table, *service) for service in services)

    def set_name(self, name: bytes) -> None:
        """Set the device name that the GAP service shows."""
        for attribute in self.device.gatt_server.attributes:
            if attribute.type == gatt.GATT_DEVICE_NAME_CHARACTERISTIC:
                attribute.value = name

    def _add_service(self, table: _Table, uuid: Any, characteristics: Sequence[Any]) -> tuple[int, ...]:
        fitting: list[Characteristic[bytes]] = []
        described: list[tuple[Attribute[bytes] | None, Value]] = []
        fits = table.take(_ATTRIBUTE_BYTES + len(bytes(uuid)))
        for definition in characteristics:
            characteristic, parts, count = self._characteristic(*definition)
            if table.take(count):
                fitting.append(characteristic)
                described += parts
            else:
                described += [(None, value) for _, value in parts]
        if fits:
            service = Service(core.UUID.from_bytes(bytes(uuid)), fitting)
            self.device.gatt_server.add_service(service)
        overflow = self.device.gatt_server.next_handle()
        handles = []
        for attribute, value in described:
            handle = overflow if attribute is None else attribute.handle
            self.values[handle] = value
            handles.append(handle)
        if self.shows_subscriptions:
            for characteristic in fitting:
                if characteristic.descriptors[:1] and _is_configuration(characteristic.descriptors[0]):
                    self.values[characteristic.handle + 1] = Value(bytes(2), 2)
        return tuple(handles)

    def _characteristic(
        self, uuid: Any, flags: int, descriptors: Sequence[Any] = ()
    ) -> tuple[Characteristic[bytes], list[tuple[Attribute[bytes] | None, Value]], int]:
        """Return the characteristic, its attributes with their values, and its size in BTstack's table."""
        value = Value()
        size = len(bytes(uuid))
        characteristic: Characteristic[bytes] = Characteristic(
            core.UUID.from_bytes(bytes(uuid)),
            Characteristic.Properties(flags & 0xFF),
            _READABLE_AND_WRITEABLE,
            descriptors=[],
        )
        characteristic.value = self._access(characteristic, flags, value)  # type: ignore[assignment]  # Bumble takes it
        attached: list[Descriptor] = []
        parts: list[tuple[Attribute[bytes] | None, Value]] = [(characteristic, value)]
        count = _ATTRIBUTE_BYTES + 3 + size + _ATTRIBUTE_BYTES + (size - 2)
        if flags & (FLAG_NOTIFY | FLAG_INDICATE):
            # Both stacks put the client configuration right after the value; Bumble would put it last.
            configuration: Descriptor = Descriptor(
                gatt.GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
                _READABLE_AND_WRITEABLE,
                self.device.gatt_server.make_descriptor_value(characteristic),
            )
            attached.append(configuration)
            count += _ATTRIBUTE_BYTES + 2
        for descriptor_uuid, descriptor_flags in descriptors:
            held = Value()
            descriptor = Descriptor(core.UUID.from_bytes(bytes(descriptor_uuid)), _READABLE_AND_WRITEABLE, b"")
            descriptor.value = self._access(descriptor, descriptor_flags, held)
            attached.append(descriptor)
            parts.append((descriptor, held))
            count += _ATTRIBUTE_BYTES + len(bytes(descriptor_uuid)) - 2
        characteristic.descriptors = attached
        return characteristic, parts, count

    def _access(self, attribute: Attribute[bytes], flags: int, value: Value) -> AttributeValueV2[bytes]:
        """Return what Bumble calls on reads and writes. Bumble itself checks no more than encryption."""

        def read(bearer: att.Bearer) -> bytes:
            self._check(_link(bearer), flags, FLAG_READ, att.ATT_READ_NOT_PERMITTED_ERROR, shift=0)
            return value.data

        def write(bearer: att.Bearer, data: bytes) -> None:
            writable = FLAG_WRITE | FLAG_WRITE_NO_RESPONSE
            self._check(_link(bearer), flags, writable, att.ATT_WRITE_NOT_PERMITTED_ERROR, shift=3)
            kept = value.data if value.append else b""
            value.data = (kept + data)[: value.capacity]
            self.written(_link(bearer).handle, attribute.handle)

        return AttributeValueV2(read, write)

    def _check(self, connection: Connection, flags: int, needed: int, refusal: int, *, shift: int) -> None:
        """Raise the ATT error of a refused access; `shift` leads from the read flags to the write flags."""
        encrypted, authenticated = self.guard(connection)
        if not flags & needed:
            raise att.ATT_Error(refusal)
        if flags & (FLAG_READ_AUTHENTICATED << shift) and not authenticated:
            raise att.ATT_Error(att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR)
        if flags & (FLAG_READ_ENCRYPTED << shift) and not encrypted:
            raise att.ATT_Error(att.ATT_INSUFFICIENT_ENCRYPTION_ERROR)
        if flags & (FLAG_READ_AUTHORIZED << shift):
            raise att.ATT_Error(att.ATT_INSUFFICIENT_AUTHORIZATION_ERROR)

    def _on_subscription(
        self, bearer: att.Bearer, characteristic: Characteristic[bytes], notify: bool, indicate: bool
    ) -> None:
        configuration = self.values.get(characteristic.handle + 1)
        if self.shows_subscriptions and configuration is not None:
            configuration.data = bytes([notify | indicate << 1, 0])
            self.written(_link(bearer).handle, characteristic.handle + 1)


def _is_configuration(descriptor: Descriptor) -> bool:
    return descriptor.type == gatt.GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR


def _link(bearer: att.Bearer) -> Connection:
    assert isinstance(bearer, Connection)
    return bearer
