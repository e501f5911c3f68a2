"""The app of campaigns and their sending."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class NewsletterConfig(AppConfig):
    """What we send."""

    name = "newsletter"
    verbose_name = "Campaigns"

    def ready(self) -> None:
        """Register the system checks, and bring our templates along with each migration."""
        from newsletter import checks  # noqa: F401  (needs loaded models)
        from newsletter.composing.frames import write_after_migration

        post_migrate.connect(write_after_migration, sender=self)
