"""Run the mail catcher: a mail server on this machine that keeps what it is given."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError


class Command(BaseCommand):
    """Catch mail on MAILCATCHER_HOST:MAILCATCHER_PORT until asked to stop."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        try:
            from newsletter import mailcatcher
        except ModuleNotFoundError as missing:
            raise CommandError(
                f"The mail catcher needs the package {missing.name}: install the lock file "
                "requirements-embedded.lock, as `make run` does."
            ) from None
        host, port = settings.MAILCATCHER_HOST, settings.MAILCATCHER_PORT
        try:
            mailcatcher.run(host, port, settings.OUTBOX, settings.MAILCATCHER_KEEP)
        except OSError as error:
            raise CommandError(f"MAILCATCHER_PORT: {host}:{port}: {error.strerror}") from None
