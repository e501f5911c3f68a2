"""Run the `edge` process: tracking pixels and links, under granian without Django."""

import os
from contextlib import suppress
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
        _spare_switches()
        become(
            "granian",
            *("tracking.edge:app", "--interface", "rsgi", "--no-ws", "--loop", "uvloop"),
            *("--host", settings.EDGE_HOST, "--port", str(settings.EDGE_PORT)),
            *("--workers", str(settings.EDGE_WORKERS)),
            # No access log: every address here is a token that names a reader.
            *("--no-access-log", "--log-level", "error"),
            *("--respawn-failed-workers", "--workers-kill-timeout", "10"),
        )


def _spare_switches() -> None:
    """Let no thread of the server push another off its core just by waking it up.

    One of its threads reads requests and another answers them; otherwise they take turns with every
    single request, which was seen to cost a tenth to a third of its processor time. Inherited by
    what this process becomes and starts.
    """
    # Only Linux knows this policy, and some containers forbid to choose one.
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
