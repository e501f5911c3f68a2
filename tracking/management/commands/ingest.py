"""The command of the ingest process."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from tracking import ingest


class Command(BaseCommand):
    """Run one ingester; several may run at once, on any machine."""

    help = "Move opens and clicks from Redis into PostgreSQL until stopped (Ctrl-C or SIGTERM)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Ingest until a signal comes, and finish the batch in hand."""
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        ingest.run(stopping)
