"""By which program, and from which country, a hit came: the two numbers that are stored with it.

They are given when a hit is stored, because a person who is erased takes the user agent and the
network along, and the sums that were made of them (tracking/breakdowns.py) have to stay exact.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db.backends.utils import CursorWrapper

from tracking import countries
from tracking.countries import HIDDEN, UNKNOWN, Countries
from tracking.packs import unescape
from tracking.programs import DEVICE_BITS, Device, parts, program
from tracking.refreshing import Fresh

# Those of people who have been erased have lost what they were read from, and keep their numbers.
_OF_CAMPAIGN = "FROM tracking_event WHERE campaign_id = %s AND subscriber_id >= 0"
_READ_PROGRAMS = f"SELECT DISTINCT user_agent, program {_OF_CAMPAIGN}"
# Whether a mail service came in the reader's stead.
_IS_HIDDEN = f"program & {(1 << DEVICE_BITS) - 1} = {Device.HIDDEN:d}"
_HIDE_COUNTRIES = f"""
UPDATE tracking_event SET country = {HIDDEN}
WHERE campaign_id = %s AND subscriber_id >= 0 AND {_IS_HIDDEN} AND country <> {HIDDEN}
"""  # noqa: S608 (all parts are constants)
_READ_COUNTRIES = f"""
SELECT DISTINCT host(network), country {_OF_CAMPAIGN} AND network IS NOT NULL AND NOT {_IS_HIDDEN}
"""
_WRITE_PROGRAMS = """
UPDATE tracking_event event SET program = found.program
FROM unnest(%s::text[], %s::smallint[]) found (user_agent, program)
WHERE event.campaign_id = %s AND event.subscriber_id >= 0 AND event.user_agent = found.user_agent
"""
_WRITE_COUNTRIES = f"""
UPDATE tracking_event event SET country = found.country
FROM unnest(%s::inet[], %s::smallint[]) found (network, country)
WHERE event.campaign_id = %s AND event.subscriber_id >= 0 AND event.network = found.network
  AND NOT {_IS_HIDDEN} AND event.country <> found.country
"""  # noqa: S608 (all parts are constants)


def of(user_agents: Iterable[str], networks: Iterable[str]) -> list[tuple[int, int]]:
    """Return the numbers of program and country of each hit.

    Takes what lines of packs have (tracking/packs.py): user agents escaped, networks cut.
    """
    known = known_countries()
    return [
        (found, HIDDEN if is_hidden else known[network])
        for (found, is_hidden), network in zip(map(_program, user_agents), networks, strict=True)
    ]


def read_again(cursor: CursorWrapper, campaign_id: int) -> None:
    """Give a campaign's hits the numbers that they would be given now.

    Countries that were known stay where none is known now: the database may be elsewhere.
    """
    cursor.execute(_READ_PROGRAMS, [campaign_id])
    agents = {agent: program(agent) for agent, was in cursor.fetchall() if program(agent) != was}
    if agents:
        cursor.execute(_WRITE_PROGRAMS, [[*agents], [*agents.values()], campaign_id])
    cursor.execute(_HIDE_COUNTRIES, [campaign_id])
    cursor.execute(_READ_COUNTRIES, [campaign_id])
    known = known_countries()
    found = {
        network: known[network]
        for network, was in cursor.fetchall()
        if known[network] not in (was, UNKNOWN)
    }
    if found:
        cursor.execute(_WRITE_COUNTRIES, [[*found], [*found.values()], campaign_id])


_countries = Fresh("countries", countries.load, lambda: [Path(settings.TRACKING_COUNTRIES)])


def known_countries() -> Countries:
    """Return the database of countries. Ingest opens it again when it changes."""
    return _countries.get()


@lru_cache(maxsize=16_384)
def _program(user_agent: str) -> tuple[int, bool]:
    """Return a program's number, and whether it hides where the reader is."""
    found = program(unescape(user_agent))
    return found, parts(found)[1] == Device.HIDDEN
