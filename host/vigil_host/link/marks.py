"""How far each device's adverts have been heard, on disk: what was heard before a restart is not heard again.

The file stands beside the keys, not in the database: a backup that is restored takes no mark back with it. It is
written ahead, `AHEAD` adverts at a time, so that it need not be written each second; after a kill so many adverts of a
device may be missed, unless its record link tells the counter first, which takes seconds.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from vigil_host import private_file

AHEAD = 30

_log = logging.getLogger(__name__)


class Marks:
    """The file of marks. `write` may be called from another thread, one call at a time."""

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, which need not exist; one that cannot be read is like none, and that is said."""
        self.path = path
        self._written = self._read()

    def of(self, device_id: str) -> int | None:
        """The mark that a device's adverts must lie above, None where it was never heard."""
        return self._written.get(device_id)

    def is_due(self, device_id: str, mark: int) -> bool:
        """Whether what was written ahead of a device is half used up, or more."""
        return mark > self._written.get(device_id, -1) - AHEAD // 2

    def write(self, marks: Mapping[str, int], ahead: int) -> None:
        """Put marks on disk, `ahead` of where they are. Raises OSError; the file is then the old one."""
        written = self._written | {device_id: mark + ahead for device_id, mark in marks.items()}
        private_file.replace(self.path, json.dumps(written))
        self._written = written

    def _read(self) -> dict[str, int]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(device_id): int(mark) for device_id, mark in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _log.error("%s cannot be read (%s): each device is believed at its second advert", self.path, error)
            return {}
