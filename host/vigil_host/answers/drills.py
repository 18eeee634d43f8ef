"""Answers to drills: the bridge notes in a file that they came, and `vigil alarms test` waits for that."""

import json
from pathlib import Path

from vigil_host import private_file

DRILLS_FILE = "drill-answers.json"
_MOST = 100


def note(path: Path, number: int, utc_ms: int) -> None:
    """Note that a drill was answered, the first time it is. Raises OSError."""
    with private_file.alone(path):
        known = _read(path)
        if number not in known:
            known[number] = utc_ms
            private_file.replace(path, json.dumps([*known.items()][-_MOST:]))


def answered_utc_ms(path: Path, number: int) -> int | None:
    """Return when a drill was answered; None: it was not, yet."""
    return _read(path).get(number)


def _read(path: Path) -> dict[int, int]:
    try:
        return {int(number): int(utc_ms) for number, utc_ms in json.loads(path.read_text(encoding="ascii"))}
    except (OSError, ValueError, TypeError):
        return {}  # what was noted is of no more use than this
