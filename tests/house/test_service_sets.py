"""What each board offers over Bluetooth fits its stack, and is what docs/standard-services.md says."""

from pathlib import Path

import pytest

from vigil_firmware import attribute_table
from vigil_firmware.bluetooth_stacks import BTSTACK, NIMBLE, STACKS, Stack
from vigil_firmware.peripheral import OURS
from vigil_firmware.service_sets import services_on
from vigil_host.boards.description import Board, board_ids, load

_ROOT = Path(__file__).resolve().parents[2]
_BOARDS = [board for board in map(load, board_ids()) if board.runs_micropython]
_NAMES = {
    0x1805: "Current Time",
    0x1809: "Health Thermometer",
    0x180A: "Device Information",
    0x180D: "Heart Rate",
    0x180F: "Battery",
    0x1822: "Pulse Oximeter",
    0x2A19: "Battery Level",
    0x2A1C: "Temperature Measurement",
    0x2A1D: "Temperature Type",
    0x2A21: "Measurement Interval",
    0x2A24: "Model Number",
    0x2A26: "Firmware Revision",
    0x2A27: "Hardware Revision",
    0x2A29: "Manufacturer Name",
    0x2A2B: "Current Time",
    0x2A37: "Heart Rate Measurement",
    0x2A38: "Body Sensor Location",
    0x2A52: "Record Access Control Point",
    0x2A5E: "Spot-check Measurement",
    0x2A5F: "Continuous Measurement",
    0x2A60: "Features",
}
_PROPERTIES = {0x02: "read", 0x08: "write", 0x10: "notify", 0x20: "indicate"}


@pytest.mark.parametrize("board", _BOARDS, ids=[board.id for board in _BOARDS])
def test_the_services_of_every_board_fit_its_stack(board: Board) -> None:
    assert fits(STACKS[board.chip.port])


@pytest.mark.parametrize("stack", [NIMBLE, BTSTACK], ids=lambda stack: stack.name)
def test_the_services_of_every_stack_fit(stack: Stack) -> None:
    assert fits(stack)


def fits(stack: Stack) -> bool:
    """Whether all that is offered on a stack goes into its table."""
    return stack.table_bytes is None or attribute_table.size_bytes([OURS, *services_on(stack)]) <= stack.table_bytes


@pytest.mark.parametrize(
    ("service", "size"),
    [
        # BTstack's att_db_util.c (77e752ab), compiled and asked: att_db_util_get_size after each call.
        ((0x1822, ()), 10),
        (("6e400001-b5a3-f393-e0a9-e50e24dcca9e", ()), 24),
        ((0x1822, ((0x2A60, 0x02),)), 10 + 21),
        ((0x1822, ((0x2A5F, 0x10),)), 10 + 31),
        ((0x1822, ((0x2A5E, 0x20),)), 10 + 31),
        ((0x1822, ((0x2A60, 0x0402),)), 10 + 21),
        ((0x1822, (("6e400002-b5a3-f393-e0a9-e50e24dcca9e", 0x08),)), 10 + 49),
        ((0x1822, (("6e400002-b5a3-f393-e0a9-e50e24dcca9e", 0x10),)), 10 + 59),
    ],
)
def test_sizes_as_btstack_itself_counts_them(service: "attribute_table.Service", size: int) -> None:
    assert attribute_table.service_bytes(service) == size
    assert attribute_table.size_bytes([]) == 65
    assert attribute_table.size_bytes([service, service]) == 65 + 2 * size


def test_the_document_shows_what_is_declared() -> None:
    text = (_ROOT / "docs/standard-services.md").read_text(encoding="utf-8")
    assert table() in text, "in docs/standard-services.md:\n" + table()


def table() -> str:
    """The document's table of services: who offers what, and the bytes that it takes of BTstack's table."""
    size = attribute_table.service_bytes
    on_btstack = dict(services_on(BTSTACK))
    lines = [
        "| service or characteristic | ESP32 (NimBLE) | Pico W (BTstack) | bytes there |",
        "|---|---|---|---|",
        f"| MicroPython's own | read | read | {attribute_table.OVERHEAD_BYTES} |",
        f"| **Vigil's records** | write, notify | write, notify | {size(OURS)} |",
    ]
    for service, characteristics in services_on(NIMBLE):
        there = dict(on_btstack.pop(service, ()))
        lines.append(f"| **{named(service)}** | | | {size((service, ())) if there else ''} |")
        for uuid, flags in characteristics:
            takes = size((service, ((uuid, flags),))) - size((service, ()))
            on_pico_w = (properties(there.pop(uuid)), str(takes)) if uuid in there else ("-", "")
            lines.append(f"| {named(uuid)} | {properties(flags)} | {on_pico_w[0]} | {on_pico_w[1]} |")
        assert not there
    assert not on_btstack
    total = attribute_table.size_bytes([OURS, *services_on(BTSTACK)])
    lines.append(f"| all | | | {total} of {BTSTACK.table_bytes} |")
    return "\n".join(lines).replace("|  |", "| |")


def properties(flags: int) -> str:
    """The names of a characteristic's properties."""
    return ", ".join(name for bit, name in _PROPERTIES.items() if flags & bit)


def named(uuid: "attribute_table.Uuid") -> str:
    """A name and its number."""
    assert isinstance(uuid, int)
    return f"{_NAMES[uuid]} 0x{uuid:04X}"
