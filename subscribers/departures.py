"""Who has just left: a short memory, so that whoever is sending looks again before each mail."""

from datetime import timedelta

from django.utils.timezone import now

from subscribers.models import Departure

KEPT = timedelta(days=1)  # much longer than a worker keeps anybody in memory, even asleep


def tidy() -> None:
    """Forget those whose permission every worker has read anew since."""
    Departure.objects.filter(at__lt=now() - KEPT).delete()
