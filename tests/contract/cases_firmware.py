"""What the firmware must do on every runtime: `case_*` functions that assert, in the portable subset."""

from vigil_firmware.alarms import Alarms
from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.link_end import LinkEnd
from vigil_firmware.monitor import Monitor
from vigil_firmware.signal.calibration import Curve
from vigil_firmware.signal.conditioning import RING, Channel
from vigil_firmware.signal.intervals import CAPACITY, Intervals
from vigil_firmware.signal.oximetry import BeatRatios, square_root
from vigil_firmware.signal.respiration import Respiration
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.simulation.replay import COLUMNS, INTERVAL_COLUMNS, Clock, replay
from vigil_firmware.storage import BLOCK_COUNT, Storage
from vigil_firmware.ticks import DAY_MS, PERIOD, Uptime, ticks_add, ticks_diff
from vigil_firmware.two_copies import TwoCopies
from vigil_firmware.vitals import Vitals
from vigil_hal.file_blocks import FileBlocks
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.flash import PowerCut, SimulatedFlash
from vigil_hal.simulated.patient import parse_patient
from vigil_hal.simulated.recording import parse_recording
from vigil_wire import conditions, link, records, statuses
from vigil_wire.settings import FIELDS, Settings, SettingsError, pack_curve, unpack

_PATIENT = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"
_KEY = bytes(range(16))
_CURVE = ((400, 990), (700, 900), (1100, 760))


def _monitor(rows: "list[str]", first_tick: int) -> "tuple[Clock, Monitor]":
    clock = Clock(first_tick)
    lines = [_PATIENT]
    lines.extend(rows)
    parts = Parts(parse_patient(lines, "patient"), True, clock.read)
    settings = Settings(spo2_delay_s=3)
    journal = Journal(MemoryStore(3), 7)
    return clock, Monitor(Max30102(parts.bus), parts.thermometer, None, settings, journal, 1, 1, first_tick)


def _run(clock: Clock, monitor: Monitor, seconds: int) -> None:
    for _ in range(seconds * 10):
        clock.now_ms = ticks_add(clock.now_ms, 100)
        monitor.step(clock.now_ms)


def _random(count: int) -> bytes:
    return bytes(range(count))


def case_ticks_wrap() -> None:
    assert ticks_add(PERIOD - 1, 3) == 2
    assert ticks_add(1, -3) == PERIOD - 2
    assert ticks_diff(2, PERIOD - 1) == 3
    assert ticks_diff(PERIOD - 1, 2) == -3
    uptime = Uptime(PERIOD - 5)
    for _ in range(60):
        uptime.advance(ticks_add(uptime._tick_ms, DAY_MS // 4))
    assert (uptime.day, uptime.day_ms) == (15, 0)


def case_square_root_is_exact() -> None:
    for root in (0, 1, 2, 3, 181, 1023, 14481, 32767):
        assert square_root(root * root) == root
        assert square_root(root * root + 2 * root) == root


def case_spo2_curve() -> None:
    shown = [Curve().spo2_deci_pct(ratio) for ratio in (299, 300, 400, 450, 700, 1000, 1600, 1601)]
    assert shown == [-1, 1024, 991, 974, 892, 796, 613, -1]
    shown = [Curve(_CURVE).spo2_deci_pct(ratio) for ratio in (399, 400, 401, 700, 1100, 1101)]
    assert shown == [-1, 990, 990, 900, 760, -1]


def case_beats_that_differ_are_told() -> None:
    beats = BeatRatios()
    for ratio in (500, 520, 480, 510, 900):
        beats.add(ratio)
    assert (beats.median(), beats.dispersion_permille) == (510, 141)
    beats.restart()
    beats.add(1000)
    beats.add(-1000)
    assert (beats.count, beats.median()) == (2, 500)


def case_wander_is_removed() -> None:
    channel = Channel()
    for index in range(200):
        channel.ring[(230 + index) % RING] = 20_000 + 3 * index + (50 if index % 10 < 5 else -50)
    channel.load(230, 127, 1, 11)
    assert channel.length == 116
    assert max(channel.window[:116]) <= 62
    assert min(channel.window[:116]) >= -62
    assert abs(channel.dc - 10_095) <= 10


def case_monitor_measures_the_patient_from_any_tick() -> None:
    shown = []
    for first_tick in (0, PERIOD - 1, PERIOD - 7_000):
        clock, monitor = _monitor(["0,72,97,2,36.7,0.02,1"], first_tick)
        _run(clock, monitor, 14)
        vitals = monitor.vitals
        assert vitals.pulse_rate.status == vitals.spo2.status == vitals.temperature.status == statuses.VALIDATED
        assert abs(vitals.pulse_rate.value - 720) <= 15
        assert abs(vitals.spo2.value - 970) <= 10
        assert vitals.temperature.value == 3670
        shown.append((vitals.pulse_rate.value, vitals.spo2.value, vitals.perfusion.value))
    assert shown[0] == shown[1] == shown[2]


def case_intervals_hold_a_second_and_no_more() -> None:
    intervals = Intervals()
    for number in range(CAPACITY + 2):
        intervals.add(800 + number, 900 - number, 90)
    assert intervals.count == CAPACITY
    assert list(intervals.interval_ms) == list(range(800, 800 + CAPACITY))
    assert list(intervals.age_ms) == list(range(900, 900 - CAPACITY, -1))
    intervals.clear()
    intervals.add(750, 20, 80)
    assert (intervals.count, intervals.interval_ms[0], intervals.age_ms[0], intervals.quality[0]) == (1, 750, 20, 80)


def case_monitor_gives_each_interval_once_and_none_without_a_pulse_rate() -> None:
    for first_tick in (0, PERIOD - 7_000):
        clock, monitor = _monitor(["0,75,97,2,36.7,0.02,1", "20,75,97,2,36.7,0.02,0"], first_tick)
        ends = []
        for _ in range(30):
            _run(clock, monitor, 1)
            intervals = monitor.intervals
            assert monitor.vitals.pulse_rate.has_value or intervals.count == 0
            for index in range(intervals.count):
                assert abs(intervals.interval_ms[index] - 800) <= 25
                assert intervals.quality[index] == monitor.vitals.quality > 50
                ends.append(ticks_diff(clock.now_ms, first_tick) - intervals.age_ms[index])
        steps = [ends[index + 1] - ends[index] for index in range(len(ends) - 1)]
        assert len(ends) >= 16
        assert all(abs(step - 800) <= 25 for step in steps), steps
        assert ends[-1] <= 20_500


def case_alarm_is_raised_cleared_and_journalled() -> None:
    clock, monitor = _monitor(
        ["0,72,80,2,36.7,0.02,1", "19,72,80,2,36.7,0.02,1", "39,72,98,2,36.7,0.02,1"], PERIOD - 9_000
    )
    _run(clock, monitor, 24)
    assert monitor.alarms.bits == 1 << conditions.SPO2_LOW | 1 << conditions.SPO2_VERY_LOW
    assert (monitor.alarms.audible, monitor.alarms.top) == (conditions.HIGH, conditions.SPO2_VERY_LOW)
    _run(clock, monitor, 34)
    assert monitor.alarms.bits == 0
    buf = bytearray(records.MAX_LENGTH)
    events = []
    for sequence in range(monitor.journal.newest + 1):
        record = records.Record(buf[: monitor.journal.read_into(sequence, buf, 0)])
        assert record.sequence == sequence
        if record.kind == records.ALARM:
            events.append((record.fields["condition"], record.fields["event"]))
    assert events == [
        (conditions.SPO2_LOW, conditions.RAISED),
        (conditions.SPO2_VERY_LOW, conditions.RAISED),
        (conditions.SPO2_VERY_LOW, conditions.CLEARED),
        (conditions.SPO2_LOW, conditions.CLEARED),
    ]


def case_a_restart_and_an_acknowledgement_from_afar_silence_nothing() -> None:
    told = []
    alarms = Alarms(Settings(spo2_emergency_delay_s=0), lambda *event: told.append(event[:2]))
    vitals = Vitals()
    vitals.pulse_rate.publish(720, statuses.VALIDATED)
    vitals.spo2.publish(899, statuses.VALIDATED)  # two points are taken off before it is calibrated
    now_ms = PERIOD - 500
    alarms.evaluate(vitals, now_ms)
    assert told == [(conditions.SPO2_VERY_LOW, conditions.RAISED)]
    alarms.acknowledge(conditions.ALL, conditions.FROM_AFAR, now_ms)
    assert (alarms.audible, alarms.acknowledged_bits) == (conditions.HIGH, 0)
    alarms.acknowledge(conditions.SPO2_VERY_LOW, conditions.AT_DEVICE, now_ms)
    assert (alarms.audible, alarms.visible) == (conditions.NONE, conditions.HIGH)
    packed = alarms.pack()
    alarms = Alarms(Settings(), lambda *event: told.append(event[:2]))
    assert not alarms.restore(packed[:-1], now_ms)
    assert alarms.restore(packed, now_ms)
    assert (alarms.bits, alarms.audible) == (1 << conditions.SPO2_VERY_LOW, conditions.HIGH)
    alarms.acknowledge(conditions.SPO2_VERY_LOW, conditions.BESIDE_WEARER, now_ms)
    for _ in range(4):
        now_ms = ticks_add(now_ms, 100_000)
        alarms.evaluate(vitals, now_ms)
    assert alarms.audible == conditions.HIGH
    assert (conditions.SPO2_VERY_LOW, conditions.CLEARED) not in told


def case_sensor_off_is_told() -> None:
    clock, monitor = _monitor(["0,72,97,2,36.7,0.02,1", "12,72,97,2,36.7,0.02,0"], 0)
    _run(clock, monitor, 20)
    assert monitor.vitals.pulse_rate.status == statuses.SENSOR_OFF
    assert not monitor.vitals.spo2.has_value
    assert monitor.alarms.bits == 1 << conditions.SENSOR_OFF


def case_respiration_is_told() -> None:
    respiration = Respiration()
    vitals = Vitals()
    vitals.pulse_rate.publish(750, statuses.VALIDATED)
    swing = (0, 95, 59, -59, -95)  # a breath is five beats of 0.8 s
    told = []
    for beat in range(150):
        respiration.add(1280 + swing[beat % 5], 1500 + swing[(beat + 1) % 5], 120000 - swing[beat % 5])
        if beat % 5:
            respiration.judge(vitals, 25000)
            told.append(vitals.respiration.value_or(0))
    assert told[30] == 0
    assert told[-1] == 150


def case_settings_survive_and_are_checked() -> None:
    settings = Settings(spo2_low_deci_pct=900, temperature_site=7)
    again = unpack(settings.pack())
    for name, _, _, _ in FIELDS:
        assert getattr(again, name) == getattr(settings, name)
    for values in (
        {"spo2_low_deci_pct": 790},
        {"no_such": 1},
        {"pulse_rate_low_deci_bpm": 700, "pulse_rate_high_deci_bpm": 600},
    ):
        try:
            Settings(**values)
        except SettingsError:
            continue
        raise AssertionError(f"{values} was taken")


def case_curve_survives_and_is_checked() -> None:
    settings = Settings(_CURVE, spo2_low_deci_pct=900)
    assert unpack(settings.pack()).spo2_curve == _CURVE
    assert unpack(settings.with_curve(()).pack()).spo2_curve == ()
    assert unpack(settings.pack()).with_curve(()).spo2_low_deci_pct == 900
    for curve in (((400, 990),), ((400, 990), (700, 990), (1100, 760)), ((400, 990), (600, 760))):
        try:
            Settings(curve)
        except SettingsError:
            continue
        raise AssertionError(f"{curve} was taken")


def case_cut_at_every_operation_leaves_old_or_new() -> None:
    operations = 0
    while True:
        flash = SimulatedFlash(2, 256)
        TwoCopies(flash, 0).write(b"the old")
        flash.cut_after(operations)
        try:
            TwoCopies(flash, 0).write(b"the new")
        except PowerCut:
            assert TwoCopies(flash, 0).read() in (b"the old", b"the new")
            operations += 1
            continue
        assert TwoCopies(flash, 0).read() == b"the new"
        assert operations > 8
        return


def case_storage_counts_on() -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    first = Storage(flash, _random)
    again = Storage(flash, bytes)
    assert first.is_new
    assert not again.is_new
    assert again.device_key == first.device_key == _KEY
    assert (first.boot, again.boot) == (1, 2)
    assert (again.advert_high, again.advert_low) == (0, 3 << 14)


def case_storage_in_files() -> None:
    blocks = FileBlocks("blocks_of_case", BLOCK_COUNT)
    for block in range(BLOCK_COUNT):
        blocks.ioctl(6, block)
    first = Storage(blocks, _random)
    first.save_settings(Settings(spo2_low_deci_pct=950))
    again = Storage(FileBlocks("blocks_of_case", BLOCK_COUNT), bytes)
    assert again.settings.spo2_low_deci_pct == 950
    assert again.device_key == _KEY
    for call in (lambda: blocks.readblocks(BLOCK_COUNT, bytearray(1), 0), lambda: blocks.writeblocks(0, b"ab", 4095)):
        try:
            call()
        except OSError as error:
            assert error.args[0] == 22
        else:
            raise AssertionError("no error")


class _Owner:
    advert_counter = (0, 0)
    flags = 0

    def __init__(self, monitor: Monitor) -> None:
        self.change_settings = monitor.apply


def case_records_cross_the_link_once_in_order() -> None:
    _, monitor = _monitor(["0,72,97,2,36.7,0.02,1"], 0)
    for number in range(30):
        monitor.anchor_time(1, number)
    host = link.Session(_KEY, False)
    heard = []
    room = [0]

    def send(frame: memoryview) -> bool:
        if room[0] == 0:
            return False
        room[0] -= 1
        heard.append(bytearray(frame))
        return True

    end = LinkEnd(_KEY, monitor, send, _Owner(monitor))
    end.mtu = 247
    end.receive(bytearray(link.hello(b"hostnonc")), _random)
    room[0] = 1
    end.step(bytearray(15), 0, 1)
    host.begin(b"hostnonc", link.nonce_of_hello(heard.pop()))
    message = link.fetch(2)
    host.out[4 : 4 + len(message)] = message
    end.receive(bytearray(host.out[: host.seal(len(message))]), _random)
    message = link.set_curve(pack_curve(_CURVE))
    host.out[4 : 4 + len(message)] = message
    end.receive(bytearray(host.out[: host.seal(len(message))]), _random)
    assert monitor.settings.spo2_curve == _CURVE
    sequences = []
    for second in range(20):
        room[0] = second % 2
        end.step(bytearray(15), 0, second // 9)
    for frame in heard:
        content = frame[4 : 4 + host.open(frame, len(frame))]
        if content[0] == link.RECORDS:
            sequences += [records.Record(each).sequence for each in link.records_in(content)]
    assert sequences == list(range(2, 33))


def case_replay_writes_rows() -> None:
    lines = ["time_s,red,ir,temperature_c"]
    patient = parse_patient([_PATIENT, "0,72,96,2,36.7,0.02,1"], "patient")
    out = [0, 0]
    for count in range(13 * 30):
        patient.sample_into(count * 33_000, out)
        millis = count * 33
        lines.append(f"{millis // 1000}.{millis % 1000:03d},{out[0]},{out[1]},-0.5")
    written = []
    beats = []
    replay(parse_recording(lines, "test"), written.append, PERIOD - 3_000, beats.append)
    assert written[0] == COLUMNS + "\n"
    assert written[2] == "2,,acquiring,,acquiring,,-0.50,validated,,acquiring,,,0,\n"
    cells = written[-1].split(",")
    assert cells[0] == "12"
    assert cells[2] == cells[4] == "validated"
    assert 50 < int(cells[COLUMNS.split(",").index("quality")]) <= 100
    assert len(written) == 13
    assert beats[0] == INTERVAL_COLUMNS + "\n"
    assert len(beats) >= 7
    for beat in beats[1:]:
        time_s, interval_ms, quality = beat.split(",")
        assert len(time_s.split(".")[1]) == 3
        assert abs(int(interval_ms) - 833) <= 25
        assert 50 < int(quality) <= 100
