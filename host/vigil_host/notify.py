"""Tells systemd that the bridge is up and still alive (sd_notify(3)): one datagram to the socket it names."""

import asyncio
import os
import socket


def notify(state: str) -> None:
    """Send one state, as "READY=1"; does nothing where systemd did not start this process."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.sendall(state.encode())


async def keep_watchdog_fed() -> None:
    """Feed systemd's watchdog from the event loop for ever, twice in each of its periods; ends where there is none."""
    period_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    while period_us:
        notify("WATCHDOG=1")
        await asyncio.sleep(period_us / 2_000_000)
