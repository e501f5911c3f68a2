"""The app of campaigns and their sending."""

from django.apps import AppConfig


class NewsletterConfig(AppConfig):
    """What we send."""

    name = "newsletter"
    verbose_name = "Campaigns"

    def ready(self) -> None:
        """Register the system checks."""
        from newsletter import checks  # noqa: F401  (needs loaded models)
