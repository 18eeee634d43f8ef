"""The monitor that a board runs: sampling, signal, alarms, journal and peripheral."""

VERSION = (0, 1, 0)
