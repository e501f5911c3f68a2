"""Run the `ingest` process: opens and clicks from the Redis stream into PostgreSQL."""

import signal
import threading
from typing import Any

from django.core.management import BaseCommand

from newsletter import readiness
from tracking import ingest


class Command(BaseCommand):
    """Run one ingester; several may run at once, on any machine."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Ingest until SIGTERM or Ctrl-C, and finish the batch in hand if that takes seconds."""
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        ingest.run(stopping, on_ready=readiness.announce)
