"""The two signal sources: recordings and synthetic patients."""

from vigil_hal.simulated.patient import PatientError, built_in_patient, parse_patient
from vigil_hal.simulated.recording import RecordingError, open_recording, parse_recording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import SignalSource

NAMES = "time_s,red,ir"


def recording_error(*lines: str) -> str:
    """Return what is said about a recording that cannot be used."""
    try:
        parse_recording(lines, "a.csv")
    except RecordingError as error:
        return str(error)
    raise AssertionError("nothing was raised")


def patient_error(row: str) -> str:
    """Return what is said about a script whose second row cannot be used."""
    names = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"
    try:
        parse_patient([names, "5,60,98,2,,0,1", row], "p.csv")
    except PatientError as error:
        return str(error)
    raise AssertionError("nothing was raised")


def sample(source: "SignalSource", time_us: int) -> "tuple[int, int] | None":
    """Return one sample of a source."""
    out = [-1, -1]
    return (out[0], out[1]) if source.sample_into(time_us, out) else None


# Recordings


def case_recording_is_interpolated() -> None:
    recording = parse_recording([NAMES, "1.5,100,2000", "1.6,200,1000", "1.70,200,1001"], "a.csv")
    assert (recording.start_us, recording.end_us) == (1500000, 1700000)
    assert sample(recording, 1500000) == (100, 2000)
    assert sample(recording, 1600000) == (100, 2000)
    assert sample(recording, 1625000) == (125, 1750)
    assert sample(recording, 1700000) == (200, 1000)
    assert sample(recording, 1650000) == (150, 1500)  # backwards too


def case_a_sample_is_not_known_before_its_time() -> None:
    for last in (0, 262143):
        recording = parse_recording([NAMES, "0,100,100", "0.1,200,200", f"0.4,{last},{last}", "1,1,1"], "a.csv")
        for time_us in range(0, 400000, 10000):
            assert sample(recording, time_us) == (min(200, max(100, time_us // 1000)),) * 2
        assert sample(recording, 400000) != (200, 200)


def case_recording_has_nothing_outside_itself() -> None:
    recording = parse_recording([NAMES, "1,1,1", "1.4,1,1"], "a.csv")
    assert sample(recording, 999999) is None
    assert sample(recording, 1400001) is None


def case_gap_delivers_nothing_and_is_listed() -> None:
    recording = parse_recording([NAMES, "0,1,1", "0.5,2,2", "1.000001,3,3", "1.3,4,4"], "a.csv")
    assert recording.gaps == [(500000, 1000001, 4)]
    assert sample(recording, 499999) == (1, 1)
    assert sample(recording, 600000) == (2, 2)
    assert sample(recording, 600001) is None
    assert sample(recording, 1100000) is None
    assert sample(recording, 1100001) == (3, 3)


def case_time_beyond_thirty_bits_of_microseconds_works() -> None:
    recording = parse_recording([NAMES, "86400.000001,5,6", "86400.100001,7,8", "86400.2,7,8"], "a.csv")
    assert sample(recording, 86400150001) == (6, 7)


def case_time_with_many_decimals_is_cut_to_microseconds() -> None:
    recording = parse_recording([NAMES, "0.0333333333333333,5,6", "0.066666666666666666,7,8"], "a.csv")
    assert (recording.start_us, recording.end_us) == (33333, 66666)


def case_columns_are_found_by_name() -> None:
    recording = parse_recording(["\ufeffir, red ,note,time_s\r\n", "7,8,x,0\r\n", "\r\n", "9,8,y,0.1"], "a.csv")
    assert sample(recording, 0) == (8, 7)
    assert not recording.has_temperature


def case_temperature_holds_for_ten_seconds() -> None:
    recording = parse_recording(
        (NAMES + ",temperature_c\n0,1,1,\n1,1,1,36.7\n2,1,1,\n11,1,1,\n12,1,1,\n13,1,1,-0.25\n14,1,1,").split("\n"),
        "a.csv",
    )
    assert recording.has_temperature
    seconds = (0, 1, 2, 11, 12, 13, 14, 15)
    values = [recording.temperature_centi_c(s * 1000000) for s in seconds]
    assert values == [None, 3670, 3670, 3670, None, -25, -25, None]


def case_bad_recordings_are_told_with_file_and_line() -> None:
    for lines, said in (
        ((), "a.csv:1: the file is empty"),
        ((NAMES,), "a.csv:1: there is no row"),
        (("time_s,red", "0,1"), "a.csv:1: missing column ir"),
        ((NAMES, "0,1,2", "0.1,1,x"), "a.csv:3: ir 'x' is not a whole number"),
        ((NAMES, "0,1.5,2"), "a.csv:2: red '1.5' is not a whole number"),
        ((NAMES, "0,,2"), "a.csv:2: red '' is not a whole number"),
        ((NAMES, "0,1"), "a.csv:2: 2 cells"),
        ((NAMES, "abc,1,2"), "a.csv:2: time_s 'abc' is not a time"),
        ((NAMES, "-1,1,2"), "a.csv:2: time_s '-1' is not a time"),
        ((NAMES, "0.1234567x,1,2"), "a.csv:2: time_s '0.1234567x' is not a time"),
        ((NAMES, "1e3,1,2"), "a.csv:2: time_s '1e3' is not a time"),
        ((NAMES, "nan,1,2"), "a.csv:2: time_s 'nan' is not a time"),
        ((NAMES, "1,1,2", "0.9,1,2"), "a.csv:3: time_s '0.9' is not later"),
        ((NAMES, "1,1,2", "1.0,1,2"), "a.csv:3: time_s '1.0' is not later"),
        ((NAMES, "1,262144,2"), "a.csv:2: red 262144 is outside 18 bits"),
        ((NAMES, "1,1,-1"), "a.csv:2: ir -1 is outside 18 bits"),
        ((NAMES + ",temperature_c", "1,1,1,warm"), "a.csv:2: temperature_c 'warm' is not a number"),
        ((NAMES + ",temperature_c", "1,1,1,367"), "a.csv:2: temperature_c 367 is outside"),
    ):
        text = recording_error(*lines)
        assert text.startswith(said), text
        assert "\n" not in text


def case_counts_at_the_ends_of_the_range_are_taken() -> None:
    assert sample(parse_recording([NAMES, "0,0,262143"], "a.csv"), 0) == (0, 262143)


def case_file_that_is_not_there_is_told() -> None:
    try:
        open_recording("no-such-folder/no-such-file.csv")
    except RecordingError as error:
        assert str(error).startswith("no-such-folder/no-such-file.csv: cannot be read")
    else:
        raise AssertionError("nothing was raised")


# Patients


def counts(seconds: int, row: str, seed: int = 1) -> "tuple[list[int], list[int]]":
    """Return red and infrared at 100 Hz of a patient who stays as he is."""
    names = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,noise_pct,contact"
    patient = parse_patient([names, row], "p.csv", seed)
    red: list[int] = []
    ir: list[int] = []
    for i in range(seconds * 100):
        values = sample(patient, i * 10000)
        assert values is not None
        red.append(values[0])
        ir.append(values[1])
    return red, ir


def beats(ir: "list[int]") -> int:
    """Count the systolic falls through the middle between lowest and highest."""
    middle = (min(ir) + max(ir)) // 2
    return sum(1 for i in range(1, len(ir)) if ir[i - 1] > middle >= ir[i])


def case_pulse_rate_is_as_scripted() -> None:
    for rate in (30, 72, 180):
        _, ir = counts(60, f"0,{rate},98,5,0,1")
        assert abs(beats(ir) - rate) <= 1 + rate // 50, beats(ir)


def case_no_pulse_gives_no_beat() -> None:
    _, ir = counts(10, "0,0,98,5,0,1")
    assert max(ir) - min(ir) < 1200  # breathing only


def case_ratio_of_ratios_falls_with_spo2() -> None:
    last = 0
    for spo2, thousandths in ((100, 373), (97, 463), (85, 831), (70, 1311), (50, 1991)):
        red, ir = counts(2, f"0,120,{spo2},10,0,1")
        ratio = (max(red) - min(red)) * 120 * 1000 // ((max(ir) - min(ir)) * 100)
        assert abs(ratio - thousandths) < 30, (spo2, ratio)
        assert ratio > last
        last = ratio


def case_perfusion_is_the_size_of_the_pulse() -> None:
    _, ir = counts(4, "0,60,98,10,0,1")
    assert 11400 < max(ir) - min(ir) < 12700  # 10 % of 120000, and some breathing


def case_noise_has_the_scripted_deviation() -> None:
    _, ir = counts(20, "0,0,98,0,1,1")
    steps = [ir[i] - ir[i - 1] for i in range(1, len(ir))]
    variance = sum(step * step for step in steps) // len(steps) // 2
    assert 1150 * 1150 < variance < 1250 * 1250  # 1 % of 120000


def case_seed_decides_the_noise() -> None:
    row = "0,72,98,2,0.5,1"
    assert counts(1, row) == counts(1, row)
    assert counts(1, row) != counts(1, row, 2)


def case_finger_off_is_dark() -> None:
    red, ir = counts(5, "0,72,98,2,0.5,0")
    assert min(red + ir) > 200
    assert max(red + ir) < 400


def case_same_instant_gives_the_same_counts() -> None:
    patient = built_in_patient()
    assert sample(patient, 0) == sample(patient, 0)
    seen = [sample(patient, 10000 * i) for i in range(100)]
    assert sample(patient, 990000) == seen[99]
    assert [sample(patient, 10000 * i) for i in range(100)] == seen


def case_frames_are_interpolated() -> None:
    lines = [
        "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact",
        "10,60,98,2,36,0,1",
        "20,60,98,2,38,0,1",
        "30,60,98,2,,0,0",
    ]
    patient = parse_patient(lines, "p.csv")
    seconds = (10, 15, 20, 25, 30, 99)
    assert [patient.temperature_centi_c(s * 1000000) for s in seconds] == [3600, 3700, 3800, 3800, None, None]
    assert sample(patient, 9999999) is None
    lit = [(sample(patient, s * 1000000) or (0, 0))[1] > 1000 for s in seconds]
    assert lit == [True, True, True, True, False, False]


def case_built_in_story_takes_the_sensor_off_and_begins_again() -> None:
    patient = built_in_patient()
    assert patient.end_us is None
    for second, on in ((0, True), (149, True), (151, False), (167, False), (169, True), (412, False)):
        values = sample(patient, second * 1000000)
        assert values is not None
        assert (values[1] > 1000) == on, second
    assert patient.temperature_centi_c(1000000000) == 3670


def case_bad_scripts_are_told_with_file_and_line() -> None:
    for row, said in (
        ("6,301,98,2,,0,1", "p.csv:3: pulse_rate_bpm '301' is not a number from 0 to 300"),
        ("6,60,49,2,,0,1", "p.csv:3: spo2_pct '49'"),
        ("6,60,98,21,,0,1", "p.csv:3: perfusion_pct '21'"),
        ("6,60,98,2,hot,0,1", "p.csv:3: temperature_c 'hot'"),
        ("6,60,98,2,,x,1", "p.csv:3: noise_pct 'x'"),
        ("6,60,98,2,,0,2", "p.csv:3: contact '2'"),
        ("5,60,98,2,,0,1", "p.csv:3: time_s '5' is not later"),
        ("6,60,98", "p.csv:3: 3 cells"),
    ):
        text = patient_error(row)
        assert text.startswith(said), text
