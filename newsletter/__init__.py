"""What we send, and the project's wiring."""

from newsletter.celery import app as celery_app

__all__ = ["celery_app"]
