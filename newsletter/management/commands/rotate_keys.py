"""`rotate_keys`: a new key for the links in mail, in front of those that are there."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from newsletter import rotation

ORDER = """
Then restart the processes in this order, so that nobody gets a link that is not known yet:
  1. edge and web, which read tokens
  2. worker and beat, which sign them
"""


class Command(BaseCommand):
    """Make a key, check that delivered mail goes on working, and say what is left to do."""

    help = (
        "Makes a new key for TRACKING_KEYS, which signs from the next restart on. All older ones "
        "go on verifying, so that links in delivered mail work; none of them is shown."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate. Exits with 1 when nothing was changed."""
        before = len(settings.TRACKING_KEYS)
        try:
            key, file = rotation.rotate(settings.RUN_DIR)
        except rotation.NotTakenUp:
            raise CommandError(
                "The key that was made the last time is not in use yet. Stop Broadsheet, start it "
                "again, and rotate after that."
            ) from None
        except rotation.Damaged as error:
            raise CommandError(f"{error}. Nothing was changed.") from None
        if file:
            self.stdout.write(
                f"A new key is in {file}, in front of {before} older.\n"
                "Stop Broadsheet and start it again (make run): then it signs. Make a new backup "
                "of that file, without which links in the mail that follows are dead."
            )
        else:
            self.stdout.write(
                "Put this key at the beginning of TRACKING_KEYS, with a comma behind it, and leave "
                f"the {before} that follow:\n\n{key}\n{ORDER}"
            )
        self.stdout.write(f"Checked: what {before} older signed is still read.")
