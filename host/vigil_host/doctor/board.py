"""A board on a serial port: its bus, sensors, memory, clock and radio, each as the board itself finds it."""

from collections.abc import Mapping
from typing import Any

from vigil_host.boards import memory
from vigil_host.boards.drivers import drivers
from vigil_host.doctor.finding import Finding
from vigil_host.flash.serial_board import SerialBoard

_WIRING = "check the wires and the pull-ups by the board's page: `vigil boards`"
_OXIMETER_ID = 0x15
_THERMOMETER_ID = 0x117
_OXIMETER_ADDRESS = 0x57
_RATE_HZ = 100
_RATE_OFF_PERCENT = 10
"""The part's own oscillator may be a few percent off, and a quarter of a second has 25 samples, one more or less."""
_DIE_C = (0, 50)
_FILES_LEAST_BYTES = 64 << 10
_PARTS = [{"part": "TMP117", "address": 0x48, "optional": True}]
_PINS = {
    "esp32": {"i2c": 0, "sda": 21, "scl": 22, "parts": _PARTS}, "rp2": {"i2c": 0, "sda": 4, "scl": 5, "parts": _PARTS}
}  # fmt: skip
"""Those of main.py, for a board without board.json."""


def check_board(port: str) -> list[Finding]:
    """What a board finds of itself; it is stopped meanwhile, and started after. Raises FlashError."""
    with SerialBoard(port) as board:
        platform = board.run("import os\nprint(os.uname()[0])").strip()
        found = board.ask("examine", default_pins=_PINS.get(platform, _PINS["esp32"])) | board.ask("room")
        board.soft_reset(lambda _: True, 0)
    return findings_in(found)


def findings_in(found: Mapping[str, Any]) -> list[Finding]:
    """A finding for each thing the board has told of."""
    findings = [Finding("Board", "good", f"{found['machine']}, MicroPython {found['version']}")]
    findings += _sensors(found)
    findings.append(_memory(found))
    findings.append(
        _at_least(
            "Flash", found["free_file_bytes"], _FILES_LEAST_BYTES, f"free of {found['file_system_bytes'] // 1024} KiB",
            "remove files of your own: a journal that is kept in files needs room",
        )
    )  # fmt: skip
    clock = f"{found['clock_hz'] // 1_000_000} MHz, the year is {found['year']}"
    findings.append(Finding("Clock", "good", f"{clock}; the bridge tells the monitor the time"))
    radio = found["radio"]
    if "error" in radio:
        advice = "use a board and a MicroPython image with Bluetooth: `vigil boards` names them"
        findings.append(Finding("Radio", "bad", f"Bluetooth does not start: {radio['error']}", advice))
    else:
        findings.append(Finding("Radio", "good", f"Bluetooth starts, address {radio['address']}"))
    return findings


def _sensors(found: Mapping[str, Any]) -> list[Finding]:
    if found["pins"].get("sensors") == "simulated":
        advice = "to wear it, run `vigil flash` again without --sensors simulated"
        return [Finding("Sensors", "not known", "simulated: what this board tells is about nobody", advice)]
    sensors, pins = found["sensors"], found["pins"]
    where = f"on SDA {pins['sda']}, SCL {pins['scl']}"
    if "addresses" not in sensors:
        return [Finding("Bus", "bad", f"does not work {where}: {sensors['error']}", _WIRING)]
    addresses = sensors["addresses"]
    if not addresses:
        return [Finding("Bus", "bad", f"nothing answers {where}", f"see that the sensors have power, then {_WIRING}")]
    if len(addresses) >= 100:
        return [Finding("Bus", "bad", f"every address answers {where}: SDA stays low", _WIRING)]
    findings = [Finding("Bus", "good", f"{', '.join(f'0x{each:02X}' for each in addresses)} answer {where}")]
    if "error" in sensors:
        findings.append(Finding("Bus", "bad", f"what answered then failed: {sensors['error']}", _WIRING))
    findings += _oximeter(sensors, {part["address"] for part in pins["parts"] if "address" in part})
    findings += [_part(sensors, part) for part in pins["parts"]]
    return findings


def _part(sensors: Mapping[str, Any], part: Mapping[str, Any]) -> Finding:
    name = part["part"]
    if "address" not in part:
        return Finding(
            name, "not known", f"on pin {part['pin']}: the monitor says on its serial port what it finds there"
        )
    where = f"0x{part['address']:02X}"
    if part["address"] not in sensors["addresses"]:
        if part.get("optional"):
            return Finding(name, "not known", f"does not answer at {where}; a board may go without")
        return Finding(name, "bad", f"does not answer at {where}", _WIRING)
    thermometer = sensors.get("thermometer")
    if name == "TMP117" and thermometer is not None and thermometer["part_id"] != _THERMOMETER_ID:
        said = f"what is at {where} has device id 0x{thermometer['part_id']:04X}, a TMP117 0x0117"
        return Finding(name, "bad", said, "take another module")
    return Finding(name, "good", f"at {where}")


def _oximeter(sensors: Mapping[str, Any], other_addresses: set[int]) -> list[Finding]:
    found = sensors.get("oximeter")
    if _OXIMETER_ADDRESS not in sensors["addresses"]:
        others = [f"0x{each:02X}" for each in sensors["addresses"] if each not in other_addresses]
        said = "does not answer at 0x57" + (
            f"; a part that does not belong here is at {', '.join(others)}" if others else ""
        )
        return [Finding("MAX30102", "bad", said, _WIRING)]
    if found is None:
        return [Finding("MAX30102", "bad", "answers at 0x57, and not when it is asked", _WIRING)]
    if found["part_id"] != _OXIMETER_ID:
        said = f"what is at 0x57 has part id 0x{found['part_id']:02X}, a MAX30102 0x15"
        return [Finding("MAX30102", "bad", said, "take another module; a clock module's memory is at 0x57 too")]
    rate_hz = (found["samples"] + 32 * (found["lost"] > 0)) * 1_000_000 / max(1, found["sampled_us"])
    said = f"{rate_hz:.0f} samples a second, of {_RATE_HZ}"
    is_steady = abs(rate_hz - _RATE_HZ) * 100 <= _RATE_OFF_PERCENT * _RATE_HZ
    die_c = found["die_centi_c"] / 100
    is_mild = _DIE_C[0] <= die_c <= _DIE_C[1]
    return [
        Finding("MAX30102", "good", f"at 0x57, revision {found['revision']}"),
        Finding("FIFO", "good", said) if is_steady else Finding("FIFO", "bad", said, "take another module"),
        Finding("Die", "good", f"{die_c:.1f} C")
        if is_mild
        else Finding(
            "Die", "bad", f"{die_c:.1f} C", "unplug it, and look for a short; if it is cool, take another module"
        ),
    ]


def _memory(found: Mapping[str, Any]) -> Finding:
    pins, is_frozen = found["pins"], found["frozen"] != ""
    kinds = [drivers()[part["part"]].kind for part in pins["parts"] if part["part"] in drivers()]
    if pins.get("sensors") == "simulated":
        kinds.append(memory.SIMULATED)
    needed_kib = memory.needed_kib(kinds, has_services=found["platform"] != "rp2", is_frozen=is_frozen)
    said = f"beside Bluetooth, of which Vigil needs {needed_kib}"
    return _at_least("Memory", found["heap_bytes"], needed_kib << 10, said, memory.advice(is_frozen=is_frozen))


def _at_least(subject: str, found: int, least: int, what: str, advice: str) -> Finding:
    said = f"{found // 1024} KiB {what}"
    return Finding(subject, "good", said) if found >= least else Finding(subject, "bad", said, advice)
