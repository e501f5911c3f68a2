"""`dkim`: make signing keys, see their DNS records, and switch them on, from a terminal."""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from newsletter import dkim_keys, dkim_records
from newsletter.models import DkimKey

REFUSED, USAGE = 1, 2
EXIT_CODES = """\
exit codes:
  0  done
  1  refused: the record is not published (see --force), or the key signs and can't be deleted
  2  wrong usage: no such key, or not a domain
"""


class Command(BaseCommand):
    """Make, list, publish and switch signing keys. A private key is never printed."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the actions."""
        parser.epilog = EXIT_CODES
        parser.formatter_class = RawDescriptionHelpFormatter
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make keys, and print the records to publish")
        create.add_argument("domain")
        create.add_argument(
            "--algorithm",
            action="append",
            choices=DkimKey.Algorithm.values,
            help="may be given twice; by default both",
        )
        everything = actions.add_parser("list", help="say which keys there are")
        everything.add_argument("--json", action="store_true")
        record = actions.add_parser("record", help="print the DNS record, as in a zone file")
        check = actions.add_parser("check", help="ask DNS whether the record is published")
        activate = actions.add_parser("activate", help="let the key sign, in place of an older one")
        activate.add_argument(
            "--force", action="store_true", help="also when DNS does not show the record"
        )
        off = actions.add_parser("deactivate", help="let the key sign no more")
        delete = actions.add_parser("delete", help="delete a key that does not sign")
        for action in (record, check, activate, off, delete):
            action.add_argument("id", type=int, help="as `list` says")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one action. Exits as EXIT_CODES says."""
        try:
            getattr(self, f"_{options['action']}")(options)
        except DkimKey.DoesNotExist:
            raise CommandError(f"There is no key {options['id']}.", returncode=USAGE) from None

    def _create(self, options: dict[str, Any]) -> None:
        algorithms = options["algorithm"] or DkimKey.Algorithm.values
        try:
            made = dkim_keys.make(options["domain"], list(dict.fromkeys(algorithms)))
        except dkim_keys.Refused as error:
            raise CommandError(str(error), returncode=USAGE) from None
        for key in made:
            self.stdout.write(f"; key {key.pk}\n{dkim_records.zone_line(key)}")

    def _list(self, options: dict[str, Any]) -> None:
        keys = [
            {
                "id": key.pk,
                "domain": key.domain,
                "selector": key.selector,
                "algorithm": key.algorithm,
                "signs": key.is_active,
                "made": key.created_at.isoformat(timespec="seconds"),
            }
            for key in DkimKey.objects.defer("private_sealed")
        ]
        if options["json"]:
            self.stdout.write(json.dumps(keys))
            return
        for key in keys:
            signs = "signs" if key["signs"] else "not in use"
            self.stdout.write(
                f"{key['id']}  {key['domain']}  {key['selector']}  {key['algorithm']}  {signs}"
            )

    def _record(self, options: dict[str, Any]) -> None:
        self.stdout.write(dkim_records.zone_line(_key(options)))

    def _check(self, options: dict[str, Any]) -> None:
        answer = dkim_records.check(_key(options), settings.DNS_RESOLVERS)
        if answer.state != dkim_records.State.PUBLISHED:
            raise CommandError(answer.words, returncode=REFUSED)
        self.stdout.write(answer.words)

    def _activate(self, options: dict[str, Any]) -> None:
        if not options["force"]:
            self._check(options)
        older = dkim_keys.activate(options["id"])
        self.stdout.write("The key signs from now on.")
        for key in older:
            self.stdout.write(
                f"Key {key.pk} signs no more. Leave the record {dkim_records.name(key)} for "
                f"{dkim_keys.IN_FLIGHT} days, until the mail that it signed has arrived."
            )

    def _deactivate(self, options: dict[str, Any]) -> None:
        dkim_keys.deactivate(_key(options).pk)
        self.stdout.write("The key signs no more.")

    def _delete(self, options: dict[str, Any]) -> None:
        try:
            dkim_keys.delete(_key(options).pk)
        except dkim_keys.Refused as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        self.stdout.write("The key is deleted. Now its DNS record can go too.")


def _key(options: dict[str, Any]) -> DkimKey:
    """Raises DkimKey.DoesNotExist."""
    return DkimKey.objects.defer("private_sealed").get(pk=options["id"])
