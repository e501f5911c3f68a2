"""Whoever keeps something about a person has to be able to forget it."""

from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.module_loading import import_string

from subscribers.erase import erase
from tests.factories import make_subscriber

# The ledger is removed by subscribers/erase.py itself, by the one way its trigger leaves open.
OWN = "subscribers"


def test_every_table_with_a_bare_subscriber_id_has_an_eraser():
    """Foreign keys cascade; bare ids don't, so their app must name an eraser in settings."""
    holders = {
        model._meta.app_label
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if not field.is_relation and field.name in ("subscriber_id", "subscriber_ids")
    }

    erasers = {path.split(".")[0] for path in settings.SUBSCRIBER_ERASERS}

    assert holders - {OWN} == erasers
    assert OWN in holders


def test_every_eraser_is_there():
    for path in settings.SUBSCRIBER_ERASERS:
        assert callable(import_string(path))


def test_the_admin_s_log_forgets_the_address(admin_client):
    joe = make_subscriber(email="joe@example.org")
    ann = make_subscriber(email="ann@example.org")
    for person in (joe, ann):
        page = reverse("admin:subscribers_subscriber_change", args=[person.pk])
        admin_client.post(page, {"email": person.email, "name": "New", "attributes": "{}"})

    erase(joe.pk)

    assert dict(LogEntry.objects.values_list("object_id", "object_repr")) == {
        str(joe.pk): "",
        str(ann.pk): "ann@example.org",
    }
    assert LogEntry.objects.get(object_id=str(joe.pk)).change_message == ""
