"""What can go wrong while a board is flashed."""


class FlashError(Exception):
    """The board cannot be flashed, or not now; the message is one line that says what to do."""
