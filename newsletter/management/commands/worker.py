"""Run a `worker` process: Celery, which sends campaigns, imports people and tidies up."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from newsletter.management.become import become


class Command(BaseCommand):
    """Become a Celery worker for all queues, with WORKER_CONCURRENCY processes."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the worker."""
        routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
        queues = ",".join([*sorted(routed), settings.CELERY_TASK_DEFAULT_QUEUE])
        become(
            "celery",
            *("--quiet", "-A", "newsletter", "worker", "--queues", queues),
            *("--loglevel", settings.LOG_LEVEL),
            # What there is to do stands in PostgreSQL: workers have nothing to tell each other.
            *("--without-gossip", "--without-mingle"),
        )
