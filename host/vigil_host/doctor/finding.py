"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "bad", "not known"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is good, what was found, and what to do about it."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""
