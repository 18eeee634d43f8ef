"""`vigil alarms`: what makes an alarm, for whom, what it would have done, and whether people would hear of it."""

import rich_click as click

from vigil_host.cli import alarms_drill, alarms_replay, alarms_settings


@click.group(name="alarms")
def command() -> None:
    """Limits and profiles: explain them, set them, try them on vitals that were recorded; drill those who are told.

    Example: **vigil alarms profiles nhs-home**
    """


command.add_command(alarms_replay.replay)
command.add_command(alarms_settings.profiles)
command.add_command(alarms_settings.show)
command.add_command(alarms_settings.change)
command.add_command(alarms_settings.number)
command.add_command(alarms_drill.test)
