"""What a board's file lists is opened; what is not there, or makes no sense, never stops the rest."""

from tests.contract.rigs import Board, Body, Clock

from vigil_hal.faults import SensorFault
from vigil_hal.parts import opened
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.tmp117 import SimulatedTmp117
from vigil_hal.tmp117 import Tmp117

_TMP117 = {"part": "TMP117", "address": 0x49, "optional": True}


def wired(device_id: int = 0x0117) -> Board:
    """Return a board with one TMP117 on I2C, and no pins."""
    part = SimulatedTmp117(Body(3700), Clock(), address=0x49, device_id=device_id)
    return Board(SimulatedI2C(part))


def case_a_listed_part_is_opened_at_its_address() -> None:
    said: list[str] = []
    parts = opened(wired(), (_TMP117,), said.append)
    assert isinstance(parts.thermometer, Tmp117)
    assert parts.accelerometer is parts.battery is parts.display is None
    assert said == []


def case_an_optional_part_that_does_not_answer_is_gone_without() -> None:
    said: list[str] = []
    parts = opened(wired(), ({"part": "TMP117", "address": 0x48, "optional": True},), said.append)
    assert parts.thermometer is None
    assert len(said) == 1 and said[0].startswith("vigil: no TMP117: ")


def case_a_part_that_does_not_answer_is_kept_as_a_fault() -> None:
    said: list[str] = []
    parts = opened(wired(), ({"part": "TMP117", "address": 0x48},), said.append)
    assert parts.thermometer is not None
    assert len(said) == 1 and said[0].startswith("fault: TMP117 at 0x48 does not answer")


def case_another_part_at_its_address_is_kept_as_a_fault() -> None:
    said: list[str] = []
    parts = opened(wired(device_id=0x0190), (_TMP117,), said.append)
    assert parts.thermometer is not None
    assert len(said) == 1 and said[0].startswith("fault: device id 0x0190")


def case_a_name_that_is_no_drivers_is_said_and_the_rest_is_opened() -> None:
    for entry in ({"part": "TMP999"}, {}, {"part": "faults"}, {"part": 5}):
        said: list[str] = []
        parts = opened(wired(), (entry, _TMP117), said.append)
        assert isinstance(parts.thermometer, Tmp117), entry
        assert len(said) == 1 and said[0].startswith("fault: there is no part "), said


def case_an_entry_that_makes_no_sense_is_a_fault_of_its_part() -> None:
    said: list[str] = []
    entries = ({"part": "ADC_DIVIDER", "pin": 99}, {"part": "SSD1306", "address": 0x3C, "height": 48}, _TMP117)
    parts = opened(wired(), entries, said.append)
    assert isinstance(parts.thermometer, Tmp117)
    assert parts.display is None
    assert parts.battery is not None and parts.battery.percent() is None
    assert said[0] == "fault: the entry of ADC_DIVIDER in board.json makes no sense: there is no pin 99"
    assert said[1].endswith("height is 64 or 32, not 48") and len(said) == 2
    try:
        parts.battery.read()
    except SensorFault as fault:
        assert "fault: " + str(fault) == said[0]
    else:
        raise AssertionError("it told a charge")
