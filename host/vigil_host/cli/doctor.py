"""`vigil doctor`: whether this computer is fit to be a bridge, or a board well, and what to do where it is not."""

import asyncio
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.clock import Clock
from vigil_host.config import (
    Config,
    ConfigError,
    data_folder,
    devices_file,
    join_code_file,
    load,
    rooms_file,
    signing_key_file,
)
from vigil_host.devices import Devices, DevicesError, KnownDevice
from vigil_host.doctor import machine, radio
from vigil_host.doctor.finding import Finding
from vigil_host.link.adapter import scanner_factory
from vigil_host.own_device import own_key

_COLOURS = {"good": "green", "bad": "red", "not known": "yellow"}


@click.command(name="doctor")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="The bridge's configuration.")
@click.option(
    "--seconds", type=click.FloatRange(2, 3600), default=20.0, show_default=True, help="How long to listen for devices."
)
@click.option("--port", help="Look at the board on this serial port instead; it is stopped meanwhile.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(config_file: Path | None, seconds: float, port: str | None, as_json: bool) -> None:
    """Look at this computer's SQLite, clock, files and Bluetooth, and count the adverts of each known device.

    With --port, look at a board instead: its bus and sensors, heap, flash, clock and radio.

    Each line says what was found, whether it is good, and what to do. The exit code is 1 where anything is bad. It may
    run beside a bridge, and changes nothing.

    Example: **vigil doctor --seconds 60**
    """
    findings = computer_findings(config_file, seconds) if port is None else board_findings(port)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            click.secho(f"{finding.verdict:<9} ", fg=_COLOURS[finding.verdict], nl=False)
            click.echo(f" {finding.subject}: {finding.found}{finding.advice and f' -> {finding.advice}'}")
    if any(finding.verdict == "bad" for finding in findings):
        raise SystemExit(1)


def computer_findings(config_file: Path | None, seconds: float) -> list[Finding]:
    """What there is to say of this computer and its radio."""
    with in_one_line(ConfigError, DevicesError):
        config = load(config_file)
        findings = machine_findings(config)  # before the devices file is read, which puts its mode right
        devices = Devices(devices_file()).list()
    own = own_key(data_folder() / "monitor")  # this computer does not hear itself
    others = [device for device in devices if own not in device.possible_keys]
    return findings + asyncio.run(radio_findings(config, others, seconds))


def board_findings(port: str) -> list[Finding]:
    """What there is to say of the board on a port."""
    try:
        from vigil_host.doctor.board import check_board
        from vigil_host.flash.problems import FlashError
    except ModuleNotFoundError as error:
        fail(f"`vigil doctor --port` needs {error.name}: pip install 'vigil-vitals[flash]'")
    with in_one_line(FlashError):
        return check_board(port)


def machine_findings(config: Config) -> list[Finding]:
    """What there is to say of the computer itself."""
    folder, database = data_folder(), config.database
    files = (
        devices_file(),
        rooms_file(),
        signing_key_file(),
        join_code_file(),
        folder / "heard.json",
        folder / "passphrase.json",
        database,
        *(database.with_name(database.name + end) for end in ("-wal", "-shm", ".lock")),
    )
    return [machine.check_sqlite(), machine.check_clock(Clock()), *machine.check_files(folder, files)]


async def radio_findings(config: Config, devices: Sequence[KnownDevice], seconds: float) -> list[Finding]:
    """What there is to say of the radio."""
    findings, is_worth_trying = await radio.check_adapters(config.adapter)
    if config.monitor.advertise:
        findings += await radio.check_advertising(config.adapter)
    if is_worth_trying:
        scanners = scanner_factory(config.adapter, config.scanning == "passive", config.duplicates)
        findings += await radio.check_hearing(scanners, devices, config, seconds, Clock())
    return findings
