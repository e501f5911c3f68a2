"""The download of all that is held of one person."""

import logging

from django.http import HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from newsletter.admin.pages import permitted
from newsletter.person_export import as_json
from subscribers.models import Subscriber

logger = logging.getLogger(__name__)

EXPORT = "subscribers.export_subscriber"


@require_GET
def download(request: HttpRequest, subscriber_id: int) -> StreamingHttpResponse:
    """Answer with the file while it is read."""
    person = get_object_or_404(Subscriber, pk=subscriber_id)
    # Not whose: the log outlives their erasure.
    logger.info("user %s exports the data of one person", request.user.pk)
    answer = StreamingHttpResponse(as_json(person), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="person-{person.pk}.json"'
    answer["X-Accel-Buffering"] = "no"  # nginx would keep the first bytes back
    return answer


def urls() -> list[URLPattern]:
    """Return the address of the download."""
    return [
        path(
            "<int:subscriber_id>/data.json",
            permitted(download, EXPORT),
            name="subscribers_subscriber_export",
        ),
    ]
