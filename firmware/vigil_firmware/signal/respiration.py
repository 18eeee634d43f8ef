"""Respiration rate from what breathing does to the pulse.

Breathing changes the pulse in three ways: its rate (RIFV), its amplitude (RIAV) and the baseline of the light (RIIV).
Each is taken at every beat and has its own spectrum. A rate is published only where the spectra agree, and agreed
before (after Karlen et al., "Multiparameter respiratory rate estimation from the photoplethysmogram", IEEE Transactions
on Biomedical Engineering 60, 2013, who fuse in the same way).

A spectrum looks back 32 s: in less there are too few breaths, and no other vital sign looks back so far. A rate below
eight a minute is not told: waves of the blood pressure (Mayer's, about six a minute) and of the vessels are as slow.
"""

from vigil_firmware.signal.buffers import zeros
from vigil_firmware.signal.oximetry import square_root
from vigil_wire import statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from vigil_firmware.vitals import Vitals

POINTS = 64
_LONGEST = 6400  # 1/64 samples, 4 s: beats so far apart have others between them that were not found
_SPACING = 800  # 1/64 samples from point to point: half a second at 25 samples a second
_MODULATIONS = 3
_HALF = POINTS // 2
_AMPLITUDE = 512  # that a window is scaled to: its spectrum then stays within 15 bits, times a cosine within 26
_UNIT = 1024  # a cosine of 1
_QUARTER = (0, 100, 200, 297, 392, 483, 569, 650, 724, 792, 851, 903, 946, 980, 1004, 1019, 1024)
_FIRST_BIN = 4  # 7.5 a minute
_LAST_BIN = 22  # 41.25 a minute
_STRONG_PERMILLE = 450  # of a spectrum's power, in a peak
_CONTRARY_PERMILLE = 500
_TOGETHER_PERMILLE = 300  # of the three spectra's mean, and more where beats are few
_APART_LEAST = 51  # 1/64 bin: 1.5 breaths a minute
_REPEATED_DECI_PER_MIN = 20
_LEAST_DECI_PER_MIN = 80
_MOST_DECI_PER_MIN = 400
_ROUGH_PERCENT = 20  # from one interval to the next
_ROUGH_MOST = 40 << 8  # in 1/256: one interval of six
_PULSE_AWAY_S = 5
_CYCLE_S = 15


class Respiration:
    """Takes beats in, one by one, and judges once a second; a new rate comes every fifteenth second."""

    def __init__(self) -> None:
        self._rings = (zeros(POINTS), zeros(POINTS), zeros(POINTS))
        self._beat = zeros(_MODULATIONS)
        self._spectrum = Spectrum()
        self._together = zeros(_LAST_BIN + 2)
        self._peaks = zeros(_MODULATIONS)
        self._shares = zeros(_MODULATIONS)
        self.restart()

    def restart(self) -> None:
        """Forget everything: what comes next does not belong to what came before."""
        self._count = 0  # points in each ring
        self._next = 0
        self._since = 0  # 1/64 samples from the newest point to the newest beat
        self._has_beat = False
        self._rough = 0
        self._away_s = _PULSE_AWAY_S
        self._cycle_s = 0
        self._rate = 0  # that the last analysis found, 0.1/min
        self._share = 0
        self._status = statuses.ACQUIRING

    def add(self, interval: int, height: int, baseline: int) -> None:
        """Take a beat in: 1/64 samples since the one before, its height and the infrared baseline there, in counts."""
        if interval > _LONGEST:
            self.restart()
        if self._has_beat:
            self._note_rhythm(interval)
            self._since += interval
            while self._since >= _SPACING:
                self._since -= _SPACING
                part = (interval - self._since << 6) // interval
                self._keep(0, interval, part)
                self._keep(1, height, part)
                self._keep(2, baseline, part)
                self._next = (self._next + 1) % POINTS
                self._count = min(self._count + 1, POINTS)
        self._has_beat = True
        self._beat[0] = interval
        self._beat[1] = height
        self._beat[2] = baseline

    def _note_rhythm(self, interval: int) -> None:
        """Follow which part of the intervals, of about the last 32, differ much from the one before."""
        before = self._beat[0]
        is_rough = abs(interval - before) * 100 > before * _ROUGH_PERCENT
        self._rough += ((1 << 16 if is_rough else 0) - self._rough) >> 5

    def _keep(self, which: int, value: int, part: int) -> None:
        """Put a point `part` 64ths of the way from the beat before to a new `value` into a ring."""
        before = self._beat[which]
        self._rings[which][self._next] = before + ((value - before) * part >> 6)

    def judge(self, vitals: "Vitals", rate_milli_hz: int) -> None:
        """Publish into `vitals`, whose pulse is judged already, what the beats support, or the reason for nothing."""
        pulse = vitals.pulse_rate
        self._away_s = 0 if pulse.has_value else self._away_s + 1
        vitals.respiration_quality = 0
        if self._away_s > _PULSE_AWAY_S:
            self.restart()
            vitals.respiration.withhold(pulse.status)
            return
        if self._count == POINTS:
            self._analyse(pulse.value, rate_milli_hz)
        if statuses.has_value(self._status) and self._rough > _ROUGH_MOST:
            self._status = statuses.ERRATIC
        if statuses.has_value(self._status):
            vitals.respiration.publish(self._rate, self._status)
            vitals.respiration_quality = min(100, self._share // 10)
        else:
            vitals.respiration.withhold(self._status)

    def _analyse(self, pulse_deci_bpm: int, rate_milli_hz: int) -> None:
        """One step of an analysis: a spectrum in each of its first seconds, then what they say together."""
        second = self._cycle_s
        self._cycle_s = (second + 1) % _CYCLE_S
        if second < _MODULATIONS:
            self._look_at(second)
        if second == _MODULATIONS - 1:
            before = self._rate
            self._status = self._conclude(pulse_deci_bpm, rate_milli_hz)
            if self._status == statuses.VALIDATED and abs(self._rate - before) > _REPEATED_DECI_PER_MIN:
                self._status = statuses.ACQUIRING

    def _look_at(self, which: int) -> None:
        """Add one modulation's spectrum to the three's, and note its own peak."""
        self._spectrum.look_at(self._rings[which], self._next)
        power = self._spectrum.power
        together = self._together
        peak = peak_of(power)
        if is_overtone(power, peak):
            peak = 0
        self._peaks[which] = peak
        self._shares[which] = share_of(power, peak)
        for index in range(_FIRST_BIN - 1, _LAST_BIN + 2):
            together[index] = power[index] + (together[index] if which else 0)

    def _conclude(self, pulse_deci_bpm: int, rate_milli_hz: int) -> int:
        """Set the rate that the three spectra agree on, 0 where there is none; the status it has is returned."""
        self._rate = 0
        if self._rough > _ROUGH_MOST:
            return statuses.ERRATIC
        peak = peak_of(self._together)
        self._share = share_of(self._together, peak) // _MODULATIONS
        if self._share < _TOGETHER_PERMILLE + 120_000 // pulse_deci_bpm:
            return statuses.POOR_SIGNAL
        peak = self._agreed(peak)
        if peak == 0:
            return statuses.POOR_SIGNAL
        rate = (rate_milli_hz * 600 // 1000) * peak // (POINTS * _SPACING)
        # Beats are samples: breaths at more than half the pulse rate look like slower ones, as far below that half.
        if not _LEAST_DECI_PER_MIN <= rate <= min(_MOST_DECI_PER_MIN, pulse_deci_bpm - _MOST_DECI_PER_MIN):
            return statuses.OUT_OF_RANGE
        self._rate = rate
        return statuses.VALIDATED

    def _agreed(self, peak: int) -> int:
        """Mean of the modulations' own peaks that are at `peak`; 0 where they are not two, or one is elsewhere."""
        near = 0
        total = 0
        weight = 0
        for which in range(_MODULATIONS):
            share = self._shares[which]
            if abs(self._peaks[which] - peak) <= max(_APART_LEAST, peak // 10):
                if share >= _STRONG_PERMILLE:
                    near += 1
                    total += self._peaks[which] * share
                    weight += share
            elif share >= _CONTRARY_PERMILLE:
                return 0
        return total // weight if near >= 2 else 0


class Spectrum:
    """Power spectrum of 64 points under Hann's window, in thousandths of all from 7.5 a minute on."""

    def __init__(self) -> None:
        self.power = zeros(_LAST_BIN + 2)
        self._real = zeros(_HALF, "h")
        self._imaginary = zeros(_HALF, "h")
        self._sine = zeros(POINTS + 16, "h")  # a cosine is sixteen on
        self._reversed = bytearray(_HALF)
        for index in range(POINTS + 16):
            within = index % 32
            self._sine[index] = _QUARTER[min(within, 32 - within)] * (-1 if index & 32 else 1)
        for index in range(_HALF):
            for bit in range(5):
                self._reversed[index] |= (index >> bit & 1) << (4 - bit)

    def look_at(self, ring: "array[int]", oldest: int) -> None:
        """Set `power` to the spectrum of a ring whose oldest point is at `oldest`."""
        energy = self._load(ring, oldest)
        self._transform()
        self._measure(energy)

    def _load(self, ring: "array[int]", oldest: int) -> int:
        """Take a ring in, without its mean and in one scale, as 32 complex numbers; its sum of squares is returned."""
        real = self._real
        imaginary = self._imaginary
        table = self._sine
        order = self._reversed
        mean = sum(ring) // POINTS
        most = max(max(ring) - mean, mean - min(ring), 1)
        energy = 0
        for index in range(_HALF):
            position = (oldest + 2 * index) % POINTS
            even = (ring[position] - mean) * _AMPLITUDE // most
            even = even * (_UNIT - table[2 * index + 16]) >> 11
            odd = (ring[(position + 1) % POINTS] - mean) * _AMPLITUDE // most
            odd = odd * (_UNIT - table[2 * index + 17]) >> 11
            energy += even * even + odd * odd
            position = order[index]
            real[position] = even
            imaginary[position] = odd
        return energy

    def _transform(self) -> None:
        """The fast Fourier transform of 32 complex numbers in place, radix 2, decimation in time."""
        real = self._real
        imaginary = self._imaginary
        half = 1
        while half < _HALF:
            for turn in range(half):
                sine = self._sine[turn * _HALF // half]
                cosine = self._sine[turn * _HALF // half + 16]
                low = turn
                while low < _HALF:  # MicroPython makes an object of a range whose step varies
                    high = low + half
                    x = (real[high] * cosine + imaginary[high] * sine) // _UNIT
                    y = (imaginary[high] * cosine - real[high] * sine) // _UNIT
                    real[high] = real[low] - x
                    imaginary[high] = imaginary[low] - y
                    real[low] += x
                    imaginary[low] += y
                    low += 2 * half
            half *= 2

    def _measure(self, energy: int) -> None:
        """Make the power of the 64 real points from the transform of 32 complex ones."""
        power = self.power
        real = self._real
        imaginary = self._imaginary
        table = self._sine
        for index in range(_LAST_BIN + 2):
            mirror = (_HALF - index) % _HALF
            odd_x = imaginary[index] + imaginary[mirror]
            odd_y = real[mirror] - real[index]
            sine = table[index]
            cosine = table[index + 16]
            x = (real[index] + real[mirror] + (odd_x * cosine + odd_y * sine) // _UNIT) >> 5
            y = (imaginary[index] - imaginary[mirror] + (odd_y * cosine - odd_x * sine) // _UNIT) >> 5
            power[index] = x * x + y * y
        # All bins together, the first and the last by half, are 32 times the sum of squares, and here 1/256 of that.
        whole = (energy >> 3) - (power[0] >> 1)
        for index in range(1, _FIRST_BIN):
            whole -= power[index]
        whole = max(whole, 1000) // 1000
        for index in range(_LAST_BIN + 2):
            power[index] //= whole


def peak_of(power: "array[int]") -> int:
    """Where the highest bin's peak is, in 1/64 bin; 0 where what is slower is higher still."""
    highest = _FIRST_BIN
    for index in range(_FIRST_BIN + 1, _LAST_BIN + 1):
        if power[index] > power[highest]:
            highest = index
    top = square_root(power[highest])
    before = square_root(power[highest - 1])
    after = square_root(power[highest + 1])
    if before > top or after > top or top == 0:
        return 0
    # Under Hann's window, magnitudes are as (1 + d) to (2 - d) when a sine is d bins from the first towards the second.
    beside = max(before, after)
    distance = max((2 * beside - top << 6) // (top + beside), 0)
    return (highest << 6) + (distance if after > before else -distance)


def share_of(power: "array[int]", peak: int) -> int:
    """Power of a peak: its bin and those beside it, in thousandths; 0 for no peak."""
    return _around(power, (peak + 31) >> 6, _FIRST_BIN) if peak else 0


def is_overtone(power: "array[int]", peak: int) -> bool:
    """Whether there is a higher peak at half the rate: then the rate is that one, however slow."""
    half = (peak + 64) >> 7
    if peak == 0 or power[half] < power[half - 1] or power[half] < power[half + 1]:
        return False
    return _around(power, half, 1) > _around(power, (peak + 31) >> 6, _FIRST_BIN)


def _around(power: "array[int]", index: int, first: int) -> int:
    return power[index] + power[index + 1] + (power[index - 1] if index > first else 0)
