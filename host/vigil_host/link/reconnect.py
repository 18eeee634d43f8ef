"""Keeps a record session with one device, for ever."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from bleak.backends.device import BLEDevice

from vigil_host.clock import Clock
from vigil_host.link.session import Session, TurnOver
from vigil_host.link.troubles import FAULT, Trouble, text_of, trouble_of

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
STEADY_S = 30.0
"""What ends a session that lasted so long is new, and said again."""

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

    Each begins with an advert of the device, so that nothing is tried while it is out of reach. How soon the next one
    is tried depends on what ended the last (`vigil_host.link.troubles`), which is logged when it is not what it was.
    """
    times: Counter[Trouble] = Counter()
    said = ""
    while True:
        ble_device = await next_advert()
        session = new_session()
        began_s = clock.monotonic()
        try:
            await session.run(ble_device)
        except TurnOver as over:
            times.clear()
            await clock.sleep(over.wait_s)
            continue
        except Exception as raised:
            error = raised
        trouble = trouble_of(error, session.is_established)
        if clock.monotonic() - began_s >= STEADY_S:
            times.clear()
            said = ""
        elif session.is_established:
            times = Counter({kind: count for kind, count in times.items() if kind.is_ours})
        wait_s = trouble.wait_s(times[trouble])
        times[trouble] += 1
        reason = f"{trouble.words}: {text_of(error)}"
        if reason != said:
            said = reason
            _log.warning(
                "%s: %s; connecting again in %.1f s", name, reason, wait_s, exc_info=error if trouble is FAULT else None
            )
        await clock.sleep(wait_s)
