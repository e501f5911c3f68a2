"""Remove the demonstration: its lists, its people, its campaign and what was recorded of it."""

from typing import Any

from django.core.management import BaseCommand

from newsletter import demo, outbox
from subscribers.models import MailingList


class Command(BaseCommand):
    """Remove everything that seed_demo made, and nothing else."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove and say how many people went."""
        if not MailingList.objects.filter(is_demo=True).exists():
            self.stdout.write("There is no demonstration here.")
            return
        count = demo.remove()
        demo.marker().touch()
        self.stdout.write(f"The demonstration is removed: {count} people, their mail and events.")
        mails = outbox.list_mails().total
        if mails == outbox.list_mails(demo.DOMAIN).total:
            outbox.clear()
        else:
            self.stdout.write("The mail catcher holds other mail too, so it is left as it is.")
