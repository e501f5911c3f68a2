"""Erasing a person leaves each campaign's sum balanced, and nothing that names them."""

import pytest
from django.utils.timezone import now

from newsletter import erase
from newsletter.models import Batch, Deferral, Delivery, Handover
from subscribers.models import Subscriber
from tests.factories import make_campaign
from tests.sending.conftest import numbers, send


def people() -> list[int]:
    return list(Subscriber.objects.order_by("id").values_list("id", flat=True))


def named(subscriber_id: int) -> bool:
    """Whether anything of the newsletter app still names a person."""
    return any(
        [
            Batch.objects.filter(subscriber_ids__contains=[subscriber_id]).exists(),
            Delivery.objects.filter(subscriber_id=subscriber_id).exists(),
            Deferral.objects.filter(subscriber_id=subscriber_id).exists(),
            *(
                Handover.objects.filter(**{f"{name}__contains": [subscriber_id]}).exists()
                for name in ("subscriber_ids", "accepted_ids", "free_ids")
            ),
        ]
    )


def test_who_has_the_mail_stays_as_a_number_that_says_nothing(sink, started):
    campaign = started(3)
    send(campaign)

    erase.erase_subscriber(people()[0])

    assert numbers(campaign) == {"sent": 3}
    assert not named(people()[0])


def test_who_has_not_got_it_yet_is_skipped(sink, started):
    campaign = started(3)
    gone = people()[0]

    erase.erase_subscriber(gone)
    assert numbers(campaign) == {"skipped": 1, "pending": 2}
    send(campaign)

    assert numbers(campaign) == {"skipped": 1, "sent": 2}
    assert not named(gone)
    assert len(sink.mails) == 2


@pytest.mark.parametrize(
    ("journal", "outcome"),
    [
        ({"subscriber_ids": True}, "in_doubt"),
        ({"subscriber_ids": True, "accepted_ids": True}, "sent"),
        ({"subscriber_ids": True, "free_ids": True}, "skipped"),
    ],
)
def test_who_is_in_the_journal_keeps_what_it_says(started, journal, outcome):
    campaign = started(1)
    (person,) = people()
    values = {"subscriber_ids": [], **{name: [person] for name in journal}}
    Handover.objects.create(batch=Batch.objects.get(), fence=0, turn=1, **values)

    erase.erase_subscriber(person)

    assert numbers(campaign) == {outcome: 1}
    assert not named(person)


def test_who_was_deferred_is_forgotten(sink, started):
    sink.on_rcpt = lambda who, count: f"450 {who} is busy"
    started(1)
    (person,) = people()
    campaign = Batch.objects.get().campaign
    send(campaign)
    assert Deferral.objects.count() == 1

    erase.erase_subscriber(person)

    assert not named(person)
    assert numbers(campaign) == {"skipped": 1}


def test_two_people_of_one_campaign_can_be_erased(sink, started):
    campaign = started(3)
    send(campaign)

    for person in people()[:2]:
        erase.erase_subscriber(person)

    assert numbers(campaign) == {"sent": 3}


def test_an_erased_person_has_another_number_in_each_campaign(sink, started):
    send(started(1))
    (person,) = people()
    Delivery.objects.create(campaign=make_campaign(), subscriber_id=person, status="sent", at=now())

    erase.erase_subscriber(person)

    numbers_left = set(Delivery.objects.values_list("subscriber_id", flat=True))
    assert len(numbers_left) == 2
    assert max(numbers_left) < 0
