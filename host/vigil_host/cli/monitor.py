"""`vigil monitor`: this computer is the device, with the sensors on its own pins, and the bridge too."""

import logging
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from vigil_firmware.simulation.parts import BUILT_IN_PATIENT, endless_source, moving_of
from vigil_firmware.simulation.parts import Parts as Simulated
from vigil_hal.faults import NotAnswering, SensorFault
from vigil_hal.max30102 import Max30102
from vigil_hal.parts import Parts
from vigil_host.answers.tokens import TokensError
from vigil_host.bridge import Bridge
from vigil_host.cli.bridge import access_of, scanners, serve
from vigil_host.cli.problems import in_one_line
from vigil_host.cli.until_stopped import run_until_stopped
from vigil_host.clock import Clock
from vigil_host.config import (
    EVERY_ADDRESS,
    Config,
    ConfigError,
    MonitorConfig,
    data_folder,
    load,
    people_file,
    rooms_file,
    signing_key_file,
)
from vigil_host.devices import DEFAULT_WEARER, Devices, DevicesError
from vigil_host.link.adapter import client_factory
from vigil_host.linux.gpio import GpioError, panel_on
from vigil_host.linux.i2c import I2CError, LinuxI2C
from vigil_host.linux.parts import opened
from vigil_host.own_device import DeviceHung, OwnDevice, ticks_ms
from vigil_host.rooms.known import KnownRooms, RoomsError
from vigil_host.store import Store, StoreError
from vigil_host.store.chain import Signer, SigningError
from vigil_host.web.access import AccessError
from vigil_host.web.server import PortError

if TYPE_CHECKING:
    from vigil_hal.seams import I2C
    from vigil_host.link.bluez_advertising import Advertiser
    from vigil_host.web.access import Access

DEVICE_NAME = "This computer"
SIMULATED_WEARER = "Simulated patient"


class KeepingError(Exception):
    """What the device must remember cannot be kept; the message is one line that says why."""


@click.command(name="monitor")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="The bridge's TOML file; its table [monitor]."
)
@click.option(
    "--sensors",
    type=click.Choice(["pins", "simulated"]),
    default="pins",
    show_default=True,
    help="simulated: a made patient, in a record of its own, of which nobody is told.",
)
@click.option("--wearer", help="Who wears the sensors, as said at the first start; instead of the configured one.")
@click.option("--port", type=click.IntRange(1, 65535), help="The page's port, instead of the configured one.")
@click.option("--lan", is_flag=True, help="Show the page to the whole home network, behind a passphrase.")
@click.option("--set-passphrase", is_flag=True, help="Set a new passphrase and end every session, then start.")
def command(
    config_file: Path | None, sensors: str, wearer: str | None, port: int | None, lan: bool, set_passphrase: bool
) -> None:
    """Measure with the sensors on this computer's own pins, and do all that `vigil bridge` does with what they say.

    A MAX30102 and a TMP117 on the I2C bus of a Raspberry Pi; docs/raspberry-pi.md shows how. With `bluetooth = true` in
    the table [monitor] it is the bridge of wearables too, with `advertise = true` others hear it as they do a wearable.

    Example: **vigil monitor --wearer Ada**
    """
    with in_one_line(
        ConfigError,
        DevicesError,
        StoreError,
        PortError,
        AccessError,
        SigningError,
        RoomsError,
        TokensError,
        I2CError,
        GpioError,
        KeepingError,
        DeviceHung,
    ):
        config = load(config_file)
        if config.listen_only or config.forward_to:
            raise ConfigError(f"{config_file}: listen_only and forward_to are for `vigil bridge`: leave them out")
        if config.monitor.advertise and sys.platform != "linux":
            raise ConfigError(f"{config_file}: monitor.advertise is for Linux: leave it out")
        if lan:
            config = replace(config, lan=True, web_host=EVERY_ADDRESS)
        if port:
            config = replace(config, web_port=port)
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("vigil_host").setLevel(config.log_level.upper())
        access = access_of(config, set_passphrase)
        signer = Signer.at(signing_key_file())
        folder = data_folder()
        wearer = wearer or config.monitor.wearer or DEFAULT_WEARER
        people: Path | None = people_file()
        if sensors == "simulated":  # nothing of it may pass for a person's, or wake one
            folder, people = folder / "simulated", None
            folder.mkdir(mode=0o700, exist_ok=True)
            config = replace(config, database=folder / "vigil.db")
            wearer = SIMULATED_WEARER
        with Store.open(config.database, signer=signer) as store:
            own = _own_device(folder / "monitor", config.monitor, sensors == "simulated")
            try:
                devices = Devices(folder / "devices.toml")
                device_id = own.register(devices, DEVICE_NAME, wearer).id
                run_until_stopped(_run(config, store, access, devices, people, own, device_id))
            finally:
                own.close()


async def _run(
    config: Config,
    store: Store,
    access: "Access",
    devices: Devices,
    people: Path | None,
    own: OwnDevice,
    device_id: str,
) -> None:
    beside: list[Callable[[], Coroutine[Any, Any, None]]] = [own.run]
    advertiser: Advertiser | None = None
    if config.monitor.advertise:
        from vigil_host.link import bluez_advertising  # it is there on Linux alone

        advertiser = bluez_advertising.Advertiser(config.adapter, Clock())
        await own.radio.scanner(advertiser.heard).start()
        beside.append(advertiser.run)
    # With a radio, its scanner is the bridge's: that it hears nothing any more must not be hidden by this device.
    has_radio = config.monitor.bluetooth
    bridge = Bridge(
        store,
        devices,
        scanners(config) if has_radio else own.radio.scanner,
        own.radio.clients_beside(client_factory(config.adapter)),
        is_alone=config.alone,
        known_rooms=KnownRooms(rooms_file()),
        scan_restart_s=config.restart_s,
        people_path=people,
        public_url=config.public_url if people else None,
        is_mute=lambda known_id: known_id == device_id and advertiser is not None and advertiser.is_failing,
    )
    if has_radio:
        await own.radio.scanner(bridge.hear).start()
    await serve(bridge, devices, config, store, access, beside=beside)


def _own_device(folder: Path, config: MonitorConfig, is_simulated: bool) -> OwnDevice:
    panel = panel_on(config)
    i2c: I2C
    if is_simulated:
        source = endless_source("patient", BUILT_IN_PATIENT)
        simulated = Simulated(source, source.has_temperature, ticks_ms, moving=moving_of(source))
        i2c, parts = simulated.bus, Parts()
        parts.thermometer, parts.battery = simulated.thermometer, simulated.battery
        parts.accelerometer = simulated.accelerometer
    else:
        i2c = bus = LinuxI2C(config.i2c)
        parts = opened(bus, config.parts)
        # Later a part that does not answer is an alarm, and no reason to watch nothing at all.
        if not (folder / "journal").exists():
            _check_wiring(bus, config, parts)
    panel.display = parts.display
    try:
        return OwnDevice(folder, i2c, parts, panel, lambda line: click.echo(line, err=True))
    except OSError as error:
        raise KeepingError(f"{folder} cannot be used: {error.strerror or error}") from error


def _check_wiring(bus: LinuxI2C, config: MonitorConfig, parts: Parts) -> None:
    """Raise I2CError unless the oximeter and all that is listed answer."""
    where = f"/dev/i2c-{config.i2c}"
    if not bus.can_burst:
        raise I2CError(f"{where} is for SMBus alone, which is too little for a MAX30102: set `i2c` in [monitor]")
    try:
        Max30102(bus).probe()
    except SensorFault as fault:
        raise I2CError(f"{fault}, or set `i2c` in [monitor]; {_found(bus, where)}") from fault
    try:
        for part in (parts.thermometer, parts.accelerometer, parts.battery, parts.display):
            if part is not None:
                part.probe()
    except NotAnswering as fault:
        raise I2CError(f"{fault}, or list what there is as [[monitor.parts]]; {_found(bus, where)}") from fault
    except SensorFault as fault:
        raise I2CError(str(fault)) from fault


def _found(bus: LinuxI2C, where: str) -> str:
    try:
        found = ", ".join(f"0x{address:02X}" for address in bus.scan())
    except OSError as error:
        return f"{where} cannot be looked through: {error.strerror}"
    return f"on {where} there is {found or 'nothing'}"
