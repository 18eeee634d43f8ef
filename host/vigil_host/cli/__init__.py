"""The command `vigil`: one module for each subcommand."""

from importlib import import_module

import rich_click as click

_COMMANDS = {
    "demo": "The whole line on this machine: a simulated wearer, a virtual radio, the bridge and its page.",
    "replay": "A recording through the sensor, the driver and the monitor, faster than real time.",
    "bridge": "The bridge for real, on this machine's Bluetooth adapter.",
    "devices": "The devices this bridge knows: list, add, rename, remove.",
    "readings": "What is in the record.",
    "service": "Run the bridge as a systemd service: install, remove.",
}


class _Lazy(click.RichGroup):
    """Imports a subcommand's module when it is asked for, so that `vigil --help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"vigil_host.cli.{cmd_name}").command
        command.short_help = _COMMANDS[cmd_name]
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vigil-vitals", prog_name="vigil")
def main() -> None:
    """Vigil keeps watch over the vital signs of a person at home. It is not a medical device.

    Try it: **vigil demo**
    """
