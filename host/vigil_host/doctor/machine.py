"""The computer the bridge runs on: its SQLite, its clock, and who may read the bridge's files."""

import sqlite3
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

from vigil_host.clock import Clock
from vigil_host.doctor.finding import Finding
from vigil_host.link.session import EARLIEST_UTC_MS

WAL_RESET_FIXED = (3, 51, 3)
"""sqlite.org/wal.html#walresetbug: before, two connections that write or checkpoint at once can damage the file."""
TIMEOUT_S = 5.0


def check_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> Finding:
    """Which SQLite keeps the record."""
    text = ".".join(map(str, version))
    if version >= WAL_RESET_FIXED:
        return Finding("SQLite", "good", text)
    return Finding(
        "SQLite",
        "good",
        f"{text}, which can damage a file that two connections write at once; of Vigil's, one writes",
        "let no other program write the database while the bridge runs",
    )


def check_files(folder: Path, files: Iterable[Path]) -> list[Finding]:
    """Whether the data folder, and those of its files that exist, are its owner's alone. Changes nothing."""
    findings = []
    looked_at = 0
    owner = folder.stat().st_uid
    for path in (folder, *files):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            findings.append(Finding("Files", "not known", f"{path} cannot be looked at: {error.strerror}"))
            continue
        looked_at += 1
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077:
            advice = f"chmod {0o700 if stat.S_ISDIR(found.st_mode) else 0o600:o} '{path}'"
            findings.append(Finding("Files", "bad", f"{path} is open to other users (mode {mode:03o})", advice))
        if found.st_uid != owner:
            said = f"{path} belongs to another user than its folder, so that the bridge may not be able to use it"
            findings.append(Finding("Files", "bad", said, f"chown --reference='{folder}' '{path}'"))
    if not findings:
        findings.append(Finding("Files", "good", f"{looked_at} looked at in {folder}: their owner's alone"))
    return findings


def check_clock(clock: Clock) -> Finding:
    """Whether this machine's clock, by which devices are told the time, follows a time server."""
    if clock.utc_ms() < EARLIEST_UTC_MS:
        advice = "connect to a network, or set the clock: devices are not told the time until then"
        return Finding("Clock", "bad", "is not set", advice)
    try:
        said = subprocess.run(
            ("timedatectl", "show", "--property=NTPSynchronized", "--value"),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if said == "yes":
        return Finding("Clock", "good", "follows a time server")
    if said == "no":
        advice = "timedatectl set-ntp true, and see that the network is there"
        return Finding("Clock", "bad", "does not follow a time server, and a wrong time stays in the record", advice)
    return Finding("Clock", "not known", "this system does not say whether it follows a time server", "compare it")
