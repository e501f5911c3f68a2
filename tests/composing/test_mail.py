"""A campaign becomes a mail."""

import email
import email.policy

import pytest

from newsletter import composing
from newsletter.composing import Person
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db


def test_a_campaign_becomes_a_mail():
    campaign = make_campaign(subject="Hello {{ subscriber.first_name | default('you') }}")
    edition = composing.freeze(campaign)

    mail = composing.CompiledMessage(edition).render(Person(7, "ann@example.org", "Ann Ä"))

    message = email.message_from_bytes(
        mail.data, policy=email.policy.SMTP.clone(raise_on_defect=True)
    )
    assert message["Subject"] == "Hello Ann"
    assert "Hello Ann Ä, read" in message.get_body(("plain",)).get_content()
