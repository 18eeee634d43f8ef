"""The firmware on a real Bluetooth stack: MicroPython's unix build, whose HCI UART leads to a controller on the air."""

import asyncio
import json
import os
import pty
import subprocess
import tty
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient
from bumble import hci, ll
from bumble.core import PhysicalTransport
from bumble.pairing import PairingDelegate
from bumble.transport.common import PacketParser
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from vigil_firmware.monitor import STEP_MS
from vigil_host.assets import asset
from vigil_host.radio.air import Air, AirController
from vigil_host.radio.bleak_backend import AirClient
from vigil_host.radio.personality import BTSTACK, NIMBLE, Personality
from vigil_host.vm.runner import PACKAGES

BINARY = os.environ.get("VIGIL_MICROPYTHON", "")

_PROGRAM = Path(__file__).with_name("wearable_in_vm.py")
_WHICH_STACK = """
import bluetooth
try:
    bluetooth.BLE().config(mitm=True)
    print("nimble")
except ValueError:
    print("btstack")
"""
_FIND_LIBRARY = ":".join([*sorted({str(asset(package).parent) for package in PACKAGES}), ".frozen"])
_ZEPHYRS_ADDRESS = 0xFC09  # a vendor's command: is there a static address?
_READ_BYTES = 4096
_FIRST_INTERVAL_S = 0.1


@cache
def native_stack() -> Personality | None:
    """Tell which stack the binary in VIGIL_MICROPYTHON was built with; None where there is no binary, or no stack."""
    if not BINARY:
        return None
    said = subprocess.run([BINARY, "-c", _WHICH_STACK], capture_output=True, text=True, timeout=10).stdout.strip()
    return {"nimble": NIMBLE, "btstack": BTSTACK}.get(said)


def need_native(*stacks: Personality) -> None:
    """Skip a test where VIGIL_MICROPYTHON names no MicroPython with one of these stacks."""
    if native_stack() not in stacks:
        names = " or ".join(stack.name for stack in stacks)
        pytest.skip(f"VIGIL_MICROPYTHON names no MicroPython with Bluetooth ({names})")


class SerialController(AirController):
    """A controller on the air whose host is at the end of a serial line."""

    def __init__(self, air: Air, line: int) -> None:
        """`line`: the file descriptor of the controller's end."""
        super().__init__("native", air, air.new_addresses()[0])
        self._line = line
        self._parser = PacketParser(self)
        self.host = self._sender = _Sender(line)
        self._held: list[Callable[[], None]] = []  # data that came before the link's first interval was over

    def read(self) -> None:
        """Take what the host has sent."""
        self._parser.feed_data(os.read(self._line, _READ_BYTES))

    def on_ll_advertising_pdu(self, packet: ll.AdvertisingPdu) -> None:
        """Take a connection request; no data crosses a radio before the first interval, and NimBLE would lose it."""
        super().on_ll_advertising_pdu(packet)
        if isinstance(packet, ll.ConnectInd):
            self._held.append(lambda: None)
            asyncio.get_running_loop().call_later(_FIRST_INTERVAL_S, self._release)

    def on_link_acl_data(self, sender_address: hci.Address, transport: PhysicalTransport, data: bytes) -> None:
        """Pass data on to the host."""
        take = super().on_link_acl_data
        if self._held:
            self._held.append(lambda: take(sender_address, transport, data))
        else:
            take(sender_address, transport, data)

    def _release(self) -> None:
        held, self._held = self._held, []
        for take in held:
            take()

    def on_packet(self, packet: bytes) -> None:
        """Take one packet. BTstack sends two commands that Bumble does not know."""
        operation = int.from_bytes(packet[1:3], "little") if packet[0] == hci.HCI_COMMAND_PACKET else 0
        if operation == hci.HCI_LE_ENCRYPT_COMMAND:
            key, block = packet[4:20], packet[20:36]
            cipher = Cipher(algorithms.AES128(key[::-1]), modes.ECB()).encryptor()
            self._complete(operation, hci.HCI_ErrorCode.SUCCESS, cipher.update(block[::-1])[::-1])
        elif operation == _ZEPHYRS_ADDRESS:
            self._complete(operation, hci.HCI_ErrorCode.UNKNOWN_HCI_COMMAND_ERROR)
        else:
            super().on_packet(packet)

    def _complete(self, operation: int, status: int, result: bytes = b"") -> None:
        """Answer a command."""
        answer = b"\x01" + operation.to_bytes(2, "little") + bytes([status]) + result
        self._sender.on_packet(bytes([hci.HCI_EVENT_PACKET, hci.HCI_COMMAND_COMPLETE_EVENT, len(answer)]) + answer)

    def on_hci_le_set_advertising_parameters_command(
        self, command: hci.HCI_LE_Set_Advertising_Parameters_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Advertise from now on as told; Bumble takes units of 0.625 ms for milliseconds."""
        answer = super().on_hci_le_set_advertising_parameters_command(command)
        self.advertiser.advertising_interval_min = command.advertising_interval_min * 5 // 8
        self.advertiser.connectable = command.advertising_type == command.AdvertisingType.ADV_IND
        return answer


class _Sender:
    """Where a SerialController puts the packets for its host."""

    def __init__(self, line: int) -> None:
        self._line = line

    def on_packet(self, packet: bytes) -> None:
        """Send one packet."""
        os.write(self._line, packet)


class NativeWearable:
    """One such wearable, stepped by the test; `lines` is its log."""

    def __init__(self, air: Air, settings: dict[str, int], patient: list[str], key: bytes) -> None:
        """Switch it on; it answers after `started`."""
        self.air = air
        self.lines: list[str] = []
        self.address = ""
        self._line, theirs = pty.openpty()
        tty.setraw(self._line)
        self._controller = SerialController(air, self._line)
        job = {"key": key.hex(), "settings": settings, "patient": patient}
        self._process = subprocess.Popen(
            [BINARY, _PROGRAM],
            env={**os.environ, "MICROPYPATH": _FIND_LIBRARY, "MICROPYBTUART": os.ttyname(theirs)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._kept_open = theirs  # a line that nobody has open is an error to its other end
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin, self._process.stdout
        self._say(json.dumps(job))
        self._text = b""
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Any] = self._loop.create_future()
        self._loop.add_reader(self._line, self._controller.read)
        self._loop.add_reader(self._from, self._read)
        air.on_close(self.cut_power)

    async def started(self) -> "NativeWearable":
        """Wait until it runs."""
        await self._answer
        return self

    def cut_power(self) -> None:
        """Take it off the air and end it, if that was not done."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._loop.remove_reader(self._from)
        self._loop.remove_reader(self._line)
        self._to.close()
        self._from.close()
        self.air.detach(self._controller, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        self._loop.call_soon(os.close, self._line)  # what the controller says of that comes first
        self._loop.call_soon(os.close, self._kept_open)

    def _read(self) -> None:
        data = os.read(self._from.fileno(), _READ_BYTES)
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            if line.startswith(b"= "):
                result, address = json.loads(line[2:])
                self.address = ":".join(address[at : at + 2] for at in range(0, 12, 2)).upper()
                self._answer.set_result(result)
            else:
                self.lines.append(line.decode())
        if not data:
            self._loop.remove_reader(self._from)
            if not self._answer.done():
                self._answer.set_exception(RuntimeError("MicroPython ended:\n" + "\n".join(self.lines)))

    def _say(self, line: str) -> None:
        self._to.write(line.encode() + b"\n")
        self._to.flush()

    async def _tell(self, order: str) -> Any:
        await asyncio.wait([self._answer])  # whoever asked before
        self._answer = self._loop.create_future()
        self._say(order)
        return await self._answer

    async def ask(self, expression: str) -> Any:
        """Evaluate an expression in the device's MicroPython."""
        return await self._tell(f"ask {expression}")

    async def live(self, seconds: float, times_as_fast: int = 50) -> None:
        """Let so much of the device's own time go by."""
        await self._tell(f"live {round(seconds * 1000)} {times_as_fast}")

    async def live_until(self, condition: Callable[[], object]) -> None:
        """Let the device live on until `condition` holds."""
        async with asyncio.timeout(10):
            while not condition():
                await self.live(STEP_MS / 1000)

    async def live_until_true(self, expression: str) -> None:
        """Let the device live on until an expression holds there."""
        async with asyncio.timeout(10):
            while not await self.ask(expression):
                await self.live(STEP_MS / 1000)

    async def doing(self, what: Any) -> Any:
        """Do what a central does while the device lives on, slower: a serial line takes its time."""
        task = asyncio.ensure_future(what)
        async with asyncio.timeout(10):
            while not task.done():
                await self.live(STEP_MS / 1000, 2)
        return task.result()

    def central(self, person: PairingDelegate | None = None, like: Any = None) -> Any:
        """A central of its own, or one that has taken the address of another."""
        client = BleakClient(self.address, backend=AirClient, air=self.air, pairing_delegate=person)
        if like is not None:
            client._backend._own_address = like._backend._own_address  # type: ignore[attr-defined]
        return client

    @property
    def passkeys(self) -> list[int]:
        """All that were shown."""
        return [int(line.split()[2]) for line in self.lines if "passkey" in line]

    async def open_pairing(self) -> None:
        """Let a phone pair."""
        await self.ask("device.peripheral.open_pairing()")

    async def bonds(self) -> Any:
        """The bonds on flash."""
        return await self.ask("device.storage.bonds.hex()")
