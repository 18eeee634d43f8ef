"""Beats in time: where the light falls fastest, sample by sample.

Each heart beat darkens the tissue steeply. The fall of the smoothed light over 160 ms (after the slope sum function of
Zong et al., "An open-source algorithm to detect onset of arterial blood pressure pulses", Computers in Cardiology 2003)
has one high peak for each. A peak is a beat when it is high enough: nearly as high as the last ones soon after a beat,
a third as high when one is due, and ever less high when it is overdue. The instant is a parabola's through the peak.
"""

from vigil_firmware.signal.buffers import rescaled, zeros

CAPACITY = 48  # at 250 bpm the last ten seconds hold 42
FRACTION_BITS = 6  # positions count 1/64 sample
_ONE = 1 << FRACTION_BITS
_POSITION_MASK = (1 << 26) - 1
_SHORTEST = 5 << FRACTION_BITS
_LONGEST = 66 << FRACTION_BITS
_FIRST_INTERVAL = 25 << FRACTION_BITS
_LOW_256THS = 90
_HIGH_256THS = 230
_FILLED = 7  # values until the smoother and the fall are filled
_LEARNING = 38  # samples: a beat and a half at 60 bpm, to learn how high a beat is before any is believed


class Beats:
    """The last beats of one channel, newest last in a ring: `age(i)` and `height(i)` of the i-th from the newest."""

    def __init__(self, stride: int) -> None:
        """`stride`: samples that each value stands for; the fall is then over `stride` times 160 ms."""
        self._stride = stride
        self.seen = 0  # beats, wrapping; unlike `count` it goes on when the ring is full
        self._learning = _LEARNING // stride + _FILLED
        self._positions = zeros(CAPACITY)
        self.ages = zeros(CAPACITY)  # of the beats last listed, newest first, in 1/64 sample
        self._heights = zeros(CAPACITY)
        self._smooth = zeros(4)  # the last four samples, smoothed and times four
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.count = 0  # beats in the ring
        self._next = 0
        self._values = 0  # since the restart
        self._previous = 0
        self._fall = 0  # of the newest sample
        self._fall_1 = 0  # of the one before
        self.level = 0  # height of a beat, in quarter counts, tracked
        self._interval = _FIRST_INTERVAL

    @property
    def delay(self) -> int:
        """From the middle of the fall to where its peak is found, in 1/64 sample."""
        return 3 * self._stride << FRACTION_BITS

    def rescale(self, before: int, after: int) -> None:
        """Go on as if all samples had been taken under another LED code."""
        if before == after:
            return
        for index in range(4):
            self._smooth[index] = rescaled(self._smooth[index], before, after)
        for index in range(CAPACITY):
            self._heights[index] = rescaled(self._heights[index], before, after)
        self._previous = rescaled(self._previous, before, after)
        self._fall = rescaled(self._fall, before, after)
        self._fall_1 = rescaled(self._fall_1, before, after)
        self.level = rescaled(self.level, before, after)

    def add(self, value: int) -> None:
        """Take the next value in: the sum of `stride` samples."""
        smooth = self._previous + value
        self._previous = value
        slot = self._values & 3
        fall = self._smooth[slot] - smooth
        self._smooth[slot] = smooth
        self._values = self._values + 1 & 0xFFFFF
        newest = self._fall
        self._fall = fall
        if fall < newest >= self._fall_1 and newest > 0:
            self._peak(newest, fall)
        self._fall_1 = newest

    def _now(self) -> int:
        return self._values * self._stride << FRACTION_BITS & _POSITION_MASK

    def list_ages(self, age: int, most: int) -> int:
        """Fill `ages` with those of up to `most` beats that are younger than `age`; how many is returned."""
        most = min(most, self.count)
        now = self._now()
        slot = self._next
        for index in range(most):
            slot -= 1  # a place below 0 counts from the end, as in a ring
            self.ages[index] = (now - self._positions[slot]) & _POSITION_MASK
            if self.ages[index] >= age:
                return index
        return most

    def age(self, index: int) -> int:
        """How long before the newest sample the `index`-th newest beat was seen, in 1/64 sample."""
        return (self._now() - self._positions[(self._next - 1 - index) % CAPACITY]) & _POSITION_MASK

    def height(self, index: int) -> int:
        """How far the light fell at the `index`-th newest beat, quarter counts."""
        return self._heights[(self._next - 1 - index) % CAPACITY]

    def _peak(self, height: int, after: int) -> None:
        """Judge the peak one sample ago."""
        if self._values < self._learning and self.count == 0:  # not when the values begin anew
            if self._values > _FILLED:
                self.level = max(self.level, height - (height >> 2))
            return
        position = self._now() + (self._offset(height, after) - _ONE) * self._stride
        if self.count == 0:
            if height << 8 >= self.level * _LOW_256THS:
                self.level = max(self.level, height - (height >> 2))
                self._keep(position, height)
            else:
                self.level -= self.level >> 3  # what was learned from was no beat
            return
        since = (position - self._positions[(self._next - 1) % CAPACITY]) & _POSITION_MASK
        if height << 8 < self._expected(since):
            return
        if since >= _SHORTEST:
            self._follow(since, height)
            self._keep(position, height)
        elif height > self.height(0):  # the beat itself, and what was kept only its beginning
            self._next = (self._next - 1) % CAPACITY
            self.count -= 1
            self._keep(position, height)

    def _offset(self, height: int, after: int) -> int:
        """Where between its neighbours a parabola through the peak has its top, in 1/64 value."""
        before = self._fall_1
        return (before - after) * (_ONE >> 1) // (before - 2 * height + after)

    def _follow(self, since: int, height: int) -> None:
        """Let the expected interval and height follow those of a beat."""
        if since > 2 * self._interval:
            self.level = min(self.level, height)  # it was long waited for: beats have become weaker
        if since <= _LONGEST:
            since = min(max(since, self._interval * 5 // 8), self._interval * 13 // 8)
            self._interval += (since - self._interval) >> 1
        if height > self.level:
            self.level += (min(height, 4 * self.level) - self.level) >> 1
        else:
            self.level += (height - self.level) >> 2

    def _expected(self, since: int) -> int:
        """Least height, times 256, of a beat so long after the last one."""
        interval = self._interval
        late = since - 2 * interval
        if late > 0:
            return max(_LOW_256THS - (late >> 7), _LOW_256THS >> 2) * self.level
        part = _HIGH_256THS - (_HIGH_256THS - _LOW_256THS) * since // (interval * 5 >> 3)
        return max(part, _LOW_256THS) * self.level

    def _keep(self, position: int, height: int) -> None:
        self._positions[self._next] = position & _POSITION_MASK
        self._heights[self._next] = height
        self._next = (self._next + 1) % CAPACITY
        self.seen = (self.seen + 1) & 0xFFFF
        if self.count < CAPACITY:
            self.count += 1
