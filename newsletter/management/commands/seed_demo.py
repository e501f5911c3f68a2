"""Make the demonstration: two lists, a thousand people, a campaign that is really sent and read."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from newsletter import demo, demo_readers, outbox
from subscribers.models import MailingList


class Command(BaseCommand):
    """Seed the demonstration on the private servers of `make run`. Twice does no harm."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take --first-start, which the launcher gives."""
        parser.add_argument(
            "--first-start",
            action="store_true",
            help="only when there is no list yet and there never was a demonstration",
        )

    def handle(self, *args: Any, first_start: bool, **options: Any) -> None:
        """Seed, wait for the workers, and let the audience read."""
        marker = settings.RUN_DIR / "demo-was-made"
        if first_start and (marker.exists() or MailingList.objects.exists()):
            return
        try:
            campaign = demo.seed()
        except demo.NotADemo as error:
            raise CommandError(str(error)) from None
        if campaign is None:
            self.stdout.write("The demonstration is there already.")
            return
        marker.touch()
        self.stdout.write(f"Sending the demonstration campaign to {demo.PEOPLE} people …")
        if not demo.wait_until_sent(campaign):
            raise CommandError("The campaign is not sent yet: does a worker run?")
        opened, clicked, left = demo_readers.read_all(outbox.messages(), seed=demo.SEED)
        self.stdout.write(
            f"The demonstration was read: {opened} opened, {clicked} clicked, {left} left."
        )
