"""What the journal costs: an append, its heap, an opening, flash bytes for each record, hours that fit, wear in a year.

    python benchmarks/journal.py

Times are multiples of one pass of an empty `for` loop in the same run of MicroPython. Flash figures come from real
journals on a simulated chip, those of segments from a real LittleFS on it, mounted as a Pico W mounts its flash.
"""

import importlib.util
import json
from pathlib import Path

from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_host.vm.runner import MicroPythonVm
from vigil_wire import records

SUMMARY_S = 5
SECONDS_A_YEAR = 365 * 24 * 3600
# Store, program unit, sectors.
CHIPS = (("NOR 1 MiB, unit 1", 1, 256), ("NOR 1 MiB, unit 16", 16, 256), ("NOR 1 MiB, unit 256", 256, 256))
PICO_SEGMENTS = 96
PICO_BLOCKS = 212


def append(journal: Journal, number: int) -> None:
    """Append the `number`th summary of a wearer who is well."""
    summary = records.Summary()
    summary.seconds = SUMMARY_S
    for second in range(SUMMARY_S):
        summary.pulse_rate.add(700 + (number + second) % 60)
        summary.spo2.add(970 + (number - second) % 7)
        summary.temperature.add(3660 + number % 50)
    length = summary.pack(journal.buf, (1, 1, 1, 4), 90, 80, 250, 0, 0)
    day, second = divmod(number * SUMMARY_S, 86_400)
    journal.append(records.VITALS, length, 1, day, second * 1000)


def nor(unit: int, sectors: int) -> tuple[float, float, float]:
    """Bytes programmed for each record, erases for each record, and hours until the first is lost."""
    flash = SimulatedFlash(sectors, 4096, unit)
    journal = Journal(NorStore(flash, unit), 7)
    number = 0
    while journal.oldest <= 0:
        append(journal, number)
        number += 1
    hours = (number - 1) * SUMMARY_S / 3600
    programmed, erases = flash.programmed, sum(flash.erases)
    for more in range(number, number + 2_000):
        append(journal, more)
    return (flash.programmed - programmed) / 2_000, (sum(flash.erases) - erases) / 2_000, hours


def segments() -> tuple[float, float, float]:
    """The same in segment files: the flash is the file system's, and so is the wear."""
    path = Path(__file__).resolve().parents[1] / "tests/faults/littlefs_on_flash.py"
    spec = importlib.util.spec_from_file_location("segments_on_littlefs", path)
    assert spec is not None and spec.loader is not None
    on_littlefs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(on_littlefs)
    flash = on_littlefs.formatted()
    journal = Journal(on_littlefs.store_on(flash), 7)
    for number in range(500):
        append(journal, number)
    programmed, erases = flash.programmed, sum(flash.erases)
    for number in range(500, 1_500):
        append(journal, number)
    hours = (PICO_SEGMENTS - 2) * 138 * SUMMARY_S / 3600
    return (flash.programmed - programmed) / 1_000, (sum(flash.erases) - erases) / 1_000, hours


def main() -> None:
    """Measure and print."""
    program = Path(__file__).with_name("journal_in_vm.py")
    result = MicroPythonVm(timeout_s=600).run(program, files_out=["results.json"]).check()
    figures = json.loads(result.files["results.json"])
    print(f"append of a summary, iterations of an empty loop, mean      {figures['append']:10.0f}")
    print(f"... and at most: a turn to the next sector, without the erase {figures['append_most']:8.0f}")
    within, turning = figures["heap"]
    print("heap bytes for each append, NOR: 0 (tests/vm/test_journal_allocation.py)")
    print(f"heap bytes, segment files: 90 appends {within}, each turn to the next file {turning / 2:.0f}")
    print(f"\n{'opening a journal of':24}{'reads':>8}{'iterations':>12}{'ms here':>10}")
    for sectors, reads, iterations, us in figures["openings"]:
        print(f"{sectors * 4:>20} KiB{reads:>8}{iterations:>12.0f}{us / 1000:>10.1f}")
    print(f"\n{'store':32}{'programmed':>12}{'of 48':>8}{'erases':>10}{'hours':>8}{'erases of a block':>20}")
    print(f"{'':32}{'bytes/record':>12}{'':8}{'/record':>10}{'held':>8}{'in a year':>20}")
    a_year = SECONDS_A_YEAR / SUMMARY_S
    rows = [(name, sectors, *nor(unit, sectors)) for name, unit, sectors in CHIPS]
    rows.append((f"{PICO_SEGMENTS} segments on LittleFS", PICO_BLOCKS // 2, *segments()))
    for name, blocks, programmed, erases, hours in rows:
        share = programmed / records.VITALS_LENGTH
        wear = erases * a_year / blocks
        print(f"{name:32}{programmed:>12.1f}{share:>8.2f}{erases:>10.4f}{hours:>8.1f}{wear:>20.0f}")


if __name__ == "__main__":
    main()
