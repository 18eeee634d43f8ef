"""The Record Access Control Point, as the Pulse Oximeter Service 1.0.1 uses it.

A request: op code, operator, operand. All records is the only operator, and none for an abort; neither has an operand.
An answer: number of records (05 00, count in 16 bits) or response (06 00, op code asked for, response code).
"""

CONTROL_POINT_UUID = 0x2A52

ANSWER_LENGTH = 4

# Op codes.
REPORT = 1
DELETE = 2
ABORT = 3
REPORT_NUMBER = 4
NUMBER = 5
RESPONSE = 6

# Operators.
NULL = 0
ALL = 1

# Response codes.
SUCCESS = 1
OP_CODE_NOT_SUPPORTED = 2
INVALID_OPERATOR = 3
OPERATOR_NOT_SUPPORTED = 4
INVALID_OPERAND = 5
NO_RECORDS_FOUND = 6
ABORT_UNSUCCESSFUL = 7
PROCEDURE_NOT_COMPLETED = 8
OPERAND_NOT_SUPPORTED = 9


def judge(request: "bytes | bytearray") -> int:
    """Return SUCCESS where a request is well formed and supported, else the code of its refusal."""
    op_code = request[0] if request else 0
    if not REPORT <= op_code <= REPORT_NUMBER:
        return OP_CODE_NOT_SUPPORTED
    operator = request[1] if len(request) > 1 else -1
    if op_code == ABORT:
        if operator != NULL:
            return INVALID_OPERATOR
    elif operator <= NULL:
        return INVALID_OPERATOR
    elif operator != ALL:
        return OPERATOR_NOT_SUPPORTED
    return SUCCESS if len(request) == 2 else INVALID_OPERAND


def encode_response_into(buf: bytearray, op_code: int, code: int) -> int:
    """Write the response to a request with that op code at the start of `buf`; its length is returned."""
    buf[0] = RESPONSE
    buf[1] = NULL
    buf[2] = op_code
    buf[3] = code
    return ANSWER_LENGTH


def encode_number_into(buf: bytearray, count: int) -> int:
    """Write the answer to REPORT_NUMBER at the start of `buf`; its length is returned."""
    buf[0] = NUMBER
    buf[1] = NULL
    buf[2] = count & 0xFF
    buf[3] = count >> 8
    return ANSWER_LENGTH


class Answer:
    """An answer, read: `count`, or else `op_code` and `code`; the others are None. ValueError when it is none."""

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        is_number = len(data) == ANSWER_LENGTH and data[0] == NUMBER and data[1] == NULL
        is_response = len(data) == ANSWER_LENGTH and data[0] == RESPONSE and data[1] == NULL
        if not is_number and not is_response:
            raise ValueError("not an answer of a record access control point: " + repr(bytes(data)))
        self.count = data[2] | data[3] << 8 if is_number else None
        self.op_code = data[2] if is_response else None
        self.code = data[3] if is_response else None
