"""Who may connect, and when: what keeps strangers from wearing the radio down.

A shut door means adverts that nobody can connect to: whoever listens goes on hearing every alarm. It shuts

* after `FREE_ATTEMPTS` connections in a row that did not prove that they know the key, for 5 s, then 10, 20 and at most
  30, until somebody proves it. Between two such times it is open for 15 s at least, however many fail: in reach of a
  device that strangers have tried, a host that knows the key finds the door open at the latest 30 s after it came.
* on a stack that is silent during a link (BTstack on the Pico W, with its one link), for 10 s after each link, so that
  no link is followed by another before everybody has heard the adverts. There no link lasts longer than 9 s, so that no
  alarm waits for longer than 10, except that of a host which has proved itself and said that nobody else listens.
"""

from vigil_firmware.ticks import ticks_diff

FREE_ATTEMPTS = 3
FIRST_SHUT_MS = 5_000
LONGEST_SHUT_MS = 30_000
OPEN_LEAST_MS = 15_000
TURN_MS = 9_000
REST_MS = 10_000


class Door:
    """Open, or shut for some time. Call `step` often; the rest says what happened."""

    def __init__(self, is_silent_in_link: bool, now_ms: int) -> None:
        self.is_silent_in_link = is_silent_in_link
        self.is_open = True
        self.failures = 0  # in a row
        self._was_open_long = True  # enough to be shut
        self._since_ms = now_ms
        self._shut_ms = 0
        self._next_shut_ms = FIRST_SHUT_MS

    def step(self, now_ms: int) -> bool:
        """Open or shut the door where that is due; whether it was."""
        elapsed_ms = ticks_diff(now_ms, self._since_ms)
        if not self.is_open:
            if elapsed_ms < self._shut_ms:
                return False
            self.is_open = True
            self._was_open_long = False
            self._since_ms = now_ms
            return True
        self._was_open_long = self._was_open_long or elapsed_ms >= OPEN_LEAST_MS
        if self.failures < FREE_ATTEMPTS or not self._was_open_long:
            return False
        self.failures = 0
        self._shut(now_ms, self._next_shut_ms)
        self._next_shut_ms = min(2 * self._next_shut_ms, LONGEST_SHUT_MS)
        return True

    def failed(self) -> None:
        """A connection ended that did not prove itself."""
        self.failures += 1

    def proved(self) -> None:
        """A connection proved itself."""
        self.failures = 0
        self._next_shut_ms = FIRST_SHUT_MS

    def rest(self, now_ms: int) -> None:
        """A link ended: let adverts be heard where there were none during it."""
        if self.is_silent_in_link and (self.is_open or ticks_diff(now_ms, self._since_ms) > self._shut_ms - REST_MS):
            self._shut(now_ms, REST_MS)

    @property
    def shut_s(self) -> int:
        """For how long it is shut."""
        return self._shut_ms // 1000

    def _shut(self, now_ms: int, duration_ms: int) -> None:
        self.is_open = False
        self._since_ms = now_ms
        self._shut_ms = duration_ms
