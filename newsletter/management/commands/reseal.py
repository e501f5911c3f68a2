"""`reseal`: encrypt every stored secret with the first of ENCRYPTION_KEYS."""

from typing import Any

from django.core.management import BaseCommand, CommandError

from newsletter import resealing


class Command(BaseCommand):
    """Seal stored secrets anew, after a new key was put in front of ENCRYPTION_KEYS."""

    help = (
        "Encrypts every stored secret (signing keys, passwords of mail servers) with the first of "
        "ENCRYPTION_KEYS. When it has said that all are, the older keys can be taken away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal, and say what could not be. Exits with 1 when there was such a secret."""
        done, unopened = resealing.reseal_all()
        for secret in unopened:
            self.stderr.write(f"{secret.row}: {secret.why}")
        if unopened:
            raise CommandError(f"{done} sealed anew, {len(unopened)} can't be opened.")
        self.stdout.write(f"{done} sealed anew. All are sealed with the first key now.")
