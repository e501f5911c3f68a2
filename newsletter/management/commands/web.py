"""Run the `web` process: admin, public pages and API, under granian."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from newsletter.management.become import become


class Command(BaseCommand):
    """Become granian serving newsletter.wsgi on WEB_HOST:WEB_PORT."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the server."""
        become(
            "granian",
            *("newsletter.wsgi:application", "--interface", "wsgi", "--no-ws"),
            *("--host", settings.WEB_HOST, "--port", str(settings.WEB_PORT)),
            *("--blocking-threads", str(settings.WEB_THREADS)),
            # No access log: addresses of unsubscribe and preference pages hold their tokens.
            *("--no-access-log", "--log-level", "error"),
            *("--respawn-failed-workers", "--workers-kill-timeout", "10"),
        )
