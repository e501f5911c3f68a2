"""The app of people, lists and consent."""

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    """Who may be written to."""

    name = "subscribers"
    verbose_name = "People"
