"""Where a request comes from, and whether it comes too often.

A header that names the visitor's address is believed only when the peer is one of
settings.TRUSTED_PROXIES, and then read from the right: what stands further left was written by
whoever sent the request.
"""

import logging
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import redis
from django.conf import settings
from django.http import HttpRequest
from redis.backoff import NoBackoff
from redis.retry import Retry

from subscribers.consent import Origin
from subscribers.models import ConsentRecord

logger = logging.getLogger(__name__)

PREFIX = "broadsheet:"  # of our keys in Redis

Address = IPv4Address | IPv6Address


def client_address(request: HttpRequest) -> Address | None:
    """Return the visitor's address, None when the server doesn't say (a socket file)."""
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    address = _parse(request.META.get("REMOTE_ADDR", ""))
    while address is not None and hops and _is_proxy(address):
        hop = _parse(hops.pop())
        if hop is None:
            break
        address = hop
    return address


def network(address: Address) -> str:
    """Return the /24 or /48 that an address is in: what one visitor may change at will."""
    prefix = 24 if address.version == 4 else 48
    return str(ip_network(f"{address}/{prefix}", strict=False))


def origin(request: HttpRequest, method: ConsentRecord.Method, *, campaign_id: int = 0) -> Origin:
    """Return the proof that the ledger keeps of this request."""
    address = client_address(request)
    return Origin(
        method=method,
        ip=str(address) if address else None,
        user_agent=request.META.get("HTTP_USER_AGENT", "").replace("\0", ""),
        campaign_id=campaign_id,
        evidence={"url": f"{settings.PUBLIC_URL}{_place(request)}"},
    )


def may_join(request: HttpRequest) -> bool:
    """Count one sign-up against its network and against all. False when there are too many.

    Without Redis everyone may: how many mails that makes is limited in PostgreSQL
    (confirmation.claim_due).
    """
    address = client_address(request)
    here = network(address) if address else "unknown"
    try:
        return _count(f"{PREFIX}join:{here}", settings.JOIN_LIMIT_NETWORK) and _count(
            f"{PREFIX}join:all", settings.JOIN_LIMIT
        )
    except redis.RedisError:
        logger.warning("Redis does not answer: sign-ups are not limited by network")
        return True


def _place(request: HttpRequest) -> str:
    """Return the path of the page without its token, which is a secret of the person."""
    match = request.resolver_match
    token = match.kwargs.get("token") if match else None
    return request.path.replace(token, "…") if token else request.path


def _count(key: str, limit: int) -> bool:
    """Count one in this hour."""
    with _client().pipeline() as pipeline:
        pipeline.set(key, 0, ex=3600, nx=True)
        pipeline.incr(key)
        _, count = pipeline.execute()
    return int(count) <= limit


@cache
def _client() -> redis.Redis:
    # A visitor waits for this, so give up quickly. Once more at most, for a connection that Redis
    # closed because nobody used it: the driver's own habit is to wait for seconds and try again.
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 1),
    )


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip().split("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _is_proxy(address: Address) -> bool:
    networks = map(ip_network, settings.TRUSTED_PROXIES)
    return any(address in each for each in networks)
