"""Driver of a buzzer without an oscillator (a piezo or a small loudspeaker), on a pin with PWM.

A buzzer with its own oscillator needs no driver: `machine.Pin` switches it.

The wave is high for a quarter of its period. IEC 60601-1-8 wants a fundamental of 150 to 1000 Hz and at least four
harmonics between 300 and 4000 Hz within 15 dB of each other (read in an open checker that quotes the tables of 2007,
not in the standard). Such a wave of 650 Hz has five there (650, 1300, 1950, 3250 and 3900 Hz) within 14 dB, as a
voltage. What is heard depends on the part: a bare piezo, loudest at its resonance of some kHz, may not meet that
clause, and a buzzer with its own oscillator (2 to 3 kHz) does not.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import PWM

TONE_HZ = 650
DUTY_U16 = 16_384


class ToneBuzzer:
    """An output that sounds while its level is 1."""

    def __init__(self, pwm: "PWM") -> None:
        self._pwm = pwm

    def value(self, level: int) -> None:
        """Sound, or be silent with 0. Raises OSError where the PWM does."""
        if level:
            self._pwm.freq(TONE_HZ)  # each time, so that it recovers from whatever befell it
            self._pwm.duty_u16(DUTY_U16)
        else:
            self._pwm.duty_u16(0)
