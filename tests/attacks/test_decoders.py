"""Spoilt input for all that reads bytes from outside: it is refused as documented, or read; nothing falls over."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.attacks.conftest import KEY, attempt, spoil
from tests.attacks.table import AttackTable

from vigil_firmware.journal import Journal, JournalError
from vigil_firmware.journal_nor import NorStore
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_host.link.session import _live_of
from vigil_host.rooms import messages
from vigil_host.store.ledger import arrival_of
from vigil_wire import advert, keys, link, racp, records, settings
from vigil_wire.settings import Settings, SettingsError

Times = Callable[[int], int]


def _content() -> bytes:
    buf = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(buf, 0, (1, 1, 1), 5, (723, 975, 3712, 25, 87, 5))
    return bytes(buf)


def _info() -> bytes:
    buf = bytearray(60)
    return bytes(buf[: link.pack_info(buf, 0, (7, 1, 0, 100, 50), (3, 5000), (1, 2), 3)])


def _vitals() -> bytes:
    summary = records.Summary()
    summary.seconds = 5
    summary.pulse_rate.add(720)
    summary.spo2.add(970)
    buf = bytearray(records.MAX_LENGTH)
    records.pack_header(buf, 9, records.VITALS, 1, 0, 5000)
    return bytes(buf[: summary.pack(buf, (1, 1, 1, 1), 90, 80, 250, 0, 0)])


def _alarm() -> bytes:
    buf = bytearray(records.MAX_LENGTH)
    records.pack_header(buf, 9, records.ALARM, 1, 0, 5000)
    return bytes(buf[: records.pack_alarm(buf, 0, 1, 3, 860, 0, 4000)])


RECORD = _vitals()
# What is read, a genuine example of it, how it is read, and what its reader may raise.
DECODERS: dict[str, tuple[bytes, Callable[[bytes], Any], tuple[type[Exception], ...]]] = {
    "advert's content": (_content(), advert.Content, (ValueError,)),
    "record: vitals": (RECORD, records.Record, (records.RecordError,)),
    "record: alarm": (_alarm(), records.Record, (records.RecordError,)),
    "record, as the ledger takes it": (RECORD, arrival_of, (records.RecordError,)),
    "link: info": (_info(), link.Info, (link.LinkError,)),
    "link: records": (
        bytes((link.RECORDS, len(RECORD))) + RECORD + bytes((len(RECORD),)) + RECORD,
        link.records_in,
        (link.LinkError,),
    ),
    "link: missing": (b"\x93" + bytes(8), link.missing_range, (link.LinkError,)),
    "link: live": (bytes((link.LIVE,)) + _content() + b"\x5a", _live_of, (link.LinkError,)),
    "link: live, with movement": (
        bytes((link.LIVE,)) + _content() + b"\x5a\x07\x8e\x00\x68",
        _live_of,
        (link.LinkError,),
    ),
    "link: hello": (link.hello(bytes(8)), link.nonce_of_hello, (link.LinkError,)),
    "settings": (bytes(Settings().pack()), settings.unpack, (SettingsError,)),
    "SpO2 curve": (
        bytes(settings.pack_curve(((350, 980), (700, 850), (1200, 700)))),
        settings.unpack_curve,
        (SettingsError,),
    ),
    "setup code": (
        keys.setup_code(KEY).encode(),
        lambda code: keys.key_from_setup_code(code.decode("latin-1")),
        (ValueError,),
    ),
    "record access request": (bytes((racp.REPORT, racp.ALL)), racp.judge, ()),
    "room: hello": (messages.hello("01020304", bytes(16)), messages.read_hello, (messages.MessageError,)),
    "room: advert": (
        messages.advert(messages.Advert(-60, bytes(24), "C0:FF:EE:00:00:01")),
        messages.read_advert,
        (messages.MessageError,),
    ),
    "room: link": (messages.numbered(messages.FRAME, 3, bytes(40)), messages.read_numbered, (messages.MessageError,)),
}


def _read(read: Callable[[bytes], Any], spoilt: bytes) -> None:
    read(spoilt)


@pytest.mark.parametrize("name", DECODERS)
def test_spoilt_input(attacks: AttackTable, times: Times, drawn: random.Random, name: str) -> None:
    """Most of these travel sealed: what is counted here is that no reader falls over, whoever has the key."""
    genuine, read, refusals = DECODERS[name]
    read(genuine)
    row = attacks.row("decoders, spoilt input: fell over")
    for _ in range(times(250)):
        spoilt = spoil(genuine, drawn)
        attempt(row, partial(_read, read, spoilt), refusals)


def test_setup_codes_that_are_mistyped(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    code = keys.setup_code(KEY)
    row = attacks.row("setup code with a character wrong")
    for _ in range(times(300)):
        place = drawn.choice([index for index, each in enumerate(code) if each != "-"])
        wrong = drawn.choice([each for each in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if each != code[place]])
        typo = code[:place] + wrong + code[place + 1 :]
        attempt(row, partial(keys.key_from_setup_code, typo), ValueError)


def test_spoilt_flash(attacks: AttackTable, times: Times, drawn: random.Random) -> None:
    """A journal opens on whatever is on its flash, and what it gives out was once written, or it says why it cannot."""
    flash = SimulatedFlash(4, 4096, 1)
    journal = Journal(NorStore(flash, 1), 7)
    for number in range(200):
        journal.buf[:] = bytes(len(journal.buf))
        journal.buf[: len(RECORD)] = RECORD
        journal.append(records.VITALS, len(RECORD), 1, 0, 5000 * number)
    memory = bytes(flash.memory)
    row = attacks.row("journal on spoilt flash: fell over")
    for _ in range(times(3)):
        spoilt = bytearray(memory)
        for _ in range(drawn.randrange(1, 40)):
            place = drawn.randrange(len(spoilt) - 16)
            spoilt[place : place + 8] = drawn.randbytes(8)
        flash.memory[:] = spoilt

        def reopen() -> None:
            opened = Journal(NorStore(flash, 1), 7)
            out = bytearray(records.MAX_LENGTH)
            for sequence in range(max(opened.oldest, 0), opened.newest + 1):
                opened.read_into(sequence, out, 0)

        attempt(row, reopen, JournalError)
