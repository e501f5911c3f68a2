"""What can be exported of events and of the sums below reports. docs/exports.md explains columns.

A person is named where both they and the campaign's lists allow it now. In tables of events and
forwards others stand without a name; tables that are about people leave them out.
"""

from typing import Final

from tracking import countries
from tracking.breakdown_reports import DEVICES
from tracking.classify.verdicts import Verdict
from tracking.countries import HIDDEN, UNKNOWN
from tracking.exports import Column, Table
from tracking.models import Dimension, Forward, Kind
from tracking.programs import CLIENTS, DEVICE_BITS


def _words(sql: str, words: dict[int, str]) -> str:
    """Return SQL for the word of a number; an unknown number stays one."""
    whens = " ".join(f"WHEN {number} THEN '{word}'" for number, word in words.items())
    return f"CASE {sql} {whens} ELSE {sql}::text END"


_KINDS = {kind.value: kind.name.lower() for kind in Kind}
_VERDICTS = {verdict.value: verdict.name.lower() for verdict in Verdict}
_CLIENTS = {number: client.name for number, client in CLIENTS.items()}
_DEVICES = {device.value: name for device, name in DEVICES.items()}
_DIMENSIONS = {dimension.value: dimension.name.lower() for dimension in Dimension}
# A country's number is made of its two letters: tracking/countries.py.
_COUNTRY = (
    f"CASE row.value WHEN {UNKNOWN} THEN '{countries.name(UNKNOWN)}' "
    f"WHEN {HIDDEN} THEN '{countries.name(HIDDEN)}' "
    "ELSE chr(row.value >> 8) || chr(row.value & 255) END"
)
_FORWARDS = {kind.value: kind.name.lower() for kind in Forward.Kind}

# Who may be named by now, of rows that `row` names by campaign_id and subscriber_id.
_PERSON = """
    LEFT JOIN unnest(%(campaigns)s::bigint[], %(usual)s::text[]) usual (campaign_id, choice)
        ON usual.campaign_id = row.campaign_id
    {join} JOIN subscribers_subscriber person ON person.id = row.subscriber_id
        AND coalesce(nullif(person.tracking, ''), usual.choice) = %(individual)s
"""
_OF_CAMPAIGN = "WHERE (%(campaign)s = 0 OR row.campaign_id = %(campaign)s)"


def _people(*, is_optional: bool) -> tuple[Column, ...]:
    """Return the columns that name a person."""
    return (
        Column("subscriber_id", "person.id", is_personal=is_optional),
        Column("email", "person.email", "text", is_personal=is_optional),
        Column("name", "person.name", "text", is_personal=is_optional),
    )


def _counts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, f"row.{name}") for name in names)


def _moments(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, f"row.{name}", "time") for name in names)


EVENTS: Final = Table(
    "events",
    (
        Column("event_id", "row.id"),
        Column("campaign_id", "row.campaign_id"),
        Column("kind", _words("row.kind", _KINDS), "text"),
        Column("at", "row.occurred_at", "time"),
        Column("since_sent", "row.since_sent", "real"),
        Column("verdict", _words("row.verdict", _VERDICTS), "text"),
        Column("reason", "row.reason", "text"),
        Column("rules", "row.rules"),
        Column("link_id", "nullif(row.link_id, 0)"),
        Column("url", "link.url", "text"),
        Column("forward_id", "nullif(row.forward_id, 0)"),
        Column("user_agent", "row.user_agent", "text"),
        Column("client", _words(f"(row.program >> {DEVICE_BITS})", _CLIENTS), "text"),
        Column("device", _words(f"(row.program & {(1 << DEVICE_BITS) - 1})", _DEVICES), "text"),
        Column("network", "host(row.network)", "text", is_personal=True),
        *_people(is_optional=True),
    ),
    "FROM tracking_event row LEFT JOIN tracking_link link ON link.id = row.link_id"
    + _PERSON.format(join="LEFT")
    + _OF_CAMPAIGN,
    moment="row.occurred_at",
)
HOURS: Final = Table(
    "hours",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("hour", "row.hour", "time"),
        *_counts("opens", "unique_opens", "clicks", "unique_clicks"),
        *_counts("machine_opens", "machine_clicks"),
    ),
    f"FROM tracking_campaignhour row {_OF_CAMPAIGN}",
    moment="row.hour",
)
MOMENTS: Final = Table(
    "moments",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("at", "row.at", "time"),
        *_counts("opens", "unique_opens", "clicks", "unique_clicks"),
        *_counts("machine_opens", "machine_clicks"),
    ),
    f"FROM tracking_campaignmoment row {_OF_CAMPAIGN}",
    moment="row.at",
)
VERDICTS: Final = Table(
    "verdicts",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("kind", _words("row.kind", _KINDS), "text"),
        Column("verdict", _words("row.verdict", _VERDICTS), "text"),
        *_counts("hits", "people", "forwarded_hits"),
    ),
    f"FROM tracking_verdicttotal row {_OF_CAMPAIGN}",
)
BREAKDOWNS: Final = Table(
    "breakdowns",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("dimension", _words("row.dimension", _DIMENSIONS), "text"),
        Column(
            "value",
            f"CASE row.dimension WHEN {Dimension.CLIENT:d} THEN {_words('row.value', _CLIENTS)} "
            f"WHEN {Dimension.DEVICE:d} THEN {_words('row.value', _DEVICES)} ELSE {_COUNTRY} END",
            "text",
        ),
        *_counts("opens", "clicks", "machine_opens", "machine_clicks"),
    ),
    f"FROM tracking_breakdown row {_OF_CAMPAIGN}",
)
_CLICKS = ("clicks", "unique_clicks", "machine_clicks", "unique_machine_clicks")
LINKS: Final = Table(
    "links",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("link_id", "row.id"),
        Column("url", "row.url", "text"),
        *(Column(name, f"coalesce(total.{name}, 0)") for name in _CLICKS),
    ),
    "FROM tracking_link row LEFT JOIN tracking_linktotal total ON total.link_id = row.id "
    + _OF_CAMPAIGN,
)
READERS: Final = Table(
    "readers",
    (
        Column("campaign_id", "row.campaign_id"),
        *_people(is_optional=False),
        *_counts("opens", "clicks", "machine_opens", "machine_clicks"),
        *_moments("first_open_at", "last_open_at", "first_click_at", "last_click_at"),
    ),
    "FROM tracking_reader row" + _PERSON.format(join="INNER") + _OF_CAMPAIGN,
    is_personal=True,
)
_CLICKED = """
    FROM (
        SELECT link.campaign_id, clicked.link_id, link.url, clicked.subscriber_id,
               clicked.clicks, clicked.machine_clicks
        FROM tracking_link link JOIN tracking_readerlink clicked ON clicked.link_id = link.id
    ) row
"""
READER_LINKS: Final = Table(
    "reader_links",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("link_id", "row.link_id"),
        Column("url", "row.url", "text"),
        *_people(is_optional=False),
        *_counts("clicks", "machine_clicks"),
    ),
    _CLICKED + _PERSON.format(join="INNER") + _OF_CAMPAIGN,
    is_personal=True,
)
_HITS = ("opens", "clicks", "visits", "machine_opens", "machine_clicks", "machine_visits")
FORWARDS: Final = Table(
    "forwards",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("forward_id", "row.id"),
        Column("kind", _words("row.kind", _FORWARDS), "text"),
        Column("state", "row.state", "text"),
        Column("asked_at", "row.asked_at", "time"),
        *(Column(name, f"coalesce(total.{name}, 0)") for name in _HITS),
        Column("first_at", "total.first_at", "time"),
        Column("last_at", "total.last_at", "time"),
        *_people(is_optional=True),
    ),
    "FROM tracking_forward row LEFT JOIN tracking_forwardtotal total ON total.forward_id = row.id"
    + _PERSON.format(join="LEFT")
    + _OF_CAMPAIGN
    # Beside the name of who asked, it would say that somebody near them wants no mail.
    + " AND row.state <> 'skipped'",
)

TABLES: Final = {
    table.name: table
    for table in (
        *(EVENTS, HOURS, MOMENTS, LINKS, BREAKDOWNS, VERDICTS),
        *(FORWARDS, READERS, READER_LINKS),
    )
}
