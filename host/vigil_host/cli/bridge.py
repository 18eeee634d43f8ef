"""`vigil bridge`: the bridge for real, on bleak and this machine's Bluetooth adapter."""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from vigil_host import emergency_number, notify
from vigil_host.answers.tokens import TokensError
from vigil_host.bridge import Bridge
from vigil_host.cli.problems import in_one_line
from vigil_host.cli.until_stopped import run_until_stopped
from vigil_host.clock import Clock
from vigil_host.config import (
    EVERY_ADDRESS,
    Config,
    ConfigError,
    data_folder,
    devices_file,
    join_code_file,
    load,
    people_file,
    rooms_file,
    signing_key_file,
)
from vigil_host.delivery import people
from vigil_host.delivery.dead_man import DeadMan
from vigil_host.delivery.services import refused
from vigil_host.devices import Devices, DevicesError
from vigil_host.link.adapter import ScannerFactory, client_factory, scanner_factory
from vigil_host.page import page_of
from vigil_host.rooms.known import KnownRooms, RoomsError, keep_join_code, read_join_code
from vigil_host.rooms.room import Room, websocket_url
from vigil_host.store import Store, StoreError
from vigil_host.store.chain import Signer, SigningError
from vigil_host.store.lease import AlreadyOwned, Lease
from vigil_host.web.access import Access, AccessError, Logins
from vigil_host.web.server import PortError

FREE_PERIOD_S = 2.0


@click.command(name="bridge")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="A TOML file; every key may be left out."
)
@click.option("--port", type=click.IntRange(1, 65535), help="The page's port, instead of the configured one.")
@click.option("--forward-to", metavar="ADDRESS", help="Be a room bridge of the bridge whose page has this address.")
@click.option("--set-join-code", is_flag=True, help="Ask for a new join code for --forward-to, then start.")
@click.option("--lan", is_flag=True, help="Show the page to the whole home network, behind a passphrase.")
@click.option("--set-passphrase", is_flag=True, help="Set a new passphrase and end every session, then start.")
def command(
    config_file: Path | None,
    port: int | None,
    forward_to: str | None,
    set_join_code: bool,
    lan: bool,
    set_passphrase: bool,
) -> None:
    """Receive the known devices' readings, store every record, raise alarms, and serve the page.

    Devices are made known with `vigil devices add`. One home has one record, which one bridge writes: a second one,
    or one configured with `listen_only = true`, hears and shows what is broadcast and keeps nothing.

    With `--forward-to` it is a room bridge: it needs no device's key, keeps nothing and shows nothing, but lends its
    radio to the bridge that keeps the record, which made its join code with `vigil rooms add`.

    Example: **vigil bridge --lan**
    """
    with in_one_line(
        ConfigError, DevicesError, StoreError, PortError, AccessError, SigningError, RoomsError, TokensError
    ):
        config = load(config_file)
        if lan:
            config = replace(config, lan=True, web_host=EVERY_ADDRESS)
        if port:
            config = replace(config, web_port=port)
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("vigil_host").setLevel(config.log_level.upper())
        forward_to = forward_to or config.forward_to
        if forward_to and (port or lan or set_passphrase):
            raise click.UsageError("a room bridge shows no page: leave out --port, --lan and --set-passphrase")
        if set_join_code and not forward_to:
            raise click.UsageError("--set-join-code needs --forward-to")
        if forward_to:
            run_until_stopped(_run_room(config, forward_to, _join_key(forward_to, set_join_code)))
            return
        access = access_of(config, set_passphrase)
        signer = Signer.at(signing_key_file())
        while True:
            try:
                if not config.listen_only:
                    with Store.open(config.database, signer=signer) as store:
                        run_until_stopped(_run(config, store, access))
                    return
            except AlreadyOwned as owned:
                click.echo(f"Vigil: {owned}. Until then this bridge only listens.", err=True)
            if not _listen(config, access):
                return


def _listen(config: Config, access: Access) -> bool:
    """Listen, with a store that is thrown away, until stopped or the record is nobody's; says whether it is that."""
    is_free = False

    async def until_free() -> None:
        nonlocal is_free
        listening = asyncio.create_task(_run(config, store, access, listen_only=True))
        free = asyncio.create_task(_free(config))
        await asyncio.wait((listening, free), return_when=asyncio.FIRST_COMPLETED)
        is_free = free.done()
        listening.cancel()
        free.cancel()
        await asyncio.wait((listening, free))
        if not listening.cancelled():
            listening.result()

    with tempfile.TemporaryDirectory(prefix="vigil-listen-") as folder, Store.open(Path(folder) / "live.db") as store:
        run_until_stopped(until_free())
    return is_free


async def _free(config: Config) -> None:
    """Wait until no other bridge writes the record; for ever where this bridge is not to write it."""
    while True:
        await asyncio.sleep(FREE_PERIOD_S)
        if not config.listen_only:
            try:
                Lease(config.database).release()
            except AlreadyOwned:
                continue
            return


def access_of(config: Config, set_passphrase: bool) -> Access:
    """Return who may see the page, with a passphrase asked for where that is due; raises AccessError."""
    if not config.lan:
        return Access()
    logins = Logins(data_folder() / "passphrase.json")
    if set_passphrase or not logins.has_passphrase:
        if not sys.stdin.isatty():
            raise AccessError("the page needs a passphrase: run `vigil bridge --lan` once in a terminal to set it")
        logins.set_passphrase(click.prompt("A passphrase for the page", hide_input=True, confirmation_prompt=True))
    return Access(logins)


def _join_key(address: str, is_new: bool) -> bytes:
    websocket_url(address)  # before anything is asked for
    key = None if is_new else read_join_code(join_code_file())
    if key is None:
        if not sys.stdin.isatty():
            raise RoomsError("this needs a join code: run `vigil bridge --forward-to` once in a terminal to give it")
        key = keep_join_code(join_code_file(), click.prompt("The join code, as `vigil rooms add` printed it there"))
    return key


def scanners(config: Config) -> ScannerFactory:
    """Return what makes scanners of this machine's Bluetooth, as configured."""
    return scanner_factory(config.adapter, config.scanning == "passive", config.duplicates)


async def _run_room(config: Config, address: str, key: bytes) -> None:
    room = Room(address, key, scanners(config), client_factory(config.adapter), scan_restart_s=config.restart_s)
    click.echo(f"Vigil: room bridge of {address}, which alone keeps the record and shows the page", err=True)
    notify.notify("READY=1")
    async with asyncio.TaskGroup() as group:
        group.create_task(notify.keep_watchdog_fed())
        group.create_task(room.run())


def _say_what_is_not_set() -> None:
    """Say what an alarm would lack, each with the command that sets it."""
    if emergency_number.read() is None:
        click.echo("Vigil: alarm texts name no emergency number yet: `vigil alarms number 112`", err=True)
    if not people.read(people_file(), refused)[0].persons:
        click.echo("Vigil: nobody is told of alarms yet: `vigil people add`", err=True)


async def _run(config: Config, store: Store, access: Access, listen_only: bool = False) -> None:
    devices = Devices(devices_file())
    bridge = Bridge(
        store,
        devices,
        scanners(config),
        client_factory(config.adapter),
        listen_only=listen_only,
        is_alone=config.alone,
        known_rooms=KnownRooms(rooms_file()),
        scan_restart_s=config.restart_s,
        people_path=people_file(),
        public_url=config.public_url,
    )
    await serve(bridge, devices, config, store, access, listen_only)


async def serve(
    bridge: Bridge,
    devices: Devices,
    config: Config,
    store: Store,
    access: Access,
    listen_only: bool = False,
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
) -> None:
    """Run a bridge and its page, and what goes on beside it, until cancelled."""
    acting = None if listen_only else devices
    async with page_of(bridge, store, access, config.web_host, config.web_port, acting) as address:
        record = "listening only" if listen_only else f"record in {config.database}"
        known = len(devices.list())
        click.echo(f"Vigil: {address}  ({known} known {'device' if known == 1 else 'devices'}, {record})", err=True)
        if not listen_only:
            _say_what_is_not_set()
        notify.notify("READY=1")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(notify.keep_watchdog_fed())
                group.create_task(bridge.run())
                for run in beside:
                    group.create_task(run())
                if bridge.delivery and (config.dead_man_url or config.ping_url):
                    failing = bridge.delivery.is_failing
                    switch = DeadMan(Clock(), config.dead_man_url, config.ping_url, config.dead_man_after_min, failing)
                    group.create_task(switch.run())
        finally:
            await bridge.close()
