"""What the wire formats must do on every runtime: `case_*` functions that assert, in the portable subset."""

from array import array
from binascii import unhexlify

from vigil_wire import (
    advert,
    battery,
    conditions,
    current_time,
    date_time,
    health_thermometer,
    heart_rate,
    ieee11073,
    keys,
    link,
    plx,
    racp,
    records,
    statuses,
    uptime_time,
)
from vigil_wire.aes import Aes
from vigil_wire.ccm import Ccm
from vigil_wire.crc import crc16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = bytes(range(16))
_VALIDATED = (statuses.VALIDATED, statuses.VALIDATED, statuses.VALIDATED)


def _hex(text: str) -> bytes:
    return unhexlify(text.replace(" ", ""))


def _says(error: "type[Exception]", function: "Callable[..., object]", *args: object) -> str:
    """Return what the `error` says that `function` raises; no error is a failure."""
    try:
        function(*args)
    except error as raised:
        return str(raised)
    raise AssertionError("nothing was raised")


def case_crc16() -> None:
    assert crc16(b"123456789", 9) == 0x29B1
    assert crc16(b"6789", 4, crc16(b"12345", 5)) == 0x29B1
    assert crc16(b"", 0) == 0xFFFF


def case_aes_published_vector() -> None:
    # FIPS 197, appendix C.1
    block = bytearray(_hex("00112233445566778899AABBCCDDEEFF"))
    Aes(_KEY).encrypt_into(block, block)
    assert block == _hex("69C4E0D86A7B0430D8CDB78070B4C55A")
    assert "16 bytes" in _says(ValueError, Aes, bytes(24))


def case_hkdf_published_vectors() -> None:
    # RFC 5869, appendix A, test cases 1 to 3
    for secret, salt, info, length, expected in (
        (
            b"\x0b" * 22,
            bytes(range(13)),
            bytes(range(0xF0, 0xFA)),
            42,
            "3CB25F25FAACD57A90434F64D0362F2A2D2D0A90CF1A5A4C5DB02D56ECC4C5BF34007208D5B887185865",
        ),
        (
            bytes(range(80)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            82,
            "B11E398DC80327A1C8E7F78C596A49344F012EDA2D4EFAD8A050CC4C19AFA97C59045A99CAC7827271CB41C65E590E09"
            "DA3275600C2F09B8367793A9ACA3DB71CC30C58179EC3E87C14C01D5C1F3434F1D87",
        ),
        (
            b"\x0b" * 22,
            b"",
            b"",
            42,
            "8DA4E775A563C18F715F802A063C5A31B8A11F5C5EE1879EC3454E5F3C738D2D9D201395FAA4B61A96C8",
        ),
    ):
        assert keys.hkdf_sha256(secret, salt, info, length) == _hex(expected)


def case_ccm_published_vectors() -> None:
    # RFC 3610, section 8, packet vectors 1 and 6: nonce, header length, packet length, ciphertext and MIC
    key = _hex("C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF")
    for nonce, header, length, expected in (
        ("00000003020100A0A1A2A3A4A5", 8, 31, "588C979A61C663D2F066D0C2C0F989806D5F6B61DAC38417E8D12CFDF926E0"),
        ("00000008070605A0A1A2A3A4A5", 12, 33, "6FC1B011F006568B5171A42D953D469B2570A4BD87405A0443AC91CB94"),
    ):
        packet = bytes(range(length))
        buf = bytearray(packet[header:]) + bytearray(8)
        ccm = Ccm(Aes(key), 8)
        ccm.seal(bytearray(_hex(nonce)), packet[:header], buf, 0, length - header)
        assert buf == _hex(expected)
        assert ccm.open(bytearray(_hex(nonce)), packet[:header], buf, 0, length - header)
        assert buf[: length - header] == packet[header:]


def case_encrypted_advertising_data_vectors() -> None:
    # Bluetooth Core Specification Supplement v11, part A, 2.3.1 and 2.3.2 (as in Zephyr's ead_sample)
    ccm = Ccm(Aes(_hex("57A9DA12D12E6E131E20612AD10A6A19")), 4)
    for randomizer, expected in (
        ("18E157CADE", "74E4DCAFDC51C7282810C2217F0E4CEF4343181FBA0069CC"),
        ("8D1C976E7A", "35444076125788C238A58E8BD9CFF0DEFE251A8E7275454C"),
    ):
        nonce = bytearray(_hex(randomizer + "9E7A00EFB17AE746"))
        buf = bytearray(_hex("0F0953686F7274204D696E692D42757303190A8C 00000000"))
        ccm.seal(nonce, b"\xea", buf, 0, 20)
        assert buf == _hex(expected)
        buf[23] ^= 1
        assert not ccm.open(nonce, b"\xea", buf, 0, 20)
        assert buf[:20] == bytes(20)


def case_sfloat_vectors() -> None:
    # weliem/blessed-android, BluetoothBytesParserTest; im97mori-github/JavaBLEUtil, IEEE_11073_20601_SFLOATTest
    for wire, mantissa, exponent in (
        ("0102", 513, 0),
        ("01FE", -511, -1),
        ("6EF1", 366, -1),
        ("37C0", 55, -4),
        ("FF0F", -1, 0),
        ("C8E0", 200, -2),
        ("0172", 513, 7),
    ):
        assert ieee11073.decode_sfloat(_hex(wire), 0) == (mantissa, exponent)
        buf = bytearray(3)
        ieee11073.encode_sfloat_into(buf, 1, mantissa, exponent)
        assert buf[1:] == _hex(wire)
    for wire, special in (
        ("FF07", ieee11073.NAN),
        ("0008", ieee11073.NRES),
        ("FE07", ieee11073.PLUS_INFINITY),
        ("0208", ieee11073.MINUS_INFINITY),
        ("0108", ieee11073.RESERVED),
    ):
        assert ieee11073.decode_sfloat(_hex(wire), 0) == special
        buf = bytearray(2)
        ieee11073.encode_sfloat_special_into(buf, 0, special)
        assert buf == _hex(wire)
    assert "does not fit" in _says(ValueError, ieee11073.encode_sfloat_into, bytearray(2), 0, 2046, 0)
    assert "cut short" in _says(ValueError, ieee11073.decode_sfloat, b"\1\2", 1)


def case_float_vectors() -> None:
    # weliem/blessed-android, BluetoothBytesParserTest; im97mori-github/JavaBLEUtil, IEEE_11073_20601_FLOATest
    for wire, mantissa, exponent in (
        ("01020304", 197121, 4),
        ("01FE03FC", 261633, -4),
        ("FF02FD04", -195841, 4),
        ("FDFF7F80", 8388605, -128),
        ("0300807F", -8388605, 127),
    ):
        assert ieee11073.decode_float(_hex(wire), 0) == (mantissa, exponent)
        buf = bytearray(5)
        ieee11073.encode_float_into(buf, 1, mantissa, exponent)
        assert buf[1:] == _hex(wire)
    for wire, special in (
        ("FFFF7F00", ieee11073.NAN),
        ("00008000", ieee11073.NRES),
        ("FEFF7F00", ieee11073.PLUS_INFINITY),
        ("02008000", ieee11073.MINUS_INFINITY),
        ("01008000", ieee11073.RESERVED),
    ):
        assert ieee11073.decode_float(_hex(wire), 0) == special
        buf = bytearray(4)
        ieee11073.encode_float_special_into(buf, 0, special)
        assert buf == _hex(wire)
    assert "does not fit" in _says(ValueError, ieee11073.encode_float_into, bytearray(4), 0, 8388606, 0)


def case_plx_continuous() -> None:
    buf = bytearray(plx.MAX_LENGTH)
    assert plx.encode_into(buf, 975, 723, _VALIDATED, None) == 10
    assert buf[:10] == _hex("0C CFF3 D3F2 8000 000000")
    low_perfusion = (statuses.LOW_PERFUSION, statuses.VALIDATED, statuses.UNAVAILABLE)
    assert plx.encode_into(buf, 975, None, low_perfusion, 25) == 12
    assert buf[:12] == _hex("1C CFF3 FF07 0080 200000 19E0")
    plx.encode_into(buf, 1000, 2400, _VALIDATED, None)
    assert buf[1:5] == _hex("E8F3 F000")
    # As Wireshark reads it
    everything = plx.Continuous(_hex("1F 6200 4800 6100 4B00 6300 4600 8000 200000 19F0"))
    assert (everything.spo2_pct, everything.pulse_rate_bpm) == ((98, 0), (72, 0))
    assert (everything.fast, everything.slow) == (((97, 0), (75, 0)), ((99, 0), (70, 0)))
    assert (everything.measurement_status, everything.sensor_status) == (1 << 7, 1 << 5)
    assert everything.pulse_amplitude_index_pct == (25, -1)
    assert plx.Continuous(_hex("00 FF07 0008")).spo2_pct == ieee11073.NAN
    assert "has 4" in _says(ValueError, plx.Continuous, _hex("00 6200 48"))


def case_plx_published() -> None:
    # StanfordSpezi/SpeziBluetooth, PLXTests
    full = plx.Continuous(_hex("1F DEF3 CAF3 CAF3 5AF5 D4F3 B2F2 2001 000000 7AE3"))
    assert (full.spo2_pct, full.pulse_rate_bpm) == ((990, -1), (970, -1))
    assert (full.fast, full.slow) == (((970, -1), (1370, -1)), ((980, -1), (690, -1)))
    assert (full.measurement_status, full.sensor_status) == (0x120, 0)
    assert full.pulse_amplitude_index_pct == (890, -2)
    data = _hex("0F ACF3 BEF5 E8070B1D170839 2040 220000 66E3")
    spot_check = plx.SpotCheck(data)
    assert (spot_check.spo2_pct, spot_check.pulse_rate_bpm) == ((940, -1), (1470, -1))
    assert spot_check.timestamp == ((2024, 11, 29), (23, 8, 57))
    assert (spot_check.measurement_status, spot_check.sensor_status) == (0x4020, 0x22)
    assert (spot_check.pulse_amplitude_index_pct, spot_check.is_clock_set) == ((870, -2), True)
    buf = bytearray(plx.MAX_LENGTH)
    assert plx.encode_spot_check_into(buf, 940, 1470, 0x4020, 0x22, 870, 9099, 83_337_000) == 19
    assert buf[:19] == data
    assert plx.encode_spot_check_into(buf, 975, 723, 0x280, 0, None, None) == 10
    assert buf[:10] == _hex("16 CFF3 D3F2 8002 000000")
    assert not plx.SpotCheck(buf[:10]).is_clock_set
    assert "has 18" in _says(ValueError, plx.SpotCheck, data[:-1])


def case_racp() -> None:
    # NordicSemiconductor/Android-BLE-Common-Library, RecordAccessControlPointDataCallbackTest
    buf = bytearray(4)
    for wire, op_code, code in (("06 00 01 01", 1, 1), ("06 00 01 06", 1, 6), ("06 00 03 07", 3, 7)):
        answer = racp.Answer(_hex(wire))
        assert (answer.op_code, answer.code) == (op_code, code)
        racp.encode_response_into(buf, op_code, code)
        assert buf == _hex(wire)
    assert racp.Answer(_hex("05 00 02 01")).count == 258
    racp.encode_number_into(buf, 258)
    assert buf == _hex("05 00 02 01")
    assert "not an answer" in _says(ValueError, racp.Answer, _hex("05 00 03 02 01"))
    assert [racp.judge(_hex(wire)) for wire in ("0101", "0201", "0300", "0401")] == [racp.SUCCESS] * 4
    assert [racp.judge(_hex(wire)) for wire in ("", "0701", "01", "0301", "0106", "010100")] == [2, 2, 3, 3, 4, 5]


def case_current_time() -> None:
    # im97mori-github/JavaBLEUtil, CurrentTimeTest
    read = current_time.CurrentTime(_hex("2E06 01 01 17 3B 3B 01 FF 01"))
    assert (read.date, read.time) == ((1582, 1, 1), (23, 59, 59))
    assert (read.weekday, read.fraction_256, read.reason) == (1, 255, current_time.MANUAL)
    buf = bytearray(10)
    assert current_time.encode_into(buf, 8923, 43_484_500, current_time.EXTERNAL_REFERENCE) == 10
    assert buf == _hex("E807 06 06 0C 04 2C 04 80 02")
    assert current_time.CurrentTime(current_time.NOT_KNOWN).date == (None, None, None)


def case_plx_features() -> None:
    features = plx.Features(plx.features(False))
    assert features.supported == 0x43
    assert plx.Features(plx.features(True)).supported == 0x4F
    # StanfordSpezi/SpeziBluetooth, PLXTests
    published = plx.Features(_hex("A300 4010 800100"))
    assert (published.supported, published.measurement_status, published.sensor_status) == (0xA3, 0x1040, 0x180)
    assert features.measurement_status is not None and features.measurement_status & 1 << 7
    assert features.sensor_status is not None and features.sensor_status & 1 << 11
    assert plx.Features(_hex("7C00")).sensor_status is None
    assert "have 7 bytes" in _says(ValueError, plx.Features, _hex("7F00"))


def case_heart_rate() -> None:
    buf = bytearray(heart_rate.MAX_LENGTH)
    assert heart_rate.encode_into(buf, 724, array("i", [1000, 500, 7]), 2) == 6
    assert buf[:6] == _hex("16 48 0004 0002")
    assert heart_rate.encode_into(buf, None, array("i", [1000]), 1) == 2
    assert buf[:2] == _hex("04 00")
    assert heart_rate.encode_into(buf, 2600, array("i", range(300, 312)), 12) == 19
    # From healthParsers.test.ts
    published = heart_rate.Measurement(_hex("16 48 0004"))
    assert (published.rate_bpm, published.has_contact, published.intervals) == (72, True, [1024])
    assert heart_rate.encode_into(buf, 720, array("i", [1000]), 1) == 4
    assert buf[:4] == _hex("16 48 0004")
    # NordicSemiconductor/Android-BLE-Common-Library, HeartRateMeasurementDataCallbackTest
    for wire, rate, contact in (("00 55", 85, None), ("04 FF", 255, False)):
        published = heart_rate.Measurement(_hex(wire))
        assert (published.rate_bpm, published.has_contact) == (rate, contact)
    read = heart_rate.Measurement(_hex("1F 0101 3201 0100 0201 FFFF"))
    assert (read.rate_bpm, read.has_contact, read.energy_kj, read.intervals) == (257, True, 306, [1, 258, 65535])
    assert "does not have 3" in _says(ValueError, heart_rate.Measurement, _hex("17 0101"))
    assert heart_rate.decode_location(heart_rate.encode_location(heart_rate.FINGER)) == 3


def case_health_thermometer() -> None:
    # NordicSemiconductor/Android-BLE-Common-Library, TemperatureMeasurementDataCallbackTest
    data = _hex("06 B00E00FE DC070C050B321B 04")
    measurement = health_thermometer.Measurement(data)
    assert measurement.temperature == (3760, -2)
    assert (measurement.unit, measurement.site) == (health_thermometer.CELSIUS, 4)
    assert measurement.timestamp == ((2012, 12, 5), (11, 50, 27))
    assert "this one has 12" in _says(ValueError, health_thermometer.Measurement, data[:-1])
    buf = bytearray(health_thermometer.MAX_LENGTH)
    assert health_thermometer.encode_into(buf, 3760, 4) == 6
    assert buf[:6] == _hex("04 B00E00FE 04")
    assert health_thermometer.encode_into(buf, None, None) == 5
    assert buf[:5] == _hex("00 FFFF7F00")
    assert health_thermometer.decode_type(b"\x03") == 3
    assert health_thermometer.encode_into(buf, 3760, 4, 4722, 42_627_000) == 13
    assert buf == data
    assert health_thermometer.decode_interval(b"\x3c\0") == 60
    assert health_thermometer.encode_interval(60) == b"\x3c\0"


def case_uptime_time() -> None:
    day = uptime_time.DAY_MS
    anchors = [(0, 1000, 9800, day - 1000), (1, 1000, 9801, day - 1000), (1, 2000, 4000, 5)]
    # Drift is shared out; what the clock that was set wrong says counts from its own anchor on.
    for uptime, utc in (
        ((0, 0), (9800, day - 2000)),
        ((0, 1000), (9800, day - 1000)),
        ((1, 1500), (9801, day - 500)),
        ((200, 2001), (4199, 6)),
    ):
        assert uptime_time.utc_of(uptime, anchors) == utc, (uptime, uptime_time.utc_of(uptime, anchors))
    drifting = [(0, 0, 9800, 0), (20, 0, 9820, 800_000)]
    assert uptime_time.utc_of((15, 43_200_123), drifting) == (9815, 43_200_123 + 620_000)
    assert uptime_time.utc_of((0, 5), []) is None
    assert uptime_time.bounds_of((0, 6000), (0, 60_000), (9800, 1000), None) == ((9800, 6997), None)


def case_date_time() -> None:
    # NordicSemiconductor/Android-BLE-Common-Library, DateTimeDataCallbackTest
    for wire, date, time in (
        ("E207 04 11 0F 33 00", (2018, 4, 17), (15, 51, 0)),
        ("0000 00 00 12 1A 20", (None, None, None), (18, 26, 32)),
    ):
        assert date_time.decode(_hex(wire), 0) == (date, time)
        buf = bytearray(7)
        date_time.encode_into(buf, 0, date, time)
        assert buf == _hex(wire)


def case_battery() -> None:
    # NordicSemiconductor/Android-BLE-Common-Library, BatteryLevelDataCallbackTest
    assert battery.decode(b"\x64") == 100
    assert battery.encode(15) == b"\x0f"
    assert "101 %" in _says(ValueError, battery.decode, b"\x65")


def case_setup_code() -> None:
    code = keys.setup_code(_KEY)
    assert len(code) == 29 + 5
    assert keys.key_from_setup_code(code) == _KEY
    assert keys.key_from_setup_code(code.lower().replace("0", "o")) == _KEY
    for place in range(len(code)):
        if code[place] != "-":
            wrong = "2" if code[place] != "2" else "3"
            typo = code[:place] + wrong + code[place + 1 :]
            assert "mistyped" in _says(ValueError, keys.key_from_setup_code, typo)


def case_derived_keys() -> None:
    # The same on every runtime: a host knows a device by them.
    assert keys.device_id(_KEY) == "7a718bab"
    assert keys.derive(_KEY, keys.LINK) == _hex("5736230115FF472ED0B89A0CE8CD9EA9")


def case_advert() -> None:
    sealer = advert.AdvertSealer(_KEY)
    content = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(content, 0, _VALIDATED, 0x800001, (723, 975, 3712, 25, 87, 0x12345))
    assert content == _hex("11 11 010080 D302 CF03 800E 19 57 4523")
    sealer.seal(content, 0, 3, 9)
    assert sealer.advert == _hex("020106 1BFFFFFF 38D5814FBC 26E6171773F64DD55888D7BA47C879 A170F1E9")
    keys_of_it = advert.AdvertKeys(_KEY)
    assert keys_of_it.counter_of(sealer.advert[7:12]) == (3, 9)
    nonce = sealer.advert[7:12] + keys_of_it.iv
    plain = sealer.advert[12:]
    assert Ccm(Aes(keys_of_it.key), 4).open(nonce, b"\xea", plain, 0, advert.CONTENT_LENGTH)
    read = advert.Content(plain[: advert.CONTENT_LENGTH])
    assert (read.pulse_rate_deci_bpm, read.spo2_deci_pct, read.temperature_centi_c) == (723, 975, 3712)
    assert (read.perfusion_deci_pct, read.battery_pct, read.newest_sequence_low) == (25, 87, 0x2345)
    assert conditions.names_of(read.alarm_bits) == ["panel_fault", "spo2_low"]
    forged = sealer.advert[12:]
    forged[8] ^= 1
    assert not Ccm(Aes(keys_of_it.key), 4).open(nonce, b"\xea", forged, 0, advert.CONTENT_LENGTH)


def case_advert_counter_comes_back() -> None:
    advert_keys = advert.AdvertKeys(_KEY)
    out = bytearray(5)
    seen = []
    for high, low in ((0, 0), (0, 1), (0, 0xFFFFF), (1, 0), (0x7FFFF, 0xFFFFF), (0x40000, 0x80000)):
        advert_keys.randomizer_into(high, low, out, 0)
        assert out[4] & 0x80
        assert advert_keys.counter_of(out) == (high, low)
        assert bytes(out) not in seen
        seen.append(bytes(out))


def case_link_session() -> None:
    host = link.Session(_KEY, False)
    device = link.Session(_KEY, True)
    for session in (host, device):
        session.begin(b"hostside", b"wearable")
    device.out[4:9] = b"72.3!"
    frame = bytes(device.out[: device.seal(5)])
    assert frame == _hex("02 000000 A97C736B56 A56AEEC21D315887")
    buf = bytearray(frame)
    assert host.open(buf, len(buf)) == 5
    assert buf[4:9] == b"72.3!"
    assert "forged or damaged" in _says(link.LinkError, device.open, bytearray(frame), len(frame))
    assert not device.is_open
    assert "frame 1 expected" in _says(link.LinkError, host.open, bytearray(frame), len(frame))
    assert "not open" in _says(link.LinkError, host.open, bytearray(frame), len(frame))


def case_link_damaged_frame() -> None:
    for index in range(8):
        host = link.Session(_KEY, False)
        device = link.Session(_KEY, True)
        for session in (host, device):
            session.begin(b"hostside", b"wearable")
        device.out[4:9] = b"72.3!"
        buf = bytearray(device.out[: device.seal(5)])
        buf[5 + index] ^= 1 << index
        assert "forged or damaged" in _says(link.LinkError, host.open, buf, len(buf))


def case_link_messages() -> None:
    assert link.fetch(0x01020304) == _hex("10 04030201")
    assert link.acknowledge(0xFFFFFFFE) == _hex("11 FEFFFFFF")
    assert link.set_time(0x2526, 86399999) == _hex("12 2625 FF5B2605")
    buf = bytearray(31)
    assert link.pack_info(buf, 0, (0xFEDCBA98, 7, 0, 5, -1), (2, 3), (0x7FFFE, 0xABCDE), link.CAN_PAIR) == 31
    assert buf == _hex("90 98BADCFE 0700 00000000 05000000 FFFFFFFF 0200 03000000 DEBCEAFF7F 02")
    info = link.Info(buf)
    assert (info.journal_id, info.oldest, info.newest, info.acknowledged) == (0xFEDCBA98, 0, 5, None)
    assert info.advert_counter == 0x7FFFE << 20 | 0xABCDE
    assert info.flags == link.CAN_PAIR
    assert link.nonce_of_hello(link.hello(b"hostside")) == b"hostside"
    assert link.records_in(b"\x91\x02ab\x01c") == [b"ab", b"c"]
    assert "cut short" in _says(link.LinkError, link.records_in, b"\x91\x02ab\x02c")


def case_records() -> None:
    buf = bytearray(records.MAX_LENGTH)
    summary = records.Summary()
    summary.seconds = 2
    summary.pulse_rate.add(720)
    summary.pulse_rate.add(725)
    summary.temperature.add(-5)
    summary.respiration.add(143)
    records.pack_header(buf, 0xFFFFFFFE, records.VITALS, 2, 12, 86399999)
    length = summary.pack(buf, (1, 6, 1, 7), 90, records.NO_U8, 250, 0x800001, records.SPO2_CALIBRATED)
    assert buf[:13] == _hex("FEFFFFFF 01 0200 0C00 FF5B2605")
    assert buf[13:21] == _hex("02 02 00 5A 01 06 01 FF")
    assert buf[21:length] == _hex("D302D002D502 FFFFFFFFFFFF FBFFFBFFFBFF FA00 010080 8F00 07 01")
    record = records.Record(buf[:length])
    assert (record.sequence, record.boot, record.day, record.day_ms) == (0xFFFFFFFE, 2, 12, 86399999)
    assert record.fields["pulse_rate_mean_deci_bpm"] == 723
    assert record.fields["spo2_min_deci_pct"] is None
    assert record.fields["temperature_max_centi_c"] == -5
    assert record.fields["battery_pct"] is None
    assert record.fields["alarm_bits"] == 0x800001
    assert (record.fields["respiration_mean_deci_per_min"], record.fields["respiration_status"]) == (143, 7)
    assert record.fields["spo2_is_calibrated"] == 1

    records.pack_header(buf, 1, records.ALARM, 2, 0, 0)
    length = records.pack_alarm(buf, conditions.TEMPERATURE_LOW, conditions.RAISED, conditions.MEDIUM, 0, 3, 4)
    assert records.Record(buf[:length]).fields["value"] == 0
    assert "cut short" in _says(records.RecordError, records.Record, buf[: length - 1])
    length = records.pack_alarm(buf, 6, 1, 1, records.NO_S16, 3, 4)
    assert records.Record(buf[:length]).fields["value"] is None

    records.pack_header(buf, 1, 0xFF, 2, 0, 0)
    assert "unknown kind 255" in _says(records.RecordError, records.Record, buf)
