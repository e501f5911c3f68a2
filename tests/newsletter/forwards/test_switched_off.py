"""A list whose mail may not be forwarded: no link in it, and pages that say so."""

import pytest
from django.test import Client
from django.utils.timezone import now

from newsletter import campaigns, composing, forwarding
from newsletter.composing import Person
from newsletter.models import Edition, Template
from newsletter.sending import content
from subscribers.models import MailingList
from tests.composing.making import parts
from tests.factories import make_campaign, make_list, make_subscriber
from tracking import forwards, tokens
from tracking.models import Forward

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed() -> MailingList:
    """A list whose mail may not be forwarded."""
    return make_list(forwarding=False)


def campaign_to(*lists: MailingList, **fields):
    """Make a campaign and what it says, as its start does."""
    made = make_campaign(
        lists=list(lists), template=Template.objects.get(name="Broadsheet"), **fields
    )
    composing.freeze(made)
    return made


def mail(campaign) -> str:
    """Return what a reader of a campaign gets."""
    reader = make_subscriber()
    return "".join(parts(content.load(campaign.pk).render(Person.of(reader)).data))


def close(campaign) -> None:
    campaign.lists.update(forwarding=False)


def test_mail_has_a_link_to_forward_unless_a_list_forbids_it(closed):
    assert mail(campaign_to(make_list(), make_list())).count("Forward to a friend") == 2
    text = mail(campaign_to(make_list(), closed))

    assert "Forward to a friend" not in text
    assert "/f/" not in text
    assert "Your preferences" in text


@pytest.mark.parametrize("field", ["body", "template"])
def test_a_link_of_the_authors_own_is_found_before_the_start(closed, field):
    link = '<a href="{{ forward_url }}">Pass it on</a>'
    texts = {"body": f"Hello\n\n{link}"}
    if field == "template":
        frame = f"<html><body>\n\n{{{{ content }}}}{link}{{{{ footer }}}}</body></html>"
        texts = {"template": Template.objects.create(name="Own", html=frame)}
    campaign = make_campaign(lists=[closed], **texts)

    [problem] = composing.check(campaign)

    assert (problem.field, problem.line) == (field, 3)
    assert "forward_url" in str(problem)
    with pytest.raises(campaigns.NotReady):
        campaigns.start(campaign.pk)


def test_links_in_mail_that_is_out_say_that_it_ended(client):
    campaign = campaign_to(make_list())
    reader = make_subscriber()
    page = forwards.share(campaign.pk, reader.pk)
    close(campaign)
    form = f"/f/{tokens.sign_forward(campaign.pk, reader.pk)}"
    browser = Client(enforce_csrf_checks=True)

    answers = [
        browser.get(form),
        browser.post(form, {"friend": "friend@example.com"}),
        browser.post(form, {"share": ""}),
        browser.get(f"/v/{tokens.sign_share(campaign.pk, forwards.child(page))}"),
        browser.get(f"/v/{tokens.sign_share(campaign.pk, 0)}"),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert "can’t be forwarded" in answers[0].content.decode()
    assert "not shown any more" in answers[4].content.decode()
    assert not Forward.objects.filter(kind=Forward.Kind.FRIEND).exists()


def test_pages_are_there_again_when_it_is_allowed_again(client):
    campaign = campaign_to(make_list())
    close(campaign)
    path = f"/v/{tokens.sign_share(campaign.pk, 0)}"

    campaign.lists.update(forwarding=True)

    assert client.get(path).status_code == 200


def test_what_has_not_left_never_does():
    campaign = campaign_to(make_list())
    waiting = Forward.objects.create(
        campaign_id=campaign.pk,
        subscriber_id=make_subscriber().pk,
        kind=Forward.Kind.FRIEND,
        state=Forward.State.ASKED,
        address="friend@example.com",
        email_hash=b"x" * 16,
        due_at=now(),
    )
    close(campaign)

    assert forwarding.send_due() == 0

    waiting.refresh_from_db()
    assert (waiting.state, waiting.address) == (Forward.State.SKIPPED, "")


def test_nobody_gets_around_the_pages(closed):
    campaign = campaign_to(closed)
    reader = make_subscriber()

    with pytest.raises(forwards.NotAllowed):
        forwards.share(campaign.pk, reader.pk)
    with pytest.raises(forwards.NotAllowed):
        forwards.ask(forwards.Wish(campaign_id=campaign.pk, subscriber_id=reader.pk, friends=[]))

    assert not Forward.objects.exists()
    assert Edition.objects.filter(pk=campaign.pk).exists()


def test_friends_can_still_refuse_more(client):
    campaign = campaign_to(make_list())
    copy = Forward.objects.create(
        campaign_id=campaign.pk, subscriber_id=1, kind=1, state="sent", email_hash=b"x" * 16
    )
    close(campaign)

    answer = client.post(f"/n/{forwarding.sign_refuse(copy.pk)}", {"action": "never"})

    assert answer.status_code == 200
