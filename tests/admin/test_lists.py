"""The form of a list says, and stores, what is recorded of people who have not chosen."""

import pytest
from django.urls import reverse

from subscribers.models import MailingList, TrackingChoice
from tests.factories import make_list

pytestmark = pytest.mark.django_db


def test_the_form_names_what_is_usual_here(settings, admin_client):
    settings.TRACKING_DEFAULT = TrackingChoice.OFF.value
    url = reverse("admin:subscribers_mailinglist_change", args=[make_list().pk])

    page = admin_client.get(url).content.decode()

    assert "As usual here: nothing" in page
    assert "what a person chose always wins" in page


@pytest.mark.parametrize("choice", ["", *TrackingChoice.values])
def test_every_choice_is_stored(admin_client, choice):
    mailing_list = make_list(name="News", slug="news")
    url = reverse("admin:subscribers_mailinglist_change", args=[mailing_list.pk])
    fields = {"name": "News", "slug": "news", "visibility": "private", "opt_in": "double"}

    answer = admin_client.post(url, {**fields, "tracking": choice})

    assert answer.status_code == 302
    assert MailingList.objects.get().tracking == choice


def test_anything_else_is_refused(admin_client):
    mailing_list = make_list(name="News", slug="news")
    url = reverse("admin:subscribers_mailinglist_change", args=[mailing_list.pk])
    fields = {"name": "News", "slug": "news", "visibility": "private", "opt_in": "double"}

    admin_client.post(url, {**fields, "tracking": "everything"})

    assert MailingList.objects.get().tracking == ""
