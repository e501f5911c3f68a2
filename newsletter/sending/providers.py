"""Groups the domains of recipients into mailbox providers, whose limits and refusals are their own.

A domain belongs to the provider that lists it, else to the one that runs its mail server (MX), else
to that server's own domain, else to itself. MX records are looked up beforehand by a task and
remembered as MailDomain rows; while mails go out, a domain costs one look into a dictionary.
Where there is no DNS, the lists of domains are all there is.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils.timezone import now

from newsletter.models import MailDomain, Provider
from newsletter.sending import mail_servers
from newsletter.sending.known_providers import KNOWN
from newsletter.sending.pace import Limits

FRESH_FOR = timedelta(days=7)
# For a domain without a mail server: it may have been new, or its DNS in trouble.
UNKNOWN_FOR = timedelta(days=1)
FORGET_AFTER = timedelta(days=30)  # for a domain that nobody writes to any more
NO_LIMITS = Limits()

# Where people register names under a second label (co.uk). A list of all would be long, and a
# mistake here only makes a group larger.
_SECOND_LABELS = frozenset(
    {"ac", "co", "com", "edu", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org"}
)
_COUNTRY = 2  # letters

_PEOPLE_OF_CAMPAIGN = """
    SELECT s.email_key
    FROM newsletter_batch b
    CROSS JOIN unnest(b.subscriber_ids) AS person (id)
    JOIN subscribers_subscriber s ON s.id = person.id
    WHERE b.campaign_id = %(campaign)s AND b.state IN ('waiting', 'claimed')
"""
_EVERYBODY = """
    SELECT s.email_key
    FROM subscribers_subscriber s
    WHERE EXISTS (
        SELECT 1 FROM subscribers_subscription sub
        WHERE sub.subscriber_id = s.id AND sub.status = 'active'
    )
"""
_DUE = """
    WITH people AS ({people}), domains AS (
        SELECT split_part(email_key, '@', -1) AS domain, count(*) AS people
        FROM people
        GROUP BY 1
    )
    SELECT d.domain
    FROM domains d
    LEFT JOIN newsletter_maildomain known ON known.domain = d.domain
    WHERE d.domain <> ALL(%(listed)s)
      AND (
          known.domain IS NULL
          OR known.looked_up_at < CASE known.provider WHEN '' THEN %(unknown)s ELSE %(fresh)s END
      )
    ORDER BY d.people DESC, d.domain
    LIMIT %(limit)s
"""


class Directory:
    """Who takes whose mail, in memory: loaded once, read for each mail."""

    def __init__(self, rows: Iterable[Provider] = (), found: Mapping[str, str] | None = None):
        """Take the rows, which win over the built-in lists, and what DNS said (domain, group)."""
        rows = list(rows)
        self._names = {known.slug: known.name for known in KNOWN}
        self._names.update({row.slug: row.name for row in rows})
        self._limits = {row.slug: _limits(row) for row in rows}
        self._servers = {end: known.slug for known in KNOWN for end in known.mx}
        self._servers.update({_plain(end): row.slug for row in rows for end in row.mx})
        self._listed = {domain: known.slug for known in KNOWN for domain in known.domains}
        self._listed.update({_plain(domain): row.slug for row in rows for domain in row.domains})
        # Groups that are found again and again share one text in memory.
        groups = {group: self.group_of_server(group) for group in set((found or {}).values())}
        self._groups = {domain: groups[group] for domain, group in (found or {}).items()}
        self._groups.update(self._listed)

    @property
    def listed(self) -> list[str]:
        """The domains whose provider is known without asking DNS."""
        return list(self._listed)

    def group(self, domain: str) -> str:
        """Return the slug of the provider of a domain (lower case, A-labels), or a domain's name.

        The domain is that of its mail server, or itself when nothing is known.
        """
        return self._groups.get(domain, domain)

    def limits(self, group: str) -> Limits:
        """Return what a group takes from all workers together."""
        return self._limits.get(group, NO_LIMITS)

    def name(self, group: str) -> str:
        """Return how people call a group."""
        return self._names.get(group, group)

    def is_known(self, group: str) -> bool:
        """Say whether a group is a provider that has a name, not one domain's."""
        return group in self._names

    def group_of_server(self, host: str) -> str:
        """Return the group of a mail server's name; '' for none."""
        labels = host.split(".")
        ends = (".".join(labels[place:]) for place in range(len(labels)))
        return next((self._servers[end] for end in ends if end in self._servers), _owner(labels))


def load() -> Directory:
    """Read providers and the memory of look-ups."""
    # Most domains that have a server of their own are their own group, which needs no memory.
    useful = MailDomain.objects.exclude(provider="").exclude(provider=F("domain"))
    found = dict(useful.values_list("domain", "provider").iterator(chunk_size=10_000))
    return Directory(Provider.objects.all(), found)


def look_up(domains: Iterable[str]) -> int:
    """Ask DNS for the mail servers of domains and remember them. Returns how many answers came.

    Also a no is remembered, for a shorter time. Nothing happens where there is no DNS.
    """
    directory = Directory(Provider.objects.all())
    servers = mail_servers.look_up(domains, settings.DNS_RESOLVERS)
    moment = now()
    MailDomain.objects.bulk_create(
        (
            MailDomain(
                domain=domain,
                provider=directory.group_of_server(server),
                looked_up_at=moment,
            )
            for domain, server in sorted(servers.items())
        ),
        batch_size=1000,
        update_conflicts=True,
        unique_fields=["domain"],
        update_fields=["provider", "looked_up_at"],
    )
    return len(servers)


def look_up_due(campaign_id: int | None = None, limit: int = 500) -> int:
    """Look up the most common domains about which nothing, or nothing fresh, is known.

    Those of a campaign's open batches, or of all active subscriptions. Returns how many answers
    came; with `limit` of them there may be more to do.
    """
    MailDomain.objects.filter(looked_up_at__lt=now() - FORGET_AFTER).delete()
    domains = _due(campaign_id, limit)
    return look_up(domains) if domains else 0


def look_up_again() -> None:
    """Make all look-ups due, because the servers of a provider were changed."""
    MailDomain.objects.update(looked_up_at=F("looked_up_at") - FRESH_FOR)


def add_known() -> None:
    """Make a row for each built-in provider that has none, so that limits can be set for it.

    The rows hold no domains: the built-in lists stay in force and come with each release.
    """
    Provider.objects.bulk_create(
        (Provider(slug=known.slug, name=known.name, is_builtin=True) for known in KNOWN),
        ignore_conflicts=True,
    )


def _due(campaign_id: int | None, limit: int) -> list[str]:
    people = _EVERYBODY if campaign_id is None else _PEOPLE_OF_CAMPAIGN
    names = {
        "campaign": campaign_id,
        "listed": Directory(Provider.objects.all()).listed,
        "fresh": now() - FRESH_FOR,
        "unknown": now() - UNKNOWN_FOR,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE.format(people=people), names)
        return [domain for (domain,) in cursor.fetchall()]


def _owner(labels: list[str]) -> str:
    """Return the domain that a mail server's name was most likely registered under."""
    is_second = len(labels[-1]) == _COUNTRY and labels[-2:-1] and labels[-2] in _SECOND_LABELS
    return ".".join(labels[-3:] if is_second else labels[-2:])


def _limits(row: Provider) -> Limits:
    return Limits(row.per_second, row.per_minute, row.per_hour, row.per_day)


def _plain(domain: str) -> str:
    return domain.strip().strip(".").lower()
