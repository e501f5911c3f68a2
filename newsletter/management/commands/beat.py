"""Run the `beat` process: the clock that makes workers look for what is due."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from newsletter.management.become import become


class Command(BaseCommand):
    """Become Celery's beat.

    It keeps its schedule in memory: a missed tick is made up by the next one.
    """

    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Become beat."""
        become(
            "celery",
            *("--quiet", "-A", "newsletter", "beat", "--scheduler", "celery.beat:Scheduler"),
            *("--pidfile", "", "--loglevel", settings.LOG_LEVEL),
        )
