"""Which store a device's journal is kept in: the first that can be written, else memory, and then that is said."""

from vigil_firmware.journal import Journal, JournalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vigil_firmware.journal import Store

_MEMORY_SECTORS = 8  # 32 KiB: an hour and a half of summaries


def open_journal(
    stores: "Sequence[Callable[[], Store]]", random: "Callable[[int], bytes]", log: "Callable[[str], None]"
) -> Journal:
    """Open the journal of the first of `stores` that can be made and written; `log` takes a line about each other.

    What is not there yet begins under an id drawn from `random`.
    """
    drawn = random(4)
    new_id = (drawn[0] | drawn[1] << 8 | drawn[2] << 16 | drawn[3] << 24) & 0x3FFFFFFF
    for make in stores:
        try:
            journal = Journal(make(), new_id)
            journal.prove_writable()
            return journal
        except (OSError, JournalError) as error:
            log("storage: this journal cannot be used: " + str(error))
    log("storage: the journal is kept in memory: what no bridge has fetched is lost at a reboot")
    from vigil_firmware.journal_memory import MemoryStore  # not in memory unless there is no other

    return Journal(MemoryStore(_MEMORY_SECTORS), new_id)
