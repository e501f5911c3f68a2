"""Which server takes the mail of a domain, by DNS (MX records, RFC 5321 section 5.1).

Promise: quick also where there is no DNS. Questions go out side by side; when a whole row of them
stays without an answer, the rest is not asked.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from threading import Lock
from urllib.parse import urlsplit

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

AT_ONCE = 16  # questions; and so many in a row without an answer mean that there is no DNS
TRY = 1.5  # seconds for one server of names
LIFETIME = 3.0  # seconds for one question
PORT = 53


def look_up(domains: Iterable[str], resolvers: Sequence[str] = ()) -> dict[str, str]:
    """Return the first mail server of each domain: its name in lower case, '' when there is none.

    `resolvers` are addresses, perhaps with a port; none means those of this machine. A domain that
    is missing in the answer was not asked about, because nobody answered. Raises ValueError for a
    resolver that is no address.
    """
    try:
        asker = _Asker(resolver(resolvers))
    except dns.resolver.NoResolverConfiguration:
        return {}
    with ThreadPoolExecutor(AT_ONCE, "mx") as threads:
        pairs = list(threads.map(asker.ask, domains))
    return {
        domain: server or ""
        for domain, server in pairs
        # One that alone had no answer is not worth asking again soon; all of them are.
        if server is not None or not asker.has_given_up
    }


class _Asker:
    """The questions of one look-up, from several threads."""

    def __init__(self, resolver: dns.resolver.Resolver) -> None:
        self._resolver = resolver
        self._lock = Lock()
        self._unanswered = 0  # in a row

    @property
    def has_given_up(self) -> bool:
        return self._unanswered >= AT_ONCE

    def ask(self, domain: str) -> tuple[str, str | None]:
        """Return the domain and its server; None when there was no answer."""
        server = None if self.has_given_up else self._ask(domain)
        with self._lock:
            if not self.has_given_up:
                self._unanswered = self._unanswered + 1 if server is None else 0
        return domain, server

    def _ask(self, domain: str) -> str | None:
        try:
            answer = self._resolver.resolve(dns.name.from_text(domain), "MX", search=False)
        except dns.resolver.LifetimeTimeout:
            return None
        except dns.resolver.NoNameservers as error:
            return "" if _was_answered(error) else None
        except dns.exception.DNSException:  # no such domain, no MX, or not a name at all
            return ""
        best = min((record.preference, record.exchange.to_text().lower()) for record in answer)
        first: str = best[1]
        return first.rstrip(".")  # "." says that the domain takes no mail (RFC 7505)


def _was_answered(error: dns.resolver.NoNameservers) -> bool:
    """Whether somebody said no, rather than that the question reached nobody."""
    return any(response is not None for *_, response in error.kwargs["errors"])


def resolver(addresses: Sequence[str] = ()) -> dns.resolver.Resolver:
    """Return what asks the name servers at `addresses` (perhaps with a port), or the system's.

    Raises ValueError for what is no address, and dns.resolver.NoResolverConfiguration.
    """
    asking = dns.resolver.Resolver(configure=not addresses)
    if addresses:
        asking.nameservers = [_nameserver(address) for address in addresses]
    asking.timeout, asking.lifetime = TRY, LIFETIME
    return asking


def _nameserver(address: str) -> dns.nameserver.Nameserver:
    is_bare_ipv6 = address.count(":") > 1 and not address.startswith("[")
    parts = urlsplit(f"//[{address}]" if is_bare_ipv6 else f"//{address}")
    return dns.nameserver.Do53Nameserver(str(ip_address(parts.hostname or "")), parts.port or PORT)
