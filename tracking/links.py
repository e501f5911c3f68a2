"""The tracked links of a campaign: made when it starts, and told to the edge.

ids = links.ensure(campaign_id, urls)   # while the edition is made, in its transaction
links.publish(campaign_id)              # after the commit
"""

import logging
from collections.abc import Iterable
from typing import Any

import redis

from tracking import stream, targets
from tracking.models import Link
from tracking.targets import BadTarget

__all__ = ["BadTarget", "ensure", "publish"]

logger = logging.getLogger(__name__)


def ensure(campaign_id: int, urls: Iterable[str]) -> dict[str, int]:
    """Return the link id of each address in a campaign, in their order; make what is missing.

    An address may be a template that LINK_RESOLVER knows to resolve. Raises BadTarget, with a
    message for the author, for what the edge would not redirect to.
    """
    wanted = list(dict.fromkeys(urls))
    for url in wanted:
        targets.as_link(url)
    Link.objects.bulk_create(
        [Link(campaign_id=campaign_id, url=url) for url in wanted], ignore_conflicts=True
    )
    known = Link.objects.filter(campaign_id=campaign_id, url__in=wanted)
    ids = {url: link_id for link_id, url in known.values_list("id", "url")}
    return {url: ids[url] for url in wanted}


def publish(campaign_id: int) -> bool:
    """Put a campaign's link targets into Redis, from where each edge learns them in seconds.

    Returns False, after logging, when Redis is away: the edge then asks PostgreSQL on demand.
    """
    links = Link.objects.filter(campaign_id=campaign_id)
    urls: dict[Any, Any] = dict(links.values_list("id", "url"))
    if not urls:
        return True
    try:
        with stream.client().pipeline(transaction=True) as pipeline:
            pipeline.hset(targets.key(campaign_id), mapping=urls)
            pipeline.rpush(targets.published_key(), campaign_id)
            pipeline.execute()
    except (redis.RedisError, OSError):
        logger.exception("the links of campaign %d could not be published", campaign_id)
        return False
    return True
