"""Keeps a record session with one device, for ever."""

import logging
from collections.abc import Awaitable, Callable

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from vigil_host.clock import Clock
from vigil_host.link.session import Session, TurnOver
from vigil_host.store import StoreError
from vigil_wire.link import LinkError

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0

_log = logging.getLogger(__name__)


def backoff_s(failures: int) -> float:
    """How long to wait after so many failures in a row: doubling, up to half a minute."""
    return min(FIRST_BACKOFF_S * 2.0 ** min(failures, 16), LONGEST_BACKOFF_S)


async def keep_connected(
    name: str,
    next_advert: Callable[[], Awaitable[BLEDevice]],
    new_session: Callable[[], Session],
    clock: Clock,
) -> None:
    """Run one session after another; ends only by cancellation.

    Each begins with an advert of the device, so that nothing is tried while it is out of reach.
    """
    failures = 0
    while True:
        ble_device = await next_advert()
        session = new_session()
        try:
            await session.run(ble_device)
        except TurnOver as over:
            failures = 0
            await clock.sleep(over.wait_s)
            continue
        except (BleakError, LinkError, StoreError, OSError, EOFError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        except Exception:
            _log.exception("%s: a fault in Vigil ended the session", name)
            reason = "a fault in Vigil"
        if session.is_established:
            failures = 0
        wait_s = backoff_s(failures)
        failures += 1
        _log.warning("%s: %s; connecting again in %.1f s", name, reason, wait_s)
        await clock.sleep(wait_s)
