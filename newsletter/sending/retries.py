"""When to try again, and when to give up. Pure."""

import random

from django.conf import settings

LONGEST = 3_600  # seconds


def delay(attempts: int, rng: random.Random | None = None) -> float:
    """Return the seconds to wait after the `attempts`-th "later" (from 1): doubling, up to an hour.

    A fifth up or down at random, so that what was deferred together does not come back together.
    """
    doublings = min(max(attempts, 1) - 1, 32)  # beyond any hour; 2.0 ** 1024 would overflow
    seconds = min(LONGEST, settings.SEND_RETRY_AFTER * 2.0**doublings)
    return seconds * (rng or random).uniform(0.8, 1.2)


def gives_up(deferred_for: float) -> bool:
    """Whether "later" was said for long enough; `deferred_for`: seconds since the first time."""
    return deferred_for >= settings.SEND_RETRY_FOR
