"""What can be wrong with a board's description, and with an image for it."""


class BoardError(Exception):
    """A board is not known or its description is wrong; the message is one line."""


class ImageError(Exception):
    """An image is not what the board needs, or cannot be made; the message is one line."""
