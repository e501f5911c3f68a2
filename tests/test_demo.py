"""The demonstration: only where nobody can get its mail, and gone without a trace when removed."""

import pytest
from django.apps import apps

from newsletter import composing, demo
from newsletter.models import Batch, Campaign
from subscribers.models import MailingList, Subscriber
from tests.factories import make_list, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _trial(settings, redis_client):
    settings.EMBEDDED = True
    settings.SMTP_URL = f"smtp://{settings.MAILCATCHER_HOST}:{settings.MAILCATCHER_PORT}"
    composing.ensure_builtin_templates()


def test_it_starts_a_campaign_to_a_thousand_people():
    campaign = demo.seed()

    assert campaign.subject == demo.SUBJECT
    assert Subscriber.objects.count() == demo.PEOPLE
    assert 0 < sum(batch.size for batch in Batch.objects.all()) <= demo.PEOPLE


def test_a_second_seed_finds_the_first():
    first = demo.seed()

    assert demo.seed() == first
    assert Campaign.objects.count() == 1


@pytest.mark.parametrize(
    "elsewhere", [{"EMBEDDED": False}, {"SMTP_URL": "smtp://mail.example.org:587"}]
)
def test_it_is_refused_on_a_configured_database_and_with_a_real_mail_server(settings, elsewhere):
    for name, value in elsewhere.items():
        setattr(settings, name, value)

    with pytest.raises(demo.NotADemo):
        demo.seed()

    assert not MailingList.objects.exists()


def test_removing_leaves_nothing_of_it_and_everything_of_others():
    before = rows()
    ours = make_subscriber(lists=[make_list()])
    demo.seed()
    joined = Subscriber.objects.exclude(pk=ours.pk).first()
    make_subscription(joined, make_list())

    removed = demo.remove()

    assert removed == demo.PEOPLE - 1
    assert set(Subscriber.objects.all()) == {ours, joined}
    assert not Campaign.objects.exists()
    ours.delete()
    joined.delete()
    MailingList.objects.all().delete()
    assert {name for name, count in rows().items() if count > before[name]} <= {
        # The lines of who stays, the short memories of who has just left and of how many (which the
        # next fold drops with the list), and the organisation that somebody may have edited since.
        "subscribers.ConsentRecord",
        "subscribers.Departure",
        "subscribers.ListChange",
        "subscribers.Organisation",
    }


def rows() -> dict[str, int]:
    models = apps.get_models()
    return {model._meta.label: model._default_manager.count() for model in models}
