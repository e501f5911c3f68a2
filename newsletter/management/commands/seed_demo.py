"""Make the demonstration: lists, a thousand people, and issues of which the newest is really sent.

Its readers are busy for a quarter of an hour; all else is there before they begin.
"""

import fcntl
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from newsletter import demo, outbox
from newsletter.demo import live
from newsletter.models import Campaign
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
        own_lists = MailingList.objects.filter(is_demo=False)
        if first_start and (demo.marker().exists() or own_lists.exists()):
            return
        try:
            campaign = demo.seed()
        except demo.NotADemo as error:
            raise CommandError(str(error)) from None
        if campaign.status != Campaign.Status.FINISHED:
            self.stdout.write("Sending the demonstration's newest issue …")
        if not demo.wait_until_sent(campaign):
            raise CommandError("The campaign is not sent yet: does a worker run?")
        with _alone() as is_alone:
            if not is_alone:
                raise CommandError("The demonstration is being read already.")
            self._read(campaign)

    def _read(self, campaign: Campaign) -> None:
        requests = live.plan(outbox.messages(), campaign)
        self.stdout.write(
            "The demonstration is ready. Its newest issue is being read for a quarter of an hour."
        )
        counts = live.read(requests, campaign)
        # Only now: a demonstration that was interrupted goes on at the next start.
        demo.marker().touch()
        self.stdout.write(
            f"The demonstration was read: {counts.opens} opens and {counts.clicks} clicks by "
            f"people and machines, {counts.leavers} left."
        )


@contextmanager
def _alone() -> Iterator[bool]:
    """Keep others from reading the same mail. Gives False when somebody is at it."""
    with (settings.RUN_DIR / "demo.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
