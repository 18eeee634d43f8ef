"""From raw red and infrared samples to pulse rate, SpO2 and perfusion, in integers, or to the reason there is none."""
