"""`server`: list, add, try and switch sending servers, from a terminal. Secrets are asked for."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from getpass import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from newsletter import campaigns, places, vault, wording
from newsletter.models import Pause, SendingServer
from newsletter.sending import live, probing, rows
from newsletter.sending.connection import Unreachable
from newsletter.sending.servers import Endpoint, greeting_name

FAILED, USAGE = 1, 2
EXIT_CODES = """\
exit codes:
  0  done; with test: the server can be used
  1  test: it does not answer, or refuses
  2  wrong usage: no such server, or a value that can't be
"""
NUMBERS = {
    "port": "587 unless said otherwise",
    "priority": "a lower number is used first",
    "weight": "2 gets twice as much as 1 of the same priority",
    "per_minute": "mails a minute, from all workers",
    "per_hour": "mails an hour",
    "per_day": "mails a day",
    "connections": "open at once, from all workers",
    "mails_per_connection": "0: no limit",
}


class Command(BaseCommand):
    """List, add, try or switch sending servers."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the actions."""
        parser.epilog = EXIT_CODES
        parser.formatter_class = RawDescriptionHelpFormatter
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="say what is there, and what it does")
        add = actions.add_parser("add", help="add one; a password is asked for")
        add.add_argument("name", help="how you call it")
        add.add_argument("host", help="a name or an address")
        add.add_argument(
            "--tls",
            choices=SendingServer.Tls.values,
            default="starttls",
            help="starttls (required) unless said otherwise",
        )
        add.add_argument("--username", default="", help="without one, nobody signs in")
        add.add_argument(
            "--password-file", type=Path, metavar="FILE", help="its first line; - for input"
        )
        add.add_argument(
            "--from-domain",
            action="append",
            default=[],
            dest="from_domains",
            metavar="DOMAIN",
            help="of From addresses that it may send for; may be given more than once",
        )
        add.add_argument("--relay-signs", action="store_true", help="it adds the DKIM signature")
        add.add_argument("--off", action="store_true", help="don't use it yet")
        add.add_argument("--per-second", type=float, help="mails a second, 0.5 is one in two")
        for name, words in NUMBERS.items():
            add.add_argument(f"--{name.replace('_', '-')}", type=int, help=words)
        for action, words in {
            "test": "connect, encrypt and sign in, and say what it offers",
            "enable": "use it",
            "disable": "send no more through it",
        }.items():
            one = actions.add_parser(action, help=words)
            one.add_argument("name", help="its name, or its number; 0 is that of SMTP_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one action. Exits with 1 when a server does not answer, 2 for wrong usage."""
        getattr(self, f"_{options['action']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        lasting = Pause.objects.filter(until__gt=timezone.now(), provider="")
        for place in places.servers(live.read(settings.REDIS_URL), lasting):
            parts = (place.id, place.name, wording.in_words(place), place.detail)
            self.stdout.write("\t".join(part for part in parts if part))
        for server in SendingServer.objects.filter(is_active=False):
            self.stdout.write(f"{server.pk}\t{server.name}\tswitched off")

    def _add(self, options: dict[str, Any]) -> None:
        numbers = {name: options[name] for name in (*NUMBERS, "per_second")}
        server = SendingServer(
            name=options["name"],
            host=options["host"],
            tls=options["tls"],
            username=options["username"],
            from_domains=[domain.lower() for domain in options["from_domains"]],
            relay_signs=options["relay_signs"],
            is_active=not options["off"],
            **{name: number for name, number in numbers.items() if number is not None},
        )
        if server.username:
            password = _password(options["password_file"])
            server.password_sealed = vault.seal(password, rows.PASSWORD)
        try:
            server.full_clean()
        except ValidationError as error:
            raise CommandError(_in_words(error), returncode=USAGE) from error
        server.save()
        if server.is_active:
            campaigns.try_again()
        self.stdout.write(str(server.pk))

    def _test(self, options: dict[str, Any]) -> None:
        try:
            found = probing.probe(self._endpoint(options), greeting_name(settings.PUBLIC_URL))
        except (Unreachable, vault.CannotOpen) as error:
            raise CommandError(str(error), returncode=FAILED) from error
        self.stdout.write(f"It answered in {found.seconds:.1f} seconds.")
        self.stdout.write("\n".join(found.lines))

    def _enable(self, options: dict[str, Any]) -> None:
        self._switch(options, on=True)

    def _disable(self, options: dict[str, Any]) -> None:
        self._switch(options, on=False)

    def _switch(self, options: dict[str, Any], *, on: bool) -> None:
        server = _find(options["name"])
        server.is_active = on
        server.save(update_fields=["is_active", "changed_at"])
        if on:
            campaigns.try_again()
        self.stdout.write(f"{server} is {'in use' if on else 'switched off'}.")

    def _endpoint(self, options: dict[str, Any]) -> Endpoint:
        if options["name"] == str(rows.SMTP_URL):
            return rows.default().endpoint
        return rows.endpoint(_find(options["name"]))


def _in_words(error: ValidationError) -> str:
    """Write what is wrong with each field, a line for each."""
    return "\n".join(
        message if field == NON_FIELD_ERRORS else f"{field.replace('_', '-')}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    )


def _find(name: str) -> SendingServer:
    found = SendingServer.objects.filter(name=name).first()
    if found is None and name.isdecimal():
        found = SendingServer.objects.filter(pk=int(name)).first()
    if found is None:
        raise CommandError(f"There is no sending server {name}.", returncode=USAGE)
    return found


def _password(path: Path | None) -> str:
    """Read the password from a file, from input, or from the person at the terminal."""
    if path is None and not sys.stdin.isatty():
        raise CommandError("Say where the password is: --password-file FILE", returncode=USAGE)
    if path is None:
        return getpass("Password: ")
    if str(path) == "-":
        return sys.stdin.readline().rstrip("\r\n")
    try:
        return (path.read_text("utf-8").splitlines() or [""])[0]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}", returncode=USAGE) from error
