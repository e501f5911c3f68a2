"""When to try again. Pure."""

import random

from django.conf import settings

LONGEST = 3_600  # seconds


def delay(attempts: int) -> float:
    """Return the seconds to wait after the `attempts`-th "later": doubling, up to an hour.

    A fifth up or down at random, so that what was deferred together does not come back together.
    """
    seconds = min(LONGEST, settings.SEND_RETRY_AFTER * 2.0 ** (attempts - 1))
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311  (spreads load, keeps no secret)
