"""The app of events: opens, clicks, and what they add up to."""

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """What happened to what we sent."""

    name = "tracking"
    verbose_name = "Tracking"
