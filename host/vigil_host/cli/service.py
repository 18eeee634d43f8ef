"""`vigil service`: the bridge as a systemd service, under a user of its own."""

import grp
import os
import subprocess
import sys
from pathlib import Path

import rich_click as click

from vigil_host.cli.problems import check_readable, fail

UNIT = Path("/etc/systemd/system/vigil.service")
USER = "vigil"
PIN_GROUPS = ("i2c", "gpio")
_BOOTED = Path("/run/systemd/system")  # there where systemd is process 1: sd_booted(3)

_UNIT_TEXT = """\
[Unit]
Description=Vigil bridge: receives, stores and watches vital signs
After=network.target bluetooth.service
Wants=bluetooth.service

[Service]
Type=notify
ExecStart={command}
User={user}
Environment=VIGIL_DATA=/var/lib/vigil
StateDirectory=vigil
StateDirectoryMode=0700
Restart=always
RestartSec=2
WatchdogSec=60
{groups}NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only

[Install]
WantedBy=multi-user.target
"""


@click.group(name="service")
def command() -> None:
    """Run the bridge at every start of this machine, restarted by systemd when it fails or hangs.

    Example: **sudo vigil service install**
    """


@command.command()
@click.option("--config", type=click.Path(path_type=Path), help="The bridge's configuration file.")
@click.option("--monitor", is_flag=True, help="Run `vigil monitor`: the sensors are on this computer's own pins.")
@click.option("--print", "only_print", is_flag=True, help="Only print the unit; change nothing.")
def install(config: Path | None, monitor: bool, only_print: bool) -> None:
    """Make the user `vigil`, install the unit, and start it.

    Example: **sudo vigil service install --config /etc/vigil.toml**
    """
    text = _unit_text(config, monitor)
    if only_print:
        click.echo(text, nl=False)
        return
    _check_system()
    if subprocess.run(["id", "-u", USER], capture_output=True).returncode:
        _do("useradd", "--system", "--home-dir", "/var/lib/vigil", "--shell", "/usr/sbin/nologin", USER)
        click.echo(f"Made the user {USER}.")
    UNIT.write_text(text)
    _do("systemctl", "daemon-reload")
    _do("systemctl", "enable", "--now", UNIT.name)
    click.echo(f"Installed {UNIT} and started it: `systemctl status vigil`, `journalctl -u vigil`.")
    click.echo("Its devices: `sudo -u vigil VIGIL_DATA=/var/lib/vigil vigil devices add --code CODE`.")


@command.command()
def remove() -> None:
    """Stop the service and remove its unit. The record in /var/lib/vigil stays.

    Example: **sudo vigil service remove**
    """
    _check_system()
    if not UNIT.exists():
        fail(f"{UNIT}: the service is not installed")
    _do("systemctl", "disable", "--now", UNIT.name)
    UNIT.unlink()
    _do("systemctl", "daemon-reload")
    click.echo(f"Removed {UNIT}. The record in /var/lib/vigil stays.")


def _unit_text(config: Path | None, is_monitor: bool) -> str:
    program = Path(sys.executable).parent / "vigil"
    words = [str(program), "monitor" if is_monitor else "bridge"]
    if config is not None:
        check_readable(config)
        words += ["--config", str(config.resolve())]
    command = " ".join(f'"{word}"' if " " in word else word for word in words)
    groups = f"SupplementaryGroups={' '.join(_pin_groups())}\n" if is_monitor else ""
    return _UNIT_TEXT.format(command=command, user=USER, groups=groups)


def _pin_groups() -> list[str]:
    """The groups whose members may use the pins, of those that this system has: a unit with another does not start."""
    return [name for name in PIN_GROUPS if name in {group.gr_name for group in grp.getgrall()}]


def _check_system() -> None:
    if not _BOOTED.is_dir():
        fail("systemd does not run this system; run `vigil bridge` from its own service manager")
    if os.geteuid():
        fail("this changes the system: run it as root, with sudo")


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        fail(f"`{' '.join(words)}` failed: {done.stderr.strip() or done.returncode}")
