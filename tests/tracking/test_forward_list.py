"""The list of copies: what came of each, and nothing about a friend who was left out."""

import pytest

from subscribers.models import ConsentRecord, Subscriber, TrackingChoice
from tests.factories import make_list, make_subscriber
from tracking import forward_list
from tracking.forward_list import Counted
from tracking.models import Forward, ForwardTotal

pytestmark = pytest.mark.django_db

OFF, AGGREGATE, INDIVIDUAL = [choice.value for choice in TrackingChoice]


@pytest.fixture(autouse=True)
def _naming(settings):
    settings.TRACKING_DEFAULT = INDIVIDUAL


@pytest.fixture
def ada() -> Subscriber:
    """A reader who forwards."""
    return make_subscriber()


def copy(owner: int = 0, **fields) -> Forward:
    number = Forward.objects.count()
    return Forward.objects.create(
        **{
            "campaign_id": 7,
            "subscriber_id": owner,
            "kind": Forward.Kind.FRIEND,
            "state": Forward.State.SENT,
            "email_hash": bytes([number] * 16),
            **fields,
        }
    )


def ids(**asked) -> list[int]:
    return [each.forward_id for each in forward_list.page(**asked).copies]


def test_the_newest_come_first_and_what_was_not_sent_is_in_no_row():
    sent = copy()
    copy(state=Forward.State.SKIPPED)
    page = copy(kind=Forward.Kind.SHARE, state=Forward.State.MADE, email_hash=None)
    other = copy(campaign_id=8)

    assert ids(campaign_id=7) == [page.pk, sent.pk]
    assert ids() == [other.pk, page.pk, sent.pk]


def test_pages(monkeypatch):
    monkeypatch.setattr(forward_list, "PAGE", 2)
    first, second, third = (copy().pk for _ in range(3))

    newest = forward_list.page(7)
    rest = forward_list.page(7, newest.next)

    assert [each.forward_id for each in newest.copies] == [third, second]
    assert [each.forward_id for each in rest.copies] == [first]
    assert rest.next is None


def test_what_came_of_a_copy(ada):
    sent = copy(ada.pk)
    ForwardTotal.objects.create(forward_id=sent.pk, campaign_id=7, opens=3, clicks=2)
    news = make_list()
    for person, action in ((1, "subscribed"), (2, "requested"), (3, "requested"), (3, "confirmed")):
        ConsentRecord.objects.create(
            subscriber_id=person,
            mailing_list=news,
            action=action,
            method="form",
            campaign_id=7,
            evidence={"forward": sent.pk},
        )

    [found] = forward_list.page(7).copies

    assert (found.totals.opens, found.totals.clicks, found.sign_ups) == (3, 2, 2)
    assert (found.owner_id, found.counted) == (ada.pk, Counted.ITSELF)


@pytest.mark.parametrize("said", ["then", "now", "by the installation"])
@pytest.mark.parametrize(("choice", "counted"), [(AGGREGATE, Counted.TOGETHER), (OFF, Counted.NOT)])
def test_who_passed_it_on_is_named_with_their_leave_alone(ada, settings, said, choice, counted):
    copy(ada.pk, tracking=choice if said == "then" else "")
    if said == "now":
        Subscriber.objects.update(tracking=choice)
    if said == "by the installation":
        settings.TRACKING_DEFAULT = choice

    [found] = forward_list.page(7).copies

    assert (found.owner_id, found.counted) == (0, counted)


def test_what_all_copies_have_in_common_has_its_own_row(settings):
    settings.TRACKING_DEFAULT = AGGREGATE
    common = copy(kind=Forward.Kind.COMMON, state=Forward.State.MADE, email_hash=None)
    ForwardTotal.objects.create(forward_id=common.pk, campaign_id=7, opens=3)

    [found] = forward_list.page(7).copies

    assert (found.totals.opens, found.counted) == (3, Counted.ITSELF)


def test_who_is_gone_is_named_by_nothing(ada):
    copy(ada.pk)
    ada.delete()

    assert forward_list.page(7).copies[0].owner_id == 0


def test_a_page_costs_the_same_whatever_is_on_it(ada, django_assert_num_queries):
    for _ in range(12):
        copy(ada.pk)

    with django_assert_num_queries(6):
        forward_list.page(7)
