"""Run the `edge` process: tracking pixels and links, under granian without Django."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from newsletter.management.become import become


class Command(BaseCommand):
    """Become granian serving tracking.edge on EDGE_HOST:EDGE_PORT."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the server."""
        become(
            "granian",
            *("tracking.edge:app", "--interface", "rsgi", "--no-ws", "--loop", "uvloop"),
            *("--host", settings.EDGE_HOST, "--port", str(settings.EDGE_PORT)),
            *("--workers", str(settings.EDGE_WORKERS)),
            # No access log: every address here is a token that names a reader.
            *("--no-access-log", "--log-level", "error"),
            *("--respawn-failed-workers", "--workers-kill-timeout", "10"),
        )
