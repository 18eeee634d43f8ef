"""What a connection is owed by the standard services."""

NONE = -1  # no op code: a request may have any of 0 to 255


class Listener:
    """What one connection is still owed by indication. One at a time is on its way, as the attribute protocol demands.

    A procedure of the record access control point goes on until its answer is confirmed.
    """

    def __init__(self) -> None:
        self.awaits = False  # the confirmation of what was indicated last
        self.since_s = 0
        self.owes_temperature = False
        self.owes_spot_check = False
        self.procedure = NONE  # op code of the request that is taken up
        self.code = 0  # what its answer will be
        self.is_answered = False
        self.number = 0  # of the spot check to report next
        self.to_number = 0
        self.refused = NONE  # op code of a request that came while another was
        self.refusal = 0

    def begin(self, op_code: int, code: int) -> None:
        """Take a request up, in the place of any other."""
        self.procedure = op_code
        self.code = code
        self.is_answered = False

    def confirm(self, status: int) -> None:
        """The last indication was confirmed, or was not (a status that is not 0), and then nothing else will be."""
        self.awaits = False
        if self.is_answered or status:
            self.procedure = NONE
            self.is_answered = False
