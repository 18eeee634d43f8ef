from collections.abc import Callable

class aes:
    def __init__(self, key: bytes | bytearray, mode: int, /) -> None: ...
    encrypt: Callable[[bytes | bytearray, bytearray], None]
