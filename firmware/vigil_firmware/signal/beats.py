"""Beats in time: where the light changes fastest, sample by sample.

Each heart beat darkens the tissue steeply. The sum of the falls of the last 160 ms (the slope sum function of Zong et
al., "An open-source algorithm to detect onset of arterial blood pressure pulses", Computers in Cardiology 2003) has one
sharp peak for each. A peak is a beat when it is high enough: nearly as high as the last ones soon after a beat, a third
as high when one is due. The instant is a parabola's through the peak.
"""

from array import array

CAPACITY = 48  # at 240 bpm the last ten seconds hold 40
FRACTION_BITS = 6  # positions count 1/64 sample
_POSITION_MASK = (1 << 26) - 1
_SPAN = 4  # samples summed
_REFRACTORY = 5 << FRACTION_BITS
_SHORTEST = 6 << FRACTION_BITS  # 250 bpm at 25 samples a second
_LONGEST = 62 << FRACTION_BITS  # 24 bpm
_FIRST_INTERVAL = 25 << FRACTION_BITS
_LOW_256THS = 90
_LEARNING = 38  # samples: a beat and a half at 60 bpm, to learn how high a beat is before any is believed
_HIGH_256THS = 230


class Beats:
    """The last beats of one channel, newest last in a ring: `age(i)` and `height(i)` of the i-th from the newest."""

    def __init__(self, sign: int) -> None:
        """`sign`: 1 where a beat makes the light fall, as it does on a finger; -1 where it makes it rise."""
        self._sign = sign
        self._positions = array("i", [0] * CAPACITY)
        self._heights = array("i", [0] * CAPACITY)
        self._falls = array("i", [0] * _SPAN)
        self.seen = 0  # beats, wrapping; unlike `count` it goes on when the ring is full
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.count = 0  # beats in the ring
        self._next = 0
        self._now = 0  # position of the newest sample
        self._value = 0
        self._started = False
        self._seen = 0
        for slot in range(_SPAN):
            self._falls[slot] = 0
        self._slope = 0  # slope sum at the newest sample, and at the two before
        self._slope_1 = 0
        self._slope_2 = 0
        self.level = 0  # height of a beat, counts, tracked
        self._interval = _FIRST_INTERVAL
        self._learned = 0

    def add(self, value: int) -> None:
        """Take the next smoothed sample in."""
        fall = (self._value - value) * self._sign if self._started else 0
        if fall < 0:
            fall = 0
        self._value = value
        self._started = True
        slot = self._seen % _SPAN
        self._slope_2 = self._slope_1
        self._slope_1 = self._slope
        self._slope += fall - self._falls[slot]
        self._falls[slot] = fall
        self._seen = (self._seen + 1) & 0xFFFFF
        self._now = (self._now + (1 << FRACTION_BITS)) & _POSITION_MASK
        if self._learned < _LEARNING:
            self._learned += 1
            self.level = max(self.level, self._slope - (self._slope >> 2))
        elif self._slope_2 <= self._slope_1 > self._slope:
            self._consider()
        elif self.count == 0 or self.age(0) > self._interval * 2:
            self.level -= self.level >> 6  # a beat is overdue: perhaps they have become weaker

    def age(self, index: int) -> int:
        """How long before the newest sample the `index`-th newest beat was, in 1/64 sample."""
        return (self._now - self._positions[(self._next - 1 - index) % CAPACITY]) & _POSITION_MASK

    def height(self, index: int) -> int:
        """Slope sum at the `index`-th newest beat, counts."""
        return self._heights[(self._next - 1 - index) % CAPACITY]

    def _consider(self) -> None:
        """Whether the peak one sample ago is a beat."""
        height = self._slope_1
        position = self._peak_position()
        if self.count == 0:
            if height << 8 >= self.level * _LOW_256THS:
                self._keep(position, height)
            return
        since = (position - self._positions[(self._next - 1) % CAPACITY]) & _POSITION_MASK
        if height << 8 < self._expected(since):
            return
        if since >= _REFRACTORY:
            self._follow(since, height)
            self._keep(position, height)
            self.seen = (self.seen + 1) & 0xFFFF
        elif height > self.height(0):  # the beat itself, and what was kept only its beginning
            self._next = (self._next - 1) % CAPACITY
            self.count -= 1
            self._keep(position, height)

    def _peak_position(self) -> int:
        """Where a parabola through the last three slope sums has its top."""
        curve = self._slope_2 - 2 * self._slope_1 + self._slope
        return self._now - (1 << FRACTION_BITS) + (self._slope_2 - self._slope) * (1 << FRACTION_BITS - 1) // curve

    def _follow(self, since: int, height: int) -> None:
        """Let the expected interval and height follow those of a beat."""
        if _SHORTEST <= since <= _LONGEST:
            self._interval += (min(max(since, self._interval * 5 // 8), self._interval * 13 // 8) - self._interval) >> 1
        if height > self.level:
            self.level += (min(height, 4 * self.level) - self.level) >> 1
        else:
            self.level += (height - self.level) >> 2

    def _expected(self, since: int) -> int:
        """Least height, times 256, of a beat so long after the last one."""
        part = _HIGH_256THS - (_HIGH_256THS - _LOW_256THS) * since // (self._interval * 5 >> 3)
        return max(part, _LOW_256THS) * self.level

    def _keep(self, position: int, height: int) -> None:
        self._positions[self._next] = position & _POSITION_MASK
        self._heights[self._next] = height
        self._next = (self._next + 1) % CAPACITY
        self.count = min(self.count + 1, CAPACITY)
