"""The Record Access Control Point: published answers, and every request that is not a good one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import racp

# NordicSemiconductor/Android-BLE-Common-Library, RecordAccessControlPointDataCallbackTest: op code, response code
RESPONSES = [
    ("06 00 01 01", racp.REPORT, racp.SUCCESS),
    ("06 00 01 06", racp.REPORT, racp.NO_RECORDS_FOUND),
    ("06 00 03 07", racp.ABORT, racp.ABORT_UNSUCCESSFUL),
]


@pytest.mark.parametrize(("wire", "op_code", "code"), RESPONSES)
def test_published_responses(wire: str, op_code: int, code: int) -> None:
    answer = racp.Answer(bytes.fromhex(wire))
    assert (answer.op_code, answer.code, answer.count) == (op_code, code, None)
    buf = bytearray(racp.ANSWER_LENGTH)
    assert racp.encode_response_into(buf, op_code, code) == 4
    assert buf == bytes.fromhex(wire)


def test_published_number() -> None:
    # the same test of Nordic's
    answer = racp.Answer(bytes.fromhex("05 00 02 01"))
    assert (answer.op_code, answer.code, answer.count) == (None, None, 258)
    buf = bytearray(racp.ANSWER_LENGTH)
    assert racp.encode_number_into(buf, 258) == 4
    assert buf == bytes.fromhex("05 00 02 01")


@pytest.mark.parametrize(
    # The first three from Nordic; four bytes of number are another service's.
    "wire",
    ["05 00 03 02 01", "06 01 01", "01 01", "", "06 00 01", "06 01 01 01", "05 01 02 01", "05 00 04 03 02 01"],
)
def test_what_is_no_answer_is_refused(wire: str) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        racp.Answer(bytes.fromhex(wire))


@pytest.mark.parametrize("wire", ["01 01", "02 01", "04 01", "03 00"])
def test_the_requests_of_a_pulse_oximeter(wire: str) -> None:
    assert racp.judge(bytes.fromhex(wire)) == racp.SUCCESS


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        ("", racp.OP_CODE_NOT_SUPPORTED),
        ("00 01", racp.OP_CODE_NOT_SUPPORTED),
        ("05 00 02 01", racp.OP_CODE_NOT_SUPPORTED),
        ("06 00 01 01", racp.OP_CODE_NOT_SUPPORTED),
        ("07 01", racp.OP_CODE_NOT_SUPPORTED),
        ("FF 01", racp.OP_CODE_NOT_SUPPORTED),
        ("01", racp.INVALID_OPERATOR),
        ("01 00", racp.INVALID_OPERATOR),
        ("02 00", racp.INVALID_OPERATOR),
        ("04 00", racp.INVALID_OPERATOR),
        ("03", racp.INVALID_OPERATOR),
        ("03 01", racp.INVALID_OPERATOR),
        ("03 07", racp.INVALID_OPERATOR),
        ("01 02 01 0100", racp.OPERATOR_NOT_SUPPORTED),
        ("01 05", racp.OPERATOR_NOT_SUPPORTED),
        ("01 06", racp.OPERATOR_NOT_SUPPORTED),
        ("02 07", racp.OPERATOR_NOT_SUPPORTED),
        ("04 FF", racp.OPERATOR_NOT_SUPPORTED),
        ("01 01 00", racp.INVALID_OPERAND),
        ("04 01 01 0000", racp.INVALID_OPERAND),
        ("03 00 00", racp.INVALID_OPERAND),
    ],
)
def test_each_bad_request_by_its_code(wire: str, code: int) -> None:
    assert racp.judge(bytes.fromhex(wire)) == code


@given(st.binary(max_size=20))
def test_only_four_requests_are_good(request: bytes) -> None:
    good = (b"\1\1", b"\2\1", b"\3\0", b"\4\1")
    assert (racp.judge(request) == racp.SUCCESS) == (request in good)
    assert racp.SUCCESS <= racp.judge(request) <= racp.OPERAND_NOT_SUPPORTED


def test_uuid() -> None:
    assert racp.CONTROL_POINT_UUID == 0x2A52
