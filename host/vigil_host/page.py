"""A running bridge with its page: what `vigil bridge` and `vigil demo` have in common."""

import contextlib
from collections.abc import AsyncIterator

from vigil_host.bridge import Bridge
from vigil_host.store import Store
from vigil_host.web.access import Access
from vigil_host.web.app import create_app
from vigil_host.web.server import WebServer


@contextlib.asynccontextmanager
async def page_of(bridge: Bridge, store: Store, access: Access, host: str, port: int) -> AsyncIterator[str]:
    """Serve the page of a bridge that the caller runs; its address is given. Raises PortError."""
    app = create_app(
        store,
        bridge.live,
        bridge.alerts,
        bridge.events,
        access=access,
        limits=bridge.limits,
        rooms=bridge.rooms,
        answers=bridge.answers,
    )
    server = WebServer(app, host, port)
    address = await server.start()
    try:
        yield address
    finally:
        await server.close()
