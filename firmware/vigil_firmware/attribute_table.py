"""How much of BTstack's attribute table a set of services takes. The table has a fixed size and overflows silently.

Counted as BTstack's att_db_util.c (77e752ab, what MicroPython 1.28 is built with) writes it: an attribute has 8 bytes
(size, flags, handle, type), 22 where its type has 128 bits, and what it holds; values are kept elsewhere.

    service          one attribute that holds the UUID
    characteristic   a declaration that holds 3 bytes and the UUID, then the value, then, where it notifies or
                     indicates, a client configuration that holds 2 bytes

Services are declared as (UUID, ((UUID, flags), ...)), a UUID being an integer of 16 bits or the text of 128.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vigil_firmware.bluetooth_stacks import Stack

    Uuid = int | str
    Service = tuple[Uuid, tuple[tuple[Uuid, int], ...]]

NOTIFY = 0x0010
INDICATE = 0x0020

# The version's byte, MicroPython's own GAP and GATT services with a readable characteristic each, the end's two bytes.
OVERHEAD_BYTES = 1 + 2 * (10 + 21) + 2
_ATTRIBUTE = 8


def size_bytes(services: "Sequence[Service]") -> int:
    """Return the size of the table that holds these services, with what it always holds."""
    size = OVERHEAD_BYTES
    for service in services:
        size += service_bytes(service)
    return size


def service_bytes(service: "Service") -> int:
    """Return what one service adds to the table."""
    uuid, characteristics = service
    size = _ATTRIBUTE + _uuid_bytes(uuid)
    for uuid, flags in characteristics:
        length = _uuid_bytes(uuid)
        size += _ATTRIBUTE + 3 + length  # declaration
        size += _ATTRIBUTE + length - 2  # value
        if flags & (NOTIFY | INDICATE):
            size += _ATTRIBUTE + 2
    return size


def trouble_with(services: "Sequence[Service]", stack: "Stack") -> str:
    """Return why a stack has no room for these services; "" where it has."""
    needed = size_bytes(services)
    if stack.table_bytes is None or needed <= stack.table_bytes:
        return ""
    return "the services need %d bytes of %s's attribute table, which has %d: set standard_services to 0" % (
        needed,
        stack.name,
        stack.table_bytes,
    )


def _uuid_bytes(uuid: "Uuid") -> int:
    return 2 if isinstance(uuid, int) else 16
