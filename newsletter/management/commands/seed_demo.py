"""Make the demonstration: two lists, a thousand people, a campaign that is really sent and read."""

from argparse import ArgumentParser
from collections.abc import Iterator
from email.message import EmailMessage
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
        # Left when all is done: a demonstration that was interrupted goes on at the next start,
        # and one that was removed stays away.
        marker = settings.RUN_DIR / "demo-was-made"
        own_lists = MailingList.objects.filter(is_demo=False)
        if first_start and (marker.exists() or own_lists.exists()):
            return
        try:
            campaign = demo.seed()
        except demo.NotADemo as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Sending the demonstration campaign to {demo.PEOPLE} people …")
        if not demo.wait_until_sent(campaign):
            raise CommandError("The campaign is not sent yet: does a worker run?")
        opened, clicked, left = demo_readers.read_all(_mails_of_the_demo(), seed=demo.SEED)
        marker.touch()
        self.stdout.write(
            f"The demonstration was read: {opened} opened, {clicked} clicked, {left} left."
        )


def _mails_of_the_demo() -> Iterator[EmailMessage]:
    # Others may be sending already: what is theirs is not read by our audience.
    for mail in outbox.messages():
        if f"@{demo.DOMAIN}" in str(mail["To"]):
            yield mail
