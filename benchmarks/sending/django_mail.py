"""The reference that many Django projects are: EmailMultiAlternatives on one kept connection.

Written as a careful developer would: templates compiled once, one query for the people, one
connection for all mails. Each mail says what the campaign's mail says, with as many personal links,
and nothing is recorded.
"""

import time
from collections.abc import Callable
from email.utils import formataddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from newsletter.composing import Person
from newsletter.composing.beacons import filled
from newsletter.composing.people import shared_values
from newsletter.models import Edition
from newsletter.templating import html_environment, text_environment
from subscribers.models import Subscriber
from subscribers.signing import sign

Make = Callable[[Person, BaseEmailBackend], EmailMultiAlternatives]


def send(edition: Edition, port: int, mails: int) -> float:
    """Return the seconds that so many mails take, from the query to the last answer."""
    make = _maker(edition)
    start = time.perf_counter()
    backend = "django.core.mail.backends.smtp.EmailBackend"
    with get_connection(backend, host="127.0.0.1", port=port) as connection:
        people = Subscriber.objects.order_by("id")[:mails]
        for row in people.values_list("id", "email", "name", "attributes", "language", "tracking"):
            make(Person._make(row), connection).send()
    return time.perf_counter() - start


def _maker(edition: Edition) -> Make:
    subject = text_environment.from_string(edition.subject)
    text = text_environment.from_string(edition.text)
    html = html_environment.from_string(edition.html)
    shared = {**shared_values(edition), "preheader": edition.preheader}

    def make(person: Person, connection: BaseEmailBackend) -> EmailMultiAlternatives:
        values = {**shared, **_personal(edition, person)}
        message = EmailMultiAlternatives(
            subject.render(values),
            text.render(values),
            edition.from_email,
            [formataddr((person.name, person.email))],
            connection=connection,
            headers={
                "List-Unsubscribe": f"<{values['unsubscribe_url']}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "List-ID": f"{edition.list_name} <{edition.list_id}>",
                "Feedback-ID": edition.feedback_id,
            },
        )
        message.attach_alternative(html.render(values), "text/html")
        return message

    return make


def _personal(edition: Edition, person: Person) -> dict[str, Any]:
    campaign, number = edition.campaign_id, person.subscriber_id
    links = {
        f"link_{slot}": f"{settings.TRACKING_URL}/c/{sign('click', campaign, number, link)}"
        for slot, link in enumerate(edition.link_ids)
    }
    opened, hidden = sign("open", campaign, number), sign("click", campaign, number, 0)
    return {
        **links,
        "subscriber": person.values(),
        "unsubscribe_url": f"{settings.PUBLIC_URL}/u/{sign('unsubscribe', number, campaign)}",
        "preferences_url": f"{settings.PUBLIC_URL}/p/{sign('preferences', number, campaign)}",
        "forward_url": f"{settings.PUBLIC_URL}/f/{sign('forward', campaign, number)}",
        **filled("individual", opened, hidden),
    }
