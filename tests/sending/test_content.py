"""What a campaign sends, as far as it may be recorded who reads it."""

import re

import pytest
from django.test import Client

from newsletter import composing
from newsletter.composing import Person
from newsletter.models import Campaign
from newsletter.sending import content
from subscribers.models import Subscription, TrackingChoice
from tests.composing.making import parts, read
from tests.factories import make_campaign, make_list, make_subscriber
from tracking import tokens

pytestmark = pytest.mark.django_db

OFF, AGGREGATE, INDIVIDUAL = [choice.value for choice in TrackingChoice]
BODY = """\
Hello {{ subscriber.first_name }}

[A story](https://example.org/story) and [yours](https://example.org/{{ subscriber.id }})
"""
# What a person needs to leave, to choose and to forward is theirs in every mail.
_THEIRS = re.compile(r"(https://news\.example\.org/[upf]/)[\w-]+")


def start(*choices: str) -> Campaign:
    """Freeze a campaign to lists with these choices."""
    campaign = make_campaign(body=BODY, lists=[make_list(tracking=each) for each in choices])
    composing.freeze(campaign)
    return campaign


def readers(data: bytes) -> set[int]:
    """Return whom pixel and links of a mail name (0: nobody); empty when they say nothing."""
    addresses = re.findall(r"https://news\.example\.org/([ocq])/([\w-]+)", "".join(parts(data)))
    reads = {"o": tokens.read_open, "q": tokens.read_open, "c": tokens.read_click}
    return {reads[kind](token).subscriber_id for kind, token in addresses}


@pytest.mark.parametrize(
    ("installation", "lists", "expected"),
    [
        (INDIVIDUAL, [""], {7}),
        (AGGREGATE, [INDIVIDUAL], {7}),
        (INDIVIDUAL, [AGGREGATE], {0}),
        (AGGREGATE, [INDIVIDUAL, ""], {0}),
        (INDIVIDUAL, [INDIVIDUAL, OFF], set()),
        (OFF, [AGGREGATE], {0}),
    ],
)
def test_of_who_chose_nothing_the_strictest_list_allows(settings, installation, lists, expected):
    settings.TRACKING_DEFAULT = installation
    campaign = start(*lists)

    mail = content.load(campaign.pk).render(Person(7, "ann@example.org"))

    assert readers(mail.data) == expected


@pytest.mark.parametrize(
    ("choice", "expected"), [(INDIVIDUAL, {7}), (AGGREGATE, {0}), (OFF, set())]
)
@pytest.mark.parametrize("of_list", [OFF, INDIVIDUAL])
def test_a_persons_own_choice_wins(choice, expected, of_list):
    campaign = start(of_list)

    mail = content.load(campaign.pk).render(Person(7, "ann@example.org", tracking=choice))

    assert readers(mail.data) == expected


@pytest.mark.parametrize("choice", [AGGREGATE, OFF])
def test_two_who_may_not_be_named_get_bodies_that_differ_only_in_what_is_theirs_to_use(choice):
    render = content.load(start("").pk).render
    ann = Person(7, "ann@example.org", "Ann Reader", tracking=choice)
    other = Person(1_234_567, "other@example.net", "Ann Reader", tracking=choice)

    ours, others = (parts(render(person).data) for person in (ann, other))

    assert ours != others
    hidden = [[_THEIRS.sub(r"\1", part) for part in mail] for mail in (ours, others)]
    # The author put the number itself into an address, which stands there as it is.
    hidden[1] = [part.replace("/1234567", "/7") for part in hidden[1]]
    assert hidden[0] == hidden[1]


@pytest.mark.parametrize("choice", [INDIVIDUAL, AGGREGATE, OFF, ""])
def test_everybody_can_leave_by_one_click(choice):
    campaign = start(OFF)
    [mailing_list] = campaign.lists.all()
    person = make_subscriber(lists=[mailing_list], tracking=choice)
    mail = content.load(campaign.pk).render(Person.of(person))

    [path] = re.findall(r"<https://[^/]+(/u/\S+)>", str(read(mail.data)["List-Unsubscribe"]))
    answer = Client().post(path, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert all(path in part for part in parts(mail.data))
    assert Subscription.objects.get().status == Subscription.Status.UNSUBSCRIBED
