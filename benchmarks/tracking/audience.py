"""Makes the people that a past's campaigns went to: named, subscribed, and in the ledger."""

from django.db import connection

from subscribers.models import MailingList, Organisation

_PEOPLE = """
WITH words AS (
    SELECT %(given)s::text[] AS given, %(family)s::text[] AS family,
           %(providers)s::text[] AS providers
), people AS (
    INSERT INTO subscribers_subscriber (
        email, email_key, email_hash, name, attributes, language, timezone, tracking, created_at
    )
    SELECT address, address, decode(md5(n::text), 'hex'), given || ' ' || family, '{}', 'en-GB', '',
           CASE WHEN n %% 50 = 0 THEN 'aggregate' ELSE 'individual' END,
           now() - interval '300 days' - interval '600 days' * (1 - n / %(people)s::float8)
    FROM (
        SELECT n, given[1 + n %% 11] AS given, family[1 + n / 11 %% 10] AS family,
               providers[1 + n %% 12] AS provider
        FROM generate_series(1, %(people)s) n, words
    ) named
    CROSS JOIN LATERAL (
        SELECT lower(given || '.' || family || n) || '@' || provider AS address
    ) whole
    ORDER BY n
    RETURNING id, created_at
), subscribed AS (
    INSERT INTO subscribers_subscription
        (subscriber_id, mailing_list_id, status, created_at, changed_at)
    SELECT id, %(list)s, 'active', created_at, created_at FROM people
)
INSERT INTO subscribers_consentrecord (
    subscriber_id, mailing_list_id, action, method, wording, evidence, user_agent, campaign_id,
    recorded_at
)
SELECT id, %(list)s, 'subscribed', 'import', 'I would like to receive it.', '{}', '', 0, created_at
FROM people
"""
_GIVEN = ["Ada", "Chidi", "Dana", "Farah", "Goran", "Hana", "Jonas", "Kofi", "Lea", "Mei", "Noor"]
_FAMILY = (
    ["Adeyemi", "Berg", "Costa", "Fischer", "Garcia", "Hansen", "Ito", "Khan", "Lind", "Moreau"]
)  # fmt: skip
_PROVIDERS = [
    *["gmail.com"] * 5, *["outlook.com", "hotmail.com", "yahoo.com", "icloud.com"],
    *["gmx.de", "orange.fr", "example.org"],
]  # fmt: skip


def make(count: int) -> None:
    """Fill the tables of people, with one list that they are all on."""
    organisation = Organisation.current()
    organisation.name, organisation.postal_address = "Harbour House", "1 Quay Street\nExampleton"
    organisation.save()
    mailing_list = MailingList.objects.create(slug="harbour-weekly", name="Harbour Weekly")
    names = {"given": _GIVEN, "family": _FAMILY, "providers": _PROVIDERS}
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"people": count, "list": mailing_list.pk, **names})
        cursor.execute("ANALYZE subscribers_subscriber, subscribers_subscription")
