"""A running bridge with its page: what `vigil bridge` and `vigil demo` have in common."""

import contextlib
import logging
from collections.abc import AsyncIterator

from vigil_host import emergency_number
from vigil_host.bridge import Bridge
from vigil_host.config import ConfigError
from vigil_host.devices import Devices
from vigil_host.store import Store
from vigil_host.web.access import Access
from vigil_host.web.app import create_app
from vigil_host.web.server import WebServer

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def page_of(
    bridge: Bridge, store: Store, access: Access, host: str, port: int, devices: Devices | None = None
) -> AsyncIterator[str]:
    """Serve the page of a bridge that the caller runs; its address is given. Raises PortError.

    `devices` None: the page only shows, because the record and the devices are another bridge's.
    """
    app = create_app(
        store,
        bridge.live,
        bridge.alerts,
        bridge.events,
        access=access,
        limits=bridge.limits,
        rooms=bridge.rooms,
        settings=bridge.limits.settings,
        hand=bridge if devices else None,
        devices=devices,
        delivery=bridge.delivery,
        emergency_number=_EmergencyNumber(),
        answers=bridge.answers,
    )
    server = WebServer(app, host, port)
    address = await server.start()
    try:
        yield address
    finally:
        await server.close()


class _EmergencyNumber:
    """The number that is set, read anew each time; None while none is, and where the file is damaged, which is said."""

    def __init__(self) -> None:
        self._problem = ""

    def __call__(self) -> str | None:
        problem, number = "", None
        try:
            number = emergency_number.read()
        except ConfigError as error:
            problem = str(error)
        if problem != self._problem:
            self._problem = problem
            _log.error("%s", problem or "the emergency number can be read again")
        return number
