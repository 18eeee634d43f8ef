"""`vigil alarms`: what alarms do."""

import rich_click as click

from vigil_host.cli.alarms_test import test


@click.group(name="alarms")
def command() -> None:
    """Send a drill through every way by which people are told of alarms.

    Example: **vigil alarms test**
    """


command.add_command(test)
